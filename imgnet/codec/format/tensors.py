"""The layout of a safetensors file: a length, a JSON header, and tensors one behind the other.

A reader compares every claim of a file with its bytes before it relies on it.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from math import prod
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from imgnet.errors import FormatError
from imgnet.signature import MAX_HEADER_BYTES, PREFIX_BYTES, header_bytes, looks_encoded

GET_AGAIN = "get the file again"
DAMAGED = f"damaged; {GET_AGAIN}"
BYTE: np.dtype[Any] = np.dtype("u1")

_DTYPE_NAMES = {BYTE: "U8", np.dtype("<f2"): "F16", np.dtype("<f4"): "F32"}

Json = dict[str, Any]
Shape = tuple[int, ...]
Kind = tuple[Shape, np.dtype[Any]]


def join(header: Json, body: bytes, alignment: int) -> bytes:
    """Return a file whose body begins at a multiple of `alignment`.

    >>> join({}, b"body", 8)[8:]
    b'{}      body'
    """
    text = dump(header)
    # Programs that map the file into memory want numbers aligned; single bytes need no padding.
    text += b" " * (-len(text) % alignment)
    return len(text).to_bytes(PREFIX_BYTES, "little") + text + body


def split(data: bytes) -> tuple[bytes, bytes]:
    """Cut a file into its header and its body.

    Raises:
        FormatError: It is no safetensors file, or is cut short.

    >>> split(bytes([2, 0, 0, 0, 0, 0, 0, 0]) + b"{}body")
    (b'{}', b'body')
    """
    if not looks_encoded(data):
        raise FormatError("not an .inr file; `imgnet encode` makes one from an image")
    header_end = PREFIX_BYTES + header_bytes(data)
    if len(data) < header_end:
        raise FormatError(f"cut short after {len(data)} bytes; {GET_AGAIN}")
    return data[PREFIX_BYTES:header_end], data[header_end:]


def read_start(file: BinaryIO) -> bytes:
    """Read a file to the end of its header, if it may be such a file; else some bytes."""
    prefix = file.read(PREFIX_BYTES)
    return prefix + file.read(min(header_bytes(prefix), MAX_HEADER_BYTES))


def entries_of(tensors: Mapping[str, Kind]) -> Json:
    """Describe tensors that lie one behind the other: wide ones first, then by name.

    >>> entries_of({"a": ((3,), BYTE), "b": ((1,), np.dtype("<f4"))})["a"]["data_offsets"]
    [4, 7]
    """
    entries, end = {}, 0
    for name, (shape, dtype) in sorted(
        tensors.items(), key=lambda item: (-item[1][1].itemsize, item[0])
    ):
        begin, end = end, end + prod(shape) * dtype.itemsize
        entries[name] = {
            "data_offsets": [begin, end],
            "dtype": _DTYPE_NAMES[dtype],
            "shape": list(shape),
        }
    return entries


def dump(value: Json) -> bytes:
    """Return compact JSON that is the same for equal values.

    >>> dump({"b": 1, "a": [2]})
    b'{"a":[2],"b":1}'
    """
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def load(text: bytes) -> Json:
    """Read a JSON object.

    Raises:
        FormatError: The text is no JSON object.
    """
    try:
        value = json.loads(text.decode())
    except (ValueError, RecursionError):
        raise FormatError(DAMAGED) from None
    if not isinstance(value, dict):
        raise FormatError(DAMAGED)
    return value


def integers(values: Any, ranges: Sequence[Container[int]]) -> list[int]:
    """Return a list from the header after a check of its length, types and values.

    Raises:
        FormatError: It is no list of as many integers, or one of them is out of its range.

    >>> integers([3, 4], [range(4), range(5)])
    [3, 4]
    """
    if not isinstance(values, list) or len(values) != len(ranges):
        raise FormatError(DAMAGED)
    if not all(type(v) is int and v in known for v, known in zip(values, ranges, strict=True)):
        raise FormatError(DAMAGED)
    return values


def length_of(entry: Any, most: int) -> int:
    """Return the length, 1..most, that the entry of a tensor of bytes claims.

    Raises:
        FormatError: It claims no length, or one out of that range.
    """
    shape = entry.get("shape") if isinstance(entry, dict) else None
    return integers(shape, [range(1, most + 1)])[0]


def begin_of(entry: Json) -> int:
    """Return where the bytes of a tensor begin in the body, as its entry claims.

    Raises:
        FormatError: It claims no offsets.
    """
    begin, _ = integers(entry.get("data_offsets"), [range(1 << 40)] * 2)
    return begin


def tensor_at(body: bytes, dtype: np.dtype[Any], entry: Json) -> NDArray[Any]:
    """Return a tensor that an entry, known to be right, describes."""
    begin, end = entry["data_offsets"]
    return np.frombuffer(body[begin:end], dtype).reshape(entry["shape"])


def promised_bytes(entries: Json) -> int:
    """Return how long the body is, as the entries claim.

    Raises:
        FormatError: They claim no whole number.
    """
    try:
        ends = [entry["data_offsets"][1] for entry in entries.values()]
    except (LookupError, TypeError):
        raise FormatError(DAMAGED) from None
    if not ends or not all(type(end) in (int, float) and end % 1 == 0 for end in ends):
        raise FormatError(DAMAGED)
    return int(max(ends))
