"""The table of targets against qualities; its fits are in tests/encoder/test_target_search.py."""

from __future__ import annotations

import pytest

from imgnet.bench.targets import MADE, curve_at, main


def test_a_curve_keeps_what_smaller_files_reach() -> None:
    files = [(100, 20.0), (400, 30.0), (200, 28.0), (800, 25.0)]
    assert [curve_at(files, size) for size in (50, 100, 200, 400, 900)] == [20, 20, 28, 30, 30]
    assert 28 < curve_at(files, 283) < 30


@pytest.mark.parametrize("name", MADE)
def test_pictures_made_by_code_are_small(name: str) -> None:
    pixels = MADE[name]()
    assert pixels.shape[2] == 3
    assert pixels.size < 3 * 10_000


@pytest.mark.slow
def test_a_table_has_every_target(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--made", "line", "--seeds", "0"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[2] for line in lines[2:]] == [
        "size 33 %",
        "size 67 %",
        "psnr 33 %",
        "psnr 67 %",
    ]
