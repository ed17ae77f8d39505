"""What `imgnet bench` measures."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from conftest import Shell

from imgnet import bench
from imgnet.metrics import bpp


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> bench.Job:
    folder = tmp_path_factory.mktemp("bench")
    image = folder / "grey.pgm"
    image.write_bytes(b"P5 24 16 255\n" + bytes(range(0, 192)) * 2)
    return bench.Job(str(image), "gated", target_bpp=12.0, effort=1, folder=str(folder))


def test_a_point_counts_the_bytes_of_the_file(job: bench.Job) -> None:
    point = bench.run_job(job)
    assert point.bytes == job.output.stat().st_size
    assert point.bpp == bpp(point.bytes, 24, 16) <= job.target_bpp
    assert point.psnr_db > 15
    assert point.image == "grey.pgm"


def test_means_are_taken_for_each_rate() -> None:
    points = [
        bench.Point(f"{i}.png", "gated", target, 3, 10, target, psnr, 2.0 * i, 100)
        for i, (target, psnr) in enumerate([(0.5, 30.0), (0.5, 32.0), (1.0, 36.0)])
    ]
    half, one = bench.means(points)
    assert (half["images"], half["psnr_db"], half["most_seconds"]) == (2, 31.0, 2.0)
    assert (one["images"], one["psnr_db"]) == (1, 36.0)


def test_a_process_is_timed_with_its_memory() -> None:
    cost = bench.process_cost(["--version"], repeats=1)
    assert cost.command == "imgnet --version"
    assert 0 < cost.seconds < 30
    assert cost.peak_megabytes > 5


def test_a_failing_command_is_not_timed() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        bench.process_cost(["no-such-command"], repeats=1)


def test_a_document_names_its_command(tmp_path: Path) -> None:
    point = bench.Point("a.png", "gated", 0.5, 3, 10, 0.5, 30.123456, 1.0, 100)
    bench.store(tmp_path / "b.json", bench.document("imgnet bench a.png", [point]))
    stored = json.loads((tmp_path / "b.json").read_text())
    assert stored["command"] == "imgnet bench a.png"
    assert stored["points"][0]["psnr_db"] == 30.1235


def test_the_command_writes_what_it_prints(photo: Path, tmp_path: Path, shell: Shell) -> None:
    out = tmp_path / "bench.json"
    done = shell("bench", photo, "--target-bpp", "10,12", "-e", 1, "-j", 2, "--out", out)
    assert done.returncode == 0, done.stderr
    stored = json.loads(out.read_text())
    assert stored["command"].startswith("imgnet bench photo.png --target-bpp 10,12")
    assert [point["target_bpp"] for point in stored["points"]] == [10, 12]
    assert [row["images"] for row in stored["mean"]] == [1, 1]
    assert b"imgnet decode photo-gated-12.inr" in done.stdout


def test_a_list_of_rates_that_is_none(photo: Path, shell: Shell) -> None:
    done = shell("bench", photo, "--target-bpp", "high")
    assert done.returncode == 2
    assert b"0.16,0.31,0.61" in done.stderr
