from __future__ import annotations

import hashlib
from decimal import Decimal, localcontext
from itertools import product

import numpy as np
import pytest

from imgnet.codec.entropy.distributions import (
    LOCATIONS,
    NUM_DISTRIBUTIONS,
    NUM_SCALES,
    WIDEST_DECAYS,
    laplace,
    reach,
    support,
    zero_mean,
)

SCALES = range(NUM_SCALES)


def scale_of(index: int) -> float:
    return float(2.0 ** (index / 8 - 4.5))


def zero_mean_scale(index: int) -> float:
    return float(2.0 ** (index / 8 - 3))


def laplace_below(x: np.ndarray) -> np.ndarray:
    tail = np.exp(-np.abs(x)) / 2
    return np.where(x < 0, tail, 1 - tail)


def test_every_value_of_a_zero_mean_distribution_owns_a_slot() -> None:
    for distribution in range(NUM_DISTRIBUTIONS):
        table = np.array(zero_mean(distribution))
        assert len(table) == 2 * support(distribution) + 2
        assert (table[0], table[-1]) == (0, 65536)
        assert np.diff(table).min() >= 1


def test_every_value_of_a_laplace_distribution_owns_a_slot_and_so_does_the_escape() -> None:
    for scale in SCALES:
        for fraction in range(LOCATIONS):
            table = np.array(laplace(scale, fraction))
            assert len(table) == 2 * reach(scale) + 4
            assert (table[0], table[-2], table[-1]) == (0, 65535, 65536)
            assert np.diff(table).min() >= 1


def test_reach_is_sixteen_scales_rounded_up_and_one_more() -> None:
    for scale in SCALES:
        wanted = 16 * scale_of(scale) * (1 - 1e-12)  # whole powers of two are not rounded up
        assert reach(scale) == max(3, int(np.ceil(wanted)) + 1)


def test_laplace_table_is_the_laplace_distribution() -> None:
    for scale, fraction in product([*range(0, NUM_SCALES, 5), 75], [0, 1, 16, 31]):
        largest = reach(scale)
        edges = np.arange(1 - largest, largest + 2) - 0.5 - fraction / LOCATIONS
        below = laplace_below(edges / scale_of(scale))
        expected = np.arange(1, len(edges) + 1) + (65536 - 2 * largest - 3) * below
        difference = expected - np.array(laplace(scale, fraction)[1:-2])
        assert difference.min() > -0.01
        assert difference.max() < 1.01


def test_a_location_mirrored_gives_the_frequencies_mirrored() -> None:
    for fraction in range(1, LOCATIONS):
        # Distances -K..K+1 lie evenly around 1/2, so the mirror of 1/32 f is 1 - 1/32 f.
        ahead = np.diff(laplace(40, fraction)[:-1])
        behind = np.diff(laplace(40, LOCATIONS - fraction)[:-1])
        assert np.abs(ahead - behind[::-1]).max() <= 1


def test_tables_of_laplace_distributions_never_change() -> None:
    # A file decodes only with the tables that it was written with: to change them is a new format.
    digest = hashlib.sha256()
    for scale in SCALES:
        for fraction in range(LOCATIONS):
            digest.update(np.array(laplace(scale, fraction), "<u4").tobytes())
    assert digest.hexdigest() == "bca5305688b16c2996425049f5a0e1ee4f8b9db1aade9d58a38f96cd005e5820"


def test_stored_constants_are_exact() -> None:
    with localcontext() as context:
        context.prec = 60
        for i, constant in enumerate(WIDEST_DECAYS):
            two_scales = Decimal(2) ** (9 + Decimal(i) / 8)
            assert constant == round((-1 / two_scales).exp() * 2**62)


def test_support_is_sixteen_scales_rounded_up() -> None:
    for distribution in range(NUM_DISTRIBUTIONS):
        assert (
            support(distribution) - 1 < 16 * zero_mean_scale(distribution) <= support(distribution)
        )


@pytest.mark.parametrize("distribution", [*range(0, 64, 9), 95])
def test_table_is_the_logistic_distribution(distribution: int) -> None:
    k = np.arange(-support(distribution), support(distribution) + 1)
    edges = np.concatenate([k - 0.5, [support(distribution) + 0.5]]) / zero_mean_scale(distribution)
    shared = 2**16 - len(k)
    expected = 1 + shared * np.diff((1 + np.tanh(edges / 2)) / 2)
    got = np.diff(zero_mean(distribution))
    assert got.sum() == 2**16
    assert got.min() >= 1
    assert np.array_equal(got, got[::-1])
    assert np.abs(got - expected).max() < 2


def test_tables_of_zero_mean_distributions_never_change() -> None:
    # A file decodes only with the tables that it was written with: to change them is a new format.
    digest = hashlib.sha256()
    for distribution in range(NUM_DISTRIBUTIONS):
        digest.update(np.array(zero_mean(distribution), "<u4").tobytes())
    assert digest.hexdigest() == "8a7986582756113b7487381d01ade3dcb794d110fdcc3b4384c9d5240b8b3544"
