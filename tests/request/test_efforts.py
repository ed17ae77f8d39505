from __future__ import annotations

from itertools import pairwise

import pytest

from imgnet.errors import UsageError
from imgnet.request.efforts import GRID_PRESETS, PRESETS, USUAL_PIXELS, Preset, preset


def test_every_effort_has_a_schedule() -> None:
    assert list(PRESETS) == list(GRID_PRESETS) == list(range(1, 10))
    for effort in range(1, 10):
        assert preset(effort) is preset(effort, "gated") is preset(effort, "mlp") is PRESETS[effort]
        assert preset(effort, "grid") is GRID_PRESETS[effort]


@pytest.mark.parametrize("presets", [PRESETS, GRID_PRESETS], ids=["gated", "grid"])
def test_more_effort_sees_more_pixels(presets: dict[int, Preset]) -> None:
    for lower, higher in pairwise(presets.values()):
        assert higher.steps > lower.steps
        assert higher.pixels_per_step >= lower.pixels_per_step


def test_a_part_of_every_fit_is_taken_on_rounded_weights() -> None:
    for schedule in [*PRESETS.values(), *GRID_PRESETS.values()]:
        assert 0 < schedule.quantized < 1


def test_large_pictures_of_grid_get_steps_in_proportion_and_small_ones_no_fewer() -> None:
    schedule = preset(3, "grid")
    assert schedule.covering(100) == schedule.covering(USUAL_PIXELS) == schedule
    larger = schedule.covering(3 * USUAL_PIXELS)
    assert larger.steps == 3 * schedule.steps
    assert larger.pixels_per_step == schedule.pixels_per_step


@pytest.mark.parametrize("model", ["gated", "grid"])
@pytest.mark.parametrize("effort", [0, 10, -1])
def test_other_efforts_are_refused(effort: int, model: str) -> None:
    with pytest.raises(UsageError, match=rf"effort {effort} is not in 1\.\.9"):
        preset(effort, model)
