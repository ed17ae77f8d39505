"""`imgnet encode`: fit a network to each image and store it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from imgnet.batch.task import STDIO
from imgnet.cli import options
from imgnet.cli.engine import Engine, carry_out
from imgnet.cli.options import set_verbosity
from imgnet.cli.outputs import check_snapshots
from imgnet.cli.plan import Plan, notes_on
from imgnet.cli.report import Reporter
from imgnet.cli.terminal import complain, is_terminal
from imgnet.errors import UsageError
from imgnet.request.encode_options import EFFORT, MODEL, QUALITY, EncodeOptions
from imgnet.signals import Interrupted
from imgnet.spec import MAX_DIM, MAX_LAYERS


def encode(
    inputs: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Images; - for stdin.")],
    output: options.Output = None,
    recursive: Annotated[
        bool,
        typer.Option(
            "-r",
            "--recursive",
            help="Take the images of folders and their subfolders; the folder of -o gets the "
            "same tree.",
        ),
    ] = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Skip images whose .inr file exists.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "-j",
            "--jobs",
            metavar="N",
            min=0,
            help="Images at the same time, which share the cores; 0 for one a core; default: one.",
        ),
    ] = None,
    model: options.Model = MODEL,
    quality: options.Quality = QUALITY,
    target_bpp: Annotated[
        float | None,
        typer.Option(
            metavar="BPP", max=1000, help="Target rate in file bits a pixel, never exceeded."
        ),
    ] = None,
    target_size: Annotated[
        int | None,
        typer.Option(
            metavar="BYTES",
            parser=options.parse_bytes,
            help="Target size, never exceeded: 900, 20k (20 000) or 1.5M.",
        ),
    ] = None,
    target_psnr: Annotated[
        float | None,
        typer.Option(
            metavar="DB",
            min=1,
            max=100,
            help="Target PSNR, met within 0.1 dB; needs coded weights.",
        ),
    ] = None,
    effort: options.Effort = EFFORT,
    tune: Annotated[
        Literal["psnr", "msssim"],
        typer.Option(
            help="Metric that grid is fitted to; msssim weights errors more in smooth surroundings."
        ),
    ] = "psnr",
    time_limit: options.TimeLimit = None,
    mask: options.Mask = None,
    keep: Annotated[
        float | None,
        typer.Option(metavar="FRACTION", help="Fit only this random part of the pixels, 0..1."),
    ] = None,
    dim_axis: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=MAX_DIM, help="Units of each axis branch of gated."),
    ] = None,
    dim_hidden: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=MAX_DIM,
            help="Units of a layer; published: 100 of gated, 64 of mlp.",
        ),
    ] = None,
    num_layers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=MAX_LAYERS,
            help="3x3 layers of grid, ReZero blocks of gated (published: 2), hidden layers of "
            "mlp (published: 3).",
        ),
    ] = None,
    force_read: Annotated[
        bool,
        typer.Option(
            "--force-read",
            help="Encode what is there of an image that is cut short; missing rows are grey or "
            "black.",
        ),
    ] = False,
    metadata: Annotated[
        Literal["all", "icc", "none"],
        typer.Option(help="Store ICC, EXIF and XMP, the ICC profile only, or none."),
    ] = "all",
    weights: Annotated[
        Literal["coded", "float16", "float32"],
        typer.Option(
            help="Entropy coded integers, or plain named tensors that any safetensors reader loads."
        ),
    ] = "coded",
    snapshot_every: Annotated[
        tuple[int, Path] | None,
        typer.Option(metavar="N DIR", help="Write a preview to DIR/000100.png ... every N steps."),
    ] = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    engine_name: Annotated[
        Literal["local", "ray"],
        typer.Option(
            "--engine",
            help='Fit on this machine, or on a Ray cluster (pip install "imgnet[ray]").',
        ),
    ] = "local",
    address: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT", help="Address of the cluster; auto takes the one that Ray finds."
        ),
    ] = "auto",
    ship_bytes: Annotated[
        bool,
        typer.Option(
            "--ship-bytes",
            help="Send images and files through Ray, where its machines share no folder with "
            "this one.",
        ),
    ] = False,
    keep_partial: Annotated[
        bool,
        typer.Option(
            "--keep-partial",
            help="On Ctrl-C or SIGTERM, end the fit at once and write the best so far.",
        ),
    ] = False,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Fit a small network to each image and store it as an .inr file.

    Without -o the file goes beside the image, under the same name ending in .inr, and the result
    of stdin goes to stdout. Several images, or the tree of a folder, go into the folder of -o,
    which is made if it is missing. A file that -o names is replaced. In folders, files without the
    extension of an image, hidden files and links to folders are skipped. An image that fails does
    not stop the others.

    --target-bpp, --target-size and --target-psnr replace --quality. Where one is out of reach, the
    nearest file is written and the exit code is 5. For --target-psnr, gated and mlp fit up to three
    networks.

    A message follows the result if a PNG, which is exact, or the image itself has fewer bytes, as
    is usual for text, icons and line art.

    --dim-axis, --dim-hidden and --num-layers set the size of the network by hand.

    The fields of --json are input, output, effort, model, status (done, skipped or failed), error,
    bytes, bpp, psnr_db, psnr_unseen_db, seconds, steps, device and ended_early; null stands for a
    number that does not exist. With --verbose each file also gets its network, its steps and their
    rate, the device, the bytes of each part and, in a terminal with colours, its picture in half
    blocks. Lines come in the order of the images; with Ray, in the order in which they are done.
    """
    set_verbosity(quiet=quiet, verbose=verbose)
    if as_json and (output == STDIO or (output is None and STDIO in inputs)):
        raise UsageError("--json and -o - both want stdout; choose one of them")
    plan = Plan(inputs, output, recursive, force=force, skip_existing=skip_existing)
    engine = Engine(engine_name, jobs, address, ship_bytes=ship_bytes, keep_partial=keep_partial)
    engine.check()
    if snapshot_every is not None:
        if len(inputs) > 1 or recursive or engine_name != "local":
            raise UsageError("--snapshot-every watches the fit of one image on this machine")
        check_snapshots(*snapshot_every)
    fit_options = EncodeOptions(
        model=model,
        quality=quality,
        target_bpp=target_bpp,
        target_size=target_size,
        target_psnr=target_psnr,
        effort=effort,
        tune=tune,
        force_read=force_read,
        time_limit=time_limit,
        mask=mask,
        keep=keep,
        dim_axis=dim_axis,
        dim_hidden=dim_hidden,
        num_layers=num_layers,
        metadata=metadata,
        weights=weights,
        snapshot=snapshot_every,
        seed=seed,
        device=device,
    )
    entries = plan.entries(fit_options)
    if recursive and not quiet:
        for note in notes_on(inputs):
            complain(note)
    reporter = Reporter(len(entries), as_json=as_json, quiet=quiet, verbose=verbose)
    try:
        with engine.request() as request:
            carry_out(
                entries,
                engine.run,
                request,
                reporter.show,
                ordered=engine.keeps_order,
                watched=not quiet and not (as_json and is_terminal(sys.stdout)),
            )
    except Interrupted:
        reporter.say_how_to_resume(skips=skip_existing)
        raise
    return reporter.finish()
