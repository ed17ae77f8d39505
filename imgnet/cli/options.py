"""Options: those that several commands share, and parsers of values."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from imgnet.errors import UsageError
from imgnet.request.efforts import EFFORTS

if TYPE_CHECKING:
    from imgnet.bench.jobs import Rate

UNIT_BYTES = {"": 1, "k": 1_000, "m": 1_000_000}

# Rates that `bench` measures by default; gated and mlp have those of their publication.
QUALITIES = "10,30,50,70"
TARGETS = "0.16,0.31,0.61"

# The fit.
Model = Annotated[
    Literal["grid", "gated", "mlp"],
    typer.Option(help="Network family: latent grids, gated layers or a plain MLP."),
]
Quality = Annotated[
    int,
    typer.Option(
        "-q", "--quality", metavar="N", min=0, max=100, help="0 smallest file, 100 best picture."
    ),
]
Effort = Annotated[
    int,
    typer.Option(
        "-e",
        "--effort",
        metavar="N",
        min=EFFORTS[0],
        max=EFFORTS[-1],
        help="1 fastest fit, 9 best picture.",
    ),
]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        min=0.1,
        help="Encode each image within this time, from reading to writing, as well as it allows; "
        "compilation, once on a machine, does not count.",
    ),
]
Seed = Annotated[
    int,
    typer.Option(metavar="N", min=0, max=2**32 - 1, help="Seed of the random numbers of the fit."),
]
Device = Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="Where to fit.")]

# The pixels to render.
Size = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="1024 (long side), 800x600 or 50%; default: native size."),
]
Fit = Annotated[
    str | None,
    typer.Option(
        metavar="WxH", help="Render at most this large, aspect ratio kept; never enlarges."
    ),
]
Depth = Annotated[
    Literal["8", "16"] | None,
    typer.Option(help="Bits of a sample; default: those of the source, where the format has them."),
]
Zoom = Annotated[
    Literal["neural", "lanczos"],
    typer.Option(
        help="How grid is enlarged: by a network that adds plausible detail, not recovered "
        "detail, or by Lanczos-3."
    ),
]
ImageFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="png, jpeg, webp, avif, tiff, ppm or bmp; default: by extension, else png.",
    ),
]

# The result and what is printed about it.
Output = Annotated[
    str | None,
    typer.Option("-o", "--output", metavar="OUT", help="File or folder/ to write; - for stdout."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace a file whose name was derived.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print errors only; no progress bar.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say more about what was done.")]
Json = Annotated[bool, typer.Option("--json", help="Print results to stdout as JSON, a line each.")]

Mask = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Fit only where this picture is white; it has the size of the image.",
    ),
]


def set_verbosity(*, quiet: bool, verbose: bool) -> None:
    """Keep warnings of the library from stderr with --quiet.

    Raises:
        UsageError: --verbose is given as well.
    """
    if quiet and verbose:
        raise UsageError("--quiet and --verbose contradict each other; give one of them")
    logging.getLogger("imgnet").setLevel(logging.ERROR if quiet else logging.NOTSET)


def size_within(size: str | None, box: str | None) -> str | None:
    """Return the size to render, given --size or --fit.

    Raises:
        UsageError: Both are given, or the box is not of the form 800x600.

    >>> size_within(None, "800x600"), size_within("50%", None)
    ('800x600>', '50%')
    """
    if box is None:
        return size
    if size is not None:
        raise UsageError("--size and --fit contradict each other; give one of them")
    if not re.fullmatch(r"[1-9]\d{0,8}x[1-9]\d{0,8}", box):
        raise UsageError(f"--fit {box!r} is not of the form 800x600")
    return f"{box}>"


def parse_bytes(text: str) -> int:
    """Read a file size such as 20000, 20k or 1.5M, in bytes; k is 1000, M a million.

    Raises:
        UsageError: The text is not of that form, or is less than one byte.

    >>> parse_bytes("20k"), parse_bytes("1.5M"), parse_bytes("900")
    (20000, 1500000, 900)
    """
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)([km]?)", text.strip().lower())
    size = round(float(match[1]) * UNIT_BYTES[match[2]]) if match else 0
    if size < 1:
        raise UsageError(f"--target-size {text!r} is not of the form 20000, 20k or 1.5M (bytes)")
    return size


def parse_list(option: str, text: str, example: str, pattern: str) -> list[str]:
    """Split a list at its commas and drop repetitions.

    Args:
        option: Name of the option, for the message.
        text: The list.
        example: Valid list, for the message.
        pattern: Regular expression of one entry.

    Raises:
        UsageError: An entry does not match the pattern.

    >>> parse_list("--efforts", "3, 5,3", "3,5", "[1-9]")
    ['3', '5']
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(pattern, part) for part in parts):
        raise UsageError(f"{option} {text!r} is not a list such as {example}")
    return list(dict.fromkeys(parts))


def parse_rates(model: str, qualities: str | None, target_bpp: str | None) -> list[Rate]:
    """Return the rates to measure at: those that are given, else the defaults of the model.

    Raises:
        UsageError: A list holds something else than numbers in range, or both lists are given.

    >>> parse_rates("grid", None, None)[0]
    Rate(quality=10.0, target_bpp=None)
    """
    from imgnet.bench.jobs import Rate

    if qualities is not None and target_bpp is not None:
        raise UsageError("--qualities and --target-bpp contradict each other; give one of them")
    if qualities is None and target_bpp is None and model == "grid":
        qualities = QUALITIES
    number = r"\d{1,9}(\.\d{1,9})?"
    if qualities is not None:
        numbers = [*map(float, parse_list("--qualities", qualities, QUALITIES, number))]
        if max(numbers) > 100:
            raise UsageError(f"--qualities {qualities!r} goes beyond 100, the best picture")
        return [Rate(quality=quality) for quality in dict.fromkeys(numbers)]
    text = TARGETS if target_bpp is None else target_bpp
    numbers = [*map(float, parse_list("--target-bpp", text, TARGETS, number))]
    if not min(numbers):
        raise UsageError(f"--target-bpp {text!r}: 0 bits hold no picture")
    return [Rate(target_bpp=target) for target in dict.fromkeys(numbers)]


def parse_centre(text: str) -> tuple[int, int]:
    """Read the width and height of a crop.

    Raises:
        UsageError: The text is not of the form 384x256.

    >>> parse_centre("384x256")
    (384, 256)
    """
    match = re.fullmatch(r"([1-9]\d{0,8})x([1-9]\d{0,8})", text)
    if not match:
        raise UsageError(f"--centre {text!r} is not of the form 384x256")
    return int(match[1]), int(match[2])
