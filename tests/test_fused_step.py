"""The compiled step against the one with torch, which has its own tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from grid_cases import SPECS, integers, network_of, picture
from torch import Tensor

from imgnet.fused_step import FusedStep
from imgnet.grid_cuts import Rows
from imgnet.grid_step import GridStep
from imgnet.latents import LatentGrids
from imgnet.spec import Spec

pytestmark = pytest.mark.usefixtures("one_thread")

LMBDA = 2e-3
TALL = Spec("grid", 21, 90, 0, 5, 2, num_levels=6, colour=2, dim_context=4)
COARSE_ONLY = Spec("grid", 200, 50, 0, 9, 1, num_levels=4, finest=1, colour=2, dim_context=7)
Step = GridStep | FusedStep


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield pool


def step_of(
    kind: type[Step], spec: Spec, workers: ThreadPoolExecutor, seen: Tensor | None = None
) -> Step:
    """Evaluate random networks and latents that are not whole."""
    latents = LatentGrids(spec, torch.device("cpu"), torch.Generator().manual_seed(1))
    latents.relaxed = 2 * torch.randn(latents.starts[-1], generator=latents.generator)
    network = network_of(spec, integers(spec))
    with torch.no_grad():
        network.linear.weight.mul_(0.3)
        network.output.weight.mul_(0.3)
        network.context.last.bias[:, 1] = 1  # wide laws: no probability at the floor
    pixels = torch.from_numpy(picture(spec.width, spec.height, spec.dim_out)).permute(2, 0, 1)
    return kind(network, latents, pixels / 255.0, seen, workers, (20, 24))


def found(step: Step, rows: Sequence[Rows], coarse: float) -> tuple[list[float], dict[str, Tensor]]:
    values = [*step.evaluate(rows, LMBDA, coarse), *step.measure(rows)]
    gradients = {
        name: torch.zeros_like(p) if p.grad is None else p.grad
        for name, p in step.network.named_parameters()
    }
    return values, {**gradients, "latents": step.latents.gradient}


@pytest.mark.parametrize("spec", [*SPECS, TALL, COARSE_ONLY], ids=str)
@pytest.mark.parametrize("is_masked", [False, True])
def test_it_finds_what_torch_finds(
    spec: Spec, is_masked: bool, workers: ThreadPoolExecutor
) -> None:
    size = spec.height, spec.width
    seen = (torch.rand(size, generator=torch.Generator().manual_seed(4)) > 0.3).float()
    whole: list[Rows] = [(0, spec.height)]
    parts: list[Rows] = [(0, 16), (32, spec.height)] if spec.height > 32 else whole
    for rows, coarse in ((whole, 1.0), (parts, 4.0), (parts, 0.0)):
        ours, theirs = (
            found(step_of(kind, spec, workers, seen if is_masked else None), rows, coarse)
            for kind in (FusedStep, GridStep)
        )
        assert ours[0] == pytest.approx(theirs[0], rel=1e-5)
        for name, wanted in theirs[1].items():
            largest = wanted.abs().max().item() if wanted.numel() else 0.0
            torch.testing.assert_close(
                ours[1][name], wanted, rtol=1e-4, atol=1e-5 * largest + 1e-12, msg=name
            )


def test_a_mask_may_differ_by_channel(workers: ThreadPoolExecutor) -> None:
    spec = SPECS[0]
    seen = torch.rand(spec.dim_out, spec.height, spec.width) > 0.5
    rows: list[Rows] = [(0, spec.height)]
    ours, theirs = (
        found(step_of(kind, spec, workers, seen.float()), rows, 1.0)
        for kind in (FusedStep, GridStep)
    )
    assert ours[0] == pytest.approx(theirs[0], rel=1e-5)


WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None
import numpy as np, torch
from imgnet.grid_fit import FusedStep, fit_grid
from imgnet.fitting import Options
from imgnet.presets import Preset
from imgnet.spec import Spec
assert FusedStep is None
spec = Spec("grid", 40, 30, 0, 4, 1, num_levels=3, colour=1, dim_context=4)
pixels = np.zeros((30, 40, 3), np.uint8)
result = fit_grid(spec, pixels, Options(Preset(5, 4096), device="cpu"), 1e-3)
assert result.quantized
"""


def test_fits_work_without_numba() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_NUMBA], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
