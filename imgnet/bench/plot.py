"""Figure of mean PSNR over mean bits a pixel, with a curve for every codec."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from imgnet.bench.curves import Curve
from imgnet.errors import UsageError
from imgnet.image.atomic import write_atomically

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


def plot(ours: Mapping[str, Curve], others: Mapping[str, Curve], title: str, path: Path) -> None:
    """Plot curves, ours as thick lines; our rates and PSNRs set the limits of the axes.

    Args:
        ours: At least one curve, by name.
        others: Curves of other codecs, by name.
        title: Title of the figure.
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
    # Ours first, so that their colours do not depend on the others.
    for name, curve in ours.items():
        axes.plot(*zip(*curve, strict=True), "o-", linewidth=2.5, label=name, zorder=3)
    for name, curve in others.items():
        axes.plot(*zip(*curve, strict=True), ".--", linewidth=1.2, label=name)
    axes.set(title=title, xlabel="bits a pixel", ylabel="PSNR in dB", xscale="log")
    _frame(axes, [point for curve in ours.values() for point in curve])
    axes.grid(visible=True, which="both", alpha=0.25)
    axes.legend()
    with mpl.rc_context({"svg.hashsalt": "imgnet"}):
        write_atomically(path, _file_of(figure, _format(path)))


def _frame(axes: Any, points: Curve) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    rates, psnrs = [rate for rate, _ in points], [psnr for _, psnr in points]
    axes.set_xlim(min(rates) / MARGIN, max(rates) * MARGIN)
    axes.set_ylim(min(psnrs) - MARGIN_DB, max(psnrs) + MARGIN_DB)
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _file_of(figure: Any, format: str) -> bytes:
    file = BytesIO()
    figure.savefig(file, format=format, dpi=150, metadata=_METADATA[format])
    return file.getvalue()


def _format(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")
