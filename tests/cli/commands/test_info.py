"""`imgnet info` on a file of grid, which is what encode makes unless told otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import imgnet
from imgnet.cli.app import run
from imgnet.codec.format.description import count_layers, to_dot

Capture = pytest.CaptureFixture[str]


def test_text_tells_pyramids_levels_and_layers(encoded_file: Path, capfd: Capture) -> None:
    assert run(["info", str(encoded_file)]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    spec = imgnet.open(encoded_file).spec
    assert f"grid, 1 pyramid of levels {spec.finest}..{spec.num_levels - 1}, 2 of " in out
    assert "24x16 RGB" in out
    for name, count in count_layers(spec).items():
        assert any(line.split() == [name, f"{count:,}"] for line in out.splitlines())


def test_json_is_one_object_a_file(encoded_file: Path, capfd: Capture) -> None:
    assert run(["info", "--json", str(encoded_file)]) == 0
    record = json.loads(capfd.readouterr().out)
    spec = imgnet.open(encoded_file).spec
    assert (record["model"], record["width"], record["height"]) == ("grid", 24, 16)
    assert record["bytes"] == encoded_file.stat().st_size
    assert record["layers"] == count_layers(spec)
    assert sum(record["layers"].values()) == record["parameters"] == spec.num_parameters


def test_dot_is_the_graph(encoded_file: Path, capfd: Capture) -> None:
    assert run(["info", "--dot", str(encoded_file)]) == 0
    assert capfd.readouterr().out == to_dot(imgnet.open(encoded_file).spec) + "\n"
