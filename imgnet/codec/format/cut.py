"""Cut files: the picture that the start of a file of `grid` draws, as while it is downloaded.

The stream holds the network and then the latents, from the coarsest level to the finest. So its
start draws the whole picture with less detail: latents that are missing count as zeros. No checksum
can tell whether such a start is damaged.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from imgnet.codec.format.container import (
    STREAM,
    Encoded,
    Tensors,
    check_entries,
    from_bytes,
    parse_header,
    read_metadata,
)
from imgnet.codec.format.grid_stream import Reader, least_bytes
from imgnet.codec.format.tensors import GET_AGAIN, promised_bytes, split
from imgnet.errors import FormatError
from imgnet.spec import Spec, latents_name


class Cut(NamedTuple):
    """What there is of a cut file.

    Attributes:
        num_bytes: Bytes that are there.
        whole_bytes: Bytes of the whole file.
        levels: Levels whose latents are all there, coarsest first; one at least.
        part: Level that is there in part, if any.
    """

    num_bytes: int
    whole_bytes: int
    levels: list[int]
    part: int | None = None

    def __str__(self) -> str:
        """Say it in words.

        >>> print(Cut(41_000, 93_200, [6, 5, 4, 3], 2))
        cut: 41,000 of 93,200 bytes; drawn from levels 3..6 and a part of 2
        >>> print(Cut(900, 93_200, [6]))
        cut: 900 of 93,200 bytes; drawn from level 6
        """
        coarsest, finest = self.levels[0], self.levels[-1]
        levels = f"level {finest}" if coarsest == finest else f"levels {finest}..{coarsest}"
        part = "" if self.part is None else f" and a part of {self.part}"
        num_bytes = f"{self.num_bytes:,} of {self.whole_bytes:,} bytes"
        return f"cut: {num_bytes}; drawn from {levels}{part}"


def from_start(data: bytes, name: str = "<bytes>") -> tuple[Encoded, Cut | None]:
    """Read an encoded image of which the end may be missing.

    Args:
        data: Content of an .inr file, or its first bytes.
        name: What messages call it.

    Returns:
        The image; of a cut file, its network and latents as plain tensors, with zeros for what is
        missing. What there is of the file; None if it is whole.

    Raises:
        FormatError: It is not an .inr file, is damaged, is newer than this version, or is cut
            before its coarsest level ends; or it is cut and of another model than `grid`.
    """
    try:
        start = _read_start(data)
    except FormatError as error:
        raise FormatError(f"{name}: {error}") from None
    return (from_bytes(data, name), None) if start is None else start


def _read_start(data: bytes) -> tuple[Encoded, Cut] | None:
    """Read the start of a file; None if all of it is there."""
    text, body = split(data)
    header = parse_header(text)
    promised = promised_bytes(header.entries)
    if len(body) >= promised:
        return None
    entries, _ = check_entries(header, promised)
    if header.spec.family != "grid" or STREAM not in entries:
        raise FormatError(f"cut short; only coded files of grid are drawn in part; {GET_AGAIN}")
    begin, end = entries[STREAM]["data_offsets"]
    tensors, levels, part = _read_stream(header.spec, body[begin:end])
    if not levels:
        fault = f"cut short after {len(data)} bytes, before its coarsest level ends"
        raise FormatError(f"{fault}; {GET_AGAIN}")
    spec = replace(header.spec, prior="", lmbda_index=0)
    about = read_metadata(entries, body)
    encoded = Encoded(spec, header.mode, tensors, depth=header.depth, metadata=about)
    return encoded, Cut(len(data), len(data) - len(body) + promised, levels, part)


def _read_stream(spec: Spec, stream: bytes) -> tuple[Tensors, list[int], int | None]:
    """Return all tensors, the levels that are there in whole, and one that is there in part."""
    levels, part = list[int](), None
    half_a_word = (len(stream) - least_bytes(spec)) % 2
    try:
        reader = Reader(spec, stream[: len(stream) - half_a_word], spec.levels())
    except FormatError:  # a part of the network is missing
        return {}, levels, part
    for level in spec.levels():
        if not reader.read(level):
            names = [latents_name(pyramid, level) for pyramid in spec.pyramids(level)]
            part = level if any(reader.quantized[name].values.any() for name in names) else None
            break
        levels.append(level)
    tensors: Tensors = {name: np.zeros(shape, np.float32) for name, shape in spec.shapes().items()}
    tensors |= {name: tensor.dequantize() for name, tensor in reader.quantized.items()}
    return tensors, levels, part
