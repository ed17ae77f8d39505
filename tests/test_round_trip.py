"""Every kind of image file through the command line: mode, depth, size, profile and orientation."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

import imgnet
from imgnet.cli.app import run
from imgnet.encoder import encode as encoding
from imgnet.image.files import read_photo
from imgnet.metrics.psnr import psnr_db
from imgnet.request.efforts import Schedule
from support.picture_files import (
    GREY_ICC,
    ORIENTATION,
    SRGB,
    XMP,
    as_image,
    chunk,
    ink_profile,
    png,
    stored,
    tiff,
)
from support.pictures import deep_noise, ramp

Capture = pytest.CaptureFixture[str]
FAMILIES = ["grid", "mlp"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, one_thread: None) -> None:  # noqa: ARG001
    monkeypatch.setattr(encoding, "schedule_for", lambda _effort, _model: Schedule(4, 4096, 0.25))


def bits(count: int) -> bytes:
    """Return a grey PNG of 1, 2 or 4 bits."""
    levels = np.arange(13 * 20).reshape(13, 20, 1) % (1 << count)
    return png(levels.astype(np.uint8), count)


def palette(**options: Any) -> bytes:
    return stored(as_image(ramp(3)).quantize(16), **options)


def cmyk() -> bytes:
    return stored(as_image(ramp(3)).convert("CMYK"), "JPEG")


def deep_key() -> bytes:
    """Return a PNG one of whose colours is transparent."""
    noise = deep_noise(3)
    return png(noise, extra=chunk(b"tRNS", noise[2, 3].astype(">u2").tobytes()))


def animation(format: str, **options: Any) -> bytes:
    frames = [as_image(ramp(3)), as_image(ramp(3)[::-1])]
    return stored(frames[0], format, save_all=True, append_images=frames[1:], **options)


KINDS: dict[str, tuple[Callable[[], bytes], str, int]] = {
    "png 1": (lambda: bits(1), "L", 8),
    "png 2": (lambda: bits(2), "L", 8),
    "png 4": (lambda: bits(4), "L", 8),
    "png 8 grey": (lambda: stored(as_image(ramp(1))), "L", 8),
    "png 8 grey alpha": (lambda: stored(as_image(ramp(2))), "LA", 8),
    "png 8": (lambda: stored(as_image(ramp(3))), "RGB", 8),
    "png 8 alpha": (lambda: stored(as_image(ramp(4))), "RGBA", 8),
    "png 16 grey": (lambda: png(deep_noise(1)), "L", 16),
    "png 16 grey alpha": (lambda: png(deep_noise(2)), "LA", 16),
    "png 16": (lambda: png(deep_noise(3)), "RGB", 16),
    "png 16 alpha": (lambda: png(deep_noise(4)), "RGBA", 16),
    "png 16 key": (deep_key, "RGBA", 16),
    "palette": (palette, "RGB", 8),
    "palette with transparency": (lambda: palette(transparency=3), "RGBA", 8),
    "jpeg": (lambda: stored(as_image(ramp(3)), "JPEG"), "RGB", 8),
    "jpeg grey": (lambda: stored(as_image(ramp(1)), "JPEG"), "L", 8),
    "jpeg progressive": (lambda: stored(as_image(ramp(3)), "JPEG", progressive=True), "RGB", 8),
    "jpeg cmyk": (cmyk, "RGB", 8),
    "webp": (lambda: stored(as_image(ramp(3)), "WEBP"), "RGB", 8),
    "webp alpha": (lambda: stored(as_image(ramp(4)), "WEBP", lossless=True), "RGBA", 8),
    "avif": (lambda: stored(as_image(ramp(3)), "AVIF"), "RGB", 8),
    "tiff 8": (lambda: stored(as_image(ramp(3)), "TIFF"), "RGB", 8),
    "tiff lzw": (lambda: stored(as_image(ramp(3)), "TIFF", compression="tiff_lzw"), "RGB", 8),
    "tiff 16 grey": (lambda: tiff(deep_noise(1)), "L", 16),
    "tiff 16": (lambda: tiff(deep_noise(3), ">"), "RGB", 16),
    "tiff 16 deflate": (lambda: tiff(deep_noise(3), compressed=True), "RGB", 16),
    "tiff 16 alpha": (lambda: tiff(deep_noise(4), extra_samples=2), "RGBA", 16),
    "bmp": (lambda: stored(as_image(ramp(3)), "BMP"), "RGB", 8),
    "gif animation": (lambda: animation("GIF"), "RGB", 8),
    "png animation": (lambda: animation("PNG"), "RGB", 8),
    "webp animation": (lambda: animation("WEBP", lossless=True), "RGB", 8),
}


def fit(source: Path, *options: str, model: str = "mlp") -> Path:
    target = source.with_name("encoded.inr")
    line = ["encode", str(source), "-o", str(target), "--model", model, "--dim-hidden", "4"]
    assert run([*line, "--quiet", *options]) == 0
    return target


def draw(encoded: Path, name: str, *options: str) -> Path:
    target = encoded.with_name(name)
    assert run(["decode", str(encoded), "-o", str(target), *options]) == 0
    return target


def loaded(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image


def reference(data: bytes, mode: str) -> NDArray[np.uint8]:
    """Return what Pillow makes of a file."""
    with Image.open(BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):
            return ((np.asarray(upright).astype(int) + 128) // 257)[..., None].astype(np.uint8)
        return np.asarray(upright.convert(mode)).reshape(upright.height, upright.width, -1)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_is_read_as_pillow_reads_it(kind: str) -> None:
    make, mode, depth = KINDS[kind]
    pixels, profile = read_photo(BytesIO(make()))
    assert (profile.mode, profile.depth) == (mode, depth)
    if depth == 16:
        pixels = (pixels >> 8).astype(np.uint8)  # Pillow cuts the lower byte off
    expected = reference(make(), mode)
    # Pillow compares the upper bytes alone with a transparent colour, and so finds more of it.
    tolerance = 1 if kind in ("png 16 grey", "tiff 16 grey") else 0
    colours = slice(None, 3 if kind == "png 16 key" else None)
    difference = np.abs(pixels[..., colours].astype(int) - expected[..., colours])
    assert difference.max() <= tolerance


@pytest.mark.parametrize("kind", KINDS)
def test_mode_depth_and_size_come_back(kind: str, tmp_path: Path) -> None:
    make, mode, depth = KINDS[kind]
    source = tmp_path / "source"
    source.write_bytes(make())
    encoded = fit(source)
    # Pillow reads grey and alpha of 16 bits in a TIFF as colours.
    in_tiff = "RGBA" if (mode, depth) == ("LA", 16) else mode
    for extension, expected in (("png", mode), ("tiff", in_tiff)):
        pixels, profile = read_photo(draw(encoded, f"drawn.{extension}"))
        assert pixels.shape[:2] == (13, 20)
        assert profile.depth == depth
        # A rough fit may drop all alpha.
        assert profile.mode == expected or pixels[..., -1].min() == 255


def turned(orientation: int, format: str) -> bytes:
    """Return a file that says how to turn its pixels, and which camera took them."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x010F] = orientation, "Camera 1"
    options: dict[str, Any] = {"lossless": True} if format == "WEBP" else {}
    return stored(as_image(ramp(3)), format, exif=exif.tobytes(), **options)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_in_the_pixels(orientation: int, format: str) -> None:
    data = turned(orientation, format)
    assert np.array_equal(read_photo(BytesIO(data))[0], reference(data, "RGB"))


@pytest.mark.parametrize(("orientation", "format"), [(3, "PNG"), (6, "JPEG"), (8, "TIFF")])
def test_orientation_does_not_come_back(orientation: int, format: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(turned(orientation, format))
    expected = reference(source.read_bytes(), "RGB")
    drawn = loaded(draw(fit(source), "drawn.png"))
    assert drawn.size == expected.shape[1::-1]
    assert drawn.getexif()[0x010F] == "Camera 1"
    assert drawn.getexif().get(ORIENTATION, 1) == 1


@pytest.mark.parametrize("model", FAMILIES)
@pytest.mark.parametrize("extension", ["png", "jpg", "webp", "avif", "tiff"])
def test_metadata_comes_back_in_every_format(model: str, extension: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera 1"
    source = tmp_path / "source.jpg"
    image = as_image(ramp(3))
    source.write_bytes(stored(image, "JPEG", icc_profile=SRGB, exif=exif.tobytes(), xmp=XMP))
    drawn = loaded(draw(fit(source, model=model), f"drawn.{extension}"))
    assert drawn.info["icc_profile"] == SRGB
    assert drawn.getexif()[0x010F] == "Camera 1"
    assert b'Orientation="1"' in drawn.info["xmp"]


def test_a_profile_of_grey_comes_back(tmp_path: Path) -> None:
    source = tmp_path / "source.png"
    source.write_bytes(stored(as_image(ramp(1)), icc_profile=GREY_ICC))
    encoded = fit(source)
    assert loaded(draw(encoded, "drawn.png")).info["icc_profile"] == GREY_ICC
    assert "icc_profile" not in loaded(draw(encoded, "drawn.webp")).info  # which knows no grey


@pytest.mark.parametrize("icc", [ink_profile(), SRGB, b""], ids=["inks", "wrong", "none"])
def test_cmyk_goes_through_its_profile_and_leaves_it_behind(icc: bytes, tmp_path: Path) -> None:
    source = tmp_path / "source.tif"
    source.write_bytes(stored(Image.new("CMYK", (9, 7), (255, 0, 0, 0)), "TIFF", icc_profile=icc))
    pixels, profile = read_photo(source)
    assert (profile.mode, profile.metadata.icc) == ("RGB", b"")
    cyan, grey = [0, 255, 255], [119, 119, 119]
    assert np.abs(pixels[3, 3].astype(int) - (grey if icc == ink_profile() else cyan)).max() < 3


@pytest.mark.parametrize(
    ("choice", "kinds"), [("all", ["icc", "exif", "xmp"]), ("icc", ["icc"]), ("none", [])]
)
def test_metadata_by_choice(choice: str, kinds: list[str], tmp_path: Path, capfd: Capture) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera 1"
    source = tmp_path / "source.webp"
    image = as_image(ramp(3))
    source.write_bytes(stored(image, "WEBP", icc_profile=SRGB, exif=exif.tobytes(), xmp=XMP))
    encoded = fit(source, "--metadata", choice)
    assert run(["info", "--json", str(encoded)]) == 0
    record = json.loads(capfd.readouterr().out)
    assert list(record["metadata"]) == kinds
    assert record["bpp"] == pytest.approx(8 * encoded.stat().st_size / 260)
    if choice == "icc":
        assert record["metadata"]["icc"] == len(SRGB)
        assert encoded.stat().st_size > len(SRGB)
    assert run(["info", str(encoded)]) == 0
    assert ("\nmetadata" in capfd.readouterr().out) == bool(kinds)


def test_the_size_of_a_target_includes_metadata(tmp_path: Path) -> None:
    source = tmp_path / "source.webp"
    source.write_bytes(stored(as_image(ramp(3)), "WEBP", icc_profile=SRGB))
    size = len(SRGB) + 900
    target = source.with_name("encoded.inr")
    line = ["encode", str(source), "-o", str(target), "--target-size", str(size), "--quiet"]
    for model in FAMILIES:
        assert run([*line, "--model", model]) == 0
        assert len(SRGB) + 300 < target.stat().st_size <= size
        assert imgnet.open(target).metadata.icc == SRGB


def test_depth_by_option_and_by_format(tmp_path: Path, capfd: Capture) -> None:
    (tmp_path / "deep.png").write_bytes(png(deep_noise(3)))
    (tmp_path / "flat.png").write_bytes(stored(as_image(ramp(3))))
    deep = fit(tmp_path / "deep.png").rename(tmp_path / "deep.inr")
    flat = fit(tmp_path / "flat.png").rename(tmp_path / "flat.inr")
    depths = {
        "a.png": (deep, [], 16),
        "b.png": (deep, ["--depth", "8"], 8),
        "c.jpg": (deep, [], 8),
        "d.ppm": (deep, [], 16),
        "e.png": (flat, [], 8),
        "f.tif": (flat, ["--depth", "16"], 16),
        "g.png": (deep, ["--size", "300%"], 16),
        "h.png": (deep, ["--crop", "1,2,3,4"], 16),
    }
    for name, (encoded, options, depth) in depths.items():
        assert read_photo(draw(encoded, name, *options))[1].depth == depth, name
    line = ["decode", str(deep), "-o", str(tmp_path / "i.jpg"), "--depth", "16"]
    assert run(line) == 2
    assert "i.jpg: JPEG holds 8 bits" in capfd.readouterr().err
    assert not (tmp_path / "i.jpg").exists()
    scaled = tmp_path / "scaled.png"
    assert run(["resample", str(deep), "-o", str(scaled), "--scale", "2"]) == 0
    assert read_photo(scaled)[1].depth == 16
    line = ["resample", str(tmp_path / "deep.png"), "-o", str(scaled), "--scale", "2"]
    assert run([*line, "--model", "mlp", "--depth", "8", "--quiet"]) == 0
    assert read_photo(scaled)[1].depth == 8


def test_info_tells_the_depth(tmp_path: Path, capfd: Capture) -> None:
    (tmp_path / "deep.png").write_bytes(png(deep_noise(3)))
    encoded = fit(tmp_path / "deep.png")
    assert run(["info", "--json", str(encoded)]) == 0
    record = json.loads(capfd.readouterr().out)
    assert record["depth"] == 16
    assert record["ratio"] == pytest.approx(13 * 20 * 3 * 2 / encoded.stat().st_size)
    assert run(["info", str(encoded)]) == 0
    assert "20x13 RGB, 16 bits a sample" in capfd.readouterr().out


def test_what_is_not_read_is_said_once(tmp_path: Path, capfd: Capture) -> None:
    source = tmp_path / "source.gif"
    source.write_bytes(animation("GIF"))
    line = ["encode", str(source), "-o", str(tmp_path / "a.inr"), "--model", "mlp"]
    assert run([*line, "--dim-hidden", "4"]) == 0
    note, result, *_advice = capfd.readouterr().err.splitlines()
    assert note == f"imgnet: {source}: holds 2 pictures; only the first is read"
    assert "a.inr" in result
    fit(source)
    assert capfd.readouterr().err == ""  # --quiet
    imgnet.encode(source, model="mlp", dim_hidden=4)
    assert capfd.readouterr().err == ""  # the command line only


ODD_FILES: dict[str, tuple[bytes, str]] = {
    "text": (
        png(ramp(3), 8, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2_000_000)))),
        "holds text too large to keep; it is left out",
    ),
    "end": (
        stored(as_image(ramp(3)), "JPEG").removesuffix(b"\xff\xd9"),
        "lacks its end marker; all its pixels are read",
    ),
    "cmyk": (
        tiff(deep_noise(4), photometric=5),
        "holds 16 bits a sample, read as 8; make it a PNG of 16 to keep them",
    ),
    "signed": (
        tiff(deep_noise(1).astype(np.int32)),
        "holds signed or 32-bit samples; read as 16 bits, with white at 65535",
    ),
}


@pytest.mark.parametrize("kind", ODD_FILES)
def test_an_odd_file_is_encoded_with_one_warning(kind: str, tmp_path: Path, capfd: Capture) -> None:
    data, warning = ODD_FILES[kind]
    (tmp_path / "source").write_bytes(data)
    line = ["encode", str(tmp_path / "source"), "-o", str(tmp_path / "a.inr"), "--model", "mlp"]
    assert run([*line, "--dim-hidden", "4"]) == 0
    note, result, *_advice = capfd.readouterr().err.splitlines()
    assert note == f"imgnet: {tmp_path / 'source'}: {warning}"
    assert "a.inr" in result


def test_floats_of_another_range_are_refused_in_one_line(tmp_path: Path, capfd: Capture) -> None:
    source = tmp_path / "source.tif"
    source.write_bytes(tiff(ramp(1).astype(np.float32)))
    assert run(["encode", str(source), "-o", str(tmp_path / "a.inr")]) == 3
    fault = f"{source}: holds samples from 0 to 152; scale them to 0..1 first"
    assert capfd.readouterr().err == f"imgnet: {fault}\n"
    assert not (tmp_path / "a.inr").exists()


def test_the_profile_of_linear_light_comes_back(tmp_path: Path) -> None:
    source = tmp_path / "source.png"
    source.write_bytes(png(ramp(3), 8, chunk(b"gAMA", (100_000).to_bytes(4))))
    icc = read_photo(source)[1].metadata.icc
    assert icc
    assert loaded(draw(fit(source), "drawn.png")).info["icc_profile"] == icc


def test_16_bits_through_the_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "schedule_for", lambda _effort, _model: Schedule(80, 4096, 0.25))
    y, x = np.mgrid[0:24, 0:32]
    pixels = np.stack([x * 1500, y * 2000, 30000 + x * 0], axis=2).astype(np.uint16)
    encoded = imgnet.encode(pixels, quality=95)
    assert (encoded.mode, encoded.depth) == ("RGB", 16)
    imgnet.save(encoded, tmp_path / "a.inr")
    deep = imgnet.decode(tmp_path / "a.inr", depth=16)
    assert deep.dtype == np.uint16
    assert encoded.report is not None
    assert encoded.report.psnr_db == pytest.approx(psnr_db(pixels, deep))
    assert encoded.report.psnr_db > 30
    assert imgnet.decode(tmp_path / "a.inr").dtype == np.uint8
    assert imgnet.resample(encoded, scale=2, depth=16).shape == (48, 64, 3)
    with pytest.raises(imgnet.UsageError, match="depth 12"):
        imgnet.decode(encoded, depth=12)
