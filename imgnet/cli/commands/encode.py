"""`imgnet encode`: fit a network to each image and store it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from imgnet.batch.task import STDIO
from imgnet.cli import options
from imgnet.cli.details import check_verbosity
from imgnet.cli.engine import Engine
from imgnet.cli.outputs import check_snapshots
from imgnet.cli.plan import Plan
from imgnet.cli.report import Reporter, carry_out
from imgnet.cli.terminal import is_terminal
from imgnet.errors import UsageError
from imgnet.request.encode_options import EFFORT, MODEL, QUALITY, EncodeOptions
from imgnet.signals import Interrupted
from imgnet.spec import MAX_DIM, MAX_LAYERS


def encode(
    inputs: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Images; - for stdin.")],
    output: options.Output = None,
    recursive: Annotated[
        bool, typer.Option("-r", "--recursive", help="Take the images of folders, tree and all.")
    ] = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave out images whose file exists.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "-j",
            "--jobs",
            metavar="N",
            min=0,
            help="Images at the same time, which share the cores; 0 for one a core.",
        ),
    ] = None,
    model: options.Model = MODEL,
    quality: options.Quality = QUALITY,
    target_bpp: Annotated[
        float | None,
        typer.Option(metavar="BPP", max=1000, help="Aim at this many file bits a pixel."),
    ] = None,
    target_size: Annotated[
        int | None,
        typer.Option(
            metavar="BYTES", parser=options.parse_bytes, help="Never exceed this: 900, 20k, 1.5M."
        ),
    ] = None,
    target_psnr: Annotated[
        float | None,
        typer.Option(metavar="DB", min=1, max=100, help="Reach this PSNR, within 0.1 dB."),
    ] = None,
    effort: options.Effort = EFFORT,
    tune: Annotated[
        Literal["psnr", "msssim"],
        typer.Option(help="Fit grid to PSNR or to MS-SSIM."),
    ] = "psnr",
    time_limit: options.TimeLimit = None,
    mask: options.Mask = None,
    keep: Annotated[
        float | None, typer.Option(metavar="FRACTION", help="Fit this random part of the pixels.")
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
            help="Units a layer; published: 100 with gated, 64 with mlp.",
        ),
    ] = None,
    num_layers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=MAX_LAYERS,
            help="Depth; published: 2 blocks of gated, 3 layers of mlp.",
        ),
    ] = None,
    metadata: Annotated[
        Literal["all", "icc", "none"],
        typer.Option(help="Store ICC, EXIF and XMP, the ICC profile only, or none."),
    ] = "all",
    weights: Annotated[
        Literal["coded", "float16", "float32"],
        typer.Option(help="Small file, or tensors that other programs can load."),
    ] = "coded",
    snapshot_every: Annotated[
        tuple[int, Path] | None,
        typer.Option(metavar="N DIR", help="Write a preview to DIR every N steps."),
    ] = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    engine_name: Annotated[
        Literal["local", "ray"],
        typer.Option("--engine", help="Fit on this machine, or on a Ray cluster."),
    ] = "local",
    address: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Of the cluster; default: the one found.")
    ] = "auto",
    ship_bytes: Annotated[
        bool, typer.Option("--ship-bytes", help="Send files to the cluster; no path is shared.")
    ] = False,
    keep_partial: Annotated[
        bool, typer.Option("--keep-partial", help="On Ctrl-C, write the best so far, then end.")
    ] = False,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Fit a small network to each image and store it as an .inr file.

    Without -o the file goes beside the image, under the same name ending in .inr. Several images,
    or the tree of a folder, go into the folder of -o.
    """
    check_verbosity(quiet=quiet, verbose=verbose)
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
