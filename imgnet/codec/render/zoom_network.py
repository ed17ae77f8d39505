"""Network of the zoom prior in NumPy: from the neighbourhood of a pixel to its cosine series.

A 5x5 layer, 3x3 ReZero layers `x + alpha relu(K x)`, and a hidden and a linear layer on each pixel.
The logarithm of the scale shifts the biases of the 5x5 layer and of the hidden layer.

A zoom prior is a safetensors file of float16 in `codec/priors/zoom/`, named like other priors.
`research/train_zoom.py` trains new ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from imgnet.arrays import Float32Array
from imgnet.codec.priors.tensors import read_tensors

CURRENT = "z4-5f2982b5"
FOLDER = Path(__file__).parents[1] / "priors" / "zoom"
FIRST_KERNEL, KERNEL = 5, 3  # sides of the kernels of the first layer and of the ReZero layers
GREY = 0.5  # colour that is subtracted from the input


@dataclass(frozen=True)
class ZoomNetwork:
    """A zoom prior.

    Attributes:
        tensors: Tensors by name; weights are (rows, out, columns * in), vectors columns.
        num_layers: Number of ReZero layers.
    """

    tensors: dict[str, Float32Array]
    num_layers: int

    @property
    def reach(self) -> int:
        """Receptive field: pixels on each side that the series of a pixel depends on."""
        return FIRST_KERNEL // 2 + KERNEL // 2 * self.num_layers

    def series(self, picture: Float32Array, log_scale: float) -> Float32Array:
        """Return the cosine series of the pixels of an image, without constant terms.

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

    def _layer(self, name: str, x: Float32Array, log_scale: float = 0.0) -> Float32Array:
        """Convolve (h, in, w) with the kernel of a layer and add its bias.

        One product for each row and kernel row stays too small for threads of BLAS, which would
        spend more time waiting for each other than computing when other programs run.
        """
        weight, bias = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
        if log_scale:
            bias = bias + np.float32(log_scale) * self.tensors[f"{name}.scale"]
        width, rows = x.shape[2] - len(weight) + 1, len(x) - len(weight) + 1
        beside = np.concatenate([x[..., i : i + width] for i in range(len(weight))], axis=1)
        total: Float32Array = weight[0] @ beside[:rows] + bias
        for i, kernel_row in enumerate(weight[1:], 1):
            total += kernel_row @ beside[i : i + rows]
        return total


@lru_cache(maxsize=1)
def load_network(name: str = CURRENT, folder: Path = FOLDER) -> ZoomNetwork:
    """Read a zoom prior.

    >>> load_network().reach
    7
    """
    stored = read_tensors(folder / f"{name}.safetensors")
    tensors = {name: _arranged(t.astype(np.float32)) for name, t in stored.items()}
    return ZoomNetwork(tensors, sum(name.endswith(".alpha") for name in tensors))


def _arranged(tensor: Float32Array) -> Float32Array:
    """Reorder weights (out, in, rows, columns) to (rows, out, columns * in), vectors to columns."""
    if tensor.ndim == 1:
        return tensor[:, None]
    out, _, rows, _ = tensor.shape
    return np.ascontiguousarray(tensor.transpose(2, 0, 3, 1).reshape(rows, out, -1))
