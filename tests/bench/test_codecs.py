"""Other codecs, measured live."""

from __future__ import annotations

import importlib.util
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from imgnet.bench import codecs
from imgnet.bench.curves import by_codec
from imgnet.errors import UsageError
from imgnet.metrics.psnr import bpp, psnr_db
from support.paths import SAMPLES

has_jxl = importlib.util.find_spec("pillow_jxl") is not None


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    """A part of a photograph."""
    path = tmp_path / "cat.png"
    with Image.open(SAMPLES / "chelsea.png") as image:
        image.crop((150, 80, 278, 176)).save(path)
    return path


@pytest.mark.parametrize("configuration", ["jpeg", "webp", "avif-420", "avif-444", "jxl"])
def test_a_ladder_goes_from_very_low_to_high(configuration: str, cat: Path) -> None:
    if configuration == "jxl" and not has_jxl:
        pytest.skip("needs the extra `bench`")
    if configuration.startswith("avif") and not features.check("avif"):
        pytest.skip("Pillow has no AVIF here")
    points = codecs.measure(cat, configuration)
    assert 10 <= len(points) <= 14
    assert {(p.image, p.codec) for p in points} == {("cat", configuration)}
    assert len({p.options for p in points}) == len(points)
    assert points[0].bpp < 0.5
    assert points[0].psnr_db < 27
    assert points[-1].psnr_db > 39


def test_a_point_is_what_pillow_gives(cat: Path) -> None:
    original = Image.open(cat)
    file = BytesIO()
    original.save(file, "JPEG", quality=35, optimize=True, progressive=True, subsampling="4:2:0")
    (point,) = [p for p in codecs.measure(cat, "jpeg") if "quality=35," in p.options]
    assert point.bpp == pytest.approx(bpp(len(file.getvalue()), 128, 96), abs=1e-6)
    decoded = np.asarray(Image.open(file))
    assert point.psnr_db == pytest.approx(psnr_db(np.asarray(original), decoded), abs=1e-4)
    assert point.options == "quality=35, optimize=True, progressive=True, subsampling=4:2:0"


def test_grey_pictures_are_measured_as_grey(cat: Path, tmp_path: Path) -> None:
    Image.open(cat).convert("L").save(tmp_path / "grey.png")
    Image.open(tmp_path / "grey.png").convert("RGB").save(tmp_path / "colour.png")
    grey, colour = (codecs.measure(tmp_path / n, "jpeg") for n in ("grey.png", "colour.png"))
    assert grey[8].psnr_db == pytest.approx(colour[8].psnr_db, abs=0.1)
    assert grey[8].bpp < colour[8].bpp


@pytest.mark.skipif(not features.check("avif"), reason="Pillow has no AVIF here")
def test_avif_is_the_same_whatever_the_cores() -> None:
    for configuration in ("avif-420", "avif-444"):
        for setting in codecs.CONFIGURATIONS[configuration].settings():
            assert (setting["autotiling"], setting["max_threads"]) == (False, 1)


def test_every_peer_has_its_configuration() -> None:
    assert [configuration for name in codecs.BASELINES.values() for configuration in name] == list(
        codecs.CONFIGURATIONS
    )
    assert codecs.BASELINES["avif"] == ["avif-420", "avif-444"]


def test_unknown_baselines_are_refused() -> None:
    with pytest.raises(UsageError, match="'heic' is not one of jpeg, webp, avif, jxl"):
        codecs.check(["jpeg", "heic"])


def test_a_missing_plug_in_is_named(monkeypatch: pytest.MonkeyPatch, cat: Path) -> None:
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    for attempt in (lambda: codecs.check(["jxl"]), lambda: codecs.measure(cat, "jxl")):
        with pytest.raises(UsageError, match=r'pip install "imgnet\[bench\]"'):
            attempt()


def test_a_missing_encoder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda name: name != "avif")
    codecs.check(["jpeg", "webp"])
    with pytest.raises(UsageError, match="avif"):
        codecs.check(["avif"])


def test_points_name_their_configuration(cat: Path) -> None:
    points = codecs.measure(cat, "jpeg") + codecs.measure(cat, "webp")
    assert list(by_codec(points)) == ["jpeg", "webp"]
