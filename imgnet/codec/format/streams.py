"""The coded stream of each family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from imgnet.codec.format import coordinate_stream, grid_stream
from imgnet.codec.format.quantized import Quantized
from imgnet.spec import Spec


class Stream(Protocol):
    """The functions that the module of a stream has; `pack` needs more of some families."""

    def unpack(
        self, spec: Spec, data: bytes, finest: int = 0, count: int | None = None, /
    ) -> dict[str, Quantized]:
        """Read all tensors, but no latents of levels below `finest`.

        Of the last level, only `count` wavefronts need be read.
        """

    def check_claims(self, spec: Spec, num_bytes: int, /) -> None:
        """Check that a stream of so many bytes may hold all tensors.

        Raises:
            FormatError: It is too short.
        """

    def pixels_crc(self, data: bytes, /) -> int | None:
        """Return the CRC-32 of the rendered pixels; None where they may differ by machine."""

    def tensor_bits(self, spec: Spec, quantized: Mapping[str, Quantized], /) -> dict[str, float]:
        """Return the ideal code length of each tensor."""


STREAMS: dict[str, Stream] = {
    "grid": grid_stream,
    "gated": coordinate_stream,
    "mlp": coordinate_stream,
}
