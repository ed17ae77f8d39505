from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from imgnet.progress import Progress


def test_fields_carry_their_units() -> None:
    names = [field.name for field in fields(Progress)]
    assert names == ["step", "steps", "psnr_db", "bpp", "elapsed_s", "remaining_s"]


def test_a_report_cannot_be_changed_by_its_reader() -> None:
    progress = Progress(1, 10, 20.0, 0.5, 1.0, 9.0)
    with pytest.raises(FrozenInstanceError):
        progress.step = 2  # type: ignore[misc]
