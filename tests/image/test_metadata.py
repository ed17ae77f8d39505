from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgnet.image.formats import write_image
from imgnet.image.metadata import metadata_of, tiff_tags, upright_exif, upright_xmp
from imgnet.image.picture import Metadata
from support.picture_files import GREY_ICC, ORIENTATION, SRGB, XMP, as_image, stored
from support.pictures import ramp

MAKER_NOTE = b"a note that points into itself\0"
THUMBNAIL = b"\xff\xd8 a thumbnail \xff\xd9"


def exif(order: str = "<", orientation: int = 6, thumbnail: bytes = THUMBNAIL) -> bytes:
    """Write EXIF with an orientation, an inner directory with a maker note, and a thumbnail."""
    letter = order + "H"
    inner_at = 8 + 2 + 3 * 12 + 4
    note_at = inner_at + 2 + 12 + 4
    make_at = note_at + len(MAKER_NOTE)
    second_at = make_at + 8
    thumbnail_at = second_at + 2 + 2 * 12 + 4
    mark = b"II*\0" if order == "<" else b"MM\0*"
    data = mark + struct.pack(order + "IH", 8, 3)
    data += struct.pack(order + "HHII", 0x010F, 2, 8, make_at)
    data += struct.pack(order + "HHIHH", ORIENTATION, 3, 1, orientation, 0)
    data += struct.pack(order + "HHII", 0x8769, 4, 1, inner_at)
    data += struct.pack(order + "I", second_at if thumbnail else 0)
    data += struct.pack(letter, 1)
    data += struct.pack(order + "HHII", 0x927C, 7, len(MAKER_NOTE), note_at) + bytes(4)
    data += MAKER_NOTE + b"Camera 1"
    if not thumbnail:
        return data
    data += struct.pack(letter, 2)
    data += struct.pack(order + "HHII", 0x0201, 4, 1, thumbnail_at)
    data += struct.pack(order + "HHII", 0x0202, 4, 1, len(thumbnail)) + bytes(4)
    return data + thumbnail


def loaded(data: bytes) -> Image.Exif:
    read = Image.Exif()
    read.load(data)
    return read


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_becomes_upright_and_else_stays(order: str, orientation: int) -> None:
    clean = upright_exif(b"Exif\0\0" + exif(order, orientation))
    assert len(clean) == len(exif(order)) - len(THUMBNAIL)
    changed = [a != b for a, b in zip(clean, exif(order, orientation), strict=False)]
    assert sum(changed) <= 3  # the orientation and the link to the thumbnail
    read = loaded(clean)
    assert read[ORIENTATION] == 1
    assert read[0x010F] == "Camera 1"
    assert read.get_ifd(0x8769)[0x927C] == MAKER_NOTE
    assert not read.get_ifd(1)


def test_exif_without_a_thumbnail_keeps_its_length() -> None:
    assert len(upright_exif(exif(thumbnail=b""))) == len(exif(thumbnail=b""))


def test_a_thumbnail_before_other_things_is_only_forgotten() -> None:
    data = exif() + b"something that belongs to others"
    clean = upright_exif(data)
    assert len(clean) == len(data)
    assert not loaded(clean).get_ifd(1)


@pytest.mark.parametrize(
    "data", [b"", b"broken", b"II*\0", b"MM\0*\0\0\0\x08", b"II*\0\xff\xff\xff\xff"]
)
def test_what_is_no_exif_is_left_out(data: bytes) -> None:
    assert upright_exif(data) == b""


def test_damaged_exif_never_fails() -> None:
    rng = np.random.default_rng(2)
    for _ in range(300):
        data = bytearray(exif()[: rng.integers(1, len(exif()))])
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        upright_exif(bytes(data))


def test_xmp_becomes_upright_without_room() -> None:
    packet = b'<?xpacket begin=""?>' + XMP + b" " * 2000 + b"\n" * 50 + b'<?xpacket end="w"?>'
    clean = upright_xmp(packet)
    assert clean == b'<?xpacket begin=""?>' + XMP.replace(b"6", b"1") + b'<?xpacket end="w"?>'
    element = b"<tiff:Orientation>8</tiff:Orientation>"
    assert upright_xmp(element) == element.replace(b"8", b"1")
    assert upright_xmp(b"<x/>  ") == b"<x/>  "


def reopened(data: bytes, mode: str = "RGB") -> Metadata:
    with Image.open(BytesIO(data)) as image:
        image.load()
        return metadata_of(image, mode)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF"])
def test_every_format_gives_its_metadata(format: str) -> None:
    image = as_image(ramp(3))
    fields: Any = Image.Exif()
    fields[0x010F], fields[ORIENTATION] = "Camera 1", 6
    fields[0x8769] = {0x829A: 0.25}
    options: dict[str, Any] = {"icc_profile": SRGB, "exif": fields, "xmp": XMP}
    if format == "PNG":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options["pnginfo"] = info
    elif format == "TIFF":
        fields[700] = XMP
        options["exif"] = fields.tobytes()
    metadata = reopened(stored(image, format, **options))
    assert metadata.icc == SRGB
    assert b'Orientation="6"' not in metadata.xmp
    assert metadata.xmp.startswith(XMP[:36])
    read = loaded(metadata.exif)
    assert read[0x010F] == "Camera 1"
    assert read.get(ORIENTATION, 1) == 1
    assert read.get_ifd(0x8769)[0x829A] == 0.25
    assert 0x0111 not in read  # where a TIFF has its pixels


def test_an_image_without_metadata_has_none() -> None:
    for format in ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "PPM"):
        assert reopened(stored(as_image(ramp(3)), format)) == Metadata()


def test_a_colour_profile_of_other_colours_is_left_out() -> None:
    assert reopened(stored(as_image(ramp(3)), icc_profile=GREY_ICC)).icc == b""
    assert reopened(stored(as_image(ramp(1)), icc_profile=GREY_ICC), "L").icc == GREY_ICC


def test_tags_of_tiff_say_nothing_of_a_file() -> None:
    fields = Image.Exif()
    fields[0x0100], fields[0x0110] = 4000, "Model 1"
    assert tiff_tags(Metadata(SRGB, fields.tobytes(), XMP)) == {
        0x0110: "Model 1",
        34675: SRGB,
        700: XMP,
    }
    assert tiff_tags(Metadata()) == {}


@pytest.mark.parametrize("damaged", [bytes(20), b"MM\0*", b"II*\0\xff\xff\xff\xff", exif()[:40]])
def test_unreadable_exif_is_left_out_of_tiff(damaged: bytes) -> None:
    assert tiff_tags(Metadata(SRGB, damaged, XMP)).keys() >= {34675, 700}
    file = BytesIO()
    write_image(np.zeros((6, 8, 3), np.uint8), file, "tiff", Metadata(exif=damaged))
    assert Image.open(file).size == (8, 6)
