"""Figure of mean PSNR over mean bits a pixel, and of BD-rate over encode time beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from imgnet.bench.curves import Curve
from imgnet.bench.results import TradeOff
from imgnet.errors import UsageError
from imgnet.image.atomic import write_atomically

TradeOffs = Mapping[tuple[str, str], Sequence[TradeOff]]  # by model and other codec

FORMATS = ("png", "svg", "pdf")
MARGIN = 1.6  # factor between the rates of our curves and those at the edges of the figure
MARGIN_DB = 2.0

# Without the date, so that the same curves give the same file.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}


def check(path: Path) -> None:
    """Make sure that the figure can be written.

    Raises:
        UsageError: The extension is none of `FORMATS`, or matplotlib is not installed.
    """
    if _format(path) not in FORMATS:
        raise UsageError(f"--plot {path}: the name must end in one of .{', .'.join(FORMATS)}")
    try:
        import matplotlib  # noqa: F401 (only to check that it is installed)
    except ImportError:
        raise UsageError('--plot needs matplotlib: pip install "imgnet[bench]"') from None


def plot(
    ours: Mapping[str, Curve],
    others: Mapping[str, Curve],
    trade_offs: TradeOffs,
    title: str,
    path: Path,
) -> None:
    """Plot curves, ours as thick lines, and trade-offs beside them, if there are any.

    Args:
        ours: At least one curve, by name; their rates and PSNRs set the limits of the axes.
        others: Curves of other codecs, by name.
        trade_offs: Encode times and BD-rates of our efforts.
        title: Title of the curves.
        path: File ending in .png, .svg or .pdf.

    Raises:
        OutputError: The file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    widths = [8, 5.5] if trade_offs else [8]
    figure = Figure(figsize=(sum(widths), 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(widths), squeeze=False, width_ratios=widths)[0]
    colours = _plot_curves(panels[0], ours, others)
    panels[0].set_title(title)
    if trade_offs:
        _plot_trade_offs(panels[1], trade_offs, colours)
    for axes in panels:
        axes.grid(visible=True, which="both", alpha=0.25)
        axes.legend()
    with mpl.rc_context({"svg.hashsalt": "imgnet"}):
        write_atomically(path, _file_of(figure, _format(path)))


def _plot_curves(
    axes: Any, ours: Mapping[str, Curve], others: Mapping[str, Curve]
) -> dict[str, str]:
    """Plot PSNR over rate; return the colour of each curve."""
    # Ours first, so that their colours do not depend on the others.
    for name, curve in ours.items():
        axes.plot(*zip(*curve, strict=True), "o-", linewidth=2.5, label=name, zorder=3)
    for name, curve in others.items():
        axes.plot(*zip(*curve, strict=True), ".--", linewidth=1.2, label=name)
    axes.set(xlabel="bits a pixel", ylabel="PSNR in dB", xscale="log")
    _frame(axes, [point for curve in ours.values() for point in curve])
    return {line.get_label(): line.get_color() for line in axes.get_lines()}


def _plot_trade_offs(axes: Any, trade_offs: TradeOffs, colours: Mapping[str, str]) -> None:
    """Plot BD-rate over encode time: a point an effort, hollow if it has a single rate."""
    for (model, against), points in trade_offs.items():
        colour = next((c for name, c in colours.items() if name.startswith(against)), "black")
        x, y = [point.seconds for point in points], [point.percent for point in points]
        axes.plot(x, y, color=colour, label=f"{model} against {against}")
        for point in points:
            at, face = (point.seconds, point.percent), "white" if point.num_rates == 1 else colour
            axes.plot(*at, "o", color=colour, markerfacecolor=face)
            axes.annotate(f"effort {point.effort}", at, (5, 5), textcoords="offset points")
    if any(point.num_rates == 1 for points in trade_offs.values() for point in points):
        axes.plot([], [], "o", color="grey", markerfacecolor="white", label="at one rate")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set(xlabel="seconds to encode an image", ylabel="BD-rate in %", xscale="log")
    axes.set_title("Below 0: our files are smaller")
    axes.margins(0.2)
    _label_decades(axes.xaxis)


def _frame(axes: Any, points: Curve) -> None:
    rates, psnrs = [rate for rate, _ in points], [psnr for _, psnr in points]
    axes.set_xlim(min(rates) / MARGIN, max(rates) * MARGIN)
    axes.set_ylim(min(psnrs) - MARGIN_DB, max(psnrs) + MARGIN_DB)
    _label_decades(axes.xaxis)


def _label_decades(axis: Any) -> None:
    """Label 1, 2 and 5 times the powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def _file_of(figure: Any, format: str) -> bytes:
    file = BytesIO()
    figure.savefig(file, format=format, dpi=150, metadata=_METADATA[format])
    return file.getvalue()


def _format(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")
