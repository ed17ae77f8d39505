from __future__ import annotations

import pytest

from imgnet.request.secant import Secant

SECANT = Secant(usual=2.0, least=1.0, most=4.0, reach=3.0)
FALLING = Secant(usual=-1.5, least=-3.6, most=-0.5, reach=0.8)


@pytest.mark.parametrize(
    ("tried", "value"),
    [
        ([(8, 28.0)], 16),  # the usual slope
        ([(4, 24.0), (8, 27.0)], 16),  # the one that was seen
        ([(4, 20.0), (8, 28.0)], 8 * 2**0.5),  # no steeper than is credible
        ([(4, 28.0), (8, 28.0)], 8 * 2**2),  # and no flatter
        ([(4, 29.0), (8, 28.0)], 8 * 2**2),  # nor the other way round
        ([(8, 27.0), (8, 28.0)], 16),  # a value tried twice tells of no slope
        ([(2, 0.0), (4, 25.0), (8, 28.0)], 8 * 2 ** (2 / 3)),  # the last two count
        ([(8, 10.0)], 64),  # no further than the reach
        ([(8, 90.0)], 1),
    ],
)
def test_the_next_value(tried: list[tuple[float, float]], value: float) -> None:
    assert SECANT.solve(30.0, tried) == pytest.approx(value)


def test_more_may_give_less() -> None:
    assert FALLING.solve(30.0, [(0.001, 31.5)]) == pytest.approx(0.001 * 2**0.8)
    assert FALLING.solve(30.0, [(0.001, 30.6)]) == pytest.approx(0.001 * 2**0.4)
    assert FALLING.solve(30.0, [(0.001, 31.0), (0.002, 30.2)]) == pytest.approx(0.002 * 2**0.25)
    assert FALLING.solve(30.0, [(0.002, 29.7), (0.001, 30.2)]) == pytest.approx(0.001 * 2**0.4)
