"""A batch under way."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgnet.batch.task import Outcome, Result, failed, skipped
from imgnet.cli.report import Reporter
from imgnet.errors import InputError
from imgnet.request.encode_options import EncodeOptions

OPTIONS = EncodeOptions(effort=1)


def outcome(place: int) -> Outcome:
    return skipped(f"{place}.png", Path(f"{place}.inr"), OPTIONS)


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


@pytest.mark.parametrize(("quiet", "count"), [(False, 3), (True, 0)])
def test_advice_follows_the_result(
    quiet: bool, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    result = Result("-", "a.inr", 1, "grid", bytes=9, bpp=1.0, psnr_db=30.0, seconds=1.0)
    reporter = Reporter(1, as_json=False, quiet=quiet)
    reporter.show(Outcome(result, notes=("holds 2 pictures",), advice="as PNG it has 5 bytes"))
    lines = capsys.readouterr().err.splitlines()
    expected = ["imgnet: <stdin>: holds 2 pictures", result.as_text()]
    assert lines == [*expected, "imgnet: <stdin>: as PNG it has 5 bytes"][:count]
