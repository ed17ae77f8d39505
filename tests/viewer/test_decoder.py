"""The decoder in JavaScript gives the pixels of `imgnet decode`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

import imgnet
from imgnet.codec.format import grid_stream
from imgnet.codec.format.container import WAY_OUT, Encoded, from_bytes, to_bytes
from imgnet.codec.format.header import checksum, claims_of, to_header
from imgnet.codec.format.tensors import entries_of, join
from imgnet.codec.render.grid import render
from imgnet.errors import FormatError
from imgnet.image.picture import Metadata
from imgnet.spec import Spec
from support.networks import (
    MODE_OF,
    SPECS,
    encoded,
    extreme_tensors,
    grid_spec,
    near_prior,
    prior_spec,
    random_tensors,
    real,
)
from support.node import decode_with_node, needs_node
from support.paths import GOLDEN

pytestmark = needs_node

ODD = grid_spec(21, 13, num_levels=4)
SHAPES = [
    *SPECS,
    ODD,
    grid_spec(1, 7, chroma_level=0),
    grid_spec(12, 9, dim_out=1),
    grid_spec(9, 12, dim_out=2, num_layers=3),
    grid_spec(14, 7, num_levels=5, finest=2, chroma_level=4),
    grid_spec(5, 3, num_levels=7, chroma_level=2),
    grid_spec(2, 1, dim_context=256, dim_hidden=256, num_levels=3, dim_out=2),
]
WIDE = [ODD, grid_spec(11, 6, dim_out=4), grid_spec(15, 9, dim_coarse=3), SHAPES[-1]]
WITH_PRIOR = [
    prior_spec(21, 13),
    prior_spec(14, 17, num_levels=8),
    prior_spec(12, 9, dim_out=1),
    prior_spec(9, 12, dim_out=2, num_levels=1, chroma_level=0),
    prior_spec(11, 6, dim_out=4, finest=1),
    prior_spec(11, 6, chroma_level=0, lmbda_index=18),
]


def check(folder: Path, files: list[bytes], *, tolerance: int = 0) -> None:
    """Compare all pixels of files with those of the package."""
    for data, result in zip(files, decode_with_node(folder, files), strict=True):
        depth = from_bytes(data).depth
        expected = imgnet.decode(data, depth=depth)
        assert (result.get("error"), result["shape"]) == (None, list(expected.shape))
        difference = np.abs(result["pixels"].astype(int) - expected.astype(int))
        assert difference.max(initial=0) <= tolerance
        assert sum(result["parts"].values()) == len(data)


def test_random_networks_have_the_same_pixels(tmp_path: Path) -> None:
    check(tmp_path, [to_bytes(encoded(spec, random_tensors(spec))) for spec in SHAPES])


def test_networks_of_the_largest_numbers_have_the_same_pixels(tmp_path: Path) -> None:
    check(tmp_path, [to_bytes(encoded(spec, extreme_tensors(spec))) for spec in WIDE])


def test_latents_beyond_their_distributions_are_the_same(tmp_path: Path) -> None:
    check(tmp_path, [to_bytes(encoded(ODD, random_tensors(ODD, spread=300)))])


def test_networks_with_a_prior_have_the_same_pixels(tmp_path: Path) -> None:
    check(tmp_path, [to_bytes(encoded(spec, near_prior(spec))) for spec in WITH_PRIOR])


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_plain_files_have_the_same_pixels(tmp_path: Path, dtype: str) -> None:
    files = []
    for spec in (ODD, grid_spec(11, 6, dim_out=4), Spec("mlp", 9, 7, 0, 6, 2)):
        if spec.family == "grid":
            numbers = {name: array * 1.03 for name, array in real(random_tensors(spec)).items()}
        else:
            rng = np.random.default_rng(3)
            numbers = {name: rng.normal(0, 0.4, shape) for name, shape in spec.shapes().items()}
        tensors = {name: array.astype(dtype) for name, array in numbers.items()}
        files.append(to_bytes(Encoded(spec, MODE_OF[spec.dim_out], tensors)))
    check(tmp_path, files[:2])
    check(tmp_path, files[2:], tolerance=1)


def test_stored_files_have_the_same_pixels(tmp_path: Path) -> None:
    stored = {path.stem: path.read_bytes() for path in sorted(GOLDEN.glob("*.inr"))}
    check(tmp_path, [data for name, data in stored.items() if "grid" in name])
    check(tmp_path, [data for name, data in stored.items() if "grid" not in name], tolerance=1)


def test_sixteen_bits_and_metadata(tmp_path: Path) -> None:
    metadata = Metadata(b"colours", b"a camera", b"<x/>")
    file = to_bytes(replace(encoded(ODD, random_tensors(ODD)), depth=16, metadata=metadata))
    check(tmp_path, [file])


def test_a_screen_gets_red_green_blue_and_opacity(tmp_path: Path) -> None:
    specs = [grid_spec(5, 4, dim_out=channels) for channels in range(1, 5)]
    files = [to_bytes(encoded(spec, random_tensors(spec))) for spec in specs]
    files.append(to_bytes(replace(from_bytes(files[3]), depth=16)))
    grey, grey_alpha, rgb, rgba, deep = (r["rgba"] for r in decode_with_node(tmp_path, files))
    pixels = [imgnet.decode(file).reshape(20, -1) for file in files]
    opaque = np.full((20, 1), 255, np.uint8)
    for shown, expected in [
        (grey, np.hstack([pixels[0]] * 3 + [opaque])),
        (grey_alpha, np.hstack([pixels[1][:, :1]] * 3 + [pixels[1][:, 1:]])),
        (rgb, np.hstack([pixels[2], opaque])),
        (rgba, pixels[3]),
        (deep, pixels[3]),
    ]:
        assert shown.tolist() == expected.ravel().tolist()


def test_coarse_pictures_come_first(tmp_path: Path) -> None:
    spec = grid_spec(90, 50, num_levels=5)
    (result,) = decode_with_node(tmp_path, [to_bytes(encoded(spec, random_tensors(spec)))])
    assert result["previews"] == [[6, 4, 90], [12, 7, 90], [23, 13, 90]]
    assert result["progress"] == sorted(result["progress"])
    assert result["progress"][-1] == 1


def test_coarse_pictures_of_coordinate_networks_come_first(tmp_path: Path) -> None:
    spec, rng = Spec("gated", 40, 33, 3, 4, 1), np.random.default_rng(2)
    tensors = {n: rng.normal(0, 0.5, s).astype(np.float16) for n, s in spec.shapes().items()}
    file = to_bytes(Encoded(spec, "RGB", tensors))
    (result,) = decode_with_node(tmp_path, [file])
    assert result["previews"] == [[3, 3, 40], [10, 9, 40]]


@pytest.mark.parametrize(
    ("needed_width", "finest", "level"),
    [(46, 1, 0), (45, 1, 0), (23, 1, 1), (22, 1, 1), (11, 0, 1), (11, 1, 1), (11, 2, 2)],
)
def test_a_narrow_picture_needs_only_coarse_levels_with_brightness(
    tmp_path: Path, needed_width: int, finest: int, level: int
) -> None:
    spec = grid_spec(92, 50, num_levels=5, finest=finest, chroma_level=4)
    file = encoded(spec, random_tensors(spec))
    (result,) = decode_with_node(tmp_path, [to_bytes(file)], neededWidth=needed_width)
    assert np.array_equal(result["pixels"], render(spec, file.parameters(level), level))


def renamed(data: bytes, old: str, new: str) -> bytes:
    """Change the claims of a file, and its checksum with them."""
    own = from_bytes(data)
    claims = claims_of(own.spec, own.mode, 8).replace(old, new)
    stream = own.tensors["w"].tobytes()
    entries = entries_of({"w": ((len(stream),), np.dtype(np.uint8))})
    return join(to_header(claims, checksum(claims, stream)) | entries, stream, 1)


def test_faults_have_the_messages_of_the_command_line(tmp_path: Path) -> None:
    file = to_bytes(encoded(ODD, random_tensors(ODD)))
    own = from_bytes(file)
    stream = own.tensors["w"]
    other_crc = np.append(stream[:3], stream[3:] ^ (np.arange(len(stream) - 3) == 0)).astype("u1")
    longer = np.append(stream, np.zeros(2, np.uint8))
    files = {
        "empty": b"",
        "a picture": b"\x89PNG\r\n\x1a\n",
        "cut in its header": file[:40],
        "cut": file[:-3],
        "changed": file[:-1] + bytes([file[-1] ^ 1]),
        "no JSON": file[:10] + b"\xff" + file[11:],
        "not ours": join({"a": {}}, b"", 1),
        "newer": file.replace(b'"inr":"1 ', b'"inr":"9 '),
        "wrong sizes": renamed(file, "net=4", "net=40"),
        "an unknown mode": renamed(file, "21x13", "21x13 mode=constructor"),
        "in another way": renamed(file, "21x13", "21x13 finest=0"),
        "too many pixels": renamed(file, "21x13", "65536x65536"),
        "too many latents": renamed(file, "21x13", "65536x4096"),
        "other pixels": to_bytes(replace(own, tensors={"w": other_crc})),
        "stream cut": to_bytes(replace(own, tensors={"w": stream[:-2]})),
        "stream goes on": to_bytes(replace(own, tensors={"w": longer})),
    }
    results = decode_with_node(tmp_path, files.values())
    for number, (name, data) in enumerate(files.items()):
        with pytest.raises(FormatError) as fault:
            imgnet.decode(from_bytes(data, f"{number}.inr"))
        expected = str(fault.value).removeprefix(f"{number}.inr: ")
        expected = expected.removesuffix(WAY_OUT)  # a page draws no part
        assert results[number].get("error") == f"{number}.inr: {expected}", name


def test_damaged_streams_end_as_they_do_with_the_package(tmp_path: Path) -> None:
    own = encoded(ODD, random_tensors(ODD))
    last = own.tensors["w"].size - 1
    files = []
    for position in (*range(0, last, 25), *range(last - 3, last + 1)):
        stream = own.tensors["w"].copy()
        stream[position] ^= 1 + position % 4
        files.append(to_bytes(replace(own, tensors={"w": stream})))
    for number, result in enumerate(decode_with_node(tmp_path, files)):
        with pytest.raises(FormatError) as fault:
            imgnet.decode(from_bytes(files[number]))
        message = str(fault.value).removeprefix("<bytes>: ")
        assert result["error"] == f"{number}.inr: {message}"


def test_a_latent_out_of_range_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = random_tensors(ODD)
    values = tensors["latents.0.1"].values.copy()
    values[0, 0] = 4097
    tensors["latents.0.1"] = replace(tensors["latents.0.1"], values=values)
    with monkeypatch.context() as patch:
        patch.setattr(grid_stream, "LARGEST_LATENT", 5000)
        file = to_bytes(encoded(ODD, tensors))
    (result,) = decode_with_node(tmp_path, [file])
    assert result["error"] == "0.inr: the coded stream is damaged"


def test_a_network_that_the_page_lacks_is_named(tmp_path: Path) -> None:
    spec = prior_spec(8, 8)
    file = to_bytes(encoded(spec, near_prior(spec)))
    lacking = renamed(file, spec.prior, "p1-00000000")
    (result,) = decode_with_node(tmp_path, [lacking])
    assert result["error"] == (
        "0.inr: needs network 9 of the prior 'p1-00000000', which this page lacks; "
        "`imgnet view` makes a page that has it"
    )


def test_the_checksum_of_this_test_is_that_of_the_file() -> None:
    file = to_bytes(encoded(ODD, random_tensors(ODD)))
    assert renamed(file, "", "") == file
    assert crc32(imgnet.decode(file).tobytes()) == from_bytes(file).pixels_crc
