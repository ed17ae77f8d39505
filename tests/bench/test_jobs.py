"""What `imgnet bench` measures on its own files."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgnet.api import decode
from imgnet.bench import jobs
from imgnet.errors import ImgnetError, InputError, UsageError
from imgnet.image.files import read_image
from imgnet.image.formats import write_image
from imgnet.metrics.psnr import bpp, psnr_db
from imgnet.signals import Interrupted, end_at_once, receiving


def process_id(_: int) -> int:
    return os.getpid()


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> jobs.Job:
    folder = tmp_path_factory.mktemp("bench")
    image = folder / "grey.pgm"
    image.write_bytes(b"P5 24 16 255\n" + bytes(range(0, 192)) * 2)
    rate = jobs.Rate(target_bpp=12.0)
    return jobs.Job(jobs.Picture("shown.pgm", image), "gated", 1, rate, folder)


def test_a_point_is_of_the_stored_file(job: jobs.Job) -> None:
    point = jobs.run_job(job)
    assert point.bytes == job.output.stat().st_size
    assert point.bpp == pytest.approx(bpp(point.bytes, 24, 16), abs=1e-6)
    assert point.bpp <= 12
    original, _ = read_image(job.picture.path)
    assert point.psnr_db == pytest.approx(psnr_db(original, decode(job.output)), abs=1e-4)
    assert point.psnr_db > 15
    assert (point.image, point.rate) == ("shown.pgm", jobs.Rate(target_bpp=12.0))
    assert point.seconds > 0.01
    assert point.peak_megabytes is None or point.peak_megabytes > 100  # torch alone has more


def test_a_quality_reaches_the_encoder(job: jobs.Job, monkeypatch: pytest.MonkeyPatch) -> None:
    class Asked(Exception):
        pass

    def encode(image: Path, **options: object) -> None:
        assert image == job.picture.path
        raise Asked(options)

    monkeypatch.setattr(jobs, "encode", encode)
    with pytest.raises(Asked) as asked:
        jobs.run_job(jobs.Job(job.picture, "mlp", 2, jobs.Rate(quality=35), job.folder))
    assert asked.value.args == ({"model": "mlp", "quality": 35, "effort": 2},)


def test_files_of_different_jobs_do_not_meet(job: jobs.Job) -> None:
    rates = [jobs.Rate(quality=20), jobs.Rate(quality=25), jobs.Rate(target_bpp=20)]
    names = {
        jobs.Job(job.picture, model, effort, rate, job.folder).output
        for model in ("gated", "mlp")
        for effort in (1, 2)
        for rate in rates
    }
    assert len(names) == 12


def test_every_task_may_have_a_process_of_its_own() -> None:
    found = list(jobs.run_tasks(process_id, [(1,), (2,)], 1, one_process_each=True))
    assert len({os.getpid(), *found}) == 3


def test_tasks_come_back_in_order() -> None:
    assert list(jobs.run_tasks(divmod, [(7, 2), (9, 4)], 2)) == [(3, 1), (2, 1)]
    assert list(jobs.run_tasks(divmod, [], 2)) == []


def test_a_process_that_dies_is_one_line() -> None:
    with pytest.raises(ImgnetError, match="--resume"):
        list(jobs.run_tasks(os._exit, [(3,)], 1))


def test_whole_images_are_measured_where_they_lie(photo: Path, tmp_path: Path) -> None:
    (picture,) = jobs.prepare([photo], None, tmp_path / "none")
    assert picture == jobs.Picture("photo.png", photo)


def test_the_centre_is_cut_out(photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "crops"
    folder.mkdir()
    (picture,) = jobs.prepare([photo], (8, 6), folder)
    assert picture.name == "photo.png"
    assert picture.path.parent == folder
    original, _ = read_image(photo)
    cropped, _ = read_image(picture.path)
    assert np.array_equal(cropped, original[5:11, 8:16])


def test_transparency_is_left_out(tmp_path: Path) -> None:
    pixels = np.arange(6 * 5 * 4, dtype=np.uint8).reshape(6, 5, 4)
    write_image(pixels, tmp_path / "clear.png")
    folder = tmp_path / "opaque"
    folder.mkdir()
    (picture,) = jobs.prepare([tmp_path / "clear.png"], None, folder)
    opaque, profile = read_image(picture.path)
    assert profile.mode == "RGB"
    assert np.array_equal(opaque, pixels[..., :3])


def test_images_that_cannot_be_measured(photo: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="24x16"):
        jobs.prepare([photo], (25, 16), tmp_path)
    with pytest.raises(InputError, match="absent"):
        jobs.prepare([photo, tmp_path / "absent.png"], None, tmp_path)
    Image.open(photo).save(tmp_path / "photo.bmp")
    with pytest.raises(UsageError, match="same name"):
        jobs.prepare([photo, tmp_path / "photo.bmp"], None, tmp_path)


def test_an_interrupt_does_not_wait_for_what_runs(tmp_path: Path) -> None:
    finished = tmp_path / "finished"
    task = f"""if True:
        import os, signal, time
        os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(60)
        open({str(finished)!r}, "w").close()
    """
    with pytest.raises(Interrupted), receiving(end_at_once):
        list(jobs.run_tasks(exec, [(task,)], 1))
    assert not finished.exists()
    assert not multiprocessing.active_children()
