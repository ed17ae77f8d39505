"""Figures of a file that `imgnet info` writes: rate map and pyramids of latents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgnet.batch.task import name_of
from imgnet.cli.outputs import resolve_picture, write_picture
from imgnet.errors import UsageError

if TYPE_CHECKING:
    from imgnet.codec.format.container import Encoded
    from imgnet.image.picture import Samples

Facts = dict[str, dict[str, Any]]  # what a figure says in numbers, by the name of the figure


def resolve_figures(source: str, outputs: dict[str, str | None], *, force: bool) -> dict[str, Path]:
    """Return the file of each figure that is wanted, and check that it can be written.

    Args:
        source: Input file.
        outputs: Value of the option of each figure, by its name, "map" or "pyramid".
        force: Let a derived name replace an existing file.

    Raises:
        UsageError: A figure would go to stdout or to the file of the other or of the input, or its
            format is unknown.
        InputError: The input does not exist.
        OutputError: A file cannot be created, or its name was derived and exists.
    """
    paths: dict[str, Path] = {}
    for name, output in outputs.items():
        if output is None:
            continue
        path = resolve_picture(source, output, None, force=force, ending=f"-{name}")
        if path is None:
            raise UsageError(f"--{name} -: stdout is for the facts; name a file")
        if path in paths.values():
            raise UsageError(f"{path}: takes one picture; name another file for --{name}")
        paths[name] = path
    return paths


def draw_figures(source: str, encoded: Encoded, paths: dict[str, Path]) -> Facts:
    """Write the figures of a file.

    Args:
        source: Input file.
        encoded: What it holds.
        paths: File of each figure.

    Returns:
        The file of each figure, and the ranges of its colours.

    Raises:
        UsageError: The file has no coded latents.
        FormatError: The coded stream is damaged.
        OutputError: A figure cannot be written.
    """
    from imgnet.image.picture import NO_METADATA

    try:
        drawn = {name: _DRAW[name](encoded) for name in paths}
    except UsageError as error:
        raise UsageError(f"{name_of(source)}: {error}") from None
    for name, (pixels, _) in drawn.items():
        write_picture(pixels, paths[name], None, NO_METADATA)
    return {name: {"output": str(paths[name])} | facts for name, (_, facts) in drawn.items()}


def figure_lines(facts: Facts) -> list[str]:
    """Return a line for people on each figure.

    >>> figure_lines({"map": {"output": "a.png", "brightest_bpp": 5.06, "most_bpp": 18.04}})
    ['map         a.png: 0 to 5.06 bpp, 18.04 at most']
    """
    return [
        f"{name:<12}{of_one['output']}: {_LINES[name](of_one)}" for name, of_one in facts.items()
    ]


def _rate_map(encoded: Encoded) -> tuple[Samples, dict[str, Any]]:
    from imgnet.figures.rate_map import brightest, draw_rate_map, rate_map

    bpp = rate_map(encoded)
    rates = {"brightest_bpp": brightest(bpp), "most_bpp": float(bpp.max())}
    return draw_rate_map(bpp), {name: round(rate, 4) for name, rate in rates.items()}


def _pyramid(encoded: Encoded) -> tuple[Samples, dict[str, Any]]:
    from imgnet.figures.pyramid import pyramids_of

    pyramids = pyramids_of(encoded)
    return pyramids.draw(), {"largest": pyramids.largest()}


def _rate_line(facts: dict[str, Any]) -> str:
    return f"0 to {facts['brightest_bpp']:.2f} bpp, {facts['most_bpp']:.2f} at most"


def _pyramid_line(facts: dict[str, Any]) -> str:
    return "largest " + ", ".join(f"{name} {most}" for name, most in facts["largest"].items())


_DRAW: dict[str, Callable[[Encoded], tuple[Samples, dict[str, Any]]]] = {
    "map": _rate_map,
    "pyramid": _pyramid,
}
_LINES = {"map": _rate_line, "pyramid": _pyramid_line}
