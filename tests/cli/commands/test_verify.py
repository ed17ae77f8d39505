from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import imgnet
from imgnet.cli.app import run
from imgnet.codec.format.container import STREAM, Encoded
from imgnet.spec import Spec

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def wrong_file(encoded_file: Path) -> Path:
    """A file that is sound but for the checksum of the pixels that its encoder saw."""
    encoded = imgnet.open(encoded_file)
    stream = encoded.tensors[STREAM].copy()
    stream[2] ^= 1
    path = encoded_file.with_name("wrong.inr")
    imgnet.save(replace(encoded, tensors={STREAM: stream}), path)
    return path


def test_a_file_as_encoded_is_exact(encoded_file: Path, capfd: Capture) -> None:
    assert run(["verify", str(encoded_file)]) == 0
    assert capfd.readouterr() == (f"{encoded_file}: exact\n", "")


def test_other_pixels_than_the_encoders_are_told(wrong_file: Path, capfd: Capture) -> None:
    assert run(["verify", str(wrong_file)]) == 4
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"imgnet: {wrong_file}: decodes to other pixels")
    assert err.count("\n") == 1


def test_a_picture_of_other_pixels_is_not_written(wrong_file: Path, capfd: Capture) -> None:
    target = wrong_file.with_name("drawn.png")
    assert run(["decode", str(wrong_file), "-o", str(target)]) == 4
    assert f"imgnet: {wrong_file}: decodes to other pixels" in capfd.readouterr().err
    assert not target.exists()


def test_one_wrong_file_does_not_hide_the_others(
    wrong_file: Path, encoded_file: Path, capfd: Capture
) -> None:
    assert run(["verify", str(wrong_file), "missing.inr", str(encoded_file)]) == 1
    out, err = capfd.readouterr()
    assert out == f"{encoded_file}: exact\n"
    assert [line.split(": ")[1] for line in err.splitlines()] == [str(wrong_file), "missing.inr"]


@pytest.mark.parametrize("model", ["gated", "mlp", "grid"])
def test_real_weights_say_nothing_about_pixels(
    model: str, encoded_file: Path, capfd: Capture
) -> None:
    opened = imgnet.open(encoded_file)
    spec = replace(opened.spec, prior="", lmbda_index=0)
    if model != "grid":
        spec = Spec(model, 9, 7, 3 if model == "gated" else 0, 4, 1)
    tensors = {name: np.zeros(shape, np.float32) for name, shape in spec.shapes().items()}
    path = encoded_file.with_name("plain.inr")
    imgnet.save(Encoded(spec, "RGB", tensors), path)
    assert run(["verify", str(path)]) == 0
    assert capfd.readouterr().out == f"{path}: sound; says nothing about its pixels\n"


def test_a_cut_file_and_a_missing_one(encoded_file: Path, capfd: Capture) -> None:
    cut = encoded_file.with_name("cut.inr")
    cut.write_bytes(encoded_file.read_bytes()[:-3])
    assert run(["verify", str(cut)]) == 4
    assert run(["verify", "missing.inr"]) == 3
    first, second = capfd.readouterr().err.splitlines()
    assert first.startswith(f"imgnet: {cut}: cut short")
    assert second.startswith("imgnet: missing.inr: ")
