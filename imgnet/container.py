"""An encoded image and its file: a safetensors file whose metadata says what the network draws.

A safetensors file is an 8-byte little-endian length, a JSON header of that length, and the tensors
one behind the other. The metadata has one key, "inr", whose text is itself JSON:

    crc    CRC-32 of this JSON without `crc`, continued over the bytes of all tensors
    mode   "L", "LA", "RGB" or "RGBA"; absent for "RGB"
    model  family of the network
    net    sizes of the network: of `grid` [num_levels, finest, colour, dim_context, dim_hidden,
           num_layers], else [dim_axis, dim_hidden, num_layers]
    size   [width, height] of the image in pixels
    v      version of this format

The tensors are either one `U8` tensor "weights", the stream of `codestream.py` or, of `grid`, of
`gridstream.py`, or all parameters under their own names, all `F16` or all `F32`, in the order of
the names. Nothing else is allowed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from imgnet import gridstream
from imgnet.codestream import unpack
from imgnet.errors import FormatError, UsageError
from imgnet.fitting import Report
from imgnet.geometry import MAX_PIXELS, MAX_SIDE
from imgnet.spec import FAMILIES, RANGES, Spec

VERSION = 1
MODES = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}  # channels of each

STREAM = "weights"  # name of the coded tensor

_USUAL_MODE = "RGB"
_METADATA = "__metadata__"
_KEY = "inr"
_PREFIX_BYTES = 8
_MAX_HEADER_BYTES = 1 << 20
_DTYPE_NAMES = {np.dtype("u1"): "U8", np.dtype("<f2"): "F16", np.dtype("<f4"): "F32"}
# What a file says of the sizes of its network, by family.
_NET = {
    "grid": ("num_levels", "finest", "colour", "dim_context", "dim_hidden", "num_layers"),
    "gated": ("dim_axis", "dim_hidden", "num_layers"),
    "mlp": ("dim_axis", "dim_hidden", "num_layers"),
}
_GET_AGAIN = "get the file again"
_DAMAGED = f"damaged; {_GET_AGAIN}"

Tensors = dict[str, NDArray[Any]]
Json = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Encoded:
    """An image as a network. Two are equal when their files are.

    Attributes:
        spec: Shape of the network.
        mode: "L", "LA", "RGB" or "RGBA".
        tensors: {"weights": stream of `codestream.pack`}, or all parameters by name in float16 or
            float32.
        report: What the fit measured; not in the file, so None after reading one.
    """

    spec: Spec
    mode: str
    tensors: Tensors
    report: Report | None = None

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
        if self.spec.family != "grid" or STREAM not in self.tensors:
            return None
        return gridstream.pixels_crc(self.tensors[STREAM].tobytes())

    def parameters(self, finest: int = 0) -> dict[str, NDArray[np.float32]]:
        """Return every parameter tensor by name.

        Args:
            finest: Level of `grid` below which its latents are not wanted.

        Raises:
            FormatError: The coded stream is damaged, or a real number is infinite or none.
        """
        if STREAM in self.tensors:
            data = self.tensors[STREAM].tobytes()
            if self.spec.family == "grid":
                stream = gridstream.unpack(self.spec, data, finest)
            else:
                stream = unpack(self.spec, data)
            return {name: tensor.dequantize() for name, tensor in stream.items()}
        if not all(np.isfinite(tensor).all() for tensor in self.tensors.values()):
            raise FormatError(f"{_DAMAGED} (its weights are not all finite)")
        return {name: tensor.astype(np.float32) for name, tensor in self.tensors.items()}


def to_bytes(encoded: Encoded) -> bytes:
    """Write an encoded image; equal images give equal bytes.

    >>> spec = Spec("mlp", 8, 8, 0, 1, 1)
    >>> picture = Encoded(spec, "RGB", {"weights": np.zeros(8, np.uint8)})
    >>> from_bytes(to_bytes(picture)) == picture
    True
    """
    dtype = next(iter(encoded.tensors.values())).dtype.newbyteorder("<")
    tensors = {name: tensor.astype(dtype, copy=False) for name, tensor in encoded.tensors.items()}
    entries = _entries({name: tensor.shape for name, tensor in tensors.items()}, dtype)
    body = b"".join(tensors[name].tobytes() for name in entries)
    metadata = _metadata(encoded)
    metadata["crc"] = _checksum(metadata, body)
    header = _dump({_METADATA: {_KEY: _dump(metadata).decode()}, **entries})
    # Programs that map the file into memory want numbers aligned; single bytes need no padding.
    header += b" " * (-len(header) % dtype.itemsize)
    return len(header).to_bytes(_PREFIX_BYTES, "little") + header + body


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


def read_header(file: BinaryIO) -> tuple[Spec, str]:
    """Read the shape of the network and the mode from the header of a file, and no further.

    Raises:
        FormatError: It is not an .inr file, is damaged, or is newer than this version.
    """
    head = file.read(_PREFIX_BYTES)
    head += file.read(min(_header_bytes(head), _MAX_HEADER_BYTES))
    return _read_spec(_inr_metadata(_load(_split(head)[0])))


def looks_encoded(head: bytes) -> bool:
    """Tell from its first nine bytes whether a file may be a safetensors file, as every .inr is.

    >>> looks_encoded(bytes(8) + b"{"), looks_encoded(b"GIF89a")
    (True, False)
    """
    return _header_bytes(head) <= _MAX_HEADER_BYTES and head[8:9] == b"{"


def _metadata(encoded: Encoded) -> Json:
    spec = encoded.spec
    metadata: Json = {
        "model": spec.family,
        "net": [getattr(spec, name) for name in _NET[spec.family]],
        "size": [spec.width, spec.height],
        "v": VERSION,
    }
    return metadata if encoded.mode == _USUAL_MODE else {**metadata, "mode": encoded.mode}


def _entries(shapes: Mapping[str, tuple[int, ...]], dtype: np.dtype[Any]) -> Json:
    """Describe tensors that lie one behind the other, in the order of their names."""
    entries, end = {}, 0
    for name, shape in sorted(shapes.items()):
        begin, end = end, end + prod(shape) * dtype.itemsize
        entries[name] = {
            "data_offsets": [begin, end],
            "dtype": _DTYPE_NAMES[dtype],
            "shape": list(shape),
        }
    return entries


def _checksum(metadata: Json, body: bytes) -> int:
    rest = {key: value for key, value in metadata.items() if key != "crc"}
    return crc32(body, crc32(_dump(rest)))


def _dump(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _load(text: bytes) -> Json:
    try:
        value = json.loads(text.decode())
    except (ValueError, RecursionError):
        raise FormatError(_DAMAGED) from None
    if not isinstance(value, dict):
        raise FormatError(_DAMAGED)
    return value


def _read(data: bytes) -> Encoded:
    header, body = _split(data)
    entries = _load(header)
    metadata = _inr_metadata(entries)
    spec, mode = _read_spec(metadata)
    tensors = _read_tensors(spec, entries, body)
    if _checksum(metadata, body) != metadata["crc"]:
        raise FormatError(f"{_DAMAGED} (its checksum is wrong)")
    return Encoded(spec, mode, tensors)


def _header_bytes(data: bytes) -> int:
    return int.from_bytes(data[:_PREFIX_BYTES], "little")


def _split(data: bytes) -> tuple[bytes, bytes]:
    """Cut a file into its header and its body."""
    if not looks_encoded(data):
        raise FormatError("not an .inr file; `imgnet encode` makes one from an image")
    header_end = _PREFIX_BYTES + _header_bytes(data)
    if len(data) < header_end:
        raise FormatError(f"cut short after {len(data)} bytes; {_GET_AGAIN}")
    return data[_PREFIX_BYTES:header_end], data[header_end:]


def _inr_metadata(entries: Json) -> Json:
    """Take what the file says of its picture out of its header."""
    texts = entries.pop(_METADATA, None)
    if not isinstance(texts, dict) or not isinstance(texts.get(_KEY), str):
        raise FormatError("a safetensors file, but not one of imgnet's")
    metadata = _load(texts[_KEY].encode(errors="replace"))
    (version,) = _integers([metadata.get("v")], [range(1, 1 << 31)])
    if version > VERSION:
        raise FormatError(
            f"written in format {version}, this imgnet reads up to {VERSION}; "
            "upgrade it with `pip install --upgrade imgnet`"
        )
    if set(metadata) - {"mode"} != {"crc", "model", "net", "size", "v"}:
        raise FormatError(_DAMAGED)
    return metadata


def _read_spec(metadata: Json) -> tuple[Spec, str]:
    family, mode = metadata["model"], metadata.get("mode", _USUAL_MODE)
    if family not in FAMILIES or not isinstance(mode, str) or mode not in MODES:
        raise FormatError(_DAMAGED)
    side = range(1, MAX_SIDE + 1)
    width, height = _integers(metadata["size"], [side, side])
    if width * height > MAX_PIXELS:
        raise FormatError(f"{width}x{height} pixels are more than the limit of {MAX_PIXELS}")
    names = _NET[family]
    sizes = _integers(metadata["net"], [RANGES[family][name] for name in names])
    net = {"dim_axis": 0, **dict(zip(names, sizes, strict=True))}
    try:
        return Spec(family, width, height, dim_out=MODES[mode], **net), mode
    except UsageError:  # sizes that contradict each other
        raise FormatError(_DAMAGED) from None


def _integers(values: Any, ranges: list[range]) -> list[int]:
    """Return a list from the header after a check of its length, types and values."""
    if not isinstance(values, list) or len(values) != len(ranges):
        raise FormatError(_DAMAGED)
    if not all(type(v) is int and v in known for v, known in zip(values, ranges, strict=True)):
        raise FormatError(_DAMAGED)
    return values


def _read_tensors(spec: Spec, entries: Json, body: bytes) -> Tensors:
    _check_length(entries, len(body))
    coded = set(entries) == {STREAM}
    shapes = {STREAM: (len(body),)} if coded else spec.shapes()
    for dtype in map(np.dtype, ["u1"] if coded else ["<f2", "<f4"]):
        expected = _entries(shapes, dtype)
        if entries == expected:
            return {name: _tensor(body, dtype, entry) for name, entry in expected.items()}
    raise FormatError(f"{_DAMAGED} (its tensors are not those of its network)")


def _tensor(body: bytes, dtype: np.dtype[Any], entry: Json) -> NDArray[Any]:
    begin, end = entry["data_offsets"]
    return np.frombuffer(body[begin:end], dtype).reshape(entry["shape"])


def _check_length(entries: Json, body_bytes: int) -> None:
    try:
        promised = max(entry["data_offsets"][1] for entry in entries.values())
    except (LookupError, TypeError, ValueError):
        raise FormatError(_DAMAGED) from None
    if promised != body_bytes:
        fault = f"{body_bytes} bytes of tensors where its header promises {promised}"
        raise FormatError(f"cut short or changed, {fault}; {_GET_AGAIN}")
