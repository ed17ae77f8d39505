from __future__ import annotations

import json
import struct
from dataclasses import replace
from io import BytesIO
from typing import Any
from zlib import crc32

import numpy as np
import pytest
import safetensors.numpy

from imgnet.codec.format import container
from imgnet.codec.format.container import (
    STREAM,
    Encoded,
    Report,
    from_bytes,
    read_header,
    to_bytes,
)
from imgnet.codec.format.coordinate_stream import pack
from imgnet.codec.format.quantized import Quantized
from imgnet.errors import FormatError
from imgnet.image.picture import Metadata
from imgnet.signature import looks_encoded
from imgnet.spec import Spec
from support.networks import encoded as grid_encoded
from support.networks import grid_spec, random_tensors

SPECS = [Spec("gated", 20, 13, 3, 4, 1), Spec("mlp", 20, 13, 0, 5, 2)]


def coded(spec: Spec = SPECS[0], mode: str = "RGB") -> Encoded:
    rng = np.random.default_rng(7)
    tensors = {
        name: Quantized(rng.integers(-3, 4, shape, np.int32), 128)
        for name, shape in spec.shapes().items()
    }
    return Encoded(spec, mode, {STREAM: np.frombuffer(pack(spec, tensors), np.uint8)})


def plain(dtype: str, spec: Spec = SPECS[0]) -> Encoded:
    rng = np.random.default_rng(7)
    tensors = {name: rng.normal(size=shape).astype(dtype) for name, shape in spec.shapes().items()}
    return Encoded(spec, "RGB", tensors)


ALL = [*map(coded, SPECS), plain("float16"), plain("float32"), plain("float32", SPECS[1])]
ALL += [
    coded(replace(SPECS[0], dim_out=channels), mode)
    for channels, mode in [(1, "L"), (2, "LA"), (4, "RGBA")]
]
GRID = grid_encoded(grid_spec(20, 13), random_tensors(grid_spec(20, 13)))
ALL += [GRID, plain("float16", GRID.spec), plain("float32", GRID.spec)]


def parts(data: bytes) -> tuple[dict[str, Any], dict[str, str], bytes]:
    """Return the header, the claims and the bodies of the tensors of a file."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    version, _, size, *others = header["__metadata__"]["inr"].split()
    claims = {"version": version, "size": size, **dict(word.split("=") for word in others)}
    return header, claims, data[8 + length :]


def assemble(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def rebuild(data: bytes, **changes: str | None) -> bytes:
    """Change the claims of a file, checksum included: what a forger would do."""
    header, claims, body = parts(data)
    named = {k: v for k, v in (claims | changes).items() if v is not None}
    crc, version, size = named.pop("crc", None), named.pop("version"), named.pop("size")
    words = " ".join([size, *(f"{k}={v}" for k, v in sorted(named.items()))])
    crc = crc or f"{crc32(f'{version} {words}'.encode() + body):08x}"
    header["__metadata__"]["inr"] = f"{version} {crc} {words}"
    return assemble(header, body)


@pytest.mark.parametrize("encoded", ALL)
def test_round_trip(encoded: Encoded) -> None:
    read = from_bytes(to_bytes(encoded))
    assert read.spec == encoded.spec
    assert read.mode == encoded.mode
    assert read.weights == encoded.weights
    assert read == encoded
    parameters, original = read.parameters(), encoded.parameters()
    assert {name: array.shape for name, array in parameters.items()} == encoded.spec.shapes()
    for name, array in parameters.items():
        assert array.dtype == np.float32
        assert np.array_equal(array, original[name])


def test_weights_names_what_the_file_holds() -> None:
    kinds = [from_bytes(to_bytes(encoded)).weights for encoded in ALL[:4]]
    assert kinds == ["coded", "coded", "float16", "float32"]


def test_report_is_no_part_of_the_file_nor_of_equality() -> None:
    report = Report(psnr_db=30.0, psnr_unseen_db=None, seconds=1.0, steps=2, device="cpu")
    measured = replace(coded(), report=report)
    assert measured == coded()
    assert from_bytes(to_bytes(measured)).report is None


def test_images_differ_when_anything_in_the_file_differs() -> None:
    others = [*ALL[1:], coded(replace(SPECS[0], width=21)), "not an image"]
    assert all(other != ALL[0] for other in others)


@pytest.mark.parametrize("encoded", ALL[:4])
def test_safetensors_reads_the_file(encoded: Encoded) -> None:
    data = to_bytes(encoded)
    read = safetensors.numpy.load(data)
    assert set(read) == set(encoded.tensors)
    for name, tensor in encoded.tensors.items():
        assert read[name].dtype == tensor.dtype
        assert np.array_equal(read[name], tensor)
    body_start = 8 + int.from_bytes(data[:8], "little")
    assert body_start % tensor.itemsize == 0


@pytest.mark.parametrize("encoded", ALL[:4])
def test_a_file_that_safetensors_wrote_is_read(encoded: Encoded) -> None:
    header, _, _ = parts(to_bytes(encoded))
    data = safetensors.numpy.save(encoded.tensors, metadata=header["__metadata__"])
    assert from_bytes(data) == encoded


def test_bytes_do_not_depend_on_the_order_of_tensors() -> None:
    encoded = plain("float16")
    turned = replace(encoded, tensors=dict(reversed(encoded.tensors.items())))
    assert to_bytes(turned) == to_bytes(encoded)


def test_big_endian_tensors_give_the_same_file() -> None:
    encoded = plain("float32")
    swapped = {name: tensor.astype(">f4") for name, tensor in encoded.tensors.items()}
    assert to_bytes(replace(encoded, tensors=swapped)) == to_bytes(encoded)


def test_file_never_changes() -> None:
    spec = replace(SPECS[0], dim_out=4)
    picture = Encoded(spec, "RGBA", {STREAM: np.arange(4, dtype=np.uint8)})
    header = (
        b'{"__metadata__":{"inr":"1 fc892702 20x13 mode=RGBA model=gated net=3,4,1"},'
        b'"w":{"data_offsets":[0,4],"dtype":"U8","shape":[4]}}'
    )
    assert to_bytes(picture) == bytes([len(header), *bytes(7)]) + header + b"\0\1\2\3"


def test_header_is_small() -> None:
    stream = np.zeros(8000, np.uint8)
    encoded = Encoded(Spec("gated", 768, 512, 34, 30, 1), "RGB", {STREAM: stream})
    assert len(to_bytes(encoded)) - 8000 <= 140


def test_every_cut_is_noticed() -> None:
    for data in (to_bytes(coded()), to_bytes(plain("float16", Spec("mlp", 9, 9, 0, 1, 1)))):
        for length in range(len(data)):
            with pytest.raises(FormatError, match=r"^cut\.inr: "):
                from_bytes(data[:length], "cut.inr")


def test_a_byte_more_is_noticed() -> None:
    with pytest.raises(FormatError, match="promises"):
        from_bytes(to_bytes(coded()) + b"\0")


def test_every_flipped_bit_is_noticed() -> None:
    for data in (to_bytes(coded(mode="RGB")), to_bytes(ALL[7])):
        for position in range(len(data)):
            for bit in range(8):
                flipped = bytearray(data)
                flipped[position] ^= 1 << bit
                with pytest.raises(FormatError, match=r"^flip\.inr: "):
                    from_bytes(bytes(flipped), "flip.inr")


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + bytes(99), b"a text file, not short", bytes(2000)),
        b"II*\0\x20\x03\0\0{" + bytes(99),  # a TIFF file whose first sample is 123
    ],
)
def test_other_files_are_named_for_what_they_are(data: bytes) -> None:
    with pytest.raises(FormatError, match=r"^a\.png: not an \.inr file"):
        from_bytes(data, "a.png")
    assert not looks_encoded(data)


@pytest.mark.parametrize("encoded", ALL)
def test_the_header_says_enough_without_the_rest(encoded: Encoded) -> None:
    data = to_bytes(encoded)
    end = 8 + struct.unpack("<Q", data[:8])[0]
    if not encoded.metadata.parts():
        data = data[:end] + b"rubbish"
    assert read_header(BytesIO(data)) == (encoded.spec, encoded.mode, encoded.metadata)
    with pytest.raises(FormatError, match="cut short"):
        read_header(BytesIO(data[: end - 1]))


@pytest.mark.parametrize("metadata", [None, {}, {"format": "pt"}, {"inr": ""}])
def test_foreign_safetensors(metadata: dict[str, str] | None) -> None:
    data = safetensors.numpy.save({"a": np.zeros(3, np.float32)}, metadata=metadata)
    assert looks_encoded(data)
    expected = "damaged" if metadata and "inr" in metadata else "not one of imgnet's"
    with pytest.raises(FormatError, match=expected):
        from_bytes(data)


@pytest.mark.parametrize(
    "header",
    [
        b"{",
        b"{]",
        b"{}",
        b'{"\xff":1}',
        b'{"a":' * 50_000,
        b'{"a":' + b"[" * 50_000,
        b'{"__metadata__":' + b"9" * 5000 + b"}",
        b'{"__metadata__":{"inr":"{}"}}',
        b'{"__metadata__":{"inr":"1 0000beef "}}',
        b'{"__metadata__":{"inr":"1 0000beef \\ud800"}}',
        b'{"__metadata__":{"inr":"1 0000beef 9x7\\n"}}',
        b'{"__metadata__":{"inr":7}}',
        b'{"__metadata__":[]}',
    ],
)
def test_a_strange_header_is_refused(header: bytes) -> None:
    with pytest.raises(FormatError):
        from_bytes(assemble(header))


def test_a_huge_header_is_refused_unread() -> None:
    with pytest.raises(FormatError, match=r"not an \.inr file"):
        from_bytes(struct.pack("<Q", 1 << 40) + b"{}")


def test_a_newer_format_asks_for_an_upgrade() -> None:
    for changes in ({"version": "2"}, {"version": "2", "model": "siren", "net": None}):
        with pytest.raises(FormatError, match=r"format 2.*upgrade"):
            from_bytes(rebuild(to_bytes(coded()), **changes))


def test_rebuilding_unchanged_is_read() -> None:
    assert from_bytes(rebuild(to_bytes(coded()))) == coded()


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "0"},
        {"version": "01"},
        {"version": "1.0"},
        {"version": "9" * 30},
        {"version": "v1"},
        {"version": ""},
        {"model": "transformer"},
        {"model": "grid"},
        {"model": "mlp"},
        {"model": ""},
        {"mode": "CMYK"},
        {"mode": "RGB"},
        {"mode": "L"},
        {"depth": "8"},
        {"depth": "12"},
        {"depth": "16,16"},
        {"extra": "1"},
        {"size": ""},
        {"size": "20"},
        {"size": "20x0"},
        {"size": "20x-13"},
        {"size": "20.0x13"},
        {"size": "020x13"},
        {"size": "20x13x1"},
        {"size": "20x13 "},
        {"size": "\u0662\u0660x13"},
        {"size": "65537x1"},
        {"size": "65536x65536"},
        {"size": f"{'9' * 5000}x1"},
        {"net": "3,4,0"},
        {"net": "0,4,1,0"},
        {"net": "3,0,1,0"},
        {"net": "3,04,1,0"},
        {"net": "3,4,"},
        {"net": "3,4,a"},
        {"net": "3,4,65,0"},
        {"net": "4097,4,1,0"},
        {"net": f"3,{10**30},1"},
        {"finest": "0"},
        {"crc": "00000001"},
        {"crc": "1"},
        {"crc": "0000BEEF"},
    ],
)
def test_forged_metadata_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(FormatError):
        # A wrong network of a coded file shows when the stream is read.
        from_bytes(rebuild(to_bytes(coded()), **changes)).parameters()


@pytest.mark.parametrize(
    "changes",
    [
        {"net": "3,1,5,6,0"},
        {"net": "3,1,5,6,1,0,0"},
        {"net": "0,0,5,6,1,0"},
        {"net": "13,1,5,6,1,0"},
        {"net": "3,3,5,6,1,0"},
        {"net": "3,12,5,6,1,0"},
        {"net": "3,1,0,6,1,0"},
        {"net": "3,1,257,6,1,0"},
        {"net": "3,1,5,0,1,0"},
        {"net": "3,1,5,257,1,0"},
        {"net": "3,1,5,6,65,0"},
        {"net": "3,1,5,6,64,0"},
        {"net": "12,1,256,256,64,0"},
        {"net": "3,1,5,6,"},
        {"net": "2,1,5,6,1,33"},
        {"net": "2,1,5,6,1,0"},
        {"net": None},
        {"finest": "-1"},
        {"finest": "2"},
        {"finest": "12"},
        {"finest": "1.0"},
        {"model": "gated"},
        {"model": "mlp"},
        {"mode": "RGBA"},
        {"mode": "L"},
        {"size": "21x13"},
        {"size": "65536x4096"},
    ],
)
def test_forged_metadata_of_grid_is_refused(changes: dict[str, str | None]) -> None:
    with pytest.raises(FormatError):
        from_bytes(rebuild(to_bytes(GRID), **changes)).parameters()


def test_only_coded_grid_knows_its_pixels() -> None:
    assert GRID.pixels_crc is not None
    assert [encoded.pixels_crc for encoded in ALL if encoded is not GRID] == [None] * 10


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("spec", [*SPECS, GRID.spec])
def test_plain_weights_that_are_no_numbers_are_refused(spec: Spec, value: float) -> None:
    for dtype in ("float16", "float32"):
        encoded = plain(dtype, spec)
        list(encoded.tensors.values())[-1].ravel()[0] = value
        with pytest.raises(FormatError, match="not all finite"):
            from_bytes(to_bytes(encoded)).parameters()


def test_an_image_of_too_many_pixels_is_refused() -> None:
    with pytest.raises(FormatError, match="65536x4097 pixels are more"):
        from_bytes(rebuild(to_bytes(coded(SPECS[1])), size="65536x4097"))


@pytest.mark.parametrize(
    "entry",
    [
        7,
        {},
        {"data_offsets": [0, 24]},
        {"dtype": "I32"},
        {"dtype": ["F32"]},
        {"shape": [4, 3]},
        {"shape": [12]},
        {"shape": [1 << 40, 1 << 40]},
        {"data_offsets": [-4, 0]},
        {"data_offsets": [0]},
        {"data_offsets": "ab"},
        {"data_offsets": [0, 1e300]},
        {"data_offsets": [0, None]},
        {"data_offsets": {}},
    ],
)
def test_forged_tensors_are_refused(entry: object) -> None:
    data = to_bytes(plain("float32"))
    header, _, body = parts(data)
    whole = isinstance(entry, int) or not entry
    header["output.weight"] = entry if whole else header["output.weight"] | entry
    with pytest.raises(FormatError):
        from_bytes(assemble(header, body))


def test_missing_extra_and_mixed_tensors_are_refused() -> None:
    encoded = plain("float32")
    header, _, body = parts(to_bytes(encoded))
    names = sorted(encoded.tensors)
    missing = {key: value for key, value in header.items() if key != names[0]}
    extra = header | {"zzz": header[names[-1]]}
    mixed = header | {names[0]: header[names[0]] | {"dtype": "F16"}}
    both = header | {STREAM: header[names[0]] | {"dtype": "U8"}}
    swapped = header | {names[0]: header[names[1]], names[1]: header[names[0]]}
    for wrong in (missing, extra, mixed, both, swapped, {"__metadata__": header["__metadata__"]}):
        with pytest.raises(FormatError):
            from_bytes(assemble(wrong, body))


def test_numbers_that_only_compare_equal_do_no_harm() -> None:
    header, _, body = parts(to_bytes(coded()))
    header[STREAM]["data_offsets"] = [0.0, float(len(body))]
    assert from_bytes(assemble(header, body)) == coded()


def test_tensors_are_the_same_on_every_machine() -> None:
    read = from_bytes(to_bytes(plain("float16")))
    assert all(tensor.dtype.str == "<f2" for tensor in read.tensors.values())


METADATA = Metadata(b"colours", b"a camera", b"<x/>")


@pytest.mark.parametrize("encoded", [ALL[0], ALL[2], GRID])
def test_depth_and_metadata_there_and_back(encoded: Encoded) -> None:
    full = replace(encoded, depth=16, metadata=METADATA)
    data = to_bytes(full)
    read = from_bytes(data)
    assert (read.depth, read.metadata) == (16, METADATA)
    assert read == full != encoded
    assert read.weights == encoded.weights
    assert set(read.parameters()) == set(encoded.spec.shapes())
    tensors = safetensors.numpy.load(data)
    assert {name: tensors.pop(name).tobytes() for name in ("icc", "exif", "xmp")} == {
        "icc": b"colours",
        "exif": b"a camera",
        "xmp": b"<x/>",
    }
    assert set(tensors) == set(encoded.tensors)


def test_safetensors_keeps_the_order_of_metadata() -> None:
    for encoded in (ALL[0], ALL[2]):
        data = to_bytes(replace(encoded, metadata=METADATA))
        header, _, _ = parts(data)
        tensors = safetensors.numpy.load(data)
        again = safetensors.numpy.save(tensors, metadata=header["__metadata__"])
        assert from_bytes(again).metadata == METADATA


@pytest.mark.parametrize("name", ["icc", "exif", "xmp"])
def test_a_file_may_have_one_kind_of_metadata(name: str) -> None:
    some = replace(coded(), metadata=Metadata(**{name: b"some"}))
    assert from_bytes(to_bytes(some)).metadata.parts() == {name: b"some"}
    data = to_bytes(some)
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1
        with pytest.raises(FormatError):
            from_bytes(bytes(flipped))


@pytest.mark.parametrize("depth", ["0", "8", "12", "16.0", "32", "016", "True"])
def test_other_depths_are_refused(depth: str) -> None:
    assert from_bytes(rebuild(to_bytes(coded()), depth="16")).depth == 16
    with pytest.raises(FormatError):
        from_bytes(rebuild(to_bytes(coded()), depth=depth))


def test_metadata_has_a_limit_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    data = to_bytes(replace(coded(), metadata=METADATA))
    monkeypatch.setattr(container, "MAX_METADATA_BYTES", 7)
    with pytest.raises(FormatError):
        from_bytes(data)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F16", "shape": [2]},
        {"shape": [2, 2]},
        {"shape": [5]},
        {"shape": [0]},
        {"shape": [-4]},
        {"shape": [1 << 60]},
        {"data_offsets": [0, 3]},
    ],
)
def test_forged_metadata_tensors_are_refused(entry: dict[str, object]) -> None:
    header, _, body = parts(to_bytes(replace(coded(), metadata=Metadata(xmp=b"some"))))
    header["xmp"] |= entry
    with pytest.raises(FormatError):
        from_bytes(assemble(header, body))


def test_metadata_alone_is_no_picture() -> None:
    header, _, _ = parts(to_bytes(replace(coded(), metadata=Metadata(xmp=b"some"))))
    del header[STREAM]
    header["xmp"]["data_offsets"] = [0, 4]
    with pytest.raises(FormatError):
        from_bytes(assemble(header, b"some"))
