from __future__ import annotations

from imgnet.fitting import Options
from imgnet.presets import preset


def test_by_default_nothing_limits_a_fit_and_nobody_watches() -> None:
    options = Options(preset(3))
    assert options.budget_bytes is None
    assert options.time_limit_s is None
    assert options.on_progress is None
    assert options.on_snapshot is None
    assert (options.seed, options.device) == (0, "auto")
