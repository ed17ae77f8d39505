"""Choice of the engine: compiled kernels on a CPU with Numba, torch otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from imgnet.fit.engine.latents import LatentGrids
from imgnet.fit.engine.network import GridNetwork
from imgnet.fit.engine.reference import ReferenceEvaluator
from imgnet.fit.engine.tiling import Evaluator
from imgnet.fit.engine.weight_rate import add_rate_gradient
from imgnet.fit.soap import SOAP
from imgnet.spec import Spec

try:
    from imgnet.fit.engine.compiled import CompiledEvaluator
    from imgnet.fit.engine.compiled_latents import CompiledLatentGrids
    from imgnet.fit.kernels import soap as soap_kernels
    from imgnet.fit.kernels.compile_clock import stopped_by_compilation

    HAS_NUMBA = True
except ImportError:  # Not every machine has Numba, nor has every new version of Python at first.
    HAS_NUMBA = False

AddRateGradient = Callable[[Tensor, Tensor, Sequence[int], Tensor, float, Tensor], None]
Clock = Callable[[], float]


def is_compiled(device: torch.device) -> bool:
    """Return whether fits on a device use compiled kernels."""
    return HAS_NUMBA and device.type == "cpu"


def evaluator_for(
    network: GridNetwork,
    latents: LatentGrids,
    picture: Tensor,
    weight: Tensor | None,
    workers: ThreadPoolExecutor,
) -> Evaluator:
    """Return an evaluator for the device of a picture.

    Args:
        network: Network; its parameters get gradients.
        latents: Latents on the same device.
        picture: (C, H, W) in 0..1.
        weight: (H, W) or (C, H, W) weight of each squared error; None for 1.
        workers: Pool in which tasks run.
    """
    kind = CompiledEvaluator if is_compiled(picture.device) else ReferenceEvaluator
    return kind(network, latents, picture, weight, workers)


def latents_for(spec: Spec, device: torch.device, generator: torch.Generator) -> LatentGrids:
    """Return latents on a device, all zero.

    Args:
        spec: Shape of the network.
        device: Device of all tensors.
        generator: Source of the noise, on the CPU.
    """
    kind = CompiledLatentGrids if is_compiled(device) else LatentGrids
    return kind(spec, device, generator)


def soap_for(device: torch.device) -> type[SOAP]:
    """Return the optimiser class for weights on a device."""
    return soap_kernels.FusedSOAP if is_compiled(device) else SOAP


def rate_gradient_for(device: torch.device) -> AddRateGradient:
    """Return `add_rate_gradient` for a device."""
    return soap_kernels.add_rate_gradient_of if is_compiled(device) else add_rate_gradient


def clock_without_compilation(clock: Clock) -> AbstractContextManager[Clock]:
    """Return a context with a clock that stands still while kernels are compiled."""
    return stopped_by_compilation(clock) if HAS_NUMBA else nullcontext(clock)
