"""Published recipe of `gated`, for comparison: `python -m imgnet.research.published IMAGE`.

Width 100, two ReZero blocks with alpha from 0.01, batch normalisation in every gated layer, RMSprop
on the squared error of 10 000 random pixels a step, weights in float32. The recipe names neither
first weights nor learning rate; both are PyTorch's defaults, the latter 0.01.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from imgnet.arrays import ByteArray
from imgnet.fit.coordinate.network import PositionalEncoding
from imgnet.image.files import read_image
from imgnet.metrics.psnr import psnr_db

WIDTH = 100
BLOCKS = 2
PIXELS_PER_STEP = 10_000
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
    def __init__(self, width: int, height: int) -> None:
        super().__init__()
        self.x: Tensor = PositionalEncoding("gated", width)(torch.arange(width)).T
        self.y: Tensor = PositionalEncoding("gated", height)(torch.arange(height)).T
        self.axis_x, self.axis_y = _Gated(self.x.shape[1], WIDTH), _Gated(self.y.shape[1], WIDTH)
        self.joint = _Gated(2 * WIDTH, WIDTH)
        self.blocks = nn.Sequential(*(_Block() for _ in range(BLOCKS)))
        self.output = nn.Linear(WIDTH, 3)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        both = torch.cat([self.axis_x(self.x[x]), self.axis_y(self.y[y])], dim=1)
        return torch.sigmoid(self.output(self.blocks(self.joint(both))))


@dataclass(frozen=True)
class Result:
    """Result of the recipe: bytes of its float32 parameters, PSNR, steps and seconds."""

    image: str
    bytes: int
    psnr_db: float
    steps: int
    seconds: float


def follow(image: str, seconds: float) -> Result:
    """Fit an RGB image by the published recipe.

    Args:
        image: Path of the image.
        seconds: Time of the fit.

    Raises:
        InputError: The image cannot be read.
    """
    torch.manual_seed(0)
    pixels, _ = read_image(image)
    height, width, _ = pixels.shape
    colours = torch.from_numpy(pixels).reshape(-1, 3).float() / 255
    network = _Network(width, height)
    optimizer = torch.optim.RMSprop(network.parameters())
    started, step = time.monotonic(), 0
    while time.monotonic() - started < seconds:
        chosen = torch.randint(len(colours), (PIXELS_PER_STEP,))
        x_hat = network(chosen % width, chosen // width)
        optimizer.zero_grad()
        nn.functional.mse_loss(x_hat, colours[chosen]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        step += 1
    size = FLOAT32_BYTES * sum(parameter.numel() for parameter in network.parameters())
    psnr = psnr_db(pixels, _render(network, width, height))
    elapsed = time.monotonic() - started
    return Result(Path(image).name, size, round(psnr, 3), step, round(elapsed, 1))


@torch.no_grad()
def _render(network: _Network, width: int, height: int) -> ByteArray:
    network.eval()
    x = torch.arange(width)
    rows = [network(x, torch.full_like(x, y)) for y in range(height)]
    x_hat: ByteArray = torch.stack(rows).mul(255).round().byte().numpy()
    return x_hat


if __name__ == "__main__":
    path, duration = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 300.0
    print(json.dumps(asdict(follow(path, duration))))
