"""Inputs that fuzzing found, and mutations of valid ones, end in a result or in an `ImgnetError`.

`tests/fuzz/fuzz_files.py` searches for more, guided by coverage.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgnet.image.geometry import LIMIT
from support.fuzz_targets import MOST_PIXELS, TARGETS, run, seeds
from support.paths import TESTS

FOUND = sorted((TESTS / "fuzz" / "found").glob("*"))
SEEDS = seeds()


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMIT, str(MOST_PIXELS))


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_found_inputs_do_no_harm(path: Path) -> None:
    run(path.read_bytes())


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_valid_inputs_do_no_harm(seed: int) -> None:
    run(SEEDS[seed])


def test_every_target_has_seeds() -> None:
    assert {seed[0] for seed in SEEDS} == set(range(len(TARGETS)))


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """Draw a seed of which some bytes are changed, deleted or inserted."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(1, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return bytes(data)


@given(data=mutants())
@settings(
    derandomize=True,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_mutations_do_no_harm(data: bytes) -> None:
    run(data)
