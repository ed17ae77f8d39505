from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import imgnet
from imgnet.codec.families import render
from imgnet.codec.format import grid_stream
from imgnet.codec.format.container import WAY_OUT, Encoded, from_bytes, to_bytes
from imgnet.codec.format.cut import Cut, from_start
from imgnet.errors import FormatError
from imgnet.image.picture import Metadata
from imgnet.metrics.psnr import psnr_db
from imgnet.spec import Spec, is_latents
from support.networks import SPECS, encoded, near_prior, prior_spec, random_tensors
from support.paths import GOLDEN

FILES = {name: (GOLDEN / f"v1-{name}.inr").read_bytes() for name in ("grid", "grid-deep")}


def starts(data: bytes, step: int = 1) -> list[tuple[Encoded, Cut]]:
    """Return what the starts of a file draw, from the shortest that draws anything."""
    found, longest_refused = [], 0
    for length in range(0, len(data), step):
        try:
            picture, cut = from_start(data[:length])
        except FormatError:
            longest_refused = length
            continue
        assert cut is not None
        assert (cut.num_bytes, cut.whole_bytes) == (length, len(data))
        found.append((picture, cut))
    assert longest_refused < found[0][1].num_bytes
    return found


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_quality_grows_with_the_start(data: bytes) -> None:
    whole = imgnet.decode(data)
    found = [(psnr_db(whole, render(picture)), cut) for picture, cut in starts(data, 3)]
    assert len(found) > 25
    best = 0.0
    for psnr, _ in found:
        assert psnr >= best - 0.05  # a latent alone may be worse than none
        best = max(best, psnr)
    at_ends = {len(cut.levels): psnr for psnr, cut in found}
    assert all(finer > coarser + 4 for coarser, finer in pairwise(at_ends.values()))


@pytest.mark.parametrize("spec", [*SPECS[:3], prior_spec(40, 30)])
def test_latents_are_those_of_the_file_or_zero(spec: Spec) -> None:
    tensors = near_prior(spec) if spec.prior else random_tensors(spec)
    data = to_bytes(encoded(spec, tensors))
    parameters = from_bytes(data).parameters()
    before, found = -1, starts(data, len(data) // 40 | 1)
    for picture, cut in found:
        num_there = 0
        for name, there in picture.parameters().items():
            whole = parameters[name]
            level = int(name.rpartition(".")[2]) if is_latents(name) else None
            if level is None or level in cut.levels:
                assert np.array_equal(there, whole)
            elif level != cut.part:
                assert not there.any()
            else:
                assert np.array_equal(there, np.where(there == 0, 0, whole))
                assert there.any()
            num_there += np.count_nonzero(there)
        assert num_there >= before
        before = num_there
    assert any(cut.part is not None for _, cut in found)


def test_a_whole_file_is_read_as_ever() -> None:
    for data in FILES.values():
        picture, cut = from_start(data)
        assert cut is None
        assert picture == from_bytes(data)
        assert np.array_equal(imgnet.decode(data, partial=True), imgnet.decode(data))


def test_all_levels_without_what_follows_them_are_the_whole_picture() -> None:
    data = FILES["grid-deep"]
    assert data.endswith(b"<x/>")
    picture, cut = from_start(data[:-4])
    assert cut == Cut(len(data) - 4, len(data), [2, 1, 0])
    assert np.array_equal(render(picture, depth=16), imgnet.decode(data, depth=16))
    about = from_bytes(data).metadata
    assert picture.metadata == Metadata(icc=about.icc, exif=about.exif)
    assert picture.depth == 16


def test_both_decoders_stop_at_the_same_latent(monkeypatch: pytest.MonkeyPatch) -> None:
    data = to_bytes(encoded(SPECS[0], random_tensors(SPECS[0])))
    lengths = [len(data) * part // 8 for part in (4, 5, 6, 7)]
    plain = [from_start(data[:length]) for length in lengths]
    monkeypatch.setattr(grid_stream, "MANY_LATENTS", 0)
    assert plain == [from_start(data[:length]) for length in lengths]


def test_a_start_is_also_drawn_at_other_sizes() -> None:
    data = FILES["grid"][:390]
    assert imgnet.decode(data, partial=True, size="200%").shape == (64, 96, 3)
    crop = imgnet.Crop(3, 4, 20, 10)
    part = imgnet.decode(data, partial=True, crop=crop)
    assert np.array_equal(part, imgnet.decode(data, partial=True)[4:14, 3:23])


def test_a_path_is_read_as_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "cut.inr"
    path.write_bytes(FILES["grid"][:390])
    drawn = imgnet.decode(path, partial=True)
    assert np.array_equal(drawn, imgnet.decode(FILES["grid"][:390], partial=True))
    with pytest.raises(FormatError, match=re.escape(f"{path}: cut short")):
        imgnet.decode(path)
    with pytest.raises(imgnet.InputError, match=r"gone\.inr"):
        imgnet.decode(tmp_path / "gone.inr", partial=True)


@pytest.mark.parametrize("name", ["gated", "mlp", "gated-float16", "grid-float16"])
def test_other_files_are_not_drawn_in_part(name: str) -> None:
    data = (GOLDEN / f"v1-{name}.inr").read_bytes()
    with pytest.raises(FormatError, match=r"^x\.inr: cut short; only coded files of grid"):
        from_start(data[:-7], "x.inr")
    with pytest.raises(FormatError) as caught:
        from_bytes(data[:-7])
    assert "--partial" not in str(caught.value)


def test_the_message_of_a_cut_file_names_the_way_out() -> None:
    data = FILES["grid"]
    with pytest.raises(FormatError, match=f"{re.escape(WAY_OUT)}$"):
        from_bytes(data[:-1])
    with pytest.raises(FormatError, match=r"get the file again$"):
        from_bytes(data + b" ")


def test_damage_is_no_cut() -> None:
    data = bytearray(FILES["grid"])
    data[-1] ^= 1
    for wrong in (bytes(data), bytes(data) + b" "):
        with pytest.raises(FormatError, match=r"checksum is wrong|promises"):
            from_start(wrong)
