"""Files of `grid` decode to the same pixels with every kernel and number of threads of BLAS.

`tests/machines.sh` decodes on other processors.
"""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from support.paths import GOLDEN, SAMPLES, TESTS

# Kernels of OpenBLAS and a flag of the processors that can run them.
KERNELS = {"Prescott": "pni", "Haswell": "avx2", "SkylakeX": "avx512f"}
THREADS = 1, 2
EXACT = "grid", "grid-coarse", "grid-deep", "grid-fine", "grid-grey", "grid-row"
FILES = [*(GOLDEN / f"v1-{name}.inr" for name in EXACT), SAMPLES / "coffee.inr"]
PROGRAM = TESTS / "support" / "print_pixels.py"


def flags() -> set[str]:
    """Return the flags of the processor, where the system tells them."""
    path = Path("/proc/cpuinfo")
    return set(path.read_text().split()) if path.exists() else set()


@pytest.mark.slow
def test_every_kernel_gives_the_same_pixels() -> None:
    kernels = [kernel for kernel, flag in KERNELS.items() if flag in flags()]
    if len(kernels) < 2:
        pytest.skip("needs kernels for this processor")
    pixels, reals = set(), set()
    for kernel, threads in product(kernels, THREADS):
        setting = {"OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": str(threads)}
        command = [sys.executable, PROGRAM, *FILES]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=os.environ | setting
        )
        of_pixels, of_reals = done.stdout.split()
        pixels.add(of_pixels)
        reals.add(of_reals)
    if len(reals) == 1:
        pytest.skip("this NumPy has another BLAS")
    assert len(pixels) == 1
