"""Coordinate networks: positional encoding, gated layers and ReZero shortcuts, built from a Spec.

The input of a network is a lattice: all crossings of some columns and some rows. The layers that
depend on one axis only (the encoding, the axis branches, and the half of the first joint product
of each axis) cost O(columns + rows); only later layers cost O(columns * rows).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from math import pi

import torch
from torch import Tensor, nn
from torch.nn import functional

from imgnet.fit.coordinate.autograd import gate
from imgnet.fit.layers import Linear
from imgnet.spec import MLP_FREQUENCIES, Spec, num_frequencies

AXIS_GAIN = 2.0  # makes the first axis functions vary over a few pixels


class PositionalEncoding(nn.Module):
    """Fourier features of one axis of `length` pixels, at positions in pixels.

    Args:
        family: "gated" for `_gated_waves`, "mlp" for `_mlp_waves`.
        length: Pixels of the axis.
    """

    def __init__(self, family: str, length: int) -> None:
        super().__init__()
        frequency, phase = _WAVES[family](length)
        self.frequency, self.phase = frequency.double()[:, None], phase.double()[:, None]

    def forward(self, positions: Tensor) -> Tensor:
        """Encode (N,) positions as (frequencies, N) features.

        The product is in float64, so that features agree with `imgnet.codec.render.coordinate`,
        and on the CPU, since some devices have no float64.
        """
        angles = positions.cpu().double() * self.frequency + self.phase
        return torch.sin(angles).float().to(positions.device)


def _gated_waves(length: int) -> tuple[Tensor, Tensor]:
    """Return frequencies and phases of sin(pos * 2^(1 - j)), j = 0..log2(length) + 1.

    The highest frequency nearly alternates from pixel to pixel.
    """
    number = num_frequencies(length)
    return 2.0 ** (1 - torch.arange(number)), torch.zeros(number)


def _mlp_waves(length: int) -> tuple[Tensor, Tensor]:
    """Return frequencies and phases of sine and cosine of pos * 2^(i + 1) * pi / length, i = 0..15.

    Those above Nyquist are replaced by their alias below: equal at pixel centres, and smooth
    between them.
    """
    octaves = 2.0 ** (torch.arange(MLP_FREQUENCIES, dtype=torch.float64) + 1) * pi / length
    octaves -= 2 * pi * torch.round(octaves / (2 * pi))
    phases = torch.tensor([0.0, pi / 2], dtype=torch.float64)
    return torch.cat([octaves, octaves]), phases.repeat_interleave(MLP_FREQUENCIES)


_WAVES = {"gated": _gated_waves, "mlp": _mlp_waves}


class GatedLayer(Linear):
    """Gated layer gelu(norm(tanh(Q x * K x) * V x)), with Q, K and V stacked in one matrix.

    `normalize` folds the batch norm of one batch into the layer: its scale into V, its offset into
    `shift`. The layer then has the form that the file holds.
    """

    def __init__(self, dim_in: int, dim_out: int, gain: float = 1.0) -> None:
        super().__init__(dim_in, 3 * dim_out)
        self.shift = nn.Parameter(torch.zeros(dim_out))
        with torch.no_grad():
            # Gates start near tanh(1), so that a new layer is almost linear in V x.
            gates = 2 * dim_out
            self.weight.mul_(gain)
            self.weight[:gates] *= 0.5
            self.bias[:gates] = 1.0

    def activate(self, stacked: Tensor) -> Tensor:
        """Map (3 D, N) to (D, N)."""
        return gate(stacked, self.shift)

    def forward(self, x: Tensor) -> Tensor:
        """Map (C, N) to (D, N)."""
        return self.activate(self.project(x))

    @torch.no_grad()
    def normalize(self, stacked: Tensor) -> Tensor:
        """Fold the batch norm of this (3 D, N) batch into V and shift; return the (D, N) output."""
        q, k, v = stacked.chunk(3)
        gated = torch.tanh(q * k) * v
        std, mean = torch.std_mean(gated, dim=1, correction=0)
        scale = torch.where(std > 1e-4, 1 / std.clamp(min=1e-4), 1.0)
        d = len(scale)
        self.weight[2 * d :] *= scale[:, None]
        self.bias[2 * d :] *= scale
        self.shift.copy_(-mean * scale)
        return self.activate(torch.cat([q, k, v * scale[:, None]]))


class LeakyLayer(Linear):
    """Linear layer and LeakyReLU with slope 0.1."""

    def activate(self, x: Tensor) -> Tensor:
        """Map (D, N) to (D, N)."""
        return functional.leaky_relu(x, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (C, N) to (D, N)."""
        return self.activate(self.project(x))


class ReZero(nn.Sequential):
    """Residual block x + alpha * f(x) with a learned alpha.

    Source: Bachlechner et al., "ReZero is all you need", 2020.
    """

    def __init__(self, *layers: GatedLayer) -> None:
        super().__init__(*layers)
        self.alpha = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (C, N) to (C, N)."""
        residual = x
        for layer in self:
            residual = layer(residual)
        return torch.addcmul(x, self.alpha, residual)

    def normalize(self, x: Tensor) -> Tensor:
        """Fold the batch norm of every layer, measured on x (C, N); return the output."""
        residual = x
        for layer in self:
            assert isinstance(layer, GatedLayer)
            residual = layer.normalize(layer.project(residual))
        return torch.addcmul(x, self.alpha, residual)


class Network(nn.Module):
    """Function from coordinates to colours in 0..1; its parameters are those of the Spec.

    A subclass has the branches of the axes, the first joint layer and the trunk.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.encoding_x = PositionalEncoding(spec.family, spec.width)
        self.encoding_y = PositionalEncoding(spec.family, spec.height)
        self.output = Linear(spec.dim_hidden, spec.dim_out)
        with torch.no_grad():
            self.output.weight.mul_(0.1)

    def branches(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Map positions of columns (W,) and rows (H,) to features (C, W) and (C, H)."""
        return self.encoding_x(x), self.encoding_y(y)

    def first_layer(self) -> GatedLayer | LeakyLayer:
        """Return the first layer that joins both axes."""
        raise NotImplementedError

    def trunk(self) -> Iterable[nn.Module]:
        """Return the layers between the first and the output, each (D, N) to (D, N)."""
        raise NotImplementedError

    def forward(self, x: Tensor, y: Tensor, keep: Tensor | None = None) -> Tensor:
        """Render the crossings of columns and rows.

        Args:
            x: (W,) positions of the columns in pixels; centres are whole numbers.
            y: (H,) positions of the rows.
            keep: Indices into the H * W crossings; None for all.

        Returns:
            (dim_out, H * W) or (dim_out, len(keep)).
        """
        first = self.first_layer()
        stacked = first.project_lattice(*self.branches(x, y)).flatten(1)
        hidden = first.activate(stacked if keep is None else stacked[:, keep])
        for layer in self.trunk():
            hidden = layer(hidden)
        return self.output.project(hidden).sigmoid()

    def normalize(self, x: Tensor, y: Tensor) -> None:
        """Fold the batch norm of every layer that has one, measured on one lattice."""

    def set_product_dtype(self, dtype: torch.dtype) -> None:
        """Set the dtype of products over whole lattices."""
        for module in self.modules():
            if isinstance(module, Linear):
                module.dtype = dtype


class Gated(Network):
    """Network of a gated branch for each axis, a joint gated layer, and gated ReZero blocks."""

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        d = spec.dim_hidden
        self.axis_x = GatedLayer(num_frequencies(spec.width), spec.dim_axis, gain=AXIS_GAIN)
        self.axis_y = GatedLayer(num_frequencies(spec.height), spec.dim_axis, gain=AXIS_GAIN)
        self.joint = GatedLayer(2 * spec.dim_axis, d)
        blocks = (ReZero(GatedLayer(d, d), GatedLayer(d, d)) for _ in range(spec.num_layers))
        self.blocks = nn.ModuleList(blocks)

    def branches(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Map positions to features (dim_axis, W) and (dim_axis, H)."""
        return self.axis_x(self.encoding_x(x)), self.axis_y(self.encoding_y(y))

    def first_layer(self) -> GatedLayer:
        """Return the joint layer."""
        return self.joint

    def trunk(self) -> Iterable[nn.Module]:
        """Return the ReZero blocks."""
        return self.blocks

    @torch.no_grad()
    def normalize(self, x: Tensor, y: Tensor) -> None:
        """Fold the batch norm of every gated layer, from the encoding to the last block."""
        columns = self.axis_x.normalize(self.axis_x.project(self.encoding_x(x)))
        rows = self.axis_y.normalize(self.axis_y.project(self.encoding_y(y)))
        hidden = self.joint.normalize(self.joint.project_lattice(columns, rows).flatten(1))
        for block in self.blocks:
            assert isinstance(block, ReZero)
            hidden = block.normalize(hidden)


class MLP(Network):
    """Network of LeakyReLU layers on sines and cosines of both axes."""

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        dims = [4 * MLP_FREQUENCIES] + [spec.dim_hidden] * spec.num_layers
        self.layers = nn.ModuleList(LeakyLayer(a, b) for a, b in pairwise(dims))

    def first_layer(self) -> LeakyLayer:
        """Return the first hidden layer."""
        first = self.layers[0]
        assert isinstance(first, LeakyLayer)
        return first

    def trunk(self) -> Iterable[nn.Module]:
        """Return the other hidden layers."""
        return self.layers[1:]


NETWORKS: dict[str, type[Network]] = {"gated": Gated, "mlp": MLP}


def build(spec: Spec) -> Network:
    """Return the coordinate network of a Spec, with random weights."""
    return NETWORKS[spec.family](spec)
