from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgnet.codec.format.container import Encoded, Report, to_bytes
from imgnet.research.lossless import PICTURES, main
from support.networks import encoded, grid_spec, random_tensors
from support.picture_files import as_image, stored
from support.pictures import picture


def test_each_picture_is_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = grid_spec(24, 16)
    file = replace(encoded(spec, random_tensors(spec)), report=Report(31.256, None, 1.0, 5, "cpu"))
    asked: list[Any] = []

    def fit(pixels: Any, **options: int) -> Encoded:
        asked.append((pixels.shape[:2], options))
        return file

    (path := tmp_path / "a.png").write_bytes(stored(as_image(picture())))
    main([str(path), "-q", "30", "-e", "2"], fit)
    assert [options for _, options in asked] == [{"quality": 30, "effort": 2}] * 6
    *_, drawn, last = capsys.readouterr().out.splitlines()
    assert drawn.startswith("| ramp | 320x240 | ")
    assert last.startswith("| a.png | 48x40 | ")
    assert last.endswith(f" | {len(to_bytes(file)):,} | 31.26 dB |")


def test_drawings_are_repeatable() -> None:
    for draw in PICTURES.values():
        assert np.array_equal(np.asarray(draw()), np.asarray(draw()))
