"""Coverage-guided fuzzing of the decoder with atheris, which is no requirement of the tests.

    pip install atheris
    PYTHONPATH=tests python tests/fuzz/fuzz_files.py FOLDER [OPTIONS OF LIBFUZZER]

FOLDER keeps the inputs that reach new code. `-max_total_time=1200` limits the seconds. An input
that ends in anything but a result or an `ImgnetError` is written to the working folder; put it
into `tests/fuzz/found/`.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import atheris

from imgnet.image.geometry import LIMIT

with atheris.instrument_imports(include=["imgnet"]):
    from support.fuzz_targets import MOST_PIXELS, run, seeds


def main() -> None:
    os.environ[LIMIT] = str(MOST_PIXELS)
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True, parents=True)
    for i, seed in enumerate(seeds()):
        (folder / f"seed-{i}").write_bytes(seed)
    atheris.Setup([*sys.argv, "-max_len=2000", "-timeout=300", "-rss_limit_mb=1500"], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
