"""Jobs: rate, PSNR, time and memory of one image at one rate and effort.

Sizes are those of the file, and PSNR is measured in RGB on its decoded pixels. Every job has a
process of its own, so that the peak memory is that of one fit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from imgnet.api import decode, encode, save
from imgnet.batch.order import in_order
from imgnet.batch.pool import Program, WorkerDied, run_in_pool
from imgnet.batch.processes import share_cores
from imgnet.bench.processes import peak_megabytes
from imgnet.errors import ImgnetError, UsageError
from imgnet.image.files import Pixels, read_image
from imgnet.image.formats import write_image
from imgnet.metrics.psnr import bpp, psnr_db

Result = TypeVar("Result")


@dataclass(frozen=True)
class Rate:
    """The rate of a job: either a quality or a target in file bits a pixel; the other is None.

    >>> str(Rate(quality=20)), str(Rate(target_bpp=0.31))
    ('q20', '0.31bpp')
    """

    quality: float | None = None
    target_bpp: float | None = None

    def __str__(self) -> str:
        return f"{self.target_bpp:g}bpp" if self.quality is None else f"q{self.quality:g}"


@dataclass(frozen=True)
class Picture:
    """An image to measure: the name in the results, and the file of its pixels."""

    name: str
    path: Path


@dataclass(frozen=True)
class Job:
    """One image to encode at one rate and effort.

    Attributes:
        picture: Image.
        model: Network family.
        effort: 1..9.
        rate: Quality or target rate.
        folder: Folder of the .inr file.
    """

    picture: Picture
    model: str
    effort: int
    rate: Rate
    folder: Path

    @property
    def output(self) -> Path:
        """The .inr file of this job."""
        stem = Path(self.picture.name).stem
        return self.folder / f"{stem}-{self.model}-e{self.effort}-{self.rate}.inr"


@dataclass(frozen=True)
class Point:
    """The measurements of one job.

    Attributes:
        image: File name.
        model: Network family.
        effort: 1..9.
        quality: Quality of the job, or None.
        target_bpp: Target rate of the job, or None.
        bytes: Size of the file.
        bpp: File bits a pixel.
        psnr_db: PSNR in RGB; infinite if the decoded image equals the original.
        seconds: Time of `encode`.
        peak_megabytes: Peak memory of the process up to the end of `encode`; None if unknown.
        steps: Steps of the fit.
    """

    image: str
    model: str
    effort: int
    quality: float | None
    target_bpp: float | None
    bytes: int
    bpp: float
    psnr_db: float
    seconds: float
    peak_megabytes: float | None
    steps: int

    @property
    def rate(self) -> Rate:
        """The rate of the job."""
        return Rate(self.quality, self.target_bpp)


def prepare(images: Sequence[Path], centre: tuple[int, int] | None, folder: Path) -> list[Picture]:
    """Check the images, and write a PNG of those that are cropped or transparent.

    Transparency is removed, since not every codec has it.

    Args:
        images: Files.
        centre: Width and height of the central crop to measure, or None for whole images.
        folder: Folder of the PNGs.

    Raises:
        InputError: An image cannot be read.
        UsageError: An image is smaller than the crop, or two images have the same name.
    """
    stems: dict[str, Path] = {}
    for image in images:
        if image.stem in stems:
            raise UsageError(f"{stems[image.stem]} and {image} have the same name; rename one")
        stems[image.stem] = image
    return [_prepare(image, centre, folder) for image in images]


def _prepare(image: Path, centre: tuple[int, int] | None, folder: Path) -> Picture:
    pixels, profile = read_image(image)
    has_alpha = profile.mode.endswith("A")
    if centre is None and not has_alpha:
        return Picture(image.name, image)
    cropped = pixels if centre is None else crop_centre(pixels, centre, str(image))
    path = folder / f"{image.stem}.png"
    write_image(cropped[..., :-1] if has_alpha else cropped, path)
    return Picture(image.name, path)


def crop_centre(pixels: Pixels, size: tuple[int, int], name: str = "the image") -> Pixels:
    """Return the central (width, height) pixels; an odd margin is larger at the right and bottom.

    Raises:
        UsageError: The image is smaller than that.

    >>> crop_centre(np.arange(20, dtype=np.uint8).reshape(4, 5, 1), (2, 2)).ravel().tolist()
    [6, 7, 11, 12]
    """
    width, height = size
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    if min(top, left) < 0:
        raise UsageError(
            f"{name}: is {pixels.shape[1]}x{pixels.shape[0]}, less than --centre {width}x{height}"
        )
    return pixels[top : top + height, left : left + width]


def run_job(job: Job) -> Point:
    """Encode one image, write its file and measure it."""
    started = time.perf_counter()
    picture, rate = job.picture, job.rate
    if rate.quality is None:
        encoded = encode(
            picture.path, model=job.model, target_bpp=rate.target_bpp, effort=job.effort
        )
    else:
        encoded = encode(picture.path, model=job.model, quality=rate.quality, effort=job.effort)
    seconds, peak = time.perf_counter() - started, peak_megabytes()
    save(encoded, job.output)
    original, _ = read_image(picture.path)
    size, (height, width, _) = job.output.stat().st_size, original.shape
    assert encoded.report is not None  # every fit reports
    return Point(
        image=picture.name,
        model=job.model,
        effort=job.effort,
        quality=rate.quality,
        target_bpp=rate.target_bpp,
        bytes=size,
        bpp=round(bpp(size, width, height), 6),
        psnr_db=round(psnr_db(_rgb(original), _rgb(decode(job.output))), 4),
        seconds=round(seconds, 2),
        peak_megabytes=peak,
        steps=encoded.report.steps,
    )


def _rgb(pixels: Pixels) -> Pixels:
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def run_jobs(jobs: Sequence[Job], num_processes: int = 1) -> Iterator[Point]:
    """Run jobs, each in a new process, and yield their points in order.

    Args:
        jobs: Images, rates and efforts.
        num_processes: Jobs at the same time; each has its share of the cores.

    Raises:
        ImgnetError: A job fails, or its process dies.
    """
    tasks = [(job,) for job in jobs]
    return run_tasks(run_job, tasks, num_processes, one_process_each=True)


def run_tasks(
    work: Callable[..., Result],
    tasks: Sequence[tuple[object, ...]],
    num_processes: int,
    *,
    one_process_each: bool = False,
) -> Iterator[Result]:
    """Call a function in worker processes and yield its results in the order of the tasks.

    Args:
        work: Function of a module.
        tasks: Arguments of each call.
        num_processes: Processes at the same time.
        one_process_each: Start a new process for every task, with its share of the cores for torch.

    Raises:
        ImgnetError: A process dies, or a call raises it.
    """
    initialize = partial(share_cores, num_processes) if one_process_each else None
    program = Program(_call, initialize, one_task_each=one_process_each)
    calls = [partial(work, *task) for task in tasks]
    with closing(run_in_pool(program, calls, num_processes)) as results:
        for result in in_order({}, results):
            if isinstance(result, WorkerDied):
                raise ImgnetError(
                    "a process died while it measured, perhaps for lack of memory; try --jobs 1, "
                    "and --resume to keep what is stored"
                )
            if isinstance(result, Exception):
                raise result
            yield result


def _call(task: Callable[[], Result], *_: object) -> Result:
    return task()
