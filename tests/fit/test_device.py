"""Where a fit runs."""

from __future__ import annotations

import pytest
import torch

from imgnet.errors import UsageError
from imgnet.fit import device


def test_the_cpu_is_always_there() -> None:
    assert device.pick_device("cpu") == torch.device("cpu")
    assert device.pick_device("auto").type in ("cpu", "cuda", "mps")


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(UsageError, match="'abacus'"):
        device.pick_device("abacus")


@pytest.mark.skipif(torch.cuda.is_available(), reason="has CUDA")
def test_a_missing_device_names_the_way_out() -> None:
    with pytest.raises(UsageError, match="--device cpu"):
        device.pick_device("cuda")


@pytest.mark.parametrize(("low", "expected"), [(0.3, torch.bfloat16), (0.9, torch.float32)])
def test_bfloat16_needs_a_clear_gain(
    monkeypatch: pytest.MonkeyPatch, low: float, expected: torch.dtype
) -> None:
    seconds = {torch.float32: 1.0, torch.bfloat16: low}
    monkeypatch.setattr(device, "_product_seconds", seconds.__getitem__)
    assert device.fastest_dtype(torch.device("cpu")) is expected


def test_other_devices_multiply_in_float32() -> None:
    assert device.fastest_dtype(torch.device("meta")) is torch.float32


def test_processes_share_the_cores() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(6)
        device.share_threads(2)
        assert torch.get_num_threads() == 3
        device.share_threads(5)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
