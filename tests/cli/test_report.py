"""A batch under way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imgnet.batch.task import Outcome, failed, skipped
from imgnet.cli.report import Reporter, as_they_come, in_order
from imgnet.errors import InputError
from imgnet.request.encode_options import EncodeOptions
from imgnet.signals import Interrupted

OPTIONS = EncodeOptions(effort=1)


def outcome(place: int) -> Outcome:
    return skipped(f"{place}.png", Path(f"{place}.inr"), OPTIONS)


def coming(places: list[int], *, broken: bool = False) -> Iterator[tuple[int, Outcome]]:
    for place in places:
        yield place, outcome(place)
    if broken:
        raise Interrupted(2)


def places(outcomes: Iterator[Outcome]) -> list[int]:
    return [int(Path(outcome.result.input).stem) for outcome in outcomes]


def test_order_is_that_of_the_inputs_or_of_arrival() -> None:
    known = {1: outcome(1)}
    assert places(in_order(known, coming([3, 0, 2]))) == [0, 1, 2, 3]
    assert places(as_they_come(known, coming([3, 0, 2]))) == [1, 3, 0, 2]


def test_each_is_shown_as_soon_as_its_turn_has_come() -> None:
    shown: list[int] = []
    source = coming([0, 2, 1])

    def watched() -> Iterator[tuple[int, Outcome]]:
        for place, result in source:
            yield place, result
            shown.append(len(told))

    told: list[Outcome] = []
    for result in in_order({}, watched()):
        told.append(result)  # noqa: PERF402  watched while it grows
    assert shown == [1, 1, 3]


def test_what_is_done_is_told_before_an_interrupt() -> None:
    outcomes = in_order({}, coming([2, 3], broken=True))
    assert [next(outcomes).result.input, next(outcomes).result.input] == ["2.png", "3.png"]
    with pytest.raises(Interrupted):
        next(outcomes)


def test_a_known_outcome_waits_for_its_turn_only() -> None:
    assert places(in_order({0: outcome(0), 1: outcome(1)}, iter(()))) == [0, 1]


@pytest.mark.parametrize(("total", "code"), [(1, 3), (2, 1)])
def test_one_input_gives_its_own_exit_code(
    total: int, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    reporter = Reporter(total, as_json=False, quiet=True)
    reporter.show(failed("a.png", OPTIONS, InputError("a.png: cannot be read")))
    assert reporter.finish() == code
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["imgnet: a.png: cannot be read", "imgnet: 1 of 2 files failed; 0 done"][:total]


def test_how_to_resume(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter(3, as_json=False, quiet=True)
    reporter.show(outcome(0))
    reporter.say_how_to_resume(skips=False)
    reporter.say_how_to_resume(skips=True)
    first, second = capsys.readouterr().err.splitlines()
    assert first == (
        "imgnet: 1 skipped of 3 files; the same command with --skip-existing goes on from here"
    )
    assert second == "imgnet: 1 skipped of 3 files; the same command goes on from here"
