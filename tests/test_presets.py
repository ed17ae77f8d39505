from __future__ import annotations

from itertools import pairwise

import pytest

from imgnet.errors import UsageError
from imgnet.presets import PRESETS, preset


def test_every_effort_has_a_schedule() -> None:
    assert list(PRESETS) == list(range(1, 10))
    for effort in range(1, 10):
        assert preset(effort) is PRESETS[effort]


def test_more_effort_sees_more_pixels() -> None:
    for lower, higher in pairwise(PRESETS.values()):
        assert higher.steps > lower.steps
        assert higher.pixels_per_step >= lower.pixels_per_step


def test_a_part_of_every_fit_is_taken_on_rounded_weights() -> None:
    assert all(0 < schedule.quantized < 1 for schedule in PRESETS.values())


@pytest.mark.parametrize("effort", [0, 10, -1])
def test_other_efforts_are_refused(effort: int) -> None:
    with pytest.raises(UsageError, match=rf"effort {effort} is not in 1\.\.9"):
        preset(effort)
