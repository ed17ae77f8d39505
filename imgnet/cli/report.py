"""Reports for people and programs: the outcomes of a batch, and what `-v` adds about a file."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

from imgnet.batch.task import Outcome, name_of
from imgnet.cli.half_blocks import show_encoded
from imgnet.cli.inputs import SOME_FAILED, read_bytes
from imgnet.cli.outputs import print_result, write_stdout
from imgnet.cli.terminal import complain, say

if TYPE_CHECKING:
    from imgnet.batch.task import Result
    from imgnet.codec.format.container import Encoded


class Reporter:
    """Reporter of the outcomes of a batch, which it also counts.

    Args:
        total: Number of images.
        as_json: Print lines of JSON.
        quiet: Print faults only.
        verbose: Add details of every file.
    """

    def __init__(
        self, total: int, *, as_json: bool, quiet: bool = False, verbose: bool = False
    ) -> None:
        self.stdout = sys.stdout  # an engine may redirect what others print
        self.total, self.as_json, self.quiet, self.verbose = total, as_json, quiet, verbose
        self.counts: Counter[str] = Counter()
        self.codes: list[int] = []

    def show(self, outcome: Outcome) -> None:
        """Report one image; the data of a result that has no file goes to stdout.

        Raises:
            OutputError: Stdout cannot be written.
        """
        result = outcome.result
        if outcome.data is not None:
            write_stdout(outcome.data, self.stdout)
        if outcome.exit_code:
            self.codes.append(outcome.exit_code)
            complain(result.error)
        else:
            self.counts[result.status] += 1
            self._say(outcome)
        if self.as_json:
            print_result(result.as_json(), self.stdout)

    def _say(self, outcome: Outcome) -> None:
        if self.quiet:
            return
        result = outcome.result
        for note in outcome.notes:
            complain(f"{name_of(result.input)}: {note}")
        say(result.as_text())
        if self.verbose and result.status == "done":
            _say_details(outcome)
        if outcome.advice:
            complain(f"{name_of(result.input)}: {outcome.advice}")

    def finish(self) -> int:
        """Print a summary if images failed; return the exit code of the program."""
        if not self.codes or self.total == 1:
            return self.codes[0] if self.codes else 0
        complain(f"{len(self.codes)} of {self.total} files failed; {self._rest()}")
        return SOME_FAILED

    def say_how_to_resume(self, *, skips: bool) -> None:
        """Print the command that resumes a batch that a signal has ended.

        Args:
            skips: The command already has --skip-existing.
        """
        if self.total > 1:
            how = "the same command" if skips else "the same command with --skip-existing"
            complain(f"{self._rest()} of {self.total} files; {how} goes on from here")

    def _rest(self) -> str:
        kinds = [kind for kind in ("done", "skipped") if self.counts[kind]] or ["done"]
        return ", ".join(f"{self.counts[kind]} {kind}" for kind in kinds)


def _say_details(outcome: Outcome) -> None:
    """Report a file that was written and its fit, and show its picture.

    Raises:
        InputError: The file cannot be read again.
    """
    from imgnet.codec.format.container import from_bytes

    result = outcome.result
    data = read_bytes(str(result.output)) if outcome.data is None else outcome.data
    encoded = from_bytes(data, str(result.output))
    for line in (network_line(encoded), fit_line(result), *byte_lines(encoded, len(data))):
        say(line)
    show_encoded(encoded)


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
    """Return one line about the size of a picture and its network."""
    spec = encoded.spec
    size = f"{spec.width}x{spec.height} {encoded.mode}"
    return f"{'network':<12}{spec.family} of {spec.num_parameters:,} parameters for {size}"


def byte_lines(encoded: Encoded, num_bytes: int) -> list[str]:
    """Return lines with the bytes of each part of a file.

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
    """Return one line about a rendered picture of shape (height, width, channels).

    >>> drawn_line("a.inr", (683, 1024, 3), 0.314)
    'a.inr: drawn at 1024x683 in 0.31 s'
    """
    return f"{name}: drawn at {shape[1]}x{shape[0]} in {seconds:.2f} s"
