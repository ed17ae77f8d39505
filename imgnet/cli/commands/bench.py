"""`imgnet bench`: rate-distortion measurements, and comparisons with other codecs."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgnet.bench.tables import baseline_line, comparison_table, mean_table, point_line, usage_line
from imgnet.cli import options
from imgnet.cli.options import QUALITIES, TARGETS, parse_centre, parse_list, parse_rates
from imgnet.cli.terminal import complain, say
from imgnet.errors import UsageError
from imgnet.image.atomic import check_writable
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
        str | None,
        typer.Option(metavar="LIST", help=f"Qualities, 0..100; default of grid: {QUALITIES}."),
    ] = None,
    target_bpp: Annotated[
        str | None,
        typer.Option(
            metavar="LIST", help=f"File bits a pixel; default of gated and mlp: {TARGETS}."
        ),
    ] = None,
    efforts: Annotated[
        str,
        typer.Option(
            "-e",
            "--efforts",
            metavar="LIST",
            help=f"Efforts, {EFFORTS[0]}..{EFFORTS[-1]}, such as 3,5.",
        ),
    ] = str(EFFORT),
    centre: Annotated[
        str | None, typer.Option(metavar="WxH", help="Measure on this middle part of each image.")
    ] = None,
    against: Annotated[
        str, typer.Option(metavar="LIST", help="Other codecs to measure: jpeg,webp,avif,jxl.")
    ] = "",
    anchors: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Published points to compare with, JSON or TSV; repeatable."
        ),
    ] = None,
    processes: Annotated[
        int, typer.Option("-j", "--jobs", metavar="N", min=1, help="Images at the same time.")
    ] = 1,
    output: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="JSON file for all results.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the results in --out; measure only missing ones.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Plot PSNR over rate, and BD-rate over time, as .png, .svg or .pdf.",
        ),
    ] = None,
) -> int:
    """Measure size, PSNR, time and memory on images.

    Every image is encoded at every rate and effort. With --against or --anchors the command also
    prints the BD-rate: how many percent larger or smaller our files are at equal PSNR. If an image
    has only one rate, the comparison is at its PSNR.

    AVIF is Pillow's, at speed 4 with 4:2:0 and at speed 2 with 4:4:4; each image counts with the
    setting that compresses it better. JPEG XL has effort 7, WebP method 6; JPEG is optimised and
    progressive. Comparisons and --plot need pip install "imgnet[bench]".
    """
    rates = parse_rates(model, qualities, target_bpp)
    levels = [int(effort) for effort in parse_list("--efforts", efforts, "3,5", EFFORT_PATTERN)]
    baselines = parse_list("--against", against, "jpeg,webp", r"\w+") if against else []
    part = None if centre is None else parse_centre(centre)
    _check(baselines, anchors or [], part, output, plot, resume=resume)
    from imgnet.bench.jobs import Job, prepare

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = prepare(images, part, folder)
        results = _start(pictures, part, anchors or [], output if resume else None)
        jobs = [
            Job(picture, model, effort, rate, folder)
            for effort, rate, picture in product(levels, rates, pictures)
        ]

        def keep() -> None:  # after every point, so that a run that ends early is not lost
            if output is not None:
                results.store(output)

        keep()  # fail now if the output cannot be written
        _measure(results, jobs, processes, keep)
        _measure_baselines(results, pictures, baselines, processes, keep)
    _report(results)
    if plot is not None:
        _plot(results, plot)
    return 0


def _check(
    baselines: Sequence[str],
    anchors: Sequence[Path],
    centre: tuple[int, int] | None,
    output: Path | None,
    plot: Path | None,
    *,
    resume: bool,
) -> None:
    """Check options and packages before hours of measuring."""
    from imgnet.bench.bd_rate import check as check_bd_rate
    from imgnet.bench.codecs import check as check_baselines
    from imgnet.bench.plot import check as check_plot

    if resume and output is None:
        raise UsageError("--resume adds to the file of --out; give both")
    if anchors and centre:
        raise UsageError(
            "--anchors are points of whole images; leave out --centre, or crop the files yourself"
        )
    if baselines or anchors:
        check_bd_rate()
    check_baselines(baselines)
    if plot is not None:
        check_plot(plot)
        check_writable(plot)


def _start(
    pictures: Sequence[Picture],
    centre: tuple[int, int] | None,
    anchors: Sequence[Path],
    resumed: Path | None,
) -> Results:
    """Return the stored results, if any, with the reference curves."""
    from imgnet.bench.codecs import BASELINES, CONFIGURATIONS
    from imgnet.bench.references import read_all
    from imgnet.bench.results import Results, load

    part = None if centre is None else f"{centre[0]}x{centre[1]}"
    kept = resumed is not None and resumed.exists()
    results = load(resumed, part) if resumed is not None and kept else Results(centre=part)
    # Without folders, which differ between machines.
    words = [Path(word).name if Path(word).is_file() else word for word in sys.argv[1:]]
    results.add_command(f"imgnet {shlex.join(words)}")
    names = [picture.name for picture in pictures] + [point.image for point in results.points]
    taken = {*BASELINES, *CONFIGURATIONS}
    results.references = read_all(anchors, {Path(name).stem for name in names}, taken)
    return results


def _measure(
    results: Results, jobs: Sequence[Job], processes: int, keep: Callable[[], None]
) -> None:
    """Run the jobs that the results lack, and measure other commands on one of the files."""
    from imgnet.bench.jobs import run_jobs
    from imgnet.bench.processes import measure_commands

    known = {(point.image, point.model, point.effort, point.rate) for point in results.points}
    missing = [j for j in jobs if (j.picture.name, j.model, j.effort, j.rate) not in known]
    for point in run_jobs(missing, processes):
        results.points.append(point)
        say(point_line(point))
        keep()
    if missing:
        results.processes = measure_commands(missing[-1].output)
        keep()


def _measure_baselines(
    results: Results,
    pictures: Sequence[Picture],
    baselines: Sequence[str],
    processes: int,
    keep: Callable[[], None],
) -> None:
    """Measure the baseline codecs on the images where the results lack them."""
    from imgnet.bench.codecs import BASELINES, measure
    from imgnet.bench.jobs import run_tasks

    known = {(point.image, point.codec) for point in results.baselines}
    tasks = [
        (picture.path, configuration)
        for picture in pictures
        for baseline in baselines
        for configuration in BASELINES[baseline]
        if (Path(picture.name).stem, configuration) not in known
    ]
    for points in run_tasks(measure, tasks, processes):
        results.baselines.extend(points)
        say(baseline_line(points))
        keep()


def _report(results: Results) -> None:
    typer.echo(mean_table(results.means()))
    comparisons = results.comparisons()
    if comparisons:
        typer.echo(f"\n{comparison_table(comparisons)}")
    if results.processes:
        typer.echo("\n" + "\n".join(map(usage_line, results.processes)))


def _plot(results: Results, path: Path) -> None:
    from imgnet.bench.plot import plot

    ours, others = results.mean_curves()
    for name, curve in {**ours, **others}.items():
        if not curve:
            complain(f"{path}: lacks {name}, which has no point of every image")
    images = len({point.image for point in results.points})
    title = f"Mean over {images} image{'s' * (images > 1)}"
    ours = {name: curve for name, curve in ours.items() if curve}
    if not ours:
        raise UsageError(f"--plot {path}: no rate was measured on every image")
    others = {name: curve for name, curve in others.items() if curve}
    plot(ours, others, results.trade_offs(), title, path)
