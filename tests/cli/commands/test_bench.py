"""`imgnet bench` on the command line."""

from __future__ import annotations

import importlib.util
import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from imgnet.bench import jobs, processes
from imgnet.bench.jobs import Job, Point, Rate
from imgnet.bench.processes import CommandUsage
from imgnet.cli.app import run
from imgnet.cli.options import parse_rates
from imgnet.signals import Interrupted

Bench = Callable[..., tuple[int, str, str]]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Measure nothing: give points of twice the rate every 3 dB, and tell which were asked for."""
    measured: list[Job] = []

    def run_jobs(asked: Sequence[Job], _processes: int) -> Iterator[Point]:
        for job in asked:
            measured.append(job)
            step = (job.rate.quality or 0) / 10
            yield Point(
                job.picture.name,
                job.model,
                job.effort,
                job.rate.quality,
                job.rate.target_bpp,
                *(100, 2.0**step, 20 + 3 * step, 1.5, 300.0, 600),
            )

    def measure_commands(path: Path) -> list[CommandUsage]:
        return [CommandUsage(f"imgnet info {path.name}", 0.25, 40.0)]

    monkeypatch.setattr(jobs, "run_jobs", run_jobs)
    monkeypatch.setattr(processes, "measure_commands", measure_commands)
    return measured


@pytest.fixture
def run_bench(
    measured: list[Job],  # noqa: ARG001 (nothing is measured)
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Bench:
    def call(*arguments: object) -> tuple[int, str, str]:
        words = ["bench", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", ["imgnet", *words])
        code = run(words)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_the_command_writes_what_it_prints(
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files: list[Path] = []

    def measure_commands(path: Path) -> list[CommandUsage]:
        files.append(path)
        return [CommandUsage("imgnet info", 0.25, path.stat().st_size)]

    monkeypatch.setattr(processes, "measure_commands", measure_commands)
    out = tmp_path / "jobs.json"
    options = ["--model", "gated", "--target-bpp", "10", "-e", "1", "-j", "2", "--out", str(out)]
    assert run(["bench", str(photo), "--centre", "16x12", *options]) == 0
    stored, printed = read(out), capsys.readouterr()
    (point,) = stored["points"]
    assert (point["image"], point["target_bpp"], stored["centre"]) == ("photo.png", 10, "16x12")
    assert point["bpp"] <= 10
    assert point["bpp"] == pytest.approx(8 * point["bytes"] / (16 * 12), abs=1e-6)
    assert files[0].name == "photo-gated-e1-10bpp.inr"
    assert stored["processes"][0]["peak_megabytes"] == point["bytes"]
    assert "photo.png  gated  effort 1  <= 10 bpp" in printed.err
    assert f"{point['psnr_db']:.3f}" in printed.out


def test_every_rate_at_every_effort(photo: Path, run_bench: Bench, measured: list[Job]) -> None:
    code, out, _ = run_bench(photo, "--qualities", "20,40", "--efforts", "3,5", "--model", "mlp")
    assert code == 0
    assert [(job.effort, job.rate) for job in measured] == [
        (effort, Rate(quality=quality)) for effort in (3, 5) for quality in (20, 40)
    ]
    rows = out.splitlines()
    assert rows[0].split()[:5] == ["model", "effort", "rate", "images", "bpp"]
    assert [row.split()[:4] for row in rows[1:5]] == [
        ["mlp", effort, "quality", quality] for effort in "35" for quality in ("20", "40")
    ]
    assert "imgnet info photo-mlp-e5-q40.inr" in out


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--qualities", "20", "--target-bpp", "0.5"], "contradict"),
        (["--qualities", "20,101"], "beyond 100"),
        (["--qualities", "-1"], "10,30,50,70"),
        (["--target-bpp", "high"], "0.16,0.31,0.61"),
        (["--target-bpp", "1,0"], "0 bits"),
        (["--efforts", "3,10"], "3,5"),
        (["--centre", "0x4"], "384x256"),
        (["--against", "jpeg,"], "jpeg,webp"),
        (["--against", "heic"], "heic"),
        (["--resume"], "--out"),
        (["--centre", "8x8", "--anchors", "x.tsv"], "whole images"),
        (["--plot", "rd.jpg"], ".svg"),
    ],
)
def test_options_that_make_no_sense(
    arguments: list[str], fault: str, photo: Path, run_bench: Bench, measured: list[Job]
) -> None:
    code, _, err = run_bench(photo, *arguments)
    assert code == 2
    assert fault in err
    assert not measured


def test_rates_where_none_are_asked_for() -> None:
    assert parse_rates("grid", None, None) == [Rate(quality=q) for q in (10, 30, 50, 70)]
    assert parse_rates("gated", None, None) == [Rate(target_bpp=t) for t in (0.16, 0.31, 0.61)]
    assert parse_rates("grid", None, "0.5") == [Rate(target_bpp=0.5)]
    assert parse_rates("gated", "20, 20.0,37.5", None) == [Rate(20.0), Rate(37.5)]


def test_others_are_compared_with(
    photo: Path, tmp_path: Path, run_bench: Bench, measured: list[Job]
) -> None:
    table, out = tmp_path / "paper.tsv", tmp_path / "b.json"
    rows = [f"{q}\tphoto\t{1.25 * 2.0 ** (q / 10)}\t{20 + 0.3 * q}" for q in (10, 20, 30)]
    table.write_text("\n".join(["lmbda\tseq_name\trate_bpp\tpsnr_db", *rows]))
    code, printed, err = run_bench(
        photo, "--qualities", "10,20,30", "--against", "jpeg", "--anchors", table, "--out", out
    )
    assert (code, len(measured)) == (0, 3)
    assert "photo  jpeg  14 points" in err
    lines = [line.split() for line in printed.splitlines()]
    assert ["grid", "3", "paper", "1", "0", "-20.00", "%"] in lines
    stored = read(out)
    assert {row["against"]: row["images"] for row in stored["bd_rate"]} == {"jpeg": 1, "paper": 1}
    assert [peer["codec"] for peer in stored["peers"]] == ["jpeg"] * 14


def test_what_is_stored_is_not_measured_again(
    photo: Path, tmp_path: Path, run_bench: Bench, measured: list[Job]
) -> None:
    out = tmp_path / "b.json"
    more = ("--against", "webp", "--out", out, "--resume")
    assert run_bench(photo, "--qualities", "10,20", *more)[0] == 0
    first = read(out)
    measured.clear()
    code, printed, err = run_bench(photo, "--qualities", "10,20,30", *more)
    assert code == 0
    assert [job.rate for job in measured] == [Rate(quality=30)]
    assert "webp" not in err
    stored = read(out)
    assert stored["points"][:2] == first["points"]
    assert (len(stored["points"]), stored["peers"]) == (3, first["peers"])
    commands = stored["command"].split(" && ")
    assert commands[0].startswith("imgnet bench photo.png --qualities 10,20 --against webp")
    assert len(commands) == 2
    measured.clear()
    assert run_bench(photo, "--qualities", "10,20,30", *more)[1] == printed
    assert not measured


def test_without_resume_a_result_is_replaced(photo: Path, tmp_path: Path, run_bench: Bench) -> None:
    out = tmp_path / "b.json"
    for quality in (10, 20):
        assert run_bench(photo, "--qualities", quality, "--out", out)[0] == 0
    assert [point["quality"] for point in read(out)["points"]] == [20]


def test_points_are_stored_one_by_one(
    photo: Path, tmp_path: Path, run_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(asked: Sequence[Job], processes: int) -> Iterator[Point]:
        yield next(whole(asked, processes))
        raise Interrupted(signal.SIGINT)

    whole = jobs.run_jobs
    monkeypatch.setattr(jobs, "run_jobs", broken)
    out = tmp_path / "b.json"
    code, _, err = run_bench(photo, "--qualities", "10,20", "--out", out)
    assert (code, "interrupted" in err) == (130, True)
    assert [point["quality"] for point in read(out)["points"]] == [10]


def test_an_output_that_cannot_be_written_is_known_at_once(
    photo: Path, tmp_path: Path, run_bench: Bench, measured: list[Job]
) -> None:
    code, _, err = run_bench(photo, "--out", tmp_path / "absent" / "b.json")
    assert (code, "absent" in err) == (6, True)
    assert not measured


@pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="needs the extra `bench`"
)
def test_a_figure_is_drawn(photo: Path, tmp_path: Path, run_bench: Bench) -> None:
    figure = tmp_path / "rd.svg"
    code, _, _ = run_bench(
        photo, "--qualities", "10,20", "--efforts", "3,5", "--against", "jpeg", "--plot", figure
    )
    assert code == 0
    assert "<svg" in figure.read_text()
