"""The network of the zoom prior, in NumPy: a neighbourhood to the cosine series of its middle.

A first layer of 5x5, 3x3 ReZero layers `x + alpha relu(K x)`, and for each pixel a hidden layer and
a linear one. The logarithm of the scale moves the biases of the first and the hidden layer.

A prior is a safetensors file of float16 in `priors/zoom/`, named like those of `priors`.
`priors/train_zoom.py` makes new ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from safetensors.numpy import load

from imgnet.codec.render.cosine import Array

CURRENT = "z4-5f2982b5"
FOLDER = Path(__file__).parents[1] / "priors" / "zoom"
COLOURS = 3  # of the pictures that it reads
FIRST_KERNEL, KERNEL = 5, 3  # sides of the first layer and of those behind it
GREY = 0.5  # which the network takes for zero


@dataclass(frozen=True)
class ZoomNetwork:
    """A zoom prior.

    Attributes:
        tensors: By name; those of more than one pixel are (rows, out, columns * in).
        num_layers: Of the ReZero layers.
    """

    tensors: dict[str, Array]
    num_layers: int

    @property
    def reach(self) -> int:
        """How many pixels on each side of one its series depends on."""
        return FIRST_KERNEL // 2 + KERNEL // 2 * self.num_layers

    def series(self, picture: Array, log_scale: float) -> Array:
        """Return the series of the pixels of a picture, without their constant terms.

        Args:
            picture: (h + 2 reach, 3, w + 2 reach) colours in 0..1, row by row.
            log_scale: Logarithm of the scale to the base 2.

        Returns:
            (h, (TERMS ** 2 - 1) * 3, w), by vertical term, horizontal term and colour.
        """
        x = self._layer("first", picture - np.float32(GREY), log_scale)
        for i in range(self.num_layers):
            inner = np.maximum(self._layer(f"layers.{i}", x), 0)
            inner *= self.tensors[f"layers.{i}.alpha"]
            inner += x[1:-1, :, 1:-1]
            x = inner
        hidden = np.maximum(self._layer("hidden", x, log_scale), 0)
        return self._layer("output", hidden)

    def _layer(self, name: str, x: Array, log_scale: float = 0.0) -> Array:
        """Multiply every neighbourhood of (h, in, w) by the weights of a layer.

        One product a row and kernel row is too small for BLAS to start threads of its own, which
        wait for each other longer than they compute wherever other programs run.
        """
        weight, bias = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
        if log_scale:
            bias = bias + np.float32(log_scale) * self.tensors[f"{name}.scale"]
        width, rows = x.shape[2] - len(weight) + 1, len(x) - len(weight) + 1
        beside = np.concatenate([x[..., i : i + width] for i in range(len(weight))], axis=1)
        total: Array = weight[0] @ beside[:rows] + bias
        for i, kernel_row in enumerate(weight[1:], 1):
            total += kernel_row @ beside[i : i + rows]
        return total


@lru_cache(maxsize=1)
def load_network(name: str = CURRENT, folder: Path = FOLDER) -> ZoomNetwork:
    """Read a zoom prior.

    >>> load_network().reach
    7
    """
    stored = load((folder / f"{name}.safetensors").read_bytes())
    tensors = {name: _arranged(t.astype(np.float32)) for name, t in stored.items()}
    return ZoomNetwork(tensors, sum(name.endswith(".alpha") for name in tensors))


def _arranged(tensor: Array) -> Array:
    """Bring weights (out, in, rows, columns) to (rows, out, columns * in), vectors to columns."""
    if tensor.ndim == 1:
        return tensor[:, None]
    out, _, rows, _ = tensor.shape
    return np.ascontiguousarray(tensor.transpose(2, 0, 3, 1).reshape(rows, out, -1))
