"""The table of targets against qualities; real fits are in tests/encoder/test_target_search.py."""

from __future__ import annotations

from dataclasses import replace
from inspect import signature
from typing import Any

import pytest

import imgnet
from imgnet.bench import targets
from imgnet.bench.targets import MADE, File, curve_at, main
from imgnet.codec.format.container import Encoded, Report, from_bytes, to_bytes
from imgnet.image.picture import Metadata
from support.paths import GOLDEN


def test_a_curve_keeps_what_smaller_files_reach() -> None:
    sizes = [(100, 20.0), (400, 30.0), (200, 28.0), (800, 25.0)]
    files = [File(num_bytes, psnr_db, has_prior=True) for num_bytes, psnr_db in sizes]
    assert [curve_at(files, size) for size in (50, 100, 200, 400, 900)] == [20, 20, 28, 30, 30]
    assert 28 < curve_at(files, 283) < 30


def test_a_curve_jumps_where_networks_lose_their_prior() -> None:
    files = [File(100, 20.0, has_prior=True), File(400, 30.0, has_prior=False)]
    assert [curve_at(files, size) for size in (100, 399, 400, 500)] == [20, 20, 30, 30]


@pytest.mark.parametrize("name", MADE)
def test_pictures_made_by_code_are_small(name: str) -> None:
    pixels = MADE[name]()
    assert pixels.shape[2] == 3
    assert pixels.size < 3 * 10_000


def test_a_table_has_every_target(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fits are made up: a dB takes fifty bytes."""
    stored = from_bytes((GOLDEN / "v1-mlp.inr").read_bytes())
    least = len(to_bytes(stored))

    def made_up(*arguments: Any, **options: Any) -> Encoded:
        asked = signature(imgnet.encode).bind(*arguments, **options).arguments
        psnr_db = asked.get("target_psnr", asked.get("quality"))
        if psnr_db is None:
            psnr_db = (asked["target_size"] - least) // 50
        metadata = Metadata(xmp=bytes(50 * round(psnr_db)))
        return replace(stored, metadata=metadata, report=Report(psnr_db, None, 1.0, 1, "cpu"))

    monkeypatch.setattr(targets, "encode", made_up)
    main(["--made", "line", "--seeds", "0"])
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[2] for row in rows] == ["size 33 %", "size 67 %", "psnr 33 %", "psnr 67 %"]
    assert all(row[-1] == "1 of 1" and abs(float(row[-2])) < 3 for row in rows), rows
