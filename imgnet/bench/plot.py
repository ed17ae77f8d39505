"""One figure: mean PSNR over mean bits a pixel, a curve for every codec."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from imgnet.bench.curves import Curve
from imgnet.errors import UsageError
from imgnet.image.files import write_atomically

FORMATS = ("png", "svg", "pdf")
MARGIN = 1.6  # factor by which the figure shows rates beyond ours
MARGIN_DB = 2.0

# Without the time of day: the same figures give the same file.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}


def check(path: Path) -> None:
    """Make sure that a figure can be drawn.

    Raises:
        UsageError: The extension is none of `FORMATS`, or matplotlib is not installed.
    """
    if _format(path) not in FORMATS:
        raise UsageError(f"--plot {path}: the name must end in one of .{', .'.join(FORMATS)}")
    try:
        import matplotlib  # noqa: F401 (only to learn whether it is there)
    except ImportError:
        raise UsageError('--plot needs matplotlib: pip install "imgnet[bench]"') from None


def draw(ours: Mapping[str, Curve], others: Mapping[str, Curve], title: str, path: Path) -> None:
    """Draw curves, ours in thick lines; the rates and qualities of ours set what is shown.

    Args:
        ours: At least one curve, by name.
        others: By name.
        title: Above the figure.
        path: File ending in .png, .svg or .pdf.

    Raises:
        OutputError: The file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    # Ours first: they then have the same colours whatever they are compared with.
    for name, curve in ours.items():
        axes.plot(*zip(*curve, strict=True), "o-", linewidth=2.5, label=name, zorder=3)
    for name, curve in others.items():
        axes.plot(*zip(*curve, strict=True), ".--", linewidth=1.2, label=name)
    axes.set(title=title, xlabel="bits a pixel", ylabel="PSNR in dB", xscale="log")
    _frame(axes, [point for curve in ours.values() for point in curve])
    axes.grid(visible=True, which="both", alpha=0.25)
    axes.legend()
    with mpl.rc_context({"svg.hashsalt": "imgnet"}):
        write_atomically(path, _drawn(figure, _format(path)))


def _frame(axes: Any, points: Curve) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    rates, psnrs = [rate for rate, _ in points], [psnr for _, psnr in points]
    axes.set_xlim(min(rates) / MARGIN, max(rates) * MARGIN)
    axes.set_ylim(min(psnrs) - MARGIN_DB, max(psnrs) + MARGIN_DB)
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _drawn(figure: Any, format: str) -> bytes:
    file = BytesIO()
    figure.savefig(file, format=format, dpi=150, metadata=_METADATA[format])
    return file.getvalue()


def _format(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")
