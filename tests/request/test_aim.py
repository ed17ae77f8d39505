from __future__ import annotations

import numpy as np
import pytest

from imgnet.codec.format import grid_stream
from imgnet.codec.render.grid import render
from imgnet.metrics.psnr import psnr_db
from imgnet.request.aim import EXACT_DB, SHORT_DB, TOLERANCE_DB, Aim, aim_of, distance
from imgnet.request.efforts import Preset
from imgnet.request.options import Options, Result
from imgnet.request.rate_control import AIM
from support.grid_samples import grid_spec, random_tensors

SPEC = grid_spec(24, 16)
TENSORS = random_tensors(SPEC)
STORED = {name: tensor.dequantize() for name, tensor in TENSORS.items()}
RESULT = Result(STORED, TENSORS, steps=1, device="cpu")
DRAWN = render(SPEC, STORED)
NUM_BYTES = len(grid_stream.pack(SPEC, TENSORS, 0))
NOISY = np.clip(DRAWN + np.random.default_rng(1).normal(0, 16, DRAWN.shape).round(), 0, 255).astype(
    np.uint8
)
OPTIONS = Options(Preset(100, 4096))


def test_a_price_that_is_given_is_no_aim() -> None:
    assert aim_of(OPTIONS, DRAWN, None) is None


def test_the_excess_of_a_size_is_in_decibels() -> None:
    aim = Aim(DRAWN, None, NUM_BYTES)
    assert aim.excess_db(SPEC, TENSORS) == pytest.approx(-10 * np.log10(AIM))


def test_the_excess_of_a_psnr_is_of_decoded_pixels() -> None:
    aim = Aim(NOISY, None, None, 30.0)
    assert aim.excess_db(SPEC, TENSORS) == pytest.approx(psnr_db(NOISY, DRAWN) - 30.0)


def test_equal_pictures_are_better_than_any_target() -> None:
    assert Aim(DRAWN, None, None, 40.0).excess_db(SPEC, TENSORS) == EXACT_DB - 40


def test_only_pixels_that_are_seen_count() -> None:
    seen = np.zeros((16, 24), bool)
    seen[:8] = True
    expected = psnr_db(NOISY[:8], DRAWN[:8]) - 30.0
    assert Aim(NOISY, seen, None, 30.0).excess_db(SPEC, TENSORS) == pytest.approx(expected)


@pytest.mark.parametrize("missed_db", [-2.0, -0.05, 0.05])
def test_what_is_not_too_good_stays_as_it_is(missed_db: float) -> None:
    aim = Aim(NOISY, None, None, psnr_db(NOISY, DRAWN) - missed_db)
    assert aim.trimmed(SPEC, RESULT) is RESULT


def test_what_is_much_too_good_stays_as_it_is() -> None:
    assert Aim(NOISY, None, None, psnr_db(NOISY, DRAWN) - 3).trimmed(SPEC, RESULT) is RESULT


def test_what_is_too_good_becomes_as_good_as_was_asked_for_and_smaller() -> None:
    aim = Aim(NOISY, None, None, psnr_db(NOISY, DRAWN) - 0.5)
    trimmed = aim.trimmed(SPEC, RESULT)
    assert trimmed.quantized is not None
    assert -0.1 <= aim.excess_db(SPEC, trimmed.quantized) <= TOLERANCE_DB
    assert len(grid_stream.pack(SPEC, trimmed.quantized, 0)) < NUM_BYTES


def test_what_is_too_large_is_trimmed_to_its_size() -> None:
    trimmed = Aim(DRAWN, None, NUM_BYTES - 20).trimmed(SPEC, RESULT)
    assert trimmed.quantized is not None
    assert len(grid_stream.pack(SPEC, trimmed.quantized, 0)) <= NUM_BYTES - 20
    for name, tensor in trimmed.quantized.items():
        np.testing.assert_array_equal(trimmed.parameters[name], tensor.dequantize())


def test_what_falls_short_is_further_away_than_what_can_be_trimmed() -> None:
    assert distance(-0.2) == pytest.approx(distance(0.2) + SHORT_DB)
    assert distance(TOLERANCE_DB) == distance(-TOLERANCE_DB) == 0
