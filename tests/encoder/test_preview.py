"""Image files of a running fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgnet.codec.render.grid import render
from imgnet.encoder.preview import previews
from imgnet.errors import OutputError, UsageError
from imgnet.image.files import read_image
from support.networks import grid_spec, random_tensors, real

SPEC = grid_spec(20, 12)


def test_a_preview_is_the_picture_at_native_size(tmp_path: Path) -> None:
    parameters = real(random_tensors(SPEC))
    previews(25, tmp_path)(SPEC, 25, parameters)
    pixels, _ = read_image(tmp_path / "000025.png")
    assert np.array_equal(pixels, render(SPEC, parameters))


def test_a_function_takes_previews_itself() -> None:
    calls: list[object] = []
    previews(5, lambda *call: calls.append(call))(SPEC, 5, {})
    assert calls == [(SPEC, 5, {})]
    with pytest.raises(UsageError, match="every 0 steps"):
        previews(0, lambda *call: calls.append(call))


def test_the_order_of_the_names_is_that_of_the_steps(tmp_path: Path) -> None:
    write = previews(5, tmp_path)
    for step in (1000, 5, 95):
        write(SPEC, step, real(random_tensors(SPEC)))
    names = [path.name for path in sorted(tmp_path.iterdir())]
    assert names == ["000005.png", "000095.png", "001000.png"]


def test_the_folder_is_made_before_the_fit(tmp_path: Path) -> None:
    for _ in range(2):  # it may also be there already
        previews(1, tmp_path / "new" / "deeper")
        assert list((tmp_path / "new").iterdir()) == [tmp_path / "new" / "deeper"]


def test_previews_are_a_step_apart_or_more(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="every 0 steps"):
        previews(0, tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_a_folder_that_cannot_be_made_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(OutputError, match="cannot be made a folder"):
            previews(1, folder)
