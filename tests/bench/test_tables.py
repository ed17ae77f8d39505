"""Lines and tables of `imgnet bench`."""

from __future__ import annotations

from dataclasses import replace

from imgnet.bench.jobs import Point
from imgnet.bench.processes import CommandUsage
from imgnet.bench.results import Comparison, Mean
from imgnet.bench.tables import comparison_table, mean_table, point_line, usage_line

POINT = Point("a.png", "gated", 3, None, 0.5, 10, 0.49, 30.1235, 2.04, 300.4, 100)
MEAN = Mean("grid", 3, 20.0, None, 24, 0.1234, 27.5, 12.3, 20.25, 812.6)
COMPARISON = Comparison("grid", 3, "webp", 23, 1, -12.346, {})


def words(line: str) -> str:
    """Return a line without the alignment of its columns."""
    return " ".join(line.split())


def test_a_line_has_all_that_was_measured() -> None:
    assert point_line(POINT) == (
        "a.png  gated  effort 3  <= 0.5 bpp  0.4900 bpp  30.123 dB  2.0 s  300 MB"
    )


def test_a_rate_is_a_quality_or_a_target() -> None:
    quality = point_line(replace(POINT, quality=37.5, target_bpp=None))
    assert "  quality 37.5  " in quality
    assert "<=" not in quality
    assert "  quality 0  " in point_line(replace(POINT, quality=0.0, target_bpp=None))


def test_memory_that_is_not_known_is_a_question_mark() -> None:
    assert point_line(replace(POINT, peak_megabytes=None)).endswith("  2.0 s  ? MB")
    assert mean_table([replace(MEAN, most_megabytes=None)]).splitlines()[1].endswith(" ?")
    assert usage_line(CommandUsage("imgnet info a", 0.25, None)) == (
        "  0.250 s       ? MB  imgnet info a"
    )


def test_a_mean_is_a_row() -> None:
    head, row = mean_table([MEAN]).splitlines()
    assert words(head) == "model effort rate images bpp dB mean s max s max MB"
    assert words(row) == "grid 3 quality 20 24 0.1234 27.500 12.3 20.2 813"


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    means = [MEAN, replace(MEAN, model="a-longer-name", bpp=123.4, quality=None, target_bpp=0.31)]
    lines = mean_table(means).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [line[:15] for line in lines] == [
        "model          ",
        "grid           ",
        "a-longer-name  ",
    ]
    cells = ["bpp", "0.1234", "123.4000"]
    ends = {line.index(cell) + len(cell) for line, cell in zip(lines, cells, strict=True)}
    assert len(ends) == 1  # aligned to the right


def test_a_comparison_has_a_sign_or_none_and_says_what_it_means() -> None:
    worse = replace(COMPARISON, against="jpeg", percent=3.0)
    none = replace(COMPARISON, images=0, left_out=24, percent=None)
    head, *rows, note = comparison_table([COMPARISON, worse, none]).splitlines()
    assert words(head) == "model effort against images left out BD-rate"
    assert list(map(words, rows)) == [
        "grid 3 webp 23 1 -12.35 %",
        "grid 3 jpeg 23 1 +3.00 %",
        "grid 3 webp 0 24 -",
    ]
    assert note == "Below 0: our files are smaller at equal PSNR."
