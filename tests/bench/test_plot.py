"""The figure."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from imgnet.bench import plot
from imgnet.bench.results import TradeOff
from imgnet.errors import OutputError, UsageError

OURS = {"gated effort 3": [(0.2, 27.0), (0.4, 30.0)]}
OTHERS = {"old codec": [(0.1, 22.0), (0.3, 26.0), (0.9, 31.0)]}
TRADE_OFFS = {("gated", "old"): [TradeOff(3, 9.0, 12.5, 2), TradeOff(5, 80.0, -7.5, 1)]}

needs_matplotlib = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="needs the extra `bench`"
)


@needs_matplotlib
def test_a_figure_names_every_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib as mpl

    monkeypatch.setitem(mpl.rcParams, "svg.fonttype", "none")  # text as text
    path = tmp_path / "rd.svg"
    plot.plot(OURS, OTHERS, TRADE_OFFS, "Mean over 2 images", path)
    drawn = path.read_text()
    for text in ("gated effort 3", "old codec", "Mean over 2 images", "bits a pixel"):
        assert text in drawn
    for text in ("gated against old", ">effort 3<", ">effort 5<", "at one rate", "BD-rate in %"):
        assert text in drawn


@needs_matplotlib
def test_trade_offs_have_the_colour_of_their_codec(tmp_path: Path) -> None:
    def drawn(trade_offs: plot.TradeOffs) -> str:
        plot.plot(OURS, OTHERS, trade_offs, "title", tmp_path / "rd.svg")
        return (tmp_path / "rd.svg").read_text()

    alone, beside = drawn({}), drawn(TRADE_OFFS)
    ours, theirs = "#1f77b4", "#ff7f0e"  # the first colours of matplotlib
    assert beside.count(ours) == alone.count(ours)
    assert beside.count(theirs) > alone.count(theirs)
    # A hollow point has the colour of its codec around white.
    assert f"fill: #ffffff; stroke: {theirs}" in beside
    wide = {key: [replace(p, num_rates=2) for p in points] for key, points in TRADE_OFFS.items()}
    assert f"fill: #ffffff; stroke: {theirs}" not in drawn(wide)


@needs_matplotlib
def test_without_trade_offs_the_curves_are_alone(tmp_path: Path) -> None:
    for name, trade_offs in (("alone.png", {}), ("beside.png", TRADE_OFFS)):
        plot.plot(OURS, OTHERS, trade_offs, "title", tmp_path / name)
    with Image.open(tmp_path / "alone.png") as alone, Image.open(tmp_path / "beside.png") as beside:
        assert alone.width * 1.5 < beside.width
        assert alone.height == beside.height


@needs_matplotlib
@pytest.mark.parametrize("name", ["rd.svg", "rd.pdf", "rd.png"])
def test_the_same_curves_give_the_same_file(name: str, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        plot.plot(OURS, OTHERS, TRADE_OFFS, "title", tmp_path / folder / name)
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    if name.endswith("png"):
        with Image.open(tmp_path / "a" / name) as image:
            assert min(image.size) > 500


@needs_matplotlib
def test_a_figure_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="absent"):
        plot.plot(OURS, {}, {}, "title", tmp_path / "absent" / "rd.svg")


@needs_matplotlib
def test_names_that_tell_no_format() -> None:
    plot.check(Path("rd.SVG"))
    for name in ("rd.jpg", "rd", "svg"):
        with pytest.raises(UsageError, match=r"\.png, \.svg, \.pdf"):
            plot.check(Path(name))


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r'pip install "imgnet\[bench\]"'):
        plot.check(Path("rd.svg"))
