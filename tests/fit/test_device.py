"""Where a fit runs."""

from __future__ import annotations

import numpy as np
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


@pytest.mark.parametrize("has_units", [True, False])
@pytest.mark.parametrize("is_old", [False, True])
def test_a_cpu_multiplies_in_bfloat16_if_it_has_units_for_that(
    monkeypatch: pytest.MonkeyPatch, has_units: bool, is_old: bool
) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    if is_old:
        monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_units)
    else:
        capabilities = {"avx512_bf16": has_units}
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    expected = torch.bfloat16 if has_units else torch.float32
    assert device.fastest_dtype(torch.device("cpu")) is expected


def test_a_cpu_that_torch_knows_nothing_of_multiplies_in_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    assert device.fastest_dtype(torch.device("cpu")) is torch.float32


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


def test_what_is_not_seen_starts_from_what_is_around() -> None:
    y, x = np.mgrid[0:37, 0:51]
    picture = torch.from_numpy(np.stack([x / 51, y / 37, 0 * x + 0.3])).float()
    seen = torch.rand(37, 51, generator=torch.Generator().manual_seed(3)) < 0.1
    whole = device.filled(picture * seen, seen.float())
    assert torch.equal(whole[:, seen], picture[:, seen])
    assert (whole - picture).abs().mean() < 0.03  # the mean is 0.25 away in two channels
    nothing = device.filled(picture, torch.zeros(3, 37, 51))
    assert torch.equal(nothing, torch.zeros_like(nothing))
