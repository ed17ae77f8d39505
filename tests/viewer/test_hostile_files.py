"""Small files that claim much are refused by the decoder in JavaScript, as by the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import imgnet
from imgnet.codec.format.container import WAY_OUT, from_bytes
from support.hostile_files import FILES, forged
from support.networks import grid_spec
from support.node import decode_with_node, needs_node

pytestmark = needs_node

SECONDS = 1
MEMORY_BYTES = 4 << 20


def check_cost(result: dict[str, Any], name: str) -> None:
    assert result["seconds"] < SECONDS, name
    assert result["allocatedBytes"] < MEMORY_BYTES, name


def test_small_files_that_claim_much_are_refused_at_once(tmp_path: Path) -> None:
    results = decode_with_node(tmp_path, FILES.values())
    for number, ((name, data), result) in enumerate(zip(FILES.items(), results, strict=True)):
        with pytest.raises(imgnet.FormatError) as fault:
            imgnet.decode(from_bytes(data, f"{number}.inr"))
        expected = str(fault.value).removeprefix(f"{number}.inr: ").removesuffix(WAY_OUT)
        assert result.get("error") == f"{number}.inr: {expected}", name
        check_cost(result, name)
        assert result["heapBytes"] < MEMORY_BYTES, name


def test_finer_levels_take_no_memory_before_coarser_ones_are_right(tmp_path: Path) -> None:
    # So long a stream may hold all latents of the largest picture, which take a gigabyte.
    stream = bytes(range(250)) * 18
    spec = grid_spec(1 << 14, 1 << 14, num_levels=9)
    (result,) = decode_with_node(tmp_path, [forged(spec, body=stream)])
    assert result["error"] == "0.inr: the coded stream is cut short"
    check_cost(result, "a longer stream")
