"""Device of a fit: its threads, the tensors on it, the precision of its products."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from imgnet.arrays import BoolArray, Float32Array
from imgnet.errors import UsageError
from imgnet.image.picture import Samples

_PRESENT: dict[str, Callable[[], bool]] = {
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
    "cpu": lambda: True,
}


def pick_device(name: str) -> torch.device:
    """Return a device by its name; "auto" prefers CUDA, then MPS, then the CPU.

    Raises:
        UsageError: The name is unknown, or the machine has no such device.

    >>> pick_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        name = next(candidate for candidate, is_present in _PRESENT.items() if is_present())
    if name not in _PRESENT:
        raise UsageError(f"unknown device {name!r}; known are auto, {', '.join(_PRESENT)}")
    if not _PRESENT[name]():
        raise UsageError(f"no {name} device on this machine; --device cpu works everywhere")
    return torch.device(name)


def picture_of(pixels: Samples, device: torch.device) -> Tensor:
    """Return pixels (H, W, C) of 8 or 16 bits as a picture (C, H, W) in 0..1.

    >>> picture_of(np.array([[[0, 65535]]], np.uint16), torch.device("cpu")).tolist()
    [[[0.0]], [[1.0]]]
    """
    peak = int(np.iinfo(pixels.dtype).max)
    return torch.from_numpy(pixels).to(device).permute(2, 0, 1).float().div_(peak)


def mask_of(mask: BoolArray | Float32Array, device: torch.device) -> Tensor:
    """Return a mask or weights as a tensor: (H, W) in the same shape, (H, W, C) as (C, H, W)."""
    tensor = torch.from_numpy(mask).to(device)
    return tensor if tensor.ndim == 2 else tensor.permute(2, 0, 1).contiguous()


def filled(picture: Tensor, mask: Tensor) -> Tensor:
    """Return a picture (C, H, W) with masked-out samples interpolated from those around them.

    Each level of the recursion halves the sides, so that gaps of any size are filled.

    Args:
        picture: (C, H, W).
        mask: (H, W) or (C, H, W), False where a sample is to be replaced.
    """
    weights = mask.expand_as(picture).float()
    if weights.all() or picture[0].numel() == 1:
        return picture * weights
    fractions = functional.avg_pool2d(weights, 2, ceil_mode=True)
    means = functional.avg_pool2d(picture * weights, 2, ceil_mode=True) / fractions.clamp(min=1e-6)
    coarse = filled(means, fractions > 0)
    around = functional.interpolate(coarse[None], picture.shape[1:], mode="bilinear")[0]
    return torch.where(weights.bool(), picture, around)


@contextmanager
def one_thread_workers(device: torch.device) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of workers, one for each thread that torch may use.

    Each worker has one thread. Threads that share a small operation wait for one another at its
    end: on an idle machine that takes a little of the time, on a busy one most of it.
    """
    num_threads = torch.get_num_threads()
    num_workers = num_threads if device.type == "cpu" else 1
    torch.set_num_threads(1)
    # Set again in every worker: in a thread without the setting, MKL uses all cores.
    pool = ThreadPoolExecutor(num_workers, initializer=torch.set_num_threads, initargs=(1,))
    try:
        with pool as workers:
            yield workers
    finally:
        torch.set_num_threads(num_threads)


def share_threads(num_processes: int) -> None:
    """Limit torch to the share of the cores that one of several fitting processes has."""
    torch.set_num_threads(max(1, torch.get_num_threads() // num_processes))


def fastest_dtype(device: torch.device) -> torch.dtype:
    """Return the precision in which a device multiplies fastest, bfloat16 or float32.

    The choice depends on the features of the CPU and not on timing: a fit must not depend on how
    busy the machine is. A CPU with AVX-512 BF16, as all with AMX have, gets bfloat16. Other CPUs
    convert every operand, which takes many times as long as the product; they get float32, and so
    do other devices.

    >>> fastest_dtype(torch.device("meta"))
    torch.float32
    """
    has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    is_fast = device.type == "cpu" and has_onednn and _has_avx512_bf16()
    return torch.bfloat16 if is_fast else torch.float32


def _has_avx512_bf16() -> bool:
    if hasattr(torch.cpu, "get_capabilities"):
        return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
    # Older versions of torch have a private function; without both, the answer is no.
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())
