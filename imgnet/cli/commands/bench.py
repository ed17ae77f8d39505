"""`imgnet bench`: what the codec reaches on given images, and how it compares with others."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgnet.bench.tables import comparison_table, cost_line, mean_table, peer_line, point_line
from imgnet.cli import options
from imgnet.cli.lists import QUALITIES, TARGETS, parse_centre, parse_list, parse_rates
from imgnet.cli.terminal import complain, say
from imgnet.errors import UsageError
from imgnet.request.efforts import EFFORTS
from imgnet.request.encode_options import EFFORT, MODEL

if TYPE_CHECKING:
    from imgnet.bench.jobs import Job, Picture
    from imgnet.bench.results import Results

EFFORT_PATTERN = "|".join(map(str, EFFORTS))


def bench(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Images to encode.")],
    model: options.Model = MODEL,
    qualities: Annotated[
        str | None, typer.Option(metavar="LIST", help=f"0..100, such as {QUALITIES}.")
    ] = None,
    target_bpp: Annotated[
        str | None, typer.Option(metavar="LIST", help=f"File bits a pixel, such as {TARGETS}.")
    ] = None,
    efforts: Annotated[
        str,
        typer.Option(
            "-e", "--efforts", metavar="LIST", help=f"{EFFORTS[0]}..{EFFORTS[-1]}, such as 3,5."
        ),
    ] = str(EFFORT),
    centre: Annotated[
        str | None, typer.Option(metavar="WxH", help="Measure on this middle part of each image.")
    ] = None,
    against: Annotated[
        str, typer.Option(metavar="LIST", help="Codecs to measure too: jpeg,webp,avif,jxl.")
    ] = "",
    anchors: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Published points to compare with; repeatable."),
    ] = None,
    processes: Annotated[
        int, typer.Option("-j", "--jobs", metavar="N", min=1, help="Images at the same time.")
    ] = 1,
    output: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="JSON file to write.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep what --out holds; measure what it lacks.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Figure to draw: .png, .svg or .pdf.")
    ] = None,
) -> int:
    """Measure size, PSNR, time and memory on images.

    Every image is encoded at every rate and effort. With other codecs to compare with, report also
    how many percent larger or smaller our files are at equal PSNR (BD-rate).
    """
    rates = parse_rates(model, qualities, target_bpp)
    levels = [int(effort) for effort in parse_list("--efforts", efforts, "3,5", EFFORT_PATTERN)]
    peers = parse_list("--against", against, "jpeg,webp", r"\w+") if against else []
    part = None if centre is None else parse_centre(centre)
    _check(peers, anchors or [], part, output, plot, resume=resume)
    from imgnet.bench.jobs import Job, prepare

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = prepare(images, part, folder)
        results = _start(pictures, part, anchors or [], output if resume else None)
        jobs = [
            Job(picture, model, effort, rate, folder)
            for effort, rate, picture in product(levels, rates, pictures)
        ]

        def keep() -> None:  # after every point: a long run that ends early is not lost
            if output is not None:
                results.store(output)

        keep()  # an output that cannot be written is known before the first hour
        _measure(results, jobs, processes, keep)
        _measure_peers(results, pictures, peers, processes, keep)
    _report(results)
    if plot is not None:
        _draw(results, plot)
    return 0


def _check(
    peers: Sequence[str],
    anchors: Sequence[Path],
    centre: tuple[int, int] | None,
    output: Path | None,
    plot: Path | None,
    *,
    resume: bool,
) -> None:
    """Refuse what would fail after hours of measuring."""
    from imgnet.bench.codecs import check as check_peers
    from imgnet.bench.plot import check as check_plot

    if resume and output is None:
        raise UsageError("--resume adds to the file of --out; give both")
    if anchors and centre:
        raise UsageError(
            "--anchors are points of whole images; leave out --centre, or crop the files yourself"
        )
    check_peers(peers)
    if plot is not None:
        check_plot(plot)


def _start(
    pictures: Sequence[Picture],
    centre: tuple[int, int] | None,
    anchors: Sequence[Path],
    resumed: Path | None,
) -> Results:
    """Return what is known before anything is measured."""
    from imgnet.bench.anchors import read_all
    from imgnet.bench.codecs import PEERS, SERIES
    from imgnet.bench.results import Results, load

    part = None if centre is None else f"{centre[0]}x{centre[1]}"
    kept = resumed is not None and resumed.exists()
    results = load(resumed, part) if resumed is not None and kept else Results(centre=part)
    # Without the folders of the files, which differ from machine to machine.
    words = [Path(word).name if Path(word).is_file() else word for word in sys.argv[1:]]
    results.add_command(f"imgnet {shlex.join(words)}")
    names = [picture.name for picture in pictures] + [point.image for point in results.points]
    results.anchors = read_all(anchors, {Path(name).stem for name in names}, {*PEERS, *SERIES})
    return results


def _measure(
    results: Results, jobs: Sequence[Job], processes: int, keep: Callable[[], None]
) -> None:
    """Run the jobs that the results lack, and time what is done with such a file."""
    from imgnet.bench.jobs import run_jobs
    from imgnet.bench.processes import process_costs

    known = {(point.image, point.model, point.effort, point.rate) for point in results.points}
    missing = [j for j in jobs if (j.picture.name, j.model, j.effort, j.rate) not in known]
    for point in run_jobs(missing, processes):
        results.points.append(point)
        say(point_line(point))
        keep()
    if missing:
        results.processes = process_costs(missing[-1].output)
        keep()


def _measure_peers(
    results: Results,
    pictures: Sequence[Picture],
    peers: Sequence[str],
    processes: int,
    keep: Callable[[], None],
) -> None:
    """Measure other codecs on the images where the results lack them."""
    from imgnet.bench.codecs import PEERS, measure
    from imgnet.bench.jobs import run_tasks

    known = {(point.image, point.codec) for point in results.peers}
    tasks = [
        (picture.path, series)
        for picture in pictures
        for peer in peers
        for series in PEERS[peer]
        if (Path(picture.name).stem, series) not in known
    ]
    for points in run_tasks(measure, tasks, processes):
        results.peers.extend(points)
        say(peer_line(points))
        keep()


def _report(results: Results) -> None:
    typer.echo(mean_table(results.means()))
    comparisons = results.comparisons()
    if comparisons:
        typer.echo(f"\n{comparison_table(comparisons)}")
    if results.processes:
        typer.echo("\n" + "\n".join(map(cost_line, results.processes)))


def _draw(results: Results, path: Path) -> None:
    from imgnet.bench import plot

    ours, others = results.mean_curves()
    for name, curve in {**ours, **others}.items():
        if not curve:
            complain(f"{path}: lacks {name}, which has no point of every image")
    images = len({point.image for point in results.points})
    title = f"Mean over {images} image{'s' * (images > 1)}"
    drawn = {name: curve for name, curve in ours.items() if curve}
    if not drawn:
        raise UsageError(f"--plot {path}: no rate was measured on every image")
    plot.draw(drawn, {name: curve for name, curve in others.items() if curve}, title, path)
