"""Text of `imgnet bench`: a line for each result, and tables at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgnet.bench.curves import RatePoint
    from imgnet.bench.jobs import Point
    from imgnet.bench.processes import CommandUsage
    from imgnet.bench.results import Comparison, Mean


def point_line(point: Point) -> str:
    """Return one line about one measured file."""
    return (
        f"{point.image}  {point.model}  effort {point.effort}  {_rate(point)}  "
        f"{point.bpp:.4f} bpp  {point.psnr_db:.3f} dB  {point.seconds:.1f} s  "
        f"{_megabytes(point.peak_megabytes)} MB"
    )


def baseline_line(points: Sequence[RatePoint]) -> str:
    """Return one line about the points of a baseline codec on one image.

    >>> from imgnet.bench.curves import RatePoint
    >>> baseline_line([RatePoint("a", "jpeg", "", 0.1, 24.0), RatePoint("a", "jpeg", "", 2, 39.5)])
    'a  jpeg  2 points  0.1000 .. 2.0000 bpp  24.000 .. 39.500 dB'
    """
    low, high = points[0], points[-1]
    return (
        f"{low.image}  {low.codec}  {len(points)} points  {low.bpp:.4f} .. {high.bpp:.4f} bpp  "
        f"{low.psnr_db:.3f} .. {high.psnr_db:.3f} dB"
    )


def mean_table(means: Sequence[Mean]) -> str:
    """Return a table of means with a row for every model, effort and rate."""
    rows = [
        (
            mean.model,
            str(mean.effort),
            _rate(mean),
            str(mean.images),
            f"{mean.bpp:.4f}",
            f"{mean.psnr_db:.3f}",
            f"{mean.seconds:.1f}",
            f"{mean.most_seconds:.1f}",
            _megabytes(mean.most_megabytes),
        )
        for mean in means
    ]
    heads = ("model", "effort", "rate", "images", "bpp", "dB", "mean s", "max s", "max MB")
    return _table(heads, rows)


def comparison_table(comparisons: Sequence[Comparison]) -> str:
    """Return a table of BD-rates with a row for every model, effort and other codec."""
    rows = [
        (
            c.model,
            str(c.effort),
            c.against,
            str(c.images),
            str(c.left_out),
            "-" if c.percent is None else f"{c.percent:+.2f} %",
        )
        for c in comparisons
    ]
    heads = ("model", "effort", "against", "images", "left out", "BD-rate")
    return f"{_table(heads, rows)}\nBelow 0: our files are smaller at equal PSNR."


def usage_line(usage: CommandUsage) -> str:
    """Return one line about the resource usage of a command."""
    return f"{usage.seconds:7.3f} s {_megabytes(usage.peak_megabytes):>7} MB  {usage.command}"


def _rate(of: Point | Mean) -> str:
    return f"<= {of.target_bpp:g} bpp" if of.quality is None else f"quality {of.quality:g}"


def _megabytes(number: float | None) -> str:
    return "?" if number is None else f"{number:.0f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with the first column aligned to the left and the others to the right."""
    lines = [heads, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
