"""`imgnet bench`: what the codec reaches on given images, as a table and as JSON."""

from __future__ import annotations

import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgnet.cli import options
from imgnet.cli.terminal import say
from imgnet.errors import UsageError

if TYPE_CHECKING:
    from imgnet.bench import Point


def _parse_targets(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--target-bpp {text!r} is not a list such as 0.16,0.31,0.61") from None


def bench(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Images to encode.")],
    model: options.Model = "gated",
    target_bpp: Annotated[
        str, typer.Option(metavar="LIST", help="File bits a pixel, separated by commas.")
    ] = "0.16,0.31,0.61",
    effort: options.Effort = 3,
    processes: Annotated[
        int, typer.Option("-j", "--jobs", metavar="N", min=1, help="Images at the same time.")
    ] = 1,
    output: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="JSON file to write.")
    ] = None,
) -> int:
    """Encode every image at every rate; report size, PSNR, time and memory."""
    from imgnet import bench as measure

    targets = _parse_targets(target_bpp)
    with tempfile.TemporaryDirectory() as folder:
        jobs = [
            measure.Job(str(image), model, target, effort, folder)
            for target in targets
            for image in images
        ]
        # Without the folders of the images, which differ from machine to machine.
        words = [Path(word).name if Path(word).is_file() else word for word in sys.argv[1:]]
        command = f"imgnet {shlex.join(words)}"
        points = []
        for point in measure.run_jobs(jobs, processes):
            points.append(point)
            say(_row(point))
            if output is not None:  # after every point: a long run that ends early is not lost
                measure.store(output, measure.document(command, points))
        costs = measure.process_costs(jobs[-1].output)
    if output is not None:
        measure.store(output, measure.document(command, points, costs))
    typer.echo(_table(points))
    for cost in costs:
        typer.echo(f"{cost.seconds:7.3f} s {cost.peak_megabytes:7.0f} MB  {cost.command}")
    return 0


def _row(point: Point) -> str:
    return (
        f"{point.image}  {point.model} {point.bpp:.4f} bpp  {point.psnr_db:.3f} dB  "
        f"{point.seconds:.0f} s"
    )


def _table(points: list[Point]) -> str:
    from imgnet.bench import means

    rows = [
        f"{row['target_bpp']:>8}  {row['bpp']:.4f}  {row['psnr_db']:7.3f}  "
        f"{row['seconds']:6}  {row['most_seconds']:6}"
        for row in means(points)
    ]
    return "\n".join(["  target     bpp       dB  mean s   max s", *rows])
