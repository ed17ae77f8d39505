"""What `-v` says of a file and of how it came about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgnet.cli.inputs import read_bytes
from imgnet.errors import UsageError

if TYPE_CHECKING:
    from imgnet.batch.task import Outcome, Result
    from imgnet.codec.format.container import Encoded


def check_verbosity(*, quiet: bool, verbose: bool) -> None:
    """Refuse to be quiet and verbose at once.

    Raises:
        UsageError: Both are wanted.
    """
    if quiet and verbose:
        raise UsageError("--quiet and --verbose contradict each other; give one of them")


def detail_lines(outcome: Outcome) -> list[str]:
    """Return lines about a file that was made, and about its fit.

    Raises:
        InputError: The file cannot be read again.
    """
    from imgnet.codec.format.container import from_bytes

    result = outcome.result
    data = read_bytes(str(result.output)) if outcome.data is None else outcome.data
    encoded = from_bytes(data, str(result.output))
    return [network_line(encoded), fit_line(result), *byte_lines(encoded, len(data))]


def fit_line(result: Result) -> str:
    """Return one line about a fit.

    >>> from imgnet.batch.task import Result
    >>> fit_line(Result("a", "b", 3, "grid", seconds=42.5, steps=850, device="cpu"))
    'fit         effort 3, 850 steps in 42.5 s on cpu, 20.0 a second'
    """
    steps, seconds = result.steps or 0, result.seconds or 0.0
    rate = f", {steps / seconds:.1f} a second" if seconds else ""
    return (
        f"{'fit':<12}effort {result.effort}, {steps:,} steps in {seconds:.1f} s "
        f"on {result.device}{rate}"
    )


def network_line(encoded: Encoded) -> str:
    """Return one line about the picture and its network."""
    spec = encoded.spec
    size = f"{spec.width}x{spec.height} {encoded.mode}"
    return f"{'network':<12}{spec.family} of {spec.num_parameters:,} parameters for {size}"


def byte_lines(encoded: Encoded, num_bytes: int) -> list[str]:
    """Return lines about what the bytes of a file are spent on.

    Raises:
        FormatError: The coded stream is damaged.
    """
    from imgnet.codec.format.byte_counts import bytes_by_part

    parts = bytes_by_part(encoded, num_bytes)
    latents = {name.split()[1]: count for name, count in parts.items() if " " in name}
    sums = {name: count for name, count in parts.items() if " " not in name}
    if latents:
        sums["latents"] = sum(latents.values())
    lines = [f"{'bytes':<12}{_listed(sums)}"]
    return [*lines, f"{'latents':<12}{_listed(latents)}"] if latents else lines


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def drawn_line(name: str, shape: tuple[int, ...], seconds: float) -> str:
    """Return one line about a picture of shape (height, width, channels) that was drawn.

    >>> drawn_line("a.inr", (683, 1024, 3), 0.314)
    'a.inr: drawn at 1024x683 in 0.31 s'
    """
    return f"{name}: drawn at {shape[1]}x{shape[0]} in {seconds:.2f} s"
