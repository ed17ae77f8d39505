"""Signature of .inr files: their first bytes, by which programs recognise them."""

from __future__ import annotations

PREFIX_BYTES = 8  # they hold the length of the safetensors header, little endian
MAX_HEADER_BYTES = 1 << 20
OWN_HEADER = b'{"__metadata__":{"inr":"'  # start of the header of every .inr file


def header_bytes(head: bytes) -> int:
    """Return the length of a safetensors header from the prefix of a file.

    >>> header_bytes(bytes([2, 1, 0, 0, 0, 0, 0, 0]))
    258
    """
    return int.from_bytes(head[:PREFIX_BYTES], "little")


def looks_encoded(head: bytes) -> bool:
    """Tell from the first nine bytes whether a file may be safetensors, as every .inr file is.

    >>> looks_encoded(bytes(8) + b"{"), looks_encoded(b"GIF89a")
    (True, False)
    """
    return header_bytes(head) <= MAX_HEADER_BYTES and head[8:9] == b"{"


def is_own(head: bytes) -> bool:
    """Tell from the first 32 bytes whether imgnet wrote a safetensors file.

    >>> is_own(bytes(8) + b'{"__metadata__":{"inr":"1'), is_own(bytes(8) + b'{"a":{}}')
    (True, False)
    """
    return head[PREFIX_BYTES:].startswith(OWN_HEADER)
