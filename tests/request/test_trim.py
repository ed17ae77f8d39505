from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from imgnet.codec.format import grid_stream
from imgnet.codec.render.grid import render
from imgnet.metrics.psnr import psnr_db
from imgnet.request.target import NEAR_DB, PsnrTarget, SizeTarget
from imgnet.request.trim import Candidate, trim, trimmed
from support.networks import Tensors, grid_spec, random_tensors

SPEC = grid_spec(20, 12)
TENSORS = random_tensors(SPEC)


def num_bytes(tensors: Tensors) -> int:
    return len(grid_stream.pack(SPEC, tensors, 0))


def within(most: int) -> Callable[[Tensors], bool]:
    return lambda tensors: num_bytes(tensors) <= most


WHOLE = num_bytes(TENSORS)


@pytest.mark.parametrize("part", [1.0, 0.98, 0.9, 0.7])
def test_what_is_left_fits_but_is_not_much_smaller(part: float) -> None:
    most = int(part * WHOLE)
    trimmed = trim(SPEC, TENSORS, within(most))
    assert 0.95 * most < num_bytes(trimmed) <= most


def test_latents_move_towards_zero_and_the_network_stays() -> None:
    trimmed = trim(SPEC, TENSORS, within(int(0.9 * WHOLE)))
    moves = {name: t.values - trimmed[name].values for name, t in TENSORS.items()}
    for name, tensor in TENSORS.items():
        if not name.startswith("latents."):
            assert not moves[name].any()
        assert (moves[name] * np.sign(tensor.values) >= 0).all()
        assert (np.abs(moves[name]) <= np.abs(tensor.values)).all()


def test_the_moves_that_save_most_for_their_error_are_made() -> None:
    trimmed = trim(SPEC, TENSORS, within(int(0.97 * WHOLE)))
    made, left = [], []
    for name, distributions in grid_stream.distributions_of_grids(SPEC, TENSORS).items():
        before, after = (tensors[name].values.ravel() for tensors in (TENSORS, trimmed))
        bits = grid_stream.latent_bits(before, distributions)
        saved = bits - grid_stream.latent_bits(before - np.sign(before), distributions)
        scores = saved / 2 ** int(name.rpartition(".")[2])
        made += scores[before != after].tolist()
        left += scores[before == after].tolist()
    assert min(made) >= max(left)


def without_latents() -> Tensors:
    return {
        name: replace(t, values=t.values * (not name.startswith("latents.")))
        for name, t in TENSORS.items()
    }


def test_weights_become_rough_where_a_picture_without_latents_is_too_large() -> None:
    most = int(0.8 * num_bytes(without_latents()))
    trimmed = trim(SPEC, TENSORS, within(most))
    assert num_bytes(trimmed) <= most
    steps = [(t.q_index, trimmed[name].q_index) for name, t in TENSORS.items()]
    assert all(before <= after for before, after in steps)
    assert any(before < after for before, after in steps)


def test_what_does_not_fit_is_small_all_the_same() -> None:
    trimmed = trim(SPEC, TENSORS, within(0))
    assert num_bytes(trimmed) < num_bytes(without_latents())
    assert not any(t.values.any() for name, t in trimmed.items() if name.startswith("latents."))


X_HAT = render(SPEC, {name: tensor.dequantize() for name, tensor in TENSORS.items()})
NOISE = np.random.default_rng(1).normal(0, 16, X_HAT.shape).round()
NOISY = np.clip(X_HAT + NOISE, 0, 255).astype(np.uint8)
NOISY_DB = psnr_db(NOISY, X_HAT)


def test_a_candidate_measures_decoded_pixels_where_they_count() -> None:
    mask = np.zeros(X_HAT.shape[:2], bool)
    mask[:6] = True
    assert Candidate(SPEC, TENSORS, NOISY, None).num_bytes == WHOLE
    assert Candidate(SPEC, TENSORS, NOISY, None).psnr_db == pytest.approx(NOISY_DB)
    expected = psnr_db(NOISY[:6], X_HAT[:6])
    assert Candidate(SPEC, TENSORS, NOISY, mask).psnr_db == pytest.approx(expected)


@pytest.mark.parametrize("missed_db", [-3.0, -2.0, -0.05, 0.05, 6.0])
def test_what_meets_its_target_or_is_far_from_it_stays(missed_db: float) -> None:
    target = PsnrTarget(NOISY_DB - missed_db)
    assert trimmed(Candidate(SPEC, TENSORS, NOISY, None), target) is TENSORS


def test_what_is_too_good_becomes_as_good_as_its_target_and_smaller() -> None:
    candidate, target = Candidate(SPEC, TENSORS, NOISY, None), PsnrTarget(NOISY_DB - 0.5)
    after = replace(candidate, tensors=trimmed(candidate, target))
    assert -0.1 <= target.excess_db(after) <= NEAR_DB
    assert after.num_bytes < WHOLE


def test_what_is_too_large_is_trimmed_to_its_size() -> None:
    tensors = trimmed(Candidate(SPEC, TENSORS, X_HAT, None), SizeTarget(WHOLE - 20))
    assert num_bytes(tensors) <= WHOLE - 20
