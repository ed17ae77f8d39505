"""Options that several commands share, each declared once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from imgnet.errors import UsageError
from imgnet.request.efforts import EFFORTS

UNIT_BYTES = {"": 1, "k": 1_000, "m": 1_000_000}


def parse_bytes(text: str) -> int:
    """Read a file size such as 20000, 20k or 1.5M, in bytes; k is 1000, M a million.

    Raises:
        UsageError: The text is not of that form, or less than one byte.

    >>> parse_bytes("20k"), parse_bytes("1.5M"), parse_bytes("900")
    (20000, 1500000, 900)
    """
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)([km]?)", text.strip().lower())
    size = round(float(match[1]) * UNIT_BYTES[match[2]]) if match else 0
    if size < 1:
        raise UsageError(f"--target-size {text!r} is not of the form 20000, 20k or 1.5M (bytes)")
    return size


# What to fit, and how hard.
Model = Annotated[Literal["grid", "gated", "mlp"], typer.Option(help="Network family.")]
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
    typer.Option(metavar="SECONDS", min=0.1, help="End the fit of each image after this time."),
]
Seed = Annotated[
    int,
    typer.Option(metavar="N", min=0, max=2**32 - 1, help="Start of the random numbers of the fit."),
]
Device = Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="Where to fit.")]

# Which pixels to draw.
Size = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="1024 (long side), 800x600 or 50%; default: native size."),
]
Depth = Annotated[
    Literal["8", "16"] | None,
    typer.Option(help="Bits of a sample; default: those of the source, where the format has them."),
]
Zoom = Annotated[
    Literal["neural", "lanczos"],
    typer.Option(help="How grid is enlarged; neural adds plausible detail, not recovered detail."),
]
ImageFormat = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="NAME", help="png, jpeg, webp, ...; default: by extension, else png."
    ),
]

# Where the result goes, and what is said about it.
Output = Annotated[
    str | None,
    typer.Option("-o", "--output", metavar="OUT", help="File or folder/ to write; - for stdout."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that -o did not name.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say more about what was done.")]
Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON a file to stdout.")]

Mask = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Fit the white pixels of this picture only."),
]
