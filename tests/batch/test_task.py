"""One image of a batch."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgnet import api
from imgnet.batch.task import NamedBytes, Outcome, Task, encode_one, failed, skipped
from imgnet.codec.format.container import from_bytes
from imgnet.errors import InputError
from imgnet.request.encode_options import EncodeOptions
from support.picture_files import stored

OPTIONS = EncodeOptions(effort=1, time_limit=0.2)


def test_a_file_is_written_and_measured(photo: Path) -> None:
    path = photo.with_suffix(".inr")
    outcome = encode_one(Task("photo.png", photo, path, OPTIONS))
    assert (outcome.exit_code, outcome.data) == (0, None)
    result = outcome.result
    assert (result.input, result.output, result.status) == ("photo.png", str(path), "done")
    assert (result.bytes, result.effort, result.model) == (path.stat().st_size, 1, "grid")
    assert not result.ended_early


def test_a_task_travels_with_its_bytes_both_ways(photo: Path) -> None:
    """What a cluster without a shared folder and a pipe need."""
    image = NamedBytes(photo.read_bytes(), "photo.png")
    task = pickle.loads(pickle.dumps(Task("photo.png", image, None, OPTIONS)))
    outcome: Outcome = pickle.loads(pickle.dumps(encode_one(task)))
    assert outcome.data is not None
    assert from_bytes(outcome.data).spec.width == 24
    assert outcome.result.output == "-"
    assert list(photo.parent.iterdir()) == [photo]


def test_a_flat_picture_gets_advice_and_a_busy_one_none() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (16, 24, 3)).astype(np.uint8)
    busy = NamedBytes(stored(Image.fromarray(noise)), "busy.png")
    assert encode_one(Task("-", busy, None, replace(OPTIONS, quality=10))).advice == ""
    flat = NamedBytes(stored(Image.new("RGB", (24, 16), "red")), "flat.png")
    advice = encode_one(Task("-", flat, None, OPTIONS)).advice
    assert advice.startswith("the .inr file is not smaller than the image (")
    assert advice.endswith(" bytes and is exact")


def test_a_truncated_image_is_encoded_on_request_with_a_note(photo: Path) -> None:
    cut = photo.with_suffix(".ppm")
    Image.open(photo).save(cut)
    cut.write_bytes(cut.read_bytes()[:-500])
    refused = encode_one(Task("my.ppm", cut, None, OPTIONS))
    assert refused.exit_code == InputError.exit_code
    assert "--force-read" in str(refused.result.error)
    outcome = encode_one(Task("my.ppm", cut, None, replace(OPTIONS, force_read=True)))
    assert (outcome.exit_code, outcome.result.status) == (0, "done")
    assert "rows are missing" in outcome.notes[0]


def test_a_fault_is_an_outcome_that_names_the_file(photo: Path) -> None:
    options = replace(OPTIONS, effort=99)
    outcome = encode_one(Task("my.png", photo, photo.with_suffix(".inr"), options))
    assert outcome.exit_code == 2
    assert str(outcome.result.error).startswith("my.png: effort 99")
    assert outcome.result.status == "failed"
    assert list(photo.parent.iterdir()) == [photo]


@pytest.mark.parametrize("with_file", [True, False])
@pytest.mark.parametrize(
    "target", [{"target_psnr": 90.0}, {"target_size": 9}, {"target_bpp": 0.01}]
)
def test_a_target_that_is_missed_is_written_and_told(
    photo: Path, with_file: bool, target: dict[str, Any]
) -> None:
    path = photo.with_suffix(".inr") if with_file else None
    outcome = encode_one(Task("my.png", photo, path, replace(OPTIONS, **target)))
    assert outcome.exit_code == 5
    assert str(outcome.result.error).startswith("my.png: cannot reach")
    assert (f"the best is written to {path}" in str(outcome.result.error)) == with_file
    assert outcome.result.status == "done"
    assert api.verify(path or from_bytes(outcome.data or b""))


def test_an_unexpected_fault_is_one_too(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def overflow(*_: object, **__: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(api, "encode_with", overflow)
    outcome = encode_one(Task("my.png", photo, None, OPTIONS))
    assert outcome.exit_code == 1
    assert outcome.result.error == "my.png: unexpected fault, MemoryError: no room"


def test_an_early_end_keeps_a_sound_file(photo: Path) -> None:
    path = photo.with_suffix(".inr")
    asked = iter([False] * 10)
    task = Task("photo.png", photo, path, EncodeOptions(effort=1))
    outcome = encode_one(task, should_stop=lambda: next(asked, True))
    assert outcome.result.ended_early
    assert outcome.result.steps == 10
    assert "ended early" in outcome.result.as_text()
    assert outcome.advice == ""  # which would only delay the end
    assert api.verify(path)


def test_json_lines_of_all_kinds_have_the_same_keys() -> None:
    fault = failed("a.png", OPTIONS, InputError("a.png: cannot be read"))
    there = skipped("b.png", Path("b.inr"), OPTIONS)
    rows = [json.loads(outcome.result.as_json()) for outcome in (fault, there)]
    assert [row["status"] for row in rows] == ["failed", "skipped"]
    assert rows[0].keys() == rows[1].keys()
    assert (rows[0]["error"], rows[1]["output"]) == ("a.png: cannot be read", "b.inr")
