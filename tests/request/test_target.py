from __future__ import annotations

from math import inf

import numpy as np
import pytest

from imgnet.codec.format.container import Encoded, Report, to_bytes
from imgnet.errors import TargetError
from imgnet.metrics.psnr import psnr_db
from imgnet.request.request import Request
from imgnet.request.target import checked, flat_psnr_db, psnr_fault, size_fault
from imgnet.spec import Spec

SIZE = 40, 30
PIXELS = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
ENCODED = Encoded(
    Spec("mlp", *SIZE, 0, 2, 1),
    "RGB",
    {"w": np.zeros(500, np.uint8)},
    report=Report(psnr_db=20.0, psnr_unseen_db=None, seconds=1.0, steps=1, device="cpu"),
)


@pytest.mark.parametrize("target", [{"target_size": 600}, {"target_psnr": 30.0}])
def test_what_is_not_as_asked_for_comes_with_the_error(target: dict[str, int]) -> None:
    with pytest.raises(TargetError, match="cannot reach") as error:
        checked(ENCODED, Request("mlp", **target), PIXELS, None)  # type: ignore[arg-type]
    assert error.value.best is ENCODED


@pytest.mark.parametrize("target", [{}, {"target_size": 5000}, {"target_psnr": 20.05}])
def test_what_is_as_asked_for_comes_back(target: dict[str, int]) -> None:
    request = Request("mlp", **target)  # type: ignore[arg-type]
    assert checked(ENCODED, request, PIXELS, None) is ENCODED


def test_a_fit_that_was_ended_misses_no_psnr_but_may_be_too_large() -> None:
    by_psnr, by_size = Request("mlp", target_psnr=30.0), Request("mlp", target_size=600)
    assert len(to_bytes(ENCODED)) > 600
    assert checked(ENCODED, by_psnr, PIXELS, None, is_ended=True) is ENCODED
    with pytest.raises(TargetError):
        checked(ENCODED, by_size, PIXELS, None, is_ended=True)


@pytest.mark.parametrize(
    ("request_", "num_bytes"),
    [
        (Request("grid"), 10**9),
        (Request("grid", target_size=500), 500),
        (Request("mlp", target_bpp=2.0), 300),
        (Request("mlp", target_psnr=30.0), 10**9),
    ],
)
def test_a_size_that_is_kept_is_no_fault(request_: Request, num_bytes: int) -> None:
    assert size_fault(request_, num_bytes, SIZE) is None


def test_a_size_that_is_not_kept_is_told_as_it_was_asked_for() -> None:
    by_bytes = size_fault(Request("gated", target_size=1499), 1500, SIZE)
    by_bpp = size_fault(Request("gated", target_bpp=0.5), 1500, SIZE)
    assert by_bytes is not None
    assert by_bpp is not None
    assert "cannot reach 1,499 bytes with gated" in by_bytes
    assert "reachable here: 1,500 bytes and more" in by_bytes
    assert "cannot reach 0.5 bpp with gated; it gave 10.0000 bpp" in by_bpp


@pytest.mark.parametrize(
    ("reached", "reachable"),
    [
        (28.0, "12.5..28.0 dB"),
        (11.0, "11.0..11.0 dB"),
        (29.89, "12.5..29.9 dB"),
        (29.91, None),
        (30.09, None),
        (30.2, "12.5 dB and more"),
        (inf, "12.5 dB and more"),
    ],
)
def test_a_psnr_is_met_within_a_tenth(reached: float, reachable: str | None) -> None:
    fault = psnr_fault(Request("grid", target_psnr=30.0), reached, 4000, flat_db=12.5)
    assert (fault is None) == (reachable is None)
    if fault is not None:
        assert fault.endswith(f"(4,000 bytes); reachable here: {reachable}")


def test_an_exact_picture_has_no_number() -> None:
    fault = psnr_fault(Request("grid", target_psnr=30.0), inf, 4000, inf)
    assert fault is not None
    assert "an exact picture" in fault


@pytest.mark.parametrize("counted", [None, "pixels", "samples"])
def test_the_best_colour_is_the_mean_of_what_counts(counted: str | None) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)
    where = None
    if counted is not None:
        where = np.zeros((6, 5) if counted == "pixels" else (6, 5, 3), bool)
        where[2:4] = True
    part = pixels if where is None else pixels[2:4]
    flat = np.broadcast_to(np.rint(part.mean((0, 1))).astype(np.uint8), part.shape)
    assert flat_psnr_db(pixels, where) == pytest.approx(psnr_db(part, flat))


def test_a_channel_that_nowhere_counts_has_no_mean() -> None:
    pixels = np.full((2, 2, 2), 9, np.uint16)
    assert flat_psnr_db(pixels, np.array([[[False, True]] * 2] * 2)) == inf
