from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import imgnet
from imgnet import api
from imgnet.codec.format import grid_stream
from imgnet.codec.format.container import STREAM, to_bytes
from imgnet.codec.render.resize import checksum
from imgnet.encoder import encode as encoding
from imgnet.fit import meter
from imgnet.fit.coordinate import schedule as fit_module
from imgnet.fit.rounding import choose_q_steps
from imgnet.image.masks import sample_mask
from imgnet.metrics.psnr import psnr_db
from imgnet.progress import Progress
from imgnet.request.efforts import Schedule
from support.pictures import Pixels, picture

PICTURE = picture(32, 24)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make every effort a short fit that gives the same bytes each time."""
    monkeypatch.setattr(fit_module, "fastest_dtype", lambda _device: torch.float32)
    monkeypatch.setattr(encoding, "schedule_for", lambda _effort, _model: Schedule(50, 256))
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make fits of a few steps on whole pictures, for tests that do not look at the quality."""
    monkeypatch.setattr(encoding, "schedule_for", lambda _effort, _model: Schedule(4, 4096, 0.25))


def encode(image: Any = None, **options: Any) -> imgnet.Encoded:
    options = {"model": "gated", "effort": 1, **options}
    return imgnet.encode(PICTURE if image is None else image, device="cpu", **options)


def mean_error(pixels: Pixels, drawn: Pixels) -> float:
    """Return the mean absolute error of what can be seen."""
    counted = sample_mask(pixels, None)
    error = np.abs(drawn.astype(int) - pixels)
    return float(error.mean() if counted is None else error[counted].mean())


def test_there_and_back_through_a_file(tmp_path: Path) -> None:
    encoded = encode(target_size=1000)
    imgnet.save(encoded, tmp_path / "photo.inr")
    opened = imgnet.open(tmp_path / "photo.inr")
    assert opened == encoded
    assert opened.report is None
    drawn = imgnet.decode(opened)
    assert drawn.shape == PICTURE.shape
    assert drawn.dtype == np.uint8
    assert psnr_db(PICTURE, drawn) > 16


@pytest.mark.usefixtures("_short")
def test_every_form_of_an_encoded_image_decodes_alike(tmp_path: Path) -> None:
    encoded = encode()
    path = tmp_path / "photo.inr"
    imgnet.save(encoded, path)
    wanted = imgnet.decode(encoded, size="50%", crop=imgnet.Crop(4, 2, 20, 10))
    assert wanted.shape == (5, 10, 3)
    for source in (path, str(path), path.read_bytes()):
        drawn = imgnet.decode(source, size="50%", crop=imgnet.Crop(4, 2, 20, 10))
        assert np.array_equal(drawn, wanted)


@pytest.mark.usefixtures("_short")
def test_every_form_of_an_image_encodes_alike(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    image = Image.fromarray(PICTURE)
    image.save(path)
    wanted = encode()
    assert all(encode(source) == wanted for source in (path, str(path), image))


def test_the_report_is_what_a_reader_would_measure() -> None:
    encoded = encode()
    report = encoded.report
    assert report is not None
    assert report.psnr_db == pytest.approx(psnr_db(PICTURE, imgnet.decode(encoded)))
    assert report.psnr_unseen_db is None
    assert report.device == "cpu"
    assert report.steps >= 50
    assert report.seconds > 0


@pytest.mark.parametrize("model", ["gated", "mlp"])
@pytest.mark.parametrize(("size", "channels"), [((1, 1), 3), ((1, 9), 4), ((7, 1), 2), ((5, 3), 1)])
def test_pictures_of_any_shape(model: str, size: tuple[int, int], channels: int) -> None:
    pixels = picture(*size, channels)
    encoded = encode(pixels, model=model)
    assert encoded.mode == {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
    drawn = imgnet.decode(to_bytes(encoded))
    assert drawn.shape == pixels.shape
    assert mean_error(pixels, drawn) < 40  # far from noise
    assert imgnet.decode(encoded, size="300%").shape == (3 * size[1], 3 * size[0], channels)


@pytest.mark.parametrize("model", ["gated", "mlp"])
@pytest.mark.parametrize("target", [350, 700, 2000])
def test_a_target_size_is_never_exceeded(model: str, target: int) -> None:
    if model == "mlp" and target == 350:
        target = 400
    assert 0.75 * target < len(to_bytes(encode(model=model, target_size=target))) <= target


def test_a_target_bpp_is_never_exceeded() -> None:
    assert 8 * len(to_bytes(encode(target_bpp=7.5))) / (32 * 24) <= 7.5


@pytest.mark.parametrize("weights", ["float16", "float32"])
@pytest.mark.parametrize("model", ["gated", "mlp"])
def test_a_target_size_holds_for_plain_weights_too(model: str, weights: str) -> None:
    encoded = encode(model=model, weights=weights, target_size=6000)
    assert encoded.weights == weights
    assert 2000 < len(to_bytes(encoded)) <= 6000


@pytest.mark.parametrize("weights", ["coded", "float16", "float32"])
@pytest.mark.parametrize("options", [{"target_size": 100}, {"target_bpp": 0.1}])
def test_a_target_out_of_reach_is_an_error(weights: str, options: dict[str, float]) -> None:
    with pytest.raises(imgnet.TargetError) as error:
        encode(weights=weights, **options)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("cannot reach")
    best = error.value.best
    assert f"{len(to_bytes(best)):,} bytes" in str(error.value) or "bpp" in str(error.value)
    assert imgnet.decode(best).shape == PICTURE.shape


@pytest.mark.parametrize("model", ["grid", "gated", "mlp"])
def test_a_target_psnr_out_of_reach_is_an_error_that_names_what_is(model: str) -> None:
    with pytest.raises(
        imgnet.TargetError, match=r"cannot reach 90 dB .*; best found: \d+\.\d\d dB"
    ) as error:
        encode(model=model, target_psnr=90.0, effort=1, time_limit=0.5)
    report = error.value.best.report
    assert f"{report.psnr_db:.2f} dB" in str(error.value)


def test_a_fit_that_was_asked_to_end_misses_no_psnr() -> None:
    assert encode(target_psnr=90.0, should_stop=lambda: True).report is not None


def test_a_target_too_small_for_a_network_set_by_hand_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searches = count()

    def search(*arguments: Any) -> Any:
        assert next(searches) < 20, "the search for coarser steps does not end"
        return choose_q_steps(*arguments)

    monkeypatch.setattr(fit_module, "choose_q_steps", search)
    with pytest.raises(imgnet.TargetError):
        encode(dim_hidden=60, target_size=300)


@pytest.mark.usefixtures("_short")
def test_quality_sets_the_size() -> None:
    sizes = [len(to_bytes(encode(picture(80, 60), quality=q))) for q in (70, 85, 100)]
    assert sizes == sorted(sizes)
    assert sizes[2] > 1.5 * sizes[0]


@pytest.mark.usefixtures("_short")
def test_sizes_set_by_hand() -> None:
    spec = encode(dim_axis=3, dim_hidden=5, num_layers=2).spec
    assert (spec.dim_axis, spec.dim_hidden, spec.num_layers) == (3, 5, 2)


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("weights", ["float16", "float32"])
def test_plain_weights_are_named_tensors(weights: str) -> None:
    encoded = encode(weights=weights, dim_hidden=5)
    assert {n: t.shape for n, t in encoded.tensors.items()} == encoded.spec.shapes()
    assert {str(t.dtype) for t in encoded.tensors.values()} == {weights}


@pytest.mark.usefixtures("_short")
def test_the_seed_decides() -> None:
    assert encode(seed=1) == encode(seed=1)
    assert encode(seed=1) != encode(seed=2)


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("form", ["array", "file", "keep"])
def test_a_mask_hides_pixels_and_reports_on_them(form: str, tmp_path: Path) -> None:
    seen = np.random.default_rng(0).random((24, 32)) < 0.5
    Image.fromarray(np.where(seen, 255, 0).astype(np.uint8)).save(tmp_path / "mask.png")
    options: dict[str, Any] = {"array": {"mask": seen}, "file": {"mask": tmp_path / "mask.png"}}
    encoded = encode(**options.get(form, {"keep": 0.5}))
    report = encoded.report
    assert report is not None
    assert report.psnr_unseen_db is not None
    drawn = imgnet.decode(encoded)
    if form == "keep":
        total = psnr_db(PICTURE, drawn)
        assert min(report.psnr_db, report.psnr_unseen_db) < total
        assert total < max(report.psnr_db, report.psnr_unseen_db)
    else:
        assert report.psnr_db == pytest.approx(psnr_db(PICTURE, drawn, seen))
        assert report.psnr_unseen_db == pytest.approx(psnr_db(PICTURE, drawn, ~seen))
        assert encoded == encode(mask=seen) != encode()


@pytest.mark.parametrize(
    "options",
    [
        {"quality": 101},
        {"model": "cubic"},
        {"weights": "int3"},
        {"keep": 0.0},
        {"keep": 1.5},
        {"keep": 0.5, "mask": np.ones((24, 32), bool)},
        {"mask": np.ones((5, 5), bool)},
        {"mask": np.zeros((24, 32), bool)},
        {"mask": np.full((24, 32), 255, np.uint8)},
        {"target_size": 900, "target_bpp": 2.0},
        {"time_limit": 0},
        {"time_limit": -1.0},
        {"snapshot": (0, Path("nowhere"))},
        {"dim_hidden": 0},
        {"seed": -1, "keep": 0.5},
    ],
    ids=str,
)
def test_options_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises((imgnet.UsageError, imgnet.InputError)) as error:
        encode(**options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("effort", [0, 10])
def test_effort_has_limits(effort: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with pytest.raises(imgnet.UsageError, match="effort"):
        encode(effort=effort)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_arrays_that_are_no_image(array: NDArray[Any]) -> None:
    with pytest.raises(imgnet.UsageError):
        encode(array)


@pytest.mark.usefixtures("_short")
def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not an image")
    for name in ("missing.png", "text.png", ""):
        with pytest.raises(imgnet.InputError):
            encode(tmp_path / name)
    with pytest.raises(imgnet.InputError, match=r"missing\.inr"):
        imgnet.open(tmp_path / "missing.inr")
    with pytest.raises(imgnet.FormatError, match=r"text\.png"):
        imgnet.open(tmp_path / "text.png")
    with pytest.raises(imgnet.OutputError):
        imgnet.save(encode(), tmp_path / "missing" / "photo.inr")


@pytest.mark.usefixtures("_short")
def test_resampling_a_network_draws_it(tmp_path: Path) -> None:
    encoded = encode()
    imgnet.save(encoded, tmp_path / "photo.inr")
    wanted = imgnet.decode(encoded, size="200%")
    for source in (encoded, tmp_path / "photo.inr", str(tmp_path / "photo.inr")):
        assert np.array_equal(imgnet.resample(source, scale=2), wanted)
    assert np.array_equal(imgnet.resample(encoded, size=(64, 48)), wanted)


@pytest.mark.usefixtures("_short")
def test_resampling_an_image_fits_it_first(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "photo.png")
    options: dict[str, Any] = {"model": "gated", "device": "cpu", "seed": 3}
    drawn = imgnet.resample(tmp_path / "photo.png", size="40", **options)
    assert np.array_equal(drawn, imgnet.decode(encode(seed=3), size="40"))


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("options", [{}, {"size": 8, "scale": 2}, {"scale": -1}, {"scale": 0}])
def test_resampling_needs_one_size(options: dict[str, Any]) -> None:
    with pytest.raises(imgnet.UsageError):
        imgnet.resample(encode(), **options)


def test_previews_are_written(tmp_path: Path) -> None:
    report = encode(snapshot=(25, tmp_path / "previews")).report
    assert report is not None
    files = sorted((tmp_path / "previews").iterdir())
    assert [path.name for path in files] == [
        f"{n:06d}.png" for n in range(25, report.steps + 1, 25)
    ]
    with Image.open(files[0]) as preview:
        assert preview.size == (32, 24)


def test_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "REPORT_S", 0.0)
    told: list[Progress] = []
    report = encode(on_progress=told.append).report
    assert report is not None
    assert [progress.step for progress in told] == list(range(1, report.steps + 1))


@pytest.fixture(scope="module")
def grid() -> imgnet.Encoded:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "schedule_for", lambda _effort, _model: Schedule(12, 4096, 0.25))
        return encode(model="grid", dim_hidden=6)


@pytest.mark.usefixtures("_short")
def test_grid_is_the_default() -> None:
    assert imgnet.encode(picture(9, 8), device="cpu").spec.family == "grid"


def test_grid_there_and_back_through_a_file(grid: imgnet.Encoded, tmp_path: Path) -> None:
    imgnet.save(grid, tmp_path / "photo.inr")
    opened = imgnet.open(tmp_path / "photo.inr")
    assert opened == grid
    drawn = imgnet.decode(opened)
    assert checksum(drawn) == opened.pixels_crc
    assert imgnet.api.verify(opened) is True
    assert grid.report is not None
    assert psnr_db(PICTURE, drawn) == pytest.approx(grid.report.psnr_db)
    assert grid.report.psnr_db > 20


@pytest.mark.parametrize("form", [str, Path, "bytes", "encoded"])
def test_other_pixels_than_the_encoders_are_an_error(
    form: Any, grid: imgnet.Encoded, tmp_path: Path
) -> None:
    stream = grid.tensors[STREAM].copy()
    stream[0] ^= 1
    wrong = replace(grid, tensors={STREAM: stream})
    imgnet.save(wrong, path := tmp_path / "wrong.inr")
    source = {"bytes": path.read_bytes(), "encoded": wrong}.get(form) or form(path)
    assert imgnet.api.verify(source) is False
    with pytest.raises(imgnet.FormatError, match="other pixels") as error:
        imgnet.decode(source)
    if form in (str, Path):
        assert str(error.value).startswith(f"{path}: ")
    part = imgnet.decode(source, size="25%")  # of which the file says nothing
    assert np.array_equal(part, imgnet.decode(grid, size="25%"))


@pytest.mark.parametrize(
    ("options", "finest"),
    [
        ({}, 0),
        ({"size": "200%"}, 0),
        ({"size": "28%"}, 0),
        ({"size": "25%"}, 1),
        ({"size": "8x6", "crop": imgnet.Crop(0, 0, 31, 24)}, 0),
        ({"size": 1}, 1),
        ({"crop": imgnet.Crop(4, 5, 2, 3)}, 0),
    ],
    ids=str,
)
def test_latents_finer_than_needed_are_never_decoded(
    options: dict[str, Any], finest: int, grid: imgnet.Encoded, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, unpack = [], grid_stream.unpack

    def watched(spec: Any, data: bytes, level: int, count: int | None) -> Any:
        asked.append(level)
        return unpack(spec, data, level, count)

    monkeypatch.setattr(grid_stream, "unpack", watched)
    imgnet.decode(grid, **options)
    assert asked == [finest]
    assert grid.spec.num_levels > 1


def test_a_crop_of_grid_is_the_part_of_the_whole(grid: imgnet.Encoded) -> None:
    part = imgnet.decode(grid, crop=imgnet.Crop(5, 3, 20, 11))
    assert np.array_equal(part, imgnet.decode(grid)[3:14, 5:25])


def test_a_zoom_is_chosen(grid: imgnet.Encoded) -> None:
    neural = imgnet.decode(grid, size="200%")
    lanczos = imgnet.decode(grid, size="200%", zoom="lanczos")
    assert 0 < np.abs(neural - lanczos.astype(float)).mean() < 10
    assert np.array_equal(imgnet.resample(grid, scale=2), neural)
    assert np.array_equal(imgnet.resample(grid, scale=2, zoom="lanczos"), lanczos)
    with pytest.raises(imgnet.UsageError, match="zoom 'bicubic' is not one of neural, lanczos"):
        imgnet.decode(grid, zoom="bicubic")


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize(
    ("size", "channels"), [((1, 1), 3), ((1, 9), 1), ((7, 1), 2), ((17, 5), 4), ((17, 5), 1)]
)
def test_grid_takes_pictures_of_any_shape(size: tuple[int, int], channels: int) -> None:
    pixels = picture(*size, channels)
    encoded = encode(pixels, model="grid", dim_hidden=3, num_layers=1)
    drawn = imgnet.decode(to_bytes(encoded))
    assert drawn.shape == pixels.shape
    assert mean_error(pixels, drawn) < 40
    assert imgnet.decode(encoded, size="300%").shape == (3 * size[1], 3 * size[0], channels)


@pytest.mark.parametrize("options", [{"dim_hidden": 0}, {"num_layers": -1}, {"dim_axis": 8}])
def test_networks_that_grid_cannot_have(options: dict[str, Any]) -> None:
    with pytest.raises(imgnet.UsageError):
        encode(model="grid", **options)


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("model", ["grid", "gated"])
@pytest.mark.parametrize("form", ["read-only", "mirrored", "strided"])
def test_arrays_of_any_memory_layout(model: str, form: str) -> None:
    pixels = picture(20, 12)
    if form == "read-only":
        pixels.flags.writeable = False
    elif form == "mirrored":
        pixels = pixels[::-1, ::-1]
    else:
        pixels = picture(20, 24)[::2]
    seen = np.ones((12, 40), bool)[:, ::2]
    encoded = encode(pixels, model=model, dim_hidden=3, num_layers=1, mask=seen)
    assert encoded == encode(pixels.copy(), model=model, dim_hidden=3, num_layers=1, mask=seen)


@pytest.mark.parametrize("model", ["grid", "gated", "mlp"])
@pytest.mark.parametrize("steps", [0, 7])
def test_a_fit_ends_on_request_with_what_it_has(model: str, steps: int) -> None:
    asked = iter([False] * steps)
    encoded = imgnet.encode(
        PICTURE, model=model, target_size=1500, should_stop=lambda: next(asked, True)
    )
    assert encoded.report is not None
    assert encoded.report.steps == steps
    data = to_bytes(encoded)
    assert len(data) <= 1500
    assert imgnet.decode(data).shape == (24, 32, 3)
    assert api.verify(data) is (True if model == "grid" else None)


def test_an_image_may_be_a_binary_file() -> None:
    file = BytesIO()
    Image.fromarray(PICTURE).save(file, "png")
    file.seek(0)
    assert imgnet.encode(file).spec.width == 32
