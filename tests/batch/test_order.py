"""The order of results."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from imgnet.batch.order import in_order
from imgnet.signals import Interrupted


def coming(places: list[int], *, broken: bool = False) -> Iterator[tuple[int, str]]:
    for place in places:
        yield place, str(place)
    if broken:
        raise Interrupted(2)


def test_results_come_in_the_order_of_the_tasks() -> None:
    assert list(in_order({1: "1"}, coming([3, 0, 2]))) == ["0", "1", "2", "3"]


def test_each_result_comes_as_soon_as_its_turn_has_come() -> None:
    counts: list[int] = []
    results: list[str] = []

    def watched() -> Iterator[tuple[int, str]]:
        for place, result in coming([0, 2, 1]):
            yield place, result
            counts.append(len(results))

    for result in in_order({}, watched()):
        results.append(result)  # noqa: PERF402  watched while it grows
    assert counts == [1, 1, 3]


def test_finished_results_come_before_an_interrupt() -> None:
    results = in_order({}, coming([2, 3], broken=True))
    assert [next(results), next(results)] == ["2", "3"]
    with pytest.raises(Interrupted):
        next(results)


def test_known_results_are_not_lost() -> None:
    assert list(in_order({0: "0", 1: "1"}, iter(()))) == ["0", "1"]
