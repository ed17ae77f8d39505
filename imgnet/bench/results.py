"""Results of a bench, stored as one JSON document."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import inf
from pathlib import Path
from statistics import fmean
from typing import Any

from imgnet import __version__
from imgnet.bench.codecs import BASELINES
from imgnet.bench.curves import Curve, RatePoint, by_codec, differences, mean_curve
from imgnet.bench.jobs import Point, Rate
from imgnet.bench.processes import CommandUsage
from imgnet.errors import InputError, UsageError
from imgnet.image.atomic import write_atomically

AND = " && "  # between the commands that added to the document


@dataclass(frozen=True)
class Mean:
    """The mean over the images at one model, effort and rate."""

    model: str
    effort: int
    quality: float | None
    target_bpp: float | None
    images: int
    bpp: float
    psnr_db: float
    seconds: float
    most_seconds: float
    most_megabytes: float | None


@dataclass(frozen=True)
class Comparison:
    """The BD-rate of a model at an effort against another codec.

    Attributes:
        model: Network family.
        effort: 1..9.
        against: Name of the codec.
        images: Number of images in the mean.
        left_out: Number of other images: the curves share too little of their PSNR, or one is
            missing.
        percent: Mean BD-rate; negative if our files are smaller.
        per_image: BD-rate of each image in percent; None for those left out.
    """

    model: str
    effort: int
    against: str
    images: int
    left_out: int
    percent: float | None
    per_image: dict[str, float | None]


@dataclass(frozen=True)
class TradeOff:
    """Encode time and BD-rate of a model at an effort against another codec.

    Attributes:
        effort: 1..9.
        seconds: Mean encode time of an image.
        percent: Mean BD-rate; negative if our files are smaller.
        num_rates: Number of rates; the BD-rate of a single one is the difference at its PSNR.
    """

    effort: int
    seconds: float
    percent: float
    num_rates: int


@dataclass
class Results:
    """All measurements so far.

    Attributes:
        command: Command lines, joined by `AND`.
        centre: Size of the central crops, as WxH; None for whole images.
        points: Points of this codec.
        baselines: Points of other codecs, measured here.
        references: Published points of other codecs; not stored.
        processes: Resource usage of other commands.
    """

    command: str = ""
    centre: str | None = None
    points: list[Point] = field(default_factory=list)
    baselines: list[RatePoint] = field(default_factory=list)
    references: list[RatePoint] = field(default_factory=list)
    processes: list[CommandUsage] = field(default_factory=list)

    def add_command(self, command: str) -> None:
        """Add a command line, once.

        >>> results = Results("imgnet bench a.png")
        >>> results.add_command("imgnet bench b.png --resume")
        >>> results.command
        'imgnet bench a.png && imgnet bench b.png --resume'
        """
        commands = self.command.split(AND) if self.command else []
        self.command = AND.join(dict.fromkeys([*commands, command]))

    def means(self) -> list[Mean]:
        """Return the mean over the images for every model, effort and rate."""
        groups: dict[tuple[str, int, Rate], list[Point]] = {}
        for point in self.points:
            groups.setdefault((point.model, point.effort, point.rate), []).append(point)
        return [_mean(group) for group in groups.values()]

    def comparisons(self) -> list[Comparison]:
        """Compare every model and effort with every baseline and every reference curve."""
        return [
            _compare(model, effort, ours, name, others)
            for (model, effort), ours in self._ours().items()
            for name, others in self._others().items()
        ]

    def trade_offs(self) -> dict[tuple[str, str], list[TradeOff]]:
        """Return trade-offs by model and other codec, where a BD-rate is known, by effort."""
        found: dict[tuple[str, str], list[TradeOff]] = {}
        for c in sorted(self.comparisons(), key=lambda compared: compared.effort):
            if c.percent is not None:
                points = [p for p in self.points if (p.model, p.effort) == (c.model, c.effort)]
                seconds, rates = fmean(p.seconds for p in points), {p.rate for p in points}
                trade_off = TradeOff(c.effort, seconds, c.percent, len(rates))
                found.setdefault((c.model, c.against), []).append(trade_off)
        return found

    def mean_curves(self) -> tuple[dict[str, Curve], dict[str, Curve]]:
        """Return our mean curves and those of the others; empty if images are missing."""
        images = {Path(point.image).stem for point in self.points}
        ours = {f"{model} effort {e}": points for (model, e), points in self._ours().items()}
        others = {**by_codec(self.baselines), **by_codec(self.references)}
        return (
            {name: mean_curve(points, images) for name, points in ours.items()},
            {name: mean_curve(points, images) for name, points in others.items()},
        )

    def document(self) -> dict[str, object]:
        """Return the JSON document."""
        return {
            "command": self.command,
            "version": __version__,
            "cores": os.cpu_count(),
            "centre": self.centre,
            "mean": [_plain(mean) for mean in self.means()],
            "points": [_plain(point) for point in self.points],
            "peers": [_plain(point) for point in self.baselines],
            "bd_rate": [_plain(comparison) for comparison in self.comparisons()],
            "processes": [_plain(usage) for usage in self.processes],
        }

    def store(self, path: Path) -> None:
        """Write the document with one number a line, so that diffs can be read.

        Raises:
            OutputError: The file cannot be written.
        """
        text = json.dumps(self.document(), indent=1, allow_nan=False)
        write_atomically(path, (text + "\n").encode())

    def _ours(self) -> dict[tuple[str, int], list[RatePoint]]:
        curves: dict[tuple[str, int], list[RatePoint]] = {}
        for p in self.points:
            point = RatePoint(Path(p.image).stem, p.model, str(p.rate), p.bpp, p.psnr_db)
            curves.setdefault((p.model, p.effort), []).append(point)
        return curves

    def _others(self) -> dict[str, list[RatePoint]]:
        measured = by_codec(self.baselines)
        baselines = {
            name: [point for one in configurations for point in measured.get(one, [])]
            for name, configurations in BASELINES.items()
        }
        measured_ones = {name: points for name, points in baselines.items() if points}
        return measured_ones | by_codec(self.references)


def load(path: Path, centre: str | None) -> Results:
    """Read a document to add to it.

    Args:
        path: File of `Results.store`.
        centre: Size of the central crops of the points to add, as WxH; None for whole images.

    Raises:
        InputError: The file cannot be read or is no such document.
        UsageError: The document is of another version or of other crops.
    """
    try:
        stored = json.loads(path.read_bytes())
        version, was = stored["version"], stored["centre"]
        results = Results(
            command=str(stored["command"]),
            centre=was,
            points=[Point(**_restored(row)) for row in stored["points"]],
            baselines=[RatePoint(**_restored(row)) for row in stored["peers"]],
            processes=[CommandUsage(**row) for row in stored["processes"]],
        )
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is no result of this bench; leave out --resume") from error
    if (version, was) != (__version__, centre):
        raise UsageError(
            f"{path}: was measured by version {version} on {_part(was)}, and now {__version__} on "
            f"{_part(centre)} is asked for; leave out --resume or name another --out"
        )
    return results


def _part(centre: str | None) -> str:
    return "whole images" if centre is None else f"centres of {centre}"


def _restored(row: dict[str, Any]) -> dict[str, Any]:
    # JSON has no infinity, which is the PSNR of equal pictures.
    return {**row, "psnr_db": inf} if row["psnr_db"] is None else row


def _plain(record: Point | RatePoint | Mean | Comparison | CommandUsage) -> dict[str, object]:
    """Return the JSON object of a record; `_restored` is the inverse."""
    row = asdict(record)
    return {**row, "psnr_db": None} if row.get("psnr_db") == inf else row


def _mean(points: Sequence[Point]) -> Mean:
    first = points[0]
    peaks = [p.peak_megabytes for p in points if p.peak_megabytes is not None]
    return Mean(
        model=first.model,
        effort=first.effort,
        quality=first.quality,
        target_bpp=first.target_bpp,
        images=len(points),
        bpp=round(fmean(p.bpp for p in points), 5),
        psnr_db=round(fmean(p.psnr_db for p in points), 3),
        seconds=round(fmean(p.seconds for p in points), 2),
        most_seconds=max(p.seconds for p in points),
        most_megabytes=max(peaks, default=None),
    )


def _compare(
    model: str, effort: int, ours: list[RatePoint], against: str, others: list[RatePoint]
) -> Comparison:
    per_image = {
        image: None if value is None else round(value, 3)
        for image, value in differences(ours, others).items()
    }
    counted = [value for value in per_image.values() if value is not None]
    return Comparison(
        model=model,
        effort=effort,
        against=against,
        images=len(counted),
        left_out=len(per_image) - len(counted),
        percent=round(fmean(counted), 3) if counted else None,
        per_image=per_image,
    )
