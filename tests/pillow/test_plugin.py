"""Pillow opens, draws, checks and writes .inr files as it does those of its own formats."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.ExifTags import GPS, IFD, Base
from safetensors.numpy import save as save_tensors

import imgnet
from imgnet.codec.format.container import Encoded, from_bytes, to_bytes
from imgnet.image.files import read_image
from imgnet.pillow.plugin import photo_of
from imgnet.spec import Spec
from support.paths import GOLDEN

NAMES = ["v1-grid", "v1-grid-float16", "v1-gated", "v1-mlp"]


class Counted(BytesIO):
    """A file that counts the bytes that are read."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


@pytest.fixture
def golden() -> Path:
    return GOLDEN / "v1-grid.inr"


def header_bytes(data: bytes) -> int:
    return 8 + int.from_bytes(data[:8], "little")


@pytest.mark.parametrize("name", NAMES)
def test_pixels_are_those_of_decode(name: str) -> None:
    with Image.open(GOLDEN / f"{name}.inr") as image:
        assert (image.format, image.mode, image.size) == ("INR", "RGB", (48, 32))
        assert (np.asarray(image) == imgnet.decode(GOLDEN / f"{name}.inr")).all()


def test_opening_reads_the_header_only(golden: Path) -> None:
    data = golden.read_bytes()
    file = Counted(data)
    image = Image.open(file)
    assert image.size == (48, 32)
    assert file.count < header_bytes(data) + 100 < len(data)
    image.load()
    assert file.count > len(data)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 2), ("RGBA", 4)])
def test_modes(mode: str, channels: int) -> None:
    spec = Spec("mlp", 5, 4, 0, 3, 1, dim_out=channels)
    rng = np.random.default_rng(0)
    tensors = {n: rng.normal(size=s).astype(np.float32) for n, s in spec.shapes().items()}
    encoded = Encoded(spec, mode, tensors)
    with Image.open(BytesIO(to_bytes(encoded))) as image:
        assert (image.mode, image.size) == (mode, (5, 4))
        pixels = np.asarray(image).reshape(4, 5, channels)
    assert (pixels == imgnet.decode(encoded)).all()


def test_metadata_is_there_before_the_pixels(photo: Path) -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[Base.Artist] = "somebody"
    with Image.open(photo) as image:
        image.save(photo, icc_profile=icc, exif=exif)
    with Image.open(photo) as image:
        image.save(photo.with_suffix(".inr"), model="mlp", dim_hidden=2, time_limit=0.1)
    with Image.open(photo.with_suffix(".inr")) as image:
        assert image.info["icc_profile"] == icc
        assert image.getexif()[Base.Artist] == "somebody"
        image.save(photo)
    with Image.open(photo) as image:
        assert image.info["icc_profile"] == icc


TINY = {"model": "mlp", "dim_hidden": 2, "time_limit": 0.1}
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'


@pytest.fixture
def sideways(photo: Path) -> Path:
    """A JPEG of 24x16 pixels to be shown as 16x24, with all kinds of metadata and a place."""
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    exif[Base.Artist] = "somebody"
    exif[IFD.GPSInfo] = {GPS.GPSLatitudeRef: "N", GPS.GPSLatitude: (48.0, 12.0, 30.0)}
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = photo.with_suffix(".jpg")
    with Image.open(photo) as image:
        image.save(path, exif=exif, icc_profile=icc, xmp=XMP, quality=95)
    return path


def saved(image: Image.Image, **arguments: Any) -> Encoded:
    file = BytesIO()
    image.save(file, "INR", **TINY, **arguments)
    return from_bytes(file.getvalue())


def test_saving_keeps_metadata_unless_told(sideways: Path) -> None:
    with Image.open(sideways) as image:
        kept = saved(image).metadata
        assert set(kept.parts()) == {"icc", "exif", "xmp"}
        for ours, theirs in (("icc", "icc_profile"), ("exif", "exif"), ("xmp", "xmp")):
            for nothing in (b"", None):
                rest = saved(image, **{theirs: nothing}).metadata
                assert rest == replace(kept, **{ours: b""})
        assert saved(image, xmp="<x/>").metadata.xmp == b"<x/>"
        icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
        assert saved(image, icc_profile=icc).metadata.icc == b""  # of pixels that are RGB


@pytest.mark.parametrize(
    "arguments_of",
    [lambda exif: {"exif": exif}, lambda exif: {"exif": exif.tobytes()}, lambda _: {}],
)
def test_a_place_that_was_deleted_is_not_stored(arguments_of: Any, sideways: Path) -> None:
    with Image.open(sideways) as image:
        before = saved(image)
        exif = image.getexif()
        assert exif.get_ifd(IFD.GPSInfo)
        assert saved(image).metadata == before.metadata  # to look is not to edit
        del exif[IFD.GPSInfo]
        encoded = saved(image, **arguments_of(exif))
    stored = Image.Exif()
    stored.load(encoded.metadata.exif)
    assert (stored[Base.Artist], stored[Base.Orientation]) == ("somebody", 1)
    assert not stored.get_ifd(IFD.GPSInfo)
    assert (encoded.spec.width, encoded.spec.height) == (16, 24)


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_an_image_as_opened_is_stored_upright_like_its_file(extension: str, sideways: Path) -> None:
    path = sideways.with_suffix(extension)
    with Image.open(sideways) as image:
        image.save(path, exif=image.getexif())
    pixels, _ = read_image(path)
    with Image.open(path) as image:
        image.load()
        for arguments in ({}, {"exif": b""}, {"exif": image.info["exif"]}):
            image.encoderinfo = arguments
            assert np.array_equal(photo_of(image)[0], pixels)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.rotate(270, expand=True),
        lambda image: image.transpose(Image.Transpose.ROTATE_270),
        lambda image: image.resize((12, 8)),
        lambda image: image.crop((0, 0, 12, 8)),
        lambda image: image.convert("L"),
        lambda image: image.copy(),
        ImageOps.exif_transpose,
        ImageOps.mirror,
    ],
)
@pytest.mark.parametrize("passed_on", [False, True])
def test_an_image_that_was_changed_is_stored_as_it_is(
    change: Any, passed_on: bool, sideways: Path
) -> None:
    with Image.open(sideways) as image:
        changed = change(image)
        before = dict(changed.info)
        changed.encoderinfo = {"exif": image.info["exif"]} if passed_on else {}
    pixels, profile = photo_of(changed)
    assert np.array_equal(pixels.squeeze(), np.asarray(changed))
    stored = Image.Exif()
    stored.load(profile.metadata.exif)
    assert stored.get(Base.Orientation, 1) == 1
    assert stored[Base.Artist] == "somebody"
    assert changed.info == before


def test_an_image_turned_in_place_is_not_turned_again(sideways: Path) -> None:
    with Image.open(sideways) as image:
        ImageOps.exif_transpose(image, in_place=True)
        image.encoderinfo = {}
        assert np.array_equal(photo_of(image)[0], np.asarray(image))


def test_deep_pictures_are_drawn_in_8_bits(golden: Path) -> None:
    encoded = replace(imgnet.open(golden), depth=16)
    with Image.open(BytesIO(to_bytes(encoded))) as image:
        assert (np.asarray(image) == imgnet.decode(golden)).all()


def test_files_and_streams_are_closed_as_pillow_does(golden: Path) -> None:
    image = Image.open(golden)
    file = image.fp
    assert file is not None
    image.load()
    assert file.closed
    with golden.open("rb") as stream:
        Image.open(stream).load()
        assert not stream.closed


def test_a_thumbnail_is_drawn_small(golden: Path) -> None:
    with Image.open(golden) as whole, Image.open(golden) as image:
        image.thumbnail((12, 12))
        assert image.size == (12, 8)
        whole.load()
        whole.thumbnail((12, 12))
        difference = np.abs(np.asarray(image).astype(int) - np.asarray(whole))
    assert difference.mean() < 3


@pytest.mark.parametrize(
    ("wanted", "size"),
    [
        ((48, 32), (48, 32)),
        ((25, 10), (48, 32)),
        ((24, 16), (24, 16)),
        ((10, 10), (24, 16)),  # a third would do, but only halves are drawn
        ((1, 1), (2, 1)),
        ((0, 0), (2, 1)),
        ((500, 500), (48, 32)),
    ],
)
def test_draft(wanted: tuple[int, int], size: tuple[int, int]) -> None:
    with Image.open(GOLDEN / "v1-mlp.inr") as image:
        result = image.draft(None, wanted)
        assert result == ("RGB", (0, 0, *size))
        assert image.size == size
        assert np.asarray(image).shape == (size[1], size[0], 3)


def test_a_draft_can_be_taken_back_until_it_is_drawn(golden: Path) -> None:
    with Image.open(golden) as image:
        assert image.draft("L", None) is None
        image.draft(None, (12, 8))
        assert image.size == (12, 8)
        image.draft(None, (48, 32))
        assert image.size == (48, 32)
        image.load()
        assert image.draft(None, (12, 8)) is None
        assert image.size == (48, 32)


@pytest.mark.parametrize("loaded", [False, True])
def test_copies_and_pickles(golden: Path, loaded: bool) -> None:
    expected = imgnet.decode(golden)
    with Image.open(golden) as image:
        if loaded:
            image.load()
        for other in (image.copy(), copy.deepcopy(image), pickle.loads(pickle.dumps(image))):
            assert (np.asarray(other) == expected).all()
        revived = pickle.loads(pickle.dumps(image))
        assert revived == image
        assert revived.draft(None, (1, 1)) is None
        assert image.convert("L").rotate(90, expand=True).size == (32, 48)


def test_verify_reads_all_and_draws_nothing(golden: Path) -> None:
    with Image.open(golden) as image:
        image.verify()
    data = bytearray(golden.read_bytes())
    data[-1] ^= 1
    image = Image.open(BytesIO(data))
    with pytest.raises(OSError, match="checksum"):
        image.verify()


def test_a_file_cut_anywhere_fails_at_opening_or_at_loading(golden: Path) -> None:
    data = golden.read_bytes()
    for end in range(len(data)):
        try:
            image = Image.open(BytesIO(data[:end]))
        except OSError:  # UnidentifiedImageError is one
            assert end < header_bytes(data)
            continue
        assert end >= header_bytes(data)
        with pytest.raises(OSError, match="cut short"):
            image.load()
        with pytest.raises(OSError, match="cut short"):
            Image.open(BytesIO(data[:end])).verify()


def test_damaged_bytes_are_found_by_loading(golden: Path) -> None:
    data = bytearray(golden.read_bytes())
    data[header_bytes(data) + 20] ^= 255
    with pytest.raises(OSError, match="checksum"):
        Image.open(BytesIO(data)).load()


def test_a_newer_file_says_so(golden: Path) -> None:
    newer = golden.read_bytes().replace(b'"inr":"1 ', b'"inr":"9 ')
    with pytest.raises(OSError, match="written in format 9"):
        Image.open(BytesIO(newer))


def test_safetensors_files_of_others_are_left_to_others() -> None:
    foreign = save_tensors({"inr": np.zeros(4, np.float32)}, {"format": "pt"})
    with pytest.raises(UnidentifiedImageError):
        Image.open(BytesIO(foreign))
    with pytest.raises(UnidentifiedImageError):
        Image.open(BytesIO(bytes(8) + b"{" + bytes(100)))


def test_another_plugin_may_read_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(Image.Image):
        def __init__(self, file: Any, _filename: object) -> None:
            super().__init__()
            self._size = (1, 1)
            assert file.tell() == 0

    monkeypatch.setitem(Image.OPEN, "OTHER", (Other, lambda prefix: prefix[8:9] == b"{"))
    file = BytesIO(save_tensors({"x": np.zeros(4)}))
    assert isinstance(Image.open(file, formats=["INR", "OTHER"]), Other)


def test_a_picture_beyond_pillows_limit_is_refused(
    golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 700)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(golden)


def test_saving_passes_the_options_on(photo: Path) -> None:
    target = photo.with_name("saved.inr")
    with Image.open(photo) as image:
        image.save(target, model="mlp", dim_hidden=6, num_layers=1, effort=1, optimize=True)
    encoded = imgnet.open(target)
    assert (encoded.spec.family, encoded.spec.dim_hidden) == ("mlp", 6)
    file = BytesIO()
    with Image.open(photo) as image:
        image.convert("P").save(file, "INR", quality=20, effort=1)
    encoded = from_bytes(file.getvalue())
    assert (encoded.spec.family, encoded.mode) == ("grid", "RGB")


def test_saving_refuses_as_pillow_does(photo: Path) -> None:
    target = photo.with_name("saved.inr")
    with Image.open(photo) as image:
        with pytest.raises(ValueError, match="effort 12"):
            image.save(target, effort=12)
        with pytest.raises(OSError, match="9 bytes"):
            image.save(target, target_size=9, effort=1)
    assert not target.exists()


def test_encode_does_not_take_files_for_pictures(golden: Path, tmp_path: Path) -> None:
    with pytest.raises(imgnet.InputError, match=r"v1-grid\.inr: not an image of a known format"):
        imgnet.encode(golden)
    with pytest.raises(imgnet.InputError, match="not an image"):
        read_image(BytesIO(golden.read_bytes()))
    renamed = tmp_path / "picture.png"
    renamed.write_bytes(golden.read_bytes())
    with pytest.raises(imgnet.InputError, match="not an image"):
        imgnet.encode(renamed)
