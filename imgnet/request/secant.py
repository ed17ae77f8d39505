"""Secant search for the value of a quantity at which a function in dB has some value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2


@dataclass(frozen=True)
class Secant:
    """Secant search on the logarithm of a quantity.

    Attributes:
        usual: Slope in dB an octave, assumed after a single value.
        least: Smallest credible slope.
        most: Largest credible slope.
        reach: Octaves between a value and the next, at most.
    """

    usual: float
    least: float
    most: float
    reach: float

    def solve(self, target_db: float, tried: Sequence[tuple[float, float]]) -> float:
        """Return the value to try next.

        Args:
            target_db: Function value to reach, in dB.
            tried: One or more values of the quantity, each with its function value in dB; the
                search goes on from the last.

        >>> search = Secant(usual=2.0, least=1.0, most=4.0, reach=3.0)
        >>> search.solve(30.0, [(1000, 28.0)])
        2000.0
        >>> round(search.solve(30.0, [(500, 26.0), (1000, 29.0)]))
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
