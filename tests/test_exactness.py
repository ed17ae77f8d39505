"""Files of `grid` decode to the same pixels with every kernel and number of threads of BLAS."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from support.paths import GOLDEN, SAMPLES

# Kernels of OpenBLAS and a flag of the processors that can run them.
KERNELS = {"Prescott": "pni", "Haswell": "avx2", "SkylakeX": "avx512f"}
THREADS = 1, 2
FILES = [GOLDEN / f"v1-{name}.inr" for name in ("grid", "grid-coarse", "grid-deep")]
FILES += [SAMPLES / "coffee.inr"]

# Prints a hash of the pixels, and one of a sum whose last bit depends on the order of its terms.
PROGRAM = """
import sys
from zlib import crc32
import numpy as np
import imgnet
pixels = [imgnet.decode(name, depth=16, zoom="lanczos").tobytes() for name in sys.argv[1:]]
reals = np.random.default_rng(1).normal(size=(300, 300))
print(crc32(b"".join(pixels)), crc32((reals @ reals).tobytes()))
"""


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
        command = [sys.executable, "-c", PROGRAM, *map(str, FILES)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=os.environ | setting
        )
        of_pixels, of_reals = done.stdout.split()
        pixels.add(of_pixels)
        reals.add(of_reals)
    if len(reals) == 1:
        pytest.skip("this NumPy has another BLAS")
    assert len(pixels) == 1
