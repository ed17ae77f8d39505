"""Results in `samples/bench/`: what the documents say of all of them at once."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from imgnet.request.request import lmbda_of_quality
from support.paths import SAMPLES

FILES = "grid-kodak8.json", "grid-kodak8-effort2.json"
POINTS = [
    point for f in FILES for point in json.loads((SAMPLES / "bench" / f).read_text())["points"]
]


def cost(point: dict[str, Any]) -> float:
    """Return distortion + lmbda * rate of a file."""
    error: float = 10 ** (-point["psnr_db"] / 10)
    return error + lmbda_of_quality(point["quality"]) * float(point["bpp"])


@pytest.mark.parametrize("quality", [20, 40, 60, 80])
@pytest.mark.parametrize("image", sorted({point["image"] for point in POINTS}))
def test_no_effort_is_dearer_than_a_lower_one(image: str, quality: float) -> None:
    of_picture = [p for p in POINTS if (p["image"], p["quality"]) == (image, quality)]
    assert {1, 2, 3} <= {point["effort"] for point in of_picture}
    costs = [cost(point) for point in sorted(of_picture, key=lambda point: point["effort"])]
    assert all(lower > higher for lower, higher in pairwise(costs))
