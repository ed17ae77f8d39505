"""What a feed gets of a fit, and how often."""

from __future__ import annotations

import io
from itertools import takewhile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

import imgnet
from imgnet.batch.task import Outcome, Result, Task, failed
from imgnet.codec.format.container import to_bytes
from imgnet.codec.render.grid import render
from imgnet.errors import InputError
from imgnet.image.picture import Profile
from imgnet.progress import Progress
from imgnet.request.encode_options import EncodeOptions
from imgnet.viewer.live import fit
from imgnet.viewer.live.feed import Event, Feed
from imgnet.viewer.live.fit import MORE, Publisher, encode_watched
from support.networks import encoded, grid_spec, random_tensors, real
from support.pictures import picture

SPEC = grid_spec(20, 12)
TENSORS = random_tensors(SPEC)
PHOTO = picture(20, 12), Profile("RGB")
DATA = to_bytes(encoded(SPEC, TENSORS))
RESULT = Result("a.png", "-", 1, "grid", bytes=len(DATA), bpp=2.0, psnr_db=30.0, seconds=1.0)


def events(feed: Feed) -> list[Event]:
    return [event for event in takewhile(lambda event: event is not None, feed.follow()) if event]


def pixels(png: bytes | None) -> np.ndarray:
    with Image.open(io.BytesIO(png or b"")) as image:
        return np.asarray(image)


def test_snapshots_take_a_small_part_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # Before and after each snapshot, or before one that is left out.
    times = iter([10.0, 10.01, 10.4, 10.5, 13.5, 43.4, 43.6, 43.7])
    monkeypatch.setattr(fit, "time", SimpleNamespace(monotonic=lambda: next(times)))
    feed = Feed()
    publisher = Publisher(feed, b"")
    for step in range(1, 6):
        publisher.take_snapshot(SPEC, step, real(TENSORS))
    # Step 2 follows too soon; step 3 takes 3 s, so that the next one has to wait for 30 s.
    assert [event.facts["step"] for event in events(feed)] == [1, 3, 5]
    assert np.array_equal(pixels(feed.snapshot), render(SPEC, real(TENSORS)))


def test_long_fits_have_few_reports() -> None:
    feed = Feed()
    publisher = Publisher(feed, b"")
    for step in range(1, 20_000):
        publisher.report(Progress(step, 20_000, 30.0, 0.5, 1.0, 2.0))
    steps = np.array([event.facts["step"] for event in events(feed)])
    assert steps[:3].tolist() == [1, 2, 3]
    assert len(steps) < 3000
    assert (np.diff(steps) <= 1 + (MORE - 1) * steps[:-1]).all()


@pytest.fixture
def fake_fit(monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """Outcomes of the next fits, each of which takes one step."""
    outcomes: list[Outcome] = []

    def encode_one(task: Task, on_progress: Any) -> Outcome:
        assert task.output is None
        assert task.options.snapshot is not None
        every, take_snapshot = task.options.snapshot
        assert every == 1  # for the picture is small
        assert callable(take_snapshot)
        take_snapshot(SPEC, 1, real(TENSORS))
        on_progress(Progress(1, 1, 30.0, 0.5, 1.0, 0.0))
        return outcomes.pop()

    monkeypatch.setattr(fit, "encode_one", encode_one)
    return outcomes


def test_the_end_of_a_fit(fake_fit: list[Outcome], tmp_path: Path) -> None:
    feed, reports = Feed(), list[Progress]()
    fake_fit.append(Outcome(RESULT, data=DATA))
    task = Task("a.png", tmp_path / "a.png", tmp_path / "a.inr", EncodeOptions())
    outcome = encode_watched(task, PHOTO, feed, reports.append)
    assert (outcome.data, outcome.result.output) == (None, str(tmp_path / "a.inr"))
    assert (tmp_path / "a.inr").read_bytes() == feed.result == DATA
    kinds = [event.kind for event in events(feed)]
    assert kinds == ["snapshot", "progress", "snapshot", "done"]
    assert events(feed)[-1].facts["bytes"] == len(DATA)
    assert [report.step for report in reports] == [1]
    assert np.array_equal(pixels(feed.snapshot), imgnet.decode(DATA))


def test_without_a_file_the_data_comes_back(fake_fit: list[Outcome], tmp_path: Path) -> None:
    fake_fit.append(Outcome(RESULT, data=DATA))
    task = Task("a.png", tmp_path / "a.png", None, EncodeOptions())
    assert encode_watched(task, PHOTO, Feed(), lambda _progress: None).data == DATA
    assert not list(tmp_path.iterdir())


def test_a_fault_is_an_event(fake_fit: list[Outcome], tmp_path: Path) -> None:
    options = EncodeOptions()
    fake_fit.append(failed("a.png", options, InputError("a.png: cannot be read")))
    feed = Feed()
    outcome = encode_watched(
        Task("a.png", tmp_path, tmp_path / "a.inr", options), PHOTO, feed, lambda _progress: None
    )
    assert outcome.exit_code == 3
    assert events(feed)[-1] == Event("failed", {"message": "a.png: cannot be read"})
    assert not list(tmp_path.iterdir())


def test_snapshots_have_the_colours_of_the_image() -> None:
    feed = Feed()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Publisher(feed, profile).take_snapshot(SPEC, 1, real(TENSORS))
    with Image.open(io.BytesIO(feed.snapshot or b"")) as image:
        assert image.info["icc_profile"] == profile
