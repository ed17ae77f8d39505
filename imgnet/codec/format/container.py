"""An encoded image and its file, a safetensors file.

A safetensors file is an 8-byte little-endian length, a JSON header of that length, and the tensors
one behind the other; `header.py` has the metadata in the header.

The tensors are either one `U8` tensor "w", the coded stream of `streams.py`, or all parameters
under their own names, all `F16` or all `F32`. There may also be the metadata of the image, `U8`
tensors "exif", "icc" and "xmp". Nothing else is allowed. Tensors are sorted by the width of their
numbers, the widest first, and then by name, as safetensors demands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.format.header import checksum, claims_of, from_header, read_claims, to_header
from imgnet.codec.format.streams import STREAMS
from imgnet.codec.format.tensors import (
    BYTE,
    DAMAGED,
    GET_AGAIN,
    Json,
    begin_of,
    entries_of,
    join,
    length_of,
    load,
    promised_bytes,
    read_start,
    split,
    tensor_at,
)
from imgnet.errors import FormatError
from imgnet.image.picture import MAX_METADATA_BYTES, NO_METADATA, Metadata
from imgnet.spec import Spec

STREAM = "w"  # name of the coded tensor
WAY_OUT = ", or draw what is there with `imgnet decode --partial`"

_METADATA_KINDS = ("exif", "icc", "xmp")
_PLAIN: tuple[np.dtype[Any], ...] = (np.dtype("<f2"), np.dtype("<f4"))

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Report:
    """The measurements of a fit.

    Attributes:
        psnr_db: PSNR of the decoded image over the pixels that were fitted, in dB.
        psnr_unseen_db: The same over the pixels that a mask left out; None when there are none.
        seconds: Time of the fit.
        steps: Optimiser steps taken.
        device: Device of the fit: "cpu", "cuda" or "mps".
    """

    psnr_db: float
    psnr_unseen_db: float | None
    seconds: float
    steps: int
    device: str


@dataclass(frozen=True, eq=False)
class Encoded:
    """An image as a network. Two are equal when their files are.

    Attributes:
        spec: Shape of the network.
        mode: "L", "LA", "RGB" or "RGBA".
        tensors: {"w": the coded stream}, or all parameters by name in float16 or
            float32.
        report: What the fit measured; not in the file, so None after reading one.
        depth: Bits of a sample at its source, 8 or 16.
        metadata: Of the image.
    """

    spec: Spec
    mode: str
    tensors: Tensors
    report: Report | None = None
    depth: int = 8
    metadata: Metadata = NO_METADATA

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Encoded) and to_bytes(self) == to_bytes(other)

    @property
    def weights(self) -> str:
        """How the parameters are stored: "coded", "float16" or "float32"."""
        if STREAM in self.tensors:
            return "coded"
        return next(iter(self.tensors.values())).dtype.name

    @property
    def pixels_crc(self) -> int | None:
        """CRC-32 of the pixels at native size; None where they are not the same everywhere."""
        if STREAM not in self.tensors:
            return None
        return STREAMS[self.spec.family].pixels_crc(self.tensors[STREAM].tobytes())

    def check_claims(self) -> None:
        """Check that the stream is long enough for the image, before memory is spent on it.

        Raises:
            FormatError: It is too short.
        """
        if STREAM in self.tensors:
            STREAMS[self.spec.family].check_claims(self.spec, self.tensors[STREAM].size)

    def parameters(
        self, finest: int = 0, count: int | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """Return every parameter tensor by name.

        Args:
            finest: Level of `grid` below which its latents are not wanted.
            count: Wavefronts of the finest wanted level to read, None for all; the latents of the
                others may be 0.

        Raises:
            FormatError: The coded stream is damaged, or a real number is infinite or none.
        """
        if STREAM in self.tensors:
            data, stream = self.tensors[STREAM].tobytes(), STREAMS[self.spec.family]
            quantized = stream.unpack(self.spec, data, finest, count)
            return {name: tensor.dequantize() for name, tensor in quantized.items()}
        if not all(np.isfinite(tensor).all() for tensor in self.tensors.values()):
            raise FormatError(f"{DAMAGED} (its weights are not all finite)")
        return {name: tensor.astype(np.float32) for name, tensor in self.tensors.items()}


def to_bytes(encoded: Encoded) -> bytes:
    """Write an encoded image; equal images give equal bytes.

    >>> spec = Spec("mlp", 8, 8, 0, 1, 1)
    >>> picture = Encoded(spec, "RGB", {"w": np.zeros(8, np.uint8)})
    >>> from_bytes(to_bytes(picture)) == picture
    True
    """
    dtype = next(iter(encoded.tensors.values())).dtype.newbyteorder("<")
    tensors = {name: tensor.astype(dtype, copy=False) for name, tensor in encoded.tensors.items()}
    for name, part in encoded.metadata.parts().items():
        tensors[name] = np.frombuffer(part, BYTE)
    entries = entries_of({name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()})
    body = b"".join(tensors[name].tobytes() for name in entries)
    claims = claims_of(encoded.spec, encoded.mode, encoded.depth)
    return join(to_header(claims, checksum(claims, body)) | entries, body, dtype.itemsize)


def from_bytes(data: bytes, name: str = "<bytes>") -> Encoded:
    """Read an encoded image; every claim of the file is checked before memory is spent on it.

    Args:
        data: Content of an .inr file.
        name: What messages call it.

    Raises:
        FormatError: It is not an .inr file, is damaged, or is newer than this version.
    """
    try:
        return _read(data)
    except FormatError as error:
        raise FormatError(f"{name}: {error}") from None


def read_header(file: BinaryIO) -> tuple[Spec, str, Metadata]:
    """Read the header and the metadata of an image, but not its network.

    Returns:
        The shape of the network, the mode and the metadata of the image.

    Raises:
        FormatError: It is not an .inr file, is damaged, or is newer than this version.
    """
    start = read_start(file)
    header = parse_header(split(start)[0])
    about = {}
    for name in header.entries.keys() & set(_METADATA_KINDS):
        length = length_of(header.entries[name], MAX_METADATA_BYTES)
        file.seek(len(start) + begin_of(header.entries[name]))
        about[name] = file.read(length)
    return header.spec, header.mode, Metadata(**about)


class Header(NamedTuple):
    """What the header of a file says.

    Attributes:
        entries: Its tensors, whose sizes are unchecked.
        claims: Claims of the picture, as `header.py` has them.
        checksum: Of the claims and all tensors.
        spec: Shape of the network, which the claims give, as the next two.
        mode: "L", "LA", "RGB" or "RGBA".
        depth: Bits of a sample at its source, 8 or 16.
    """

    entries: Json
    claims: str
    checksum: int
    spec: Spec
    mode: str
    depth: int


def parse_header(text: bytes) -> Header:
    """Read the header of a file.

    Raises:
        FormatError: It makes no sense, is of another program, or of a newer version.
    """
    entries = load(text)
    claims, promised = from_header(entries)
    return Header(entries, claims, promised, *read_claims(claims))


def _read(data: bytes) -> Encoded:
    text, body = split(data)
    header = parse_header(text)
    _check_length(header, len(body))
    entries, dtype = check_entries(header, len(body))
    names = sorted(entries.keys() - set(_METADATA_KINDS))
    tensors = {name: tensor_at(body, dtype, entries[name]) for name in names}
    about = read_metadata(entries, body)
    if checksum(header.claims, body) != header.checksum:
        raise FormatError(f"{DAMAGED} (its checksum is wrong)")
    return Encoded(header.spec, header.mode, tensors, depth=header.depth, metadata=about)


def _check_length(header: Header, body_bytes: int) -> None:
    """Make sure that the body is as long as the header promises."""
    promised = promised_bytes(header.entries)
    if promised == body_bytes:
        return
    fault = f"{body_bytes} bytes of tensors where its header promises {promised}"
    can_draw = STREAM in header.entries and header.spec.family == "grid" and body_bytes < promised
    raise FormatError(f"cut short or changed, {fault}; {GET_AGAIN}{WAY_OUT if can_draw else ''}")


def read_metadata(entries: Json, body: bytes) -> Metadata:
    """Return the metadata that lies in a body in whole, by entries that are known to be right."""
    return Metadata(
        **{
            name: tensor_at(body, BYTE, entry).tobytes()
            for name, entry in entries.items()
            if name in _METADATA_KINDS and entry["data_offsets"][1] <= len(body)
        }
    )


def check_entries(header: Header, body_bytes: int) -> tuple[Json, np.dtype[Any]]:
    """Check that the tensors of a file are those of its network, and its metadata.

    Args:
        header: Of the file.
        body_bytes: Length of all tensors.

    Returns:
        The entries in integers alone, and what the tensors that are no metadata hold.

    Raises:
        FormatError: They are not.
    """
    spec, entries = header.spec, header.entries
    kinds = [name for name in _METADATA_KINDS if name in entries]
    about = {name: (length_of(entries[name], MAX_METADATA_BYTES),) for name in kinds}
    coded = STREAM in entries
    if spec.prior and not coded:
        raise FormatError(DAMAGED)
    shapes = {STREAM: (length_of(entries[STREAM], body_bytes),)} if coded else spec.shapes()
    for dtype in (BYTE,) if coded else _PLAIN:
        wanted = {name: (shape, dtype) for name, shape in shapes.items()}
        expected = entries_of(wanted | {name: (shape, BYTE) for name, shape in about.items()})
        if entries == expected:
            return expected, dtype
    raise FormatError(f"{DAMAGED} (its tensors are not those of its network)")
