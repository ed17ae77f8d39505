from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.pick import (
    evaluator_for,
    is_compiled,
    latents_for,
    rate_gradient_for,
    soap_for,
)
from imgnet.fit.engine.reference import ReferenceEvaluator
from imgnet.fit.engine.weight_rate import add_rate_gradient
from imgnet.fit.soap import SOAP
from support.evaluators import network_of
from support.networks import SPECS, random_tensors

CPU, META = torch.device("cpu"), torch.device("meta")


@pytest.mark.parametrize("device", [CPU, META], ids=str)
def test_one_engine_does_everything_on_a_device(
    device: torch.device, workers: ThreadPoolExecutor
) -> None:
    """The device `meta` stands for a GPU."""
    spec, has_kernels = SPECS[0], is_compiled(device)
    network = network_of(spec, random_tensors(spec)).to(device)
    latents = latents_for(spec, device, torch.Generator())
    picture = torch.zeros(3, spec.height, spec.width, device=device)
    evaluator = evaluator_for(network, latents, picture, None, workers)
    assert (type(evaluator) is not ReferenceEvaluator) == has_kernels
    assert (type(latents) is not LatentGrids) == has_kernels
    assert (soap_for(device) is not SOAP) == has_kernels
    assert (rate_gradient_for(device) is not add_rate_gradient) == has_kernels
    assert not is_compiled(META)


WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None
import numpy as np, torch
from imgnet.fit.grid.fit import fit_grid
from imgnet.fit.engine import pick
from imgnet.request.options import Options
from imgnet.request.efforts import Schedule
from imgnet.spec import Spec
assert not pick.is_compiled(torch.device("cpu"))
spec = Spec("grid", 40, 30, 0, 4, 1, num_levels=3, chroma_level=1, dim_context=4)
pixels = np.zeros((30, 40, 3), np.uint8)
result = fit_grid(spec, pixels, Options(Schedule(5, 4096), device="cpu"), 1e-3)
assert result.quantized
"""


def test_fits_work_without_numba() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_NUMBA], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
