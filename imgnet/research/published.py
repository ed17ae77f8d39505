"""Published recipes, for comparison: `python -m imgnet.research.published IMAGE [SECONDS] [MODEL]`.

`gated`: width 100, two ReZero blocks with alpha from 0.01, batch normalisation in every gated
layer, RMSprop on the squared error of 10 000 random pixels a step, weights in float32. The recipe
names neither first weights nor learning rate; both are PyTorch's defaults, the latter 0.01.

`mlp`, its baseline: three layers of 64 units with LeakyReLU, AdamW on the squared error of 64
random pixels a step.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer, RMSprop

from imgnet.arrays import ByteArray
from imgnet.fit.coordinate.network import PositionalEncoding
from imgnet.image.files import read_image
from imgnet.metrics.psnr import psnr_db
from imgnet.spec import MLP_FREQUENCIES

WIDTH = 100
BLOCKS = 2
MLP_WIDTH = 64
MLP_LAYERS = 3
FLOAT32_BYTES = 4


class _Gated(nn.Module):
    def __init__(self, dim_in: int, dim_out: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(dim_in, dim_out) for _ in range(3))
        self.norm = nn.BatchNorm1d(dim_out)

    def forward(self, x: Tensor) -> Tensor:
        gated: Tensor = torch.tanh(self.query(x) * self.key(x)) * self.value(x)
        return nn.functional.gelu(self.norm(gated))


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(_Gated(WIDTH, WIDTH), _Gated(WIDTH, WIDTH))
        self.alpha = nn.Parameter(torch.tensor(0.01))

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.layers(x)
        return x + self.alpha * residual


class _Network(nn.Module):
    """Function from columns and rows to colours, with the encoded positions of a picture."""

    def __init__(self, family: str, width: int, height: int) -> None:
        super().__init__()
        self.x: Tensor = PositionalEncoding(family, width)(torch.arange(width)).T
        self.y: Tensor = PositionalEncoding(family, height)(torch.arange(height)).T


class _GatedNetwork(_Network):
    def __init__(self, width: int, height: int) -> None:
        super().__init__("gated", width, height)
        self.axis_x, self.axis_y = _Gated(self.x.shape[1], WIDTH), _Gated(self.y.shape[1], WIDTH)
        self.joint = _Gated(2 * WIDTH, WIDTH)
        self.blocks = nn.Sequential(*(_Block() for _ in range(BLOCKS)))
        self.output = nn.Linear(WIDTH, 3)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        both = torch.cat([self.axis_x(self.x[x]), self.axis_y(self.y[y])], dim=1)
        return torch.sigmoid(self.output(self.blocks(self.joint(both))))


class _MLPNetwork(_Network):
    def __init__(self, width: int, height: int) -> None:
        super().__init__("mlp", width, height)
        dims = [4 * MLP_FREQUENCIES] + [MLP_WIDTH] * MLP_LAYERS
        layers = [nn.Sequential(nn.Linear(a, b), nn.LeakyReLU(0.1)) for a, b in pairwise(dims)]
        self.layers = nn.Sequential(*layers, nn.Linear(MLP_WIDTH, 3))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.sigmoid(self.layers(torch.cat([self.x[x], self.y[y]], dim=1)))


class Recipe(NamedTuple):
    """How a network is fitted.

    Attributes:
        network: Makes it, given width and height.
        optimizer: Makes its optimiser, given the network.
        pixels_per_step: Random pixels of a step.
        lr_decay: Factor on the learning rate after each step.
    """

    network: Callable[[int, int], nn.Module]
    optimizer: Callable[[nn.Module], Optimizer]
    pixels_per_step: int
    lr_decay: float = 1.0


RECIPES = {
    "gated": Recipe(_GatedNetwork, lambda network: RMSprop(network.parameters()), 10_000),
    "mlp": Recipe(
        _MLPNetwork,
        lambda network: AdamW(network.parameters(), lr=5.33e-4, betas=(0.92, 0.95)),
        pixels_per_step=64,
        lr_decay=0.99999,
    ),
}


@dataclass(frozen=True)
class Result:
    """Result of a recipe: bytes of its float32 parameters, PSNR, steps and seconds."""

    image: str
    model: str
    bytes: int
    psnr_db: float
    steps: int
    seconds: float


def follow(image: str, seconds: float, model: str = "gated") -> Result:
    """Fit an RGB image by a published recipe.

    Args:
        image: Path of the image.
        seconds: Time of the fit.
        model: One of `RECIPES`.

    Raises:
        InputError: The image cannot be read.
    """
    torch.manual_seed(0)
    recipe = RECIPES[model]
    pixels, _ = read_image(image)
    height, width, _ = pixels.shape
    colours = torch.from_numpy(pixels).reshape(-1, 3).float() / 255
    network = recipe.network(width, height)
    optimizer = recipe.optimizer(network)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, recipe.lr_decay)
    started, step = time.monotonic(), 0
    while time.monotonic() - started < seconds:
        chosen = torch.randint(len(colours), (recipe.pixels_per_step,))
        x_hat = network(chosen % width, chosen // width)
        optimizer.zero_grad()
        nn.functional.mse_loss(x_hat, colours[chosen]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        step += 1
    size = FLOAT32_BYTES * sum(parameter.numel() for parameter in network.parameters())
    psnr = psnr_db(pixels, _render(network, width, height))
    elapsed = time.monotonic() - started
    return Result(Path(image).name, model, size, round(psnr, 3), step, round(elapsed, 1))


@torch.no_grad()
def _render(network: nn.Module, width: int, height: int) -> ByteArray:
    network.eval()
    x = torch.arange(width)
    rows = [network(x, torch.full_like(x, y)) for y in range(height)]
    x_hat: ByteArray = torch.stack(rows).mul(255).round().byte().numpy()
    return x_hat


if __name__ == "__main__":
    path, *rest = sys.argv[1:]
    duration = float(rest[0]) if rest else 300.0
    print(json.dumps(asdict(follow(path, duration, *rest[1:]))))
