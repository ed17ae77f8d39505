"""Options of `imgnet bench` that hold several values in one word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgnet.errors import UsageError

if TYPE_CHECKING:
    from imgnet.bench.jobs import Rate

# Rates to measure where none are asked for; the classic networks get those of their publication.
QUALITIES = "10,30,50,70"
TARGETS = "0.16,0.31,0.61"


def parse_list(option: str, text: str, example: str, pattern: str) -> list[str]:
    """Split a list at its commas; what is said twice counts once.

    Args:
        option: Name, for the message.
        text: The list.
        example: A good one.
        pattern: Regular expression of one entry.

    Raises:
        UsageError: An entry is of another form.

    >>> parse_list("--efforts", "3, 5,3", "3,5", "[1-9]")
    ['3', '5']
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(pattern, part) for part in parts):
        raise UsageError(f"{option} {text!r} is not a list such as {example}")
    return list(dict.fromkeys(parts))


def parse_rates(model: str, qualities: str | None, target_bpp: str | None) -> list[Rate]:
    """Return the rates to measure at: those asked for, else the usual ones of the model.

    Raises:
        UsageError: A list is not one of numbers in their range, or both are given.

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
