from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from imgnet.codec.format import grid_stream
from imgnet.codec.render.grid import render
from imgnet.fit.grid.correction import Correction
from imgnet.fit.grid.fit import fit_grid, ready
from imgnet.metrics.psnr import psnr_db
from imgnet.request.efforts import Schedule
from imgnet.request.options import Options, Result
from imgnet.request.target import PsnrTarget, SizeTarget, Target
from imgnet.request.trim import Candidate, trimmed
from imgnet.spec import Spec
from support.pictures import picture

pytestmark = pytest.mark.usefixtures("one_thread")

SPEC = Spec("grid", 24, 20, 0, 4, 1, num_levels=2, chroma_level=1, dim_context=3)
PIXELS = picture(24, 20)
LMBDA = 1.5e-4  # at which latents are most of the bytes
QUICK = Options(Schedule(steps=40, pixels_per_step=4096, quantized=0.2), device="cpu")
TINY = replace(QUICK, schedule=replace(QUICK.schedule, steps=8))


def num_bytes(result: Result, spec: Spec = SPEC) -> int:
    assert result.quantized is not None
    return len(grid_stream.pack(spec, result.quantized, 0))


@pytest.mark.parametrize("target", [PsnrTarget(60.0), SizeTarget(9000)])
def test_time_that_is_up_leaves_a_file_as_it_is(target: Target) -> None:
    options = replace(TINY, target=target, time_limit_s=1e-6)
    assert fit_grid(SPEC, PIXELS, options, LMBDA).steps < QUICK.schedule.steps


def test_a_correction_ends_when_it_is_asked_to() -> None:
    asked = count()
    options = replace(TINY, target=PsnrTarget(60.0), should_stop=lambda: next(asked) > 12)
    assert fit_grid(SPEC, PIXELS, options, LMBDA).steps < TINY.schedule.steps + 8


@pytest.mark.parametrize("part", [0.8, 1.2])
def test_a_size_is_corrected_until_it_is_near(part: float) -> None:
    """What is left above it is trimmed; files of 300 bytes hit it by chance, so four are asked."""
    parts = []
    for seed in range(4):
        quick = replace(QUICK, seed=seed)
        budget = round(part * num_bytes(fit_grid(SPEC, PIXELS, quick, LMBDA)))
        target = SizeTarget(budget)
        result = fit_grid(SPEC, PIXELS, replace(quick, target=target), LMBDA)
        assert result.quantized is not None
        tensors = trimmed(Candidate(SPEC, result.quantized, PIXELS, None), target)
        parts.append(len(grid_stream.pack(SPEC, tensors, 0)) / budget)
    assert max(parts) <= 1
    assert sum(parts) / len(parts) > 0.93


def test_a_file_a_little_too_large_becomes_smaller_by_latent_rdoq() -> None:
    """Moves towards zero alone can cost as much as the bits that they save."""
    spec = Spec("grid", 48, 40, 0, 8, 1, num_levels=3, chroma_level=1, dim_context=6)
    pixels = picture()
    options = replace(QUICK, schedule=replace(QUICK.schedule, latent_rdoq_runs=1))
    with ready(spec, pixels, options, LMBDA, None) as fit:
        whole = fit.run()
        budget = round(0.995 * num_bytes(whole, spec))
        result = Correction(fit, SizeTarget(budget), pixels, None).tightened(whole)
    assert num_bytes(result, spec) <= budget < num_bytes(whole, spec)
    before, after = (psnr_db(pixels, render(spec, r.parameters)) for r in (whole, result))
    assert after > before - 0.1
