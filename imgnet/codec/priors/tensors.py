"""Tensors of the files that ship with imgnet, on machines of either byte order.

`safetensors.numpy.load` takes the little-endian numbers of a file for big-endian ones on machines
that are, so this reads the bytes of each tensor itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import deserialize

_DTYPES = {"F16": "<f2", "I16": "<i2"}


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of a safetensors file of float16 or int16, by name.

    >>> read_tensors(next(Path(__file__).parent.glob("*-*.safetensors")))["hidden.bias"].dtype.name
    'int16'
    """
    return {
        name: np.frombuffer(stored["data"], _DTYPES[stored["dtype"]]).reshape(stored["shape"])
        for name, stored in deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    }
