from __future__ import annotations

from itertools import pairwise, product
from math import inf

import numpy as np
import pytest

from imgnet.codec.entropy.distributions import zero_mean
from imgnet.codec.entropy.weights import (
    LARGEST_INTEGER,
    MANY,
    NUM_SCALES,
    WeightDistribution,
    distribution_of,
    has_excess,
    prices,
    weight_bits,
)

DISTRIBUTIONS = [
    WeightDistribution(scale, excess) for scale, excess in product(range(NUM_SCALES), range(8))
]


def slots(distribution: WeightDistribution) -> list[int]:
    return [above - below for below, above in pairwise(distribution.table)]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_tables_share_out_all_slots(distribution: WeightDistribution) -> None:
    owned = slots(distribution)
    assert (distribution.table[0], distribution.table[-1]) == (0, 1 << 16)
    assert len(owned) == 2 * distribution.support + 1
    assert min(owned) >= 1
    assert owned == owned[::-1]


@pytest.mark.parametrize("scale", range(NUM_SCALES))
def test_an_excess_moves_eighths_of_the_slots_of_others_to_zero(scale: int) -> None:
    assert WeightDistribution(scale).table == zero_mean(4 * scale)
    whole, centre = slots(WeightDistribution(scale)), WeightDistribution(scale).support
    for excess in range(1, 8):
        owned = slots(WeightDistribution(scale, excess))
        others = [k for k in range(len(owned)) if k != centre]
        left = [1 + (whole[k] - 1) * (8 - excess) // 8 for k in others]
        assert [owned[k] for k in others] == left
        assert owned[centre] == (1 << 16) - sum(left)


CASES = [[0], [0, 0, 1], [LARGEST_INTEGER], [60] * 9, [0] * 99 + [-300], list(range(-363, 364))]


@pytest.mark.parametrize("values", CASES, ids=lambda values: f"{len(values)}")
def test_the_law_of_a_tensor_is_the_cheapest(values: list[int]) -> None:
    array = np.array(values)
    costs = {
        distribution: sum(prices(distribution)[k + distribution.support] for k in values)
        for distribution in DISTRIBUTIONS
        if distribution.support >= np.abs(array).max()
        and (has_excess(len(values)) or not distribution.excess)
    }
    assert costs[distribution_of(array)] == pytest.approx(min(costs.values()))
    assert weight_bits(array) == pytest.approx(min(costs.values()))


def test_only_tensors_of_many_numbers_have_an_excess() -> None:
    few, many = np.zeros(MANY, int), np.zeros(MANY + 1, int)
    few[0] = many[0] = LARGEST_INTEGER
    assert distribution_of(few).excess == 0 < distribution_of(many).excess
    assert weight_bits(many) < 0.2 * weight_bits(few)


def test_numbers_that_are_too_large_have_no_law() -> None:
    wrong = np.array([LARGEST_INTEGER + 1])
    assert weight_bits(wrong) == inf
    with pytest.raises(ValueError, match="go up to 363"):
        distribution_of(wrong)
