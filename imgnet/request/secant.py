"""Where a quantity is to be tried next, from what it has given so far: the secant method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2


@dataclass(frozen=True)
class Secant:
    """How decibels go with the logarithm of a quantity.

    Attributes:
        usual: Slope in dB an octave, as long as a single value has been tried.
        least: Smallest slope to believe in.
        most: Largest.
        reach: Octaves to go at once.
    """

    usual: float
    least: float
    most: float
    reach: float

    def solve(self, target_db: float, tried: Sequence[tuple[float, float]]) -> float:
        """Return the value at which some decibels are to be expected.

        Args:
            target_db: To reach.
            tried: Values and what each has given in dB; the next value is near the last.

        >>> trend = Secant(usual=2.0, least=1.0, most=4.0, reach=3.0)
        >>> trend.solve(30.0, [(1000, 28.0)])
        2000.0
        >>> round(trend.solve(30.0, [(500, 26.0), (1000, 29.0)]))
        1260
        """
        value, given_db = tried[-1]
        octaves = (target_db - given_db) / self._slope(tried)
        return float(value * 2 ** min(max(octaves, -self.reach), self.reach))

    def _slope(self, tried: Sequence[tuple[float, float]]) -> float:
        if len(tried) < 2 or tried[-2][0] == tried[-1][0]:
            return self.usual
        (before, before_db), (value, given_db) = tried[-2:]
        slope = (given_db - before_db) / log2(value / before)
        return min(max(slope, self.least), self.most)
