"""Measure the codec: rate and distortion per image, and whole-process times and memory.

A result is one JSON document that begins with the command that made it. Sizes are those of the
file, PSNR is of the pixels that `decode` gives, seconds run from reading the image to the last
measurement.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median

from imgnet import __version__
from imgnet.api import encode, save
from imgnet.metrics import bpp
from imgnet.pixels import write_atomically

REPEATS = 5


@dataclass(frozen=True)
class Job:
    """One image to encode in one way.

    Attributes:
        image: File.
        model: Network family.
        target_bpp: File bits a pixel, not to be exceeded.
        effort: 1..9.
        folder: Where the .inr file goes.
    """

    image: str
    model: str
    target_bpp: float
    effort: int
    folder: str

    @property
    def output(self) -> Path:
        """The .inr file of this job."""
        return Path(self.folder, f"{Path(self.image).stem}-{self.model}-{self.target_bpp:g}.inr")


@dataclass(frozen=True)
class Point:
    """What one job measured."""

    image: str
    model: str
    target_bpp: float
    effort: int
    bytes: int
    bpp: float
    psnr_db: float
    seconds: float
    steps: int


@dataclass(frozen=True)
class ProcessCost:
    """Median wall time and largest memory of one command, run as a process of its own."""

    command: str
    seconds: float
    peak_megabytes: float


def run_job(job: Job) -> Point:
    """Encode, store and measure one image."""
    encoded = encode(job.image, model=job.model, target_bpp=job.target_bpp, effort=job.effort)
    save(encoded, job.output)
    report, spec, size = encoded.report, encoded.spec, job.output.stat().st_size
    assert report is not None  # every fit reports
    return Point(
        image=Path(job.image).name,
        model=job.model,
        target_bpp=job.target_bpp,
        effort=job.effort,
        bytes=size,
        bpp=bpp(size, spec.width, spec.height),
        psnr_db=report.psnr_db,
        seconds=report.seconds,
        steps=report.steps,
    )


def run_jobs(jobs: Sequence[Job], num_processes: int = 1) -> Iterable[Point]:
    """Run jobs, in order; with several processes each gets its share of the cores."""
    if num_processes == 1:
        yield from map(run_job, jobs)
        return
    threads = max(1, (os.cpu_count() or 1) // num_processes)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(num_processes, context, _set_threads, (threads,)) as pool:
        yield from pool.map(run_job, jobs)


def _set_threads(count: int) -> None:
    import torch

    torch.set_num_threads(count)


def means(points: Sequence[Point]) -> list[dict[str, float | str]]:
    """Average over the images, for every model and target."""
    groups: dict[tuple[str, float], list[Point]] = {}
    for point in points:
        groups.setdefault((point.model, point.target_bpp), []).append(point)
    return [
        {
            "model": model,
            "target_bpp": target,
            "images": len(group),
            "bpp": round(fmean(p.bpp for p in group), 4),
            "psnr_db": round(fmean(p.psnr_db for p in group), 3),
            "seconds": round(fmean(p.seconds for p in group), 1),
            "most_seconds": round(max(p.seconds for p in group), 1),
        }
        for (model, target), group in groups.items()
    ]


def process_costs(encoded: Path) -> list[ProcessCost]:
    """Time the commands that people start most, on one .inr file."""
    with tempfile.TemporaryDirectory() as folder:
        drawn = ["-o", str(Path(folder, "out.ppm"))]
        decode = ["decode", str(encoded), *drawn]
        return [
            process_cost(["--version"]),
            process_cost(["info", str(encoded)]),
            process_cost(decode),
            process_cost([*decode, "--size", "400%"]),
        ]


def process_cost(arguments: Sequence[str], repeats: int = REPEATS) -> ProcessCost:
    """Run `imgnet` with some arguments several times.

    Raises:
        CalledProcessError: It fails.
    """
    runs = [_run([sys.executable, "-m", "imgnet", *arguments]) for _ in range(repeats)]
    # Without the folders, which differ from machine to machine.
    shown = " ".join(["imgnet", *(Path(a).name if "/" in a else a for a in arguments)])
    return ProcessCost(
        shown, round(median(s for s, _ in runs), 3), round(max(m for _, m in runs), 1)
    )


# A process begins with the memory of the one that forks it, so a small one does.
_STOPWATCH = """
import os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(time.perf_counter() - started, usage.ru_maxrss)
sys.exit(process.returncode)
"""


def _run(command: Sequence[str]) -> tuple[float, float]:
    """Run a command; return its wall seconds and its peak memory in megabytes."""
    stopwatch = [sys.executable, "-c", _STOPWATCH, *command]
    printed = subprocess.run(stopwatch, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, peak = map(float, printed.split())
    return seconds, peak / (1e6 if sys.platform == "darwin" else 1e3)  # bytes there, else kB


def document(
    command: str, points: Sequence[Point], costs: Sequence[ProcessCost] = ()
) -> dict[str, object]:
    """Put measurements together as they are stored."""
    return {
        "command": command,
        "version": __version__,
        "cores": os.cpu_count(),
        "mean": means(points),
        "points": [_rounded(point) for point in points],
        "processes": [asdict(cost) for cost in costs],
    }


def _rounded(point: Point) -> dict[str, object]:
    return {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in asdict(point).items()
    }


def store(path: Path, content: dict[str, object]) -> None:
    """Write a document, one number a line, so that changes can be read.

    Raises:
        OutputError: It cannot be written.
    """
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())
