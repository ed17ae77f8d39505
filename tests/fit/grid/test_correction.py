from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from imgnet.codec.format import grid_stream
from imgnet.codec.render.grid import render
from imgnet.fit.grid.correction import LEAST_STEPS
from imgnet.fit.grid.fit import ready
from imgnet.metrics.psnr import psnr_db
from imgnet.request.efforts import Schedule
from imgnet.request.options import Options, Result
from imgnet.spec import Spec
from support.pictures import picture

pytestmark = pytest.mark.usefixtures("one_thread")

SPEC = Spec("grid", 24, 20, 0, 4, 1, num_levels=2, chroma_level=1, dim_context=3)
PIXELS = picture(24, 20)
LMBDA = 1.5e-4  # at which latents are most of the bytes
QUICK = Options(Schedule(steps=40, pixels_per_step=4096, quantized=0.2), device="cpu")


def num_bytes(result: Result, spec: Spec = SPEC) -> int:
    assert result.quantized is not None
    return len(grid_stream.pack(spec, result.quantized, 0))


@pytest.mark.parametrize("factor", [1 / 6, 6.0])
def test_a_correction_moves_the_size_against_lmbda(factor: float) -> None:
    differences = []
    for seed in range(3):  # so short a fit differs from seed to seed
        with ready(SPEC, PIXELS, replace(QUICK, seed=seed), LMBDA, None) as fit:
            before = num_bytes(fit.run())
            for _ in range(2):
                fit.go_on_at(factor * LMBDA, QUICK)
            differences.append(num_bytes(fit.result()) - before)
            assert fit.lmbda == factor * LMBDA
    assert np.sign(np.mean(differences)) == (1 if factor < 1 else -1)


def test_a_correction_ends_when_it_is_asked_to() -> None:
    asked = count()
    tiny = replace(QUICK, schedule=replace(QUICK.schedule, steps=8))
    options = replace(tiny, should_stop=lambda: next(asked) > 12)
    with ready(SPEC, PIXELS, options, LMBDA, None) as fit:
        before = fit.run().steps
        fit.go_on_at(2 * LMBDA, options)
        assert fit.result().steps < before + LEAST_STEPS


def test_a_correction_takes_the_time_that_is_left() -> None:
    options = replace(QUICK, time_limit_s=1e-6)
    with ready(SPEC, PIXELS, options, LMBDA, None) as fit:
        before = fit.run().steps
        fit.go_on_at(2 * LMBDA, replace(QUICK, time_limit_s=100.0))
        assert before < QUICK.schedule.steps
        assert fit.result().steps >= before + LEAST_STEPS


def test_a_file_becomes_smaller_by_latent_rdoq() -> None:
    """Moves towards zero alone can cost as much as the bits that they save."""
    spec = Spec("grid", 64, 48, 0, 8, 1, num_levels=3, chroma_level=1, dim_context=6)
    pixels = picture(64, 48)
    options = replace(QUICK, schedule=replace(QUICK.schedule, latent_rdoq_runs=1))
    with ready(spec, pixels, options, LMBDA, None) as fit:
        whole = fit.run()
        for _ in range(4):
            fit.tighten(options)
        result = fit.result()
    assert num_bytes(result, spec) < num_bytes(whole, spec)
    before, after = (psnr_db(pixels, render(spec, r.parameters)) for r in (whole, result))
    assert after > before - 0.3
