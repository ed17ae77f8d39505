"""Network of the zoom prior in torch, and the export of its weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import torch
from torch import Tensor, nn
from torch.nn import functional

from imgnet.codec.priors.loader import COLOURS, name_of, prior_file
from imgnet.codec.render.cosine import TERMS, Axis
from imgnet.codec.render.zoom_network import FIRST_KERNEL, FOLDER, GREY, KERNEL

DIM, NUM_LAYERS, DIM_HIDDEN = 32, 5, 64  # of networks that start from random weights
ALPHA = 0.1  # first alpha of ReZero layers
GAIN = 4.0  # of the first layer, whose inputs hardly differ from each other


class _Layer(nn.Module):
    """Convolution whose weights are one matrix, as SOAP takes them.

    Args:
        dims: Channels in and out.
        kernel: Side of the kernel.
        gain: Factor on the random first weights.
    """

    def __init__(self, dims: tuple[int, int], kernel: int, gain: float = 1.0) -> None:
        super().__init__()
        self.shape = dims[1], dims[0], kernel, kernel
        inputs = dims[0] * kernel**2
        self.weight = nn.Parameter(torch.randn(dims[1], inputs) * (gain / inputs**0.5))
        self.bias = nn.Parameter(torch.zeros(dims[1]))

    def forward(self, x: Tensor, shift: Tensor | float = 0.0) -> Tensor:
        """Map (N, in, H, W) to (N, out, H, W), with zeros around the picture."""
        weight = self.weight.view(self.shape)
        return functional.conv2d(x, weight, self.bias + shift, padding=self.shape[2] // 2)


class _ScaledLayer(_Layer):
    """Convolution with a bias that is affine in the logarithm of the scale."""

    def __init__(self, dims: tuple[int, int], kernel: int, gain: float = 1.0) -> None:
        super().__init__(dims, kernel, gain)
        self.scale = nn.Parameter(torch.zeros(dims[1]))

    def forward(self, x: Tensor, shift: Tensor | float = 0.0) -> Tensor:
        """Map (N, in, H, W) to (N, out, H, W); `shift` is the logarithm of the scale."""
        return super().forward(x, self.scale * shift)


class _Residual(_Layer):
    """Residual layer x + alpha * relu(K x), with one alpha a channel."""

    def __init__(self, dim: int) -> None:
        super().__init__((dim, dim), KERNEL)
        self.alpha = nn.Parameter(torch.full((dim,), ALPHA))

    def forward(self, x: Tensor, shift: Tensor | float = 0.0) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        return x + self.alpha[:, None, None] * functional.relu(super().forward(x, shift))


class ZoomModel(nn.Module):
    """The network that `ZoomNetwork` is in NumPy; its parameters have the names of the file.

    Args:
        dim: Channels of the first layer and of the ReZero layers.
        dim_hidden: Units of the hidden layer.
    """

    def __init__(self, dim: int = DIM, dim_hidden: int = DIM_HIDDEN) -> None:
        super().__init__()
        self.first = _ScaledLayer((COLOURS, dim), FIRST_KERNEL, GAIN)
        self.layers = nn.ModuleList([_Residual(dim) for _ in range(NUM_LAYERS)])
        self.hidden = _ScaledLayer((dim, dim_hidden), 1)
        self.output = _Layer((dim_hidden, (TERMS**2 - 1) * COLOURS), 1, gain=0.0)

    def forward(self, pictures: Tensor, log_scale: float) -> Tensor:
        """Return the series (N, (TERMS ** 2 - 1) * 3, H, W) of pictures (N, 3, H, W) in 0..1."""
        centred = (pictures - GREY).contiguous(memory_format=torch.channels_last)
        x = self.first(centred, log_scale)
        for layer in self.layers:
            x = layer(x)
        series: Tensor = self.output(functional.relu(self.hidden(x, log_scale)))
        return series

    @torch.no_grad()
    def copy_prior(self, prior: str, folder: Path = FOLDER) -> None:
        """Copy the weights of a prior with at most as many units.

        The outputs of further units are zero, so that both networks compute the same at first.
        """
        stored = safetensors.numpy.load(prior_file(prior, folder).read_bytes())
        for name, parameter in self.named_parameters():
            own = torch.from_numpy(stored[name].astype(np.float32))
            tensor = parameter.view(len(parameter), -1, *own.shape[2:])
            tensor[: len(own)] = 0
            tensor[tuple(map(slice, own.shape))] = own.view(len(own), -1, *own.shape[2:])

    def groups(self, lr: float, vector_lr: float) -> Iterator[dict[str, Any]]:
        """Yield groups of parameters with their peak learning rates."""
        for parameter in self.parameters():
            own = lr if parameter.ndim > 1 else vector_lr
            yield {"params": [parameter], "lr": own, "peak_lr": own}


def enlarged(pictures: Tensor, series: Tensor, side: int) -> Tensor:
    """Return enlarged square pictures, without the projection that keeps the area means.

    Args:
        pictures: (N, C, n, n).
        series: Output of the model for them.
        side: Rows and columns of the result.

    Returns:
        (N, C, side, side)

    >>> enlarged(torch.ones(1, 3, 2, 2), torch.zeros(1, 45, 2, 2), 3).shape
    torch.Size([1, 3, 3, 3])
    """
    count, channels, _, small = pictures.shape
    parts = pictures[:, None], series.view(count, TERMS**2 - 1, channels, small, small)
    terms = torch.cat(parts, 1).view(count, TERMS, TERMS, channels, small, small)
    footprints = Axis(0, small, side).over(range(small))
    weights = torch.from_numpy(footprints.weights)
    across = torch.einsum("bklcyx,jyk->bljcx", terms, weights)
    return torch.einsum("bljcx,ixl->bcji", across, weights)


@torch.no_grad()
def export(model: ZoomModel, stem: str, folder: Path) -> str:
    """Write a zoom prior and return its name."""
    shapes = {f"{name}.weight": m.shape for name, m in model.named_modules() if hasattr(m, "shape")}
    tensors = {
        name: tensor.reshape(shapes.get(name, tensor.shape)).numpy().astype(np.float16)
        for name, tensor in model.named_parameters()
    }
    data = safetensors.numpy.save(tensors)
    name = name_of(data, stem)
    prior_file(name, folder).write_bytes(data)
    return name
