from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, log10

import numpy as np
import pytest

from imgnet.codec.format.container import Encoded, Report, to_bytes
from imgnet.errors import TargetError, UsageError
from imgnet.image.picture import Metadata
from imgnet.request.target import (
    EXACT_DB,
    MOST_LOWERED_DB,
    NEAR_DB,
    SHORT_DB,
    TIGHTENED_DB,
    TOLERANCE_DB,
    USED_PART,
    PsnrTarget,
    SizeTarget,
    Target,
    checked,
    distance,
    target_of,
)
from imgnet.spec import Spec

SIZE = 40, 30
REPORT = Report(psnr_db=20.0, psnr_unseen_db=None, seconds=1.0, steps=1, device="cpu")
ENCODED = Encoded(Spec("mlp", *SIZE, 0, 2, 1), "RGB", {"w": np.zeros(500, np.uint8)}, report=REPORT)
NUM_BYTES = len(to_bytes(ENCODED))


@dataclass(frozen=True)
class File:
    """A file of some size and PSNR."""

    num_bytes: int = 1000
    psnr_db: float = 30.0


@pytest.mark.parametrize(
    ("asked", "target"),
    [
        ((None, None, None), None),
        ((0.5, None, None), SizeTarget(24576, 0.5)),
        ((None, 1234, None), SizeTarget(1234)),
        ((None, None, 31.5), PsnrTarget(31.5)),
    ],
)
def test_a_target_is_what_is_asked_for(
    asked: tuple[float | None, ...], target: Target | None
) -> None:
    assert target_of(*asked, num_pixels=768 * 512) == target


def test_bits_a_pixel_are_rounded_down_to_bytes() -> None:
    assert target_of(0.9999, None, None, 8) == SizeTarget(0, 0.9999)


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ((0.0, None, None), "0"),
        ((None, -5, None), "-5"),
        ((inf, None, None), "inf"),
        ((float("nan"), None, None), "nan"),
        ((1.0, 1000, None), "contradict"),
        ((1.0, None, 30.0), "contradict"),
    ],
)
def test_targets_that_make_no_sense(asked: tuple[float | None, ...], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        target_of(*asked, num_pixels=100)


def test_spent_bytes_leave_a_smaller_target() -> None:
    assert SizeTarget(5000, 0.5).less(2000) == SizeTarget(3000, 0.5)
    assert SizeTarget(5000).less(6000, least=70) == SizeTarget(70)


def test_the_excess_of_a_size_is_in_decibels() -> None:
    assert SizeTarget(1000).excess_db(File(1000)) == pytest.approx(-10 * log10(USED_PART))


@pytest.mark.parametrize(("given_db", "excess_db"), [(31.5, 1.5), (inf, EXACT_DB - 30)])
def test_the_excess_of_a_psnr(given_db: float, excess_db: float) -> None:
    assert PsnrTarget(30.0).excess_db(File(psnr_db=given_db)) == excess_db


@pytest.mark.parametrize(("num_bytes", "wanted"), [(900, False), (1000, False), (1001, True)])
def test_what_is_too_large_needs_trimming(num_bytes: int, wanted: bool) -> None:
    assert SizeTarget(1000).needs_trimming(File(num_bytes)) is wanted


@pytest.mark.parametrize(
    ("excess_db", "wanted"),
    [
        (-1.0, False),
        (0.9 * NEAR_DB, False),
        (1.1 * NEAR_DB, True),
        (0.9 * MOST_LOWERED_DB, True),
        (1.1 * MOST_LOWERED_DB, False),
    ],
)
def test_what_is_a_little_too_good_needs_trimming(excess_db: float, wanted: bool) -> None:
    assert PsnrTarget(30.0).needs_trimming(File(psnr_db=30.0 + excess_db)) is wanted


def test_what_is_a_little_too_large_needs_tightening() -> None:
    target = SizeTarget(1_000_000)
    excesses = -0.01, 0.9 * TIGHTENED_DB, 1.1 * TIGHTENED_DB
    files = [File(round(USED_PART * 1e6 * 10 ** (excess / 10))) for excess in excesses]
    assert [target.needs_tightening(file) for file in files] == [False, True, False]
    assert not PsnrTarget(30.0).needs_tightening(File(psnr_db=30.1))


def test_what_falls_short_is_further_away_than_what_can_be_trimmed() -> None:
    assert distance(-0.2) == pytest.approx(distance(0.2) + SHORT_DB)
    assert distance(NEAR_DB) == distance(-NEAR_DB) == 0
    assert NEAR_DB < TOLERANCE_DB


@pytest.mark.parametrize("target", [SizeTarget(600), PsnrTarget(30.0)])
def test_what_misses_its_target_comes_with_the_error(target: Target) -> None:
    with pytest.raises(TargetError, match="cannot reach") as error:
        checked(ENCODED, target)
    assert error.value.best is ENCODED


@pytest.mark.parametrize(
    "target", [None, SizeTarget(5000), SizeTarget(NUM_BYTES), PsnrTarget(20.05)]
)
def test_what_meets_its_target_comes_back(target: Target | None) -> None:
    assert checked(ENCODED, target) is ENCODED


def test_a_fit_that_was_ended_misses_no_psnr_but_may_be_too_large() -> None:
    assert checked(ENCODED, PsnrTarget(30.0), is_ended=True) is ENCODED
    with pytest.raises(TargetError):
        checked(ENCODED, SizeTarget(600), is_ended=True)


def missed(target: Target, encoded: Encoded = ENCODED) -> str:
    with pytest.raises(TargetError) as error:
        checked(encoded, target)
    return str(error.value)


def test_a_size_that_is_not_kept_is_told_as_it_was_asked_for() -> None:
    came = f"{NUM_BYTES:,} bytes"
    assert missed(SizeTarget(NUM_BYTES - 1)) == (
        f"cannot reach {NUM_BYTES - 1:,} bytes with mlp; best found: {came}"
    )
    came = f"{8 * NUM_BYTES / 1200:.4f} bpp"
    assert f"cannot reach 0.5 bpp with mlp; best found: {came}" in missed(SizeTarget(75, 0.5))


def test_metadata_that_takes_the_room_is_named_with_the_way_out() -> None:
    encoded = replace(ENCODED, metadata=Metadata(icc=bytes(400)))
    hint = "; 400 bytes are metadata, which --metadata none leaves out"
    assert missed(SizeTarget(300), encoded).endswith(hint)
    assert "metadata" not in missed(SizeTarget(300))


@pytest.mark.parametrize(
    ("target", "files", "best"),
    [
        (SizeTarget(1000), [File(900, 30.0), File(700, 35.0), File(1001, 40.0)], 1),
        (SizeTarget(1000), [File(1300, 30.0), File(1200, 20.0)], 1),
        (SizeTarget(1000), [File(900, 30.0), File(800, 30.0)], 1),
        (PsnrTarget(30.0), [File(900, 30.0), File(800, 29.95), File(100, 20.0)], 1),
        (PsnrTarget(30.0), [File(900, 32.0), File(800, 29.0), File(100, 20.0)], 1),
    ],
)
def test_the_best_file_comes_first(target: Target, files: list[File], best: int) -> None:
    assert min(files, key=target.rank) is files[best]


@pytest.mark.parametrize(
    ("reached", "came"),
    [(28.0, "28.00 dB"), (29.89, "29.89 dB"), (30.2, "30.20 dB"), (inf, "an exact picture")],
)
def test_a_psnr_that_is_missed_is_told_with_what_was_found(reached: float, came: str) -> None:
    encoded = replace(ENCODED, report=replace(REPORT, psnr_db=reached))
    num_bytes = f"{len(to_bytes(encoded)):,} bytes"
    assert missed(PsnrTarget(30.0), encoded) == (
        f"cannot reach 30 dB with mlp; best found: {came} ({num_bytes})"
    )


@pytest.mark.parametrize("reached", [29.91, 30.09])
def test_a_psnr_is_met_within_a_tenth(reached: float) -> None:
    encoded = replace(ENCODED, report=replace(REPORT, psnr_db=reached))
    assert checked(encoded, PsnrTarget(30.0)) is encoded
