"""A fit that a feed follows: its progress, its snapshots and its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path

from imgnet.arrays import Parameters
from imgnet.batch.task import Outcome, Result, Task, encode_one
from imgnet.codec.families import render, render_native
from imgnet.codec.format.container import from_bytes
from imgnet.image.atomic import write_atomically
from imgnet.image.formats import write_image
from imgnet.image.load import Photo
from imgnet.image.picture import Metadata, Samples
from imgnet.progress import Progress
from imgnet.request.efforts import MOST_STRIPS, schedule_for
from imgnet.request.encode_options import EncodeOptions
from imgnet.spec import Spec
from imgnet.viewer.live.feed import Feed

LEAST_S = 0.4  # between two snapshots
PART_OF_TIME = 0.1  # that snapshots take of the fit, at most
OFFERS = 4  # of a snapshot in an epoch
MORE = 1.002  # ratio of the steps of two reports, so that a long fit has few thousands


def encode_watched(
    task: Task, photo: Photo, feed: Feed, on_progress: Callable[[Progress], None]
) -> Outcome:
    """Encode one image as `encode_one` does, and publish what happens.

    Args:
        task: Image to encode.
        photo: The image.
        feed: Gets events, snapshots and the result.
        on_progress: Called with the progress of the fit as well.

    Raises:
        OutputError: The file cannot be written.
    """
    pixels, profile = photo
    publisher = Publisher(feed, profile.metadata.icc)

    def report(progress: Progress) -> None:
        on_progress(progress)
        publisher.report(progress)

    every = snapshot_steps(task.options, pixels[..., 0].size)
    options = replace(task.options, snapshot=(every, publisher.take_snapshot))
    outcome = encode_one(replace(task, output=None, options=options), report)
    if outcome.data is None:
        feed.publish("failed", message=outcome.result.error)
        return outcome
    if task.output is not None:
        write_atomically(task.output, outcome.data)
    publisher.finish(outcome.data, outcome.result)
    return outcome if task.output is None else _written(outcome, task.output)


def snapshot_steps(options: EncodeOptions, num_pixels: int) -> int:
    """Return the steps between two offers of a snapshot: a quarter of an epoch.

    Each copies all latents, which would take longer than a step on a small part of them.

    >>> snapshot_steps(EncodeOptions(effort=1), 4000 * 3000), snapshot_steps(EncodeOptions(), 9)
    (24, 1)
    """
    pixels_per_step = schedule_for(options.effort, options.model).pixels_per_step
    return max(1, min(num_pixels // pixels_per_step, MOST_STRIPS) // OFFERS)


def _written(outcome: Outcome, path: Path) -> Outcome:
    return replace(outcome, data=None, result=replace(outcome.result, output=str(path)))


class Publisher:
    """Publisher of one fit.

    Args:
        feed: Gets events, snapshots and the result.
        icc: Colour profile of the image.
    """

    def __init__(self, feed: Feed, icc: bytes) -> None:
        self._feed, self._metadata = feed, Metadata(icc)
        self._next_step, self._next_snapshot = 0.0, 0.0

    def report(self, progress: Progress) -> None:
        """Publish the progress of the fit, unless it has hardly changed."""
        if progress.step >= self._next_step:
            self._next_step = progress.step * MORE
            self._feed.publish("progress", **asdict(progress))

    def take_snapshot(self, spec: Spec, step: int, parameters: Parameters) -> None:
        """Publish the picture of parameters, if the last one was long ago."""
        began = time.monotonic()
        if began >= self._next_snapshot:
            self._show(render_native(spec, parameters), step)
            now = time.monotonic()
            self._next_snapshot = now + max(LEAST_S, (now - began) / PART_OF_TIME)

    def finish(self, data: bytes, result: Result) -> None:
        """Publish a file and the picture that it decodes to."""
        encoded = from_bytes(data)
        self._show(render(encoded), result.steps or 0)
        self._feed.result = data
        self._feed.publish(
            "done",
            bytes=result.bytes,
            metadata=encoded.metadata.num_bytes,
            bpp=result.bpp,
            psnr_db=result.psnr_db,
            seconds=result.seconds,
        )

    def _show(self, pixels: Samples, step: int) -> None:
        file = BytesIO()
        write_image(pixels, file, "png", self._metadata)
        self._feed.snapshot = file.getvalue()
        self._feed.publish("snapshot", step=step)
