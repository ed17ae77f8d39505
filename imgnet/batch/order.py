"""Results in the order of their tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from imgnet.signals import Interrupted

Result = TypeVar("Result")


def in_order(known: Mapping[int, Result], coming: Iterable[tuple[int, Result]]) -> Iterator[Result]:
    """Yield results by their index, each as soon as all before it are there.

    Args:
        known: Results by index.
        coming: Other results with their index, in any order. If some are missing at the end, or on
            an interrupt, the results behind them are yielded all the same.

    >>> list(in_order({1: "b"}, iter([(2, "c"), (0, "a")])))
    ['a', 'b', 'c']
    """
    waiting, index = dict(known), 0
    try:
        for place, result in coming:
            waiting[place] = result
            while index in waiting:
                yield waiting.pop(index)
                index += 1
    except Interrupted:
        yield from _sorted(waiting)
        raise
    yield from _sorted(waiting)


def _sorted(waiting: Mapping[int, Result]) -> list[Result]:
    return [waiting[index] for index in sorted(waiting)]
