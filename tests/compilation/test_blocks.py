from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from imgnet.compilation import blocks
from imgnet.compilation.blocks import (
    BLOCK,
    add_sums,
    compiled,
    exp2,
    log2,
    outer,
    product,
    relu,
    relu_backward,
    zeros,
)
from imgnet.compilation.cache import private_folder

COUNT = 77


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (20, 16), (32, 12)])
def test_products_are_added_to_some_rows_and_samples(rows: int, columns: int) -> None:
    weight, x = random(rows, columns), random(columns, BLOCK, seed=1)
    out = np.ones((rows + 4, BLOCK), np.float32)
    product(weight, x.ravel(), out.ravel(), 4, COUNT)
    wanted = np.ones_like(out)
    wanted[4:, :COUNT] += weight @ x[:, :COUNT]
    np.testing.assert_allclose(out, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (20, 16), (4, 32)])
def test_outer_products_are_summed_over_some_samples(rows: int, columns: int) -> None:
    gradient, x = random(rows, BLOCK), random(columns, BLOCK, seed=1)
    out = np.ones((rows, columns), np.float32)
    outer(gradient.ravel(), x.ravel(), out, COUNT)
    wanted = 1 + gradient[:, :COUNT] @ x[:, :COUNT].T
    np.testing.assert_allclose(out, wanted, rtol=1e-4, atol=1e-4)


def test_what_is_rectified_passes_gradients_where_it_is_positive() -> None:
    x, gradient = random(4, BLOCK), random(4, BLOCK, seed=1)
    x[:, ::9] = 0
    out, kept = np.full_like(x, 7), gradient.copy()
    relu(x.ravel(), out.ravel(), 3, COUNT)
    relu_backward(kept.ravel(), x.ravel(), 3, COUNT)
    rows = np.s_[:3, :COUNT]
    np.testing.assert_array_equal(out[rows], np.maximum(x[rows], 0))
    np.testing.assert_array_equal(kept[rows], np.where(x[rows] > 0, gradient[rows], 0))
    assert (out[3] == 7).all()
    assert (kept[3] == gradient[3]).all()


def test_rows_are_summed_over_some_samples() -> None:
    x, sums = random(4, BLOCK), np.ones(3, np.float32)
    add_sums(x.ravel(), sums, COUNT)
    np.testing.assert_allclose(sums, 1 + x[:3, :COUNT].sum(1), rtol=1e-5)


def test_blocks_begin_at_zero() -> None:
    assert zeros(3).shape == (3 * BLOCK,)
    assert not zeros(3).any()


@numba.njit
def each(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = function(x[i])
    return out


def test_powers_of_two_are_exact_to_float32() -> None:
    x = np.linspace(-126, 126, 100_001).astype(np.float32)
    np.testing.assert_allclose(each(exp2, x), np.exp2(x.astype(np.float64)), rtol=4e-7)
    assert each(exp2, np.float32([-1e9, -np.inf])) == pytest.approx([2.0**-126] * 2)


def test_logarithms_are_exact_to_float32() -> None:
    x = np.exp2(np.linspace(-100, 100, 100_001)).astype(np.float32)
    error = np.abs(each(log2, x) - np.log2(x.astype(np.float64)))
    assert np.all(error < np.maximum(3e-7, 1e-7 * np.abs(np.log2(x))))


@pytest.fixture
def no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The temporary folder, where Numba finds no other folder that it can write."""
    njit = numba.njit
    njit(lambda x: x)(1)  # Numba loads parts of itself at the first compilation

    def refusing(cache: bool = False, **options: Any) -> Callable[..., Any]:
        if cache and not numba.config.CACHE_DIR:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(cache=cache, **options)

    monkeypatch.setattr(blocks.numba, "njit", refusing)
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    private_folder.cache_clear()
    yield tmp_path / "tmp"
    private_folder.cache_clear()


def test_without_a_folder_of_its_own_code_is_cached_in_the_temporary_folder(
    no_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert compiled(lambda x: 2 * x)(21) == 42
    (folder,) = no_folder.iterdir()
    assert list(folder.rglob("*.nbc"))
    assert os.name != "posix" or stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not numba.config.CACHE_DIR  # functions of others are cached where they were
    assert not caplog.records


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_code_is_not_taken_from_a_folder_that_others_can_write(
    no_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = no_folder / f"imgnet-numba-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    assert compiled(lambda x: 2 * x)(21) == 42
    assert not list(folder.iterdir())
    assert "NUMBA_CACHE_DIR" in caplog.text


def test_without_any_folder_functions_are_compiled_anew_and_one_line_says_so(
    no_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    no_folder.rmdir()
    for factor in (2, 3):
        assert compiled(lambda x, factor=factor: factor * x)(21) == 21 * factor
    (record,) = caplog.records
    assert "NUMBA_CACHE_DIR" in record.getMessage()
    assert "\n" not in record.getMessage()
