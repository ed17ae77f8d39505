"""Targets of fuzzing: any bytes end in a result or in an `ImgnetError`.

The first byte of an input chooses the target; the rest is its content. Most targets put right
checksums around the content, so that it reaches what lies behind them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np

from imgnet.codec.families import is_exact, render
from imgnet.codec.format.container import STREAM, Encoded, from_bytes, to_bytes
from imgnet.codec.format.cut import from_start
from imgnet.codec.format.description import describe, to_dot
from imgnet.codec.format.header import checksum, to_header
from imgnet.codec.format.tensors import BYTE, entries_of, join
from imgnet.errors import ImgnetError
from imgnet.image.formats import encode_image, find_format
from imgnet.image.geometry import Crop, resolve_size
from imgnet.image.picture import Metadata
from imgnet.spec import Spec
from support.networks import MODE_OF, encoded, grid_spec, near_prior, prior_spec, random_tensors

MOST_PIXELS = 4096  # of a picture; the caller sets IMGNET_MAX_PIXELS to it

_SPECS = [
    grid_spec(9, 7),
    grid_spec(6, 9, dim_out=4, chroma_level=0, dim_coarse=2),
    grid_spec(8, 8, dim_out=1, finest=1),
    prior_spec(16, 17),
    Spec("gated", 7, 6, 3, 4, 1),
    Spec("mlp", 7, 6, 0, 4, 2, dim_out=2),
]
_VALID = encoded(_SPECS[0], random_tensors(_SPECS[0]))
_FORMATS = ["png", "jpg", "webp", "tiff", "ppm"]


def _use(picture: Encoded) -> None:
    """Do with an image what the commands do with a file."""
    describe(picture, 100)
    to_dot(picture.spec)
    assert from_bytes(to_bytes(picture)) == picture
    height, width = picture.spec.height, picture.spec.width
    for size, crop in ((None, None), ("30%", None), (None, Crop(width // 2, height // 2, 1, 1))):
        with suppress(ImgnetError):
            assert render(picture, size, crop).size
    is_exact(picture)


def _file(data: bytes) -> None:
    with suppress(ImgnetError):
        _use(from_start(data)[0])
    _use(from_bytes(data))


def _claims(data: bytes) -> None:
    claims, _, body = data.partition(b"\0")
    text = claims.decode("latin-1")
    header = to_header(text, checksum(text, body)) | entries_of({STREAM: ((len(body),), BYTE)})
    _use(from_bytes(join(header, body, 1)))


def _header(data: bytes) -> None:
    header, _, body = data.partition(b"\0")
    _use(from_bytes(len(header).to_bytes(8, "little") + header + body))


def _stream(data: bytes) -> None:
    spec = _SPECS[data[0] % len(_SPECS)]
    _use(Encoded(spec, MODE_OF[spec.dim_out], {STREAM: np.frombuffer(data[1:], BYTE)}))


def _plain(data: bytes) -> None:
    spec = _SPECS[data[0] % 3]
    numbers = np.frombuffer(data[1 : len(data) - (len(data) - 1) % 2], np.float16)
    shapes = spec.shapes().items()
    _use(
        Encoded(
            spec,
            MODE_OF[spec.dim_out],
            {name: np.resize(numbers, shape).astype(np.float16) for name, shape in shapes},
        )
    )


def _metadata(data: bytes) -> None:
    kind, first, second = data[0], data[1], data[2]
    rest = data[3:]
    about = Metadata(rest[:first], rest[first : first + second], rest[first + second :])
    picture = Encoded(_VALID.spec, _VALID.mode, _VALID.tensors, metadata=about)
    again = from_bytes(to_bytes(picture))
    assert again == picture
    form = find_format("", _FORMATS[kind % len(_FORMATS)])
    assert encode_image(render(again), form, again.metadata, "x")


def _sizes(data: bytes) -> None:
    text = data.decode("latin-1")
    with suppress(ImgnetError):
        resolve_size((61, 43), text)
    Crop.parse(text).check(61, 43)


TARGETS: list[Callable[[bytes], None]] = [
    _file,
    _claims,
    _header,
    _stream,
    _plain,
    _metadata,
    _sizes,
]


def run(data: bytes) -> None:
    """Give an input to its target.

    Raises:
        Exception: The target ended in another error than an `ImgnetError`.
    """
    if len(data) < 5:
        return
    with suppress(ImgnetError):
        TARGETS[data[0] % len(TARGETS)](data[1:])


def seeds() -> list[bytes]:
    """Return inputs that reach far."""
    files = [to_bytes(_VALID), to_bytes(encoded(_SPECS[1], random_tensors(_SPECS[1])))]
    streams = []
    for i, spec in enumerate(_SPECS[:4]):
        tensors = near_prior(spec) if spec.prior else random_tensors(spec)
        streams.append(bytes([i]) + encoded(spec, tensors).tensors[STREAM].tobytes())
    streams += [bytes([4]) + bytes(300), bytes([5]) + bytes(200)]
    claims = [
        b"9x7 net=3,1,5,6,1,0\0" + _VALID.tensors[STREAM].tobytes(),
        b"16x16 p9-0409762d/7 depth=16 finest=1 mode=RGBA\0" + bytes(90),
        b"8x8 mode=L model=mlp net=0,4,1\0" + bytes(60),
        b"8x8 model=gated net=3,4,1\0" + bytes(60),
    ]
    headers = [file[8:].replace(b"}}", b"}}\0", 1) for file in files]
    plain = [bytes([i]) + np.linspace(-1, 1, 99).astype(np.float16).tobytes() for i in range(3)]
    exif = b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    about = [bytes([i, 20, len(exif)]) + bytes(20) + exif + b"<x/>" for i in range(5)]
    sizes = [b"640", b"61x43", b"50.5%", b"1,2,30,40"]
    kinds = [files, claims, headers, streams, plain, about, sizes]
    return [bytes([kind]) + content for kind, group in enumerate(kinds) for content in group]
