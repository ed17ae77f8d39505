"""Target sizes and target PSNRs against the qualities that give the same, on simple images.

A fit of some effort has a curve of PSNR against size, through files of several qualities. A file
with a target should lie on it. Sizes and PSNRs between those of the curve are asked for:

    python -m imgnet.bench.targets icon.png text.png --efforts 1,2 --seeds 0,1,2
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgnet.api import encode
from imgnet.codec.format.container import Encoded, to_bytes
from imgnet.errors import TargetError

Pixels = NDArray[np.uint8]

QUALITIES = 10, 30, 50, 70, 85, 95
PARTS = 1 / 3, 2 / 3  # of a curve, in log size and in PSNR, where targets are
EXACT_DB = 70.0  # PSNR of the curve from which more is not seen


class File(NamedTuple):
    """What is measured of a file."""

    num_bytes: int
    psnr_db: float
    has_prior: bool


@dataclass(frozen=True)
class Row:
    """Files of one target, one a seed.

    Attributes:
        name: What is asked for, such as "size 33 %".
        asked: Bytes or dB, mean over the seeds.
        num_bytes: Size, mean over the seeds.
        psnr_db: PSNR, mean over the seeds.
        curve_db: PSNR of the curve at the target size, or at the size of the file.
        met: Files that meet their target.
    """

    name: str
    asked: float
    num_bytes: float
    psnr_db: float
    curve_db: float
    met: int


def sky() -> Pixels:
    """Return a smooth gradient with faint noise."""
    y, x = np.mgrid[0:72, 0:96]
    planes = [90 + y / 2 + x / 9, 130 + y / 2 + x / 12, 200 + y / 3 + x / 20]
    noise = np.random.default_rng(0).normal(0, 0.7, (72, 96, 3))
    return (np.stack(planes, axis=2) + noise).round().clip(0, 255).astype(np.uint8)


def line() -> Pixels:
    """Return a row of pixels."""
    x = np.arange(200)
    planes = [x, 128 + 100 * np.sin(x / 9), np.where(x > 80, 200, 40)]
    return np.stack(planes, axis=1)[None].round().astype(np.uint8)


def shapes() -> Pixels:
    """Return a disc and a frame on a plain ground."""
    y, x = np.mgrid[0:64, 0:64]
    pixels = np.full((64, 64, 3), (250, 240, 220), np.uint8)
    pixels[np.hypot(x - 28, y - 36) < 18] = 200, 40, 60
    pixels[(abs(x - 32) > 28) | (abs(y - 32) > 28)] = 20, 60, 120
    return pixels


MADE: dict[str, Callable[[], Pixels]] = {"sky": sky, "line": line, "shapes": shapes}


def curve_at(files: Sequence[File], num_bytes: float) -> float:
    """Return the PSNR of a curve at a size: that of no larger file may be higher.

    Between two files it is interpolated in log size. Where one of them has a prior and the other
    has none, no quality gives a size between theirs, so the PSNR of the smaller one counts.

    Args:
        files: Files of some qualities.
        num_bytes: Size.

    >>> files = [File(100, 20.0, True), File(400, 30.0, True), File(500, 25.0, True)]
    >>> round(curve_at(files, 200), 6)
    25.0
    """
    ordered = sorted(files)
    below = [file for file in ordered if file.num_bytes <= num_bytes] or ordered[:1]
    best = max(file.psnr_db for file in below)
    before, after = below[-1], next((f for f in ordered if f.num_bytes > num_bytes), below[-1])
    if after.psnr_db <= best or after.has_prior != before.has_prior:
        return best
    part = log(num_bytes / before.num_bytes) / log(after.num_bytes / before.num_bytes)
    return best + part * (after.psnr_db - best)


def rows_of(picture: Pixels | Path, effort: int, seeds: Sequence[int]) -> Iterator[Row]:
    """Yield the results of each target on a picture."""
    curves = [[_file(picture, effort, seed, quality=q)[0] for q in QUALITIES] for seed in seeds]
    for kind in ("size", "psnr"):
        for part in PARTS:
            found = [
                _file(picture, effort, seed, **_asked(kind, curve, part))
                for seed, curve in zip(seeds, curves, strict=True)
            ]
            asked = [next(iter(_asked(kind, curve, part).values())) for curve in curves]
            sizes = asked if kind == "size" else [file.num_bytes for file, _ in found]
            yield Row(
                f"{kind} {part:.0%}".replace("%", " %"),
                fmean(asked),
                fmean(file.num_bytes for file, _ in found),
                fmean(file.psnr_db for file, _ in found),
                fmean(curve_at(c, size) for c, size in zip(curves, sizes, strict=True)),
                sum(is_met for _, is_met in found),
            )


def _asked(kind: str, curve: Sequence[File], part: float) -> dict[str, float]:
    """Return the target at a part of a curve."""
    if kind == "size":
        low, high = (log(file.num_bytes) for file in (min(curve), max(curve)))
        return {"target_size": int(exp(low + part * (high - low)))}
    values = [file.psnr_db for file in curve]
    return {"target_psnr": round(min(values) + part * (max(values) - min(values)), 2)}


def _file(picture: Pixels | Path, effort: int, seed: int, **asked: Any) -> tuple[File, bool]:
    is_met, encoded = True, None
    try:
        encoded = encode(picture, effort=effort, seed=seed, **asked)
    except TargetError as error:
        is_met, encoded = False, error.best
    assert isinstance(encoded, Encoded)
    assert encoded.report is not None
    psnr_db = min(encoded.report.psnr_db, EXACT_DB)
    return File(len(to_bytes(encoded)), psnr_db, bool(encoded.spec.prior)), is_met


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, help="pictures besides those made by code")
    parser.add_argument("--efforts", default=[1], type=_numbers)
    parser.add_argument("--seeds", default=[0, 1, 2], type=_numbers)
    parser.add_argument("--made", default=",".join(MADE), help="pictures made by code")
    chosen = parser.parse_args(arguments)
    print("| picture | effort | target | asked | bytes | PSNR | curve | difference | met |")
    print("|---|---|---|---|---|---|---|---|---|")
    pictures = {name: MADE[name]() for name in chosen.made.split(",") if name}
    for name, picture in [*pictures.items(), *((path.stem, path) for path in chosen.files)]:
        for effort in chosen.efforts:
            for row in rows_of(picture, effort, chosen.seeds):
                print(_line(name, effort, row, len(chosen.seeds)), flush=True)


def _line(name: str, effort: int, row: Row, num_seeds: int) -> str:
    return (
        f"| {name} | {effort} | {row.name} | {row.asked:,.1f} | {row.num_bytes:,.0f} "
        f"| {row.psnr_db:.2f} | {row.curve_db:.2f} | {row.psnr_db - row.curve_db:+.2f} "
        f"| {row.met} of {num_seeds} |"
    )


if __name__ == "__main__":
    main()
