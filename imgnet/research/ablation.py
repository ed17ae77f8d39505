"""Ablation of `grid`: short fits with other forms of one part.

    python -m imgnet.research.ablation IMAGE... [--qualities 20,40,60] [--steps 300] [--out FILE]

Each fit is on the middle 192x128 pixels, starts from random weights and ends with rounded latents.
Its cost is squared error plus lmbda times bits a pixel. The bits of the latents are measured; a
weight is assumed to take `BITS_A_WEIGHT`, spread over 768x512 pixels. Each form of the hidden layer
has a width at which it has as many multiplications a pixel as the layer with ReLU.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from imgnet.encoder.levels import detail, with_needed_levels
from imgnet.fit.device import one_thread_workers
from imgnet.fit.engine.network import ContextModel, GridNetwork
from imgnet.fit.engine.reference import ReferenceEvaluator
from imgnet.fit.grid.schedule import GridFit
from imgnet.fit.grid.state import GridState
from imgnet.fit.layers import Linear
from imgnet.fit.meter import Meter
from imgnet.fit.soap import SOAP
from imgnet.image.files import read_image
from imgnet.image.picture import Samples
from imgnet.neighbourhood import CAUSAL
from imgnet.request.efforts import USUAL_PIXELS, Schedule
from imgnet.request.options import Options
from imgnet.request.request import Request, lmbda_of_quality
from imgnet.spec import Spec

WIDTH, HEIGHT = 192, 128  # of the crop that is fitted
PIXELS_PER_STEP = 12288
BITS_A_WEIGHT = 5.0
COARSE_LEVEL = 3  # finest level in the input of the gate of a region
LEAST_SIDE = 1 << COARSE_LEVEL + 3  # of a picture with coarser levels
ADAM_LR = 1e-2  # of Adam, at most


class _Gated(GridNetwork):
    """Network with a hidden layer that combines the products of several matrices."""

    matrices: int

    def __init__(self, spec: Spec) -> None:
        dim_in, dim_out, matrices = spec.num_features, spec.dim_out, self.matrices
        usual = (dim_in + dim_out) * spec.dim_hidden  # multiplications a pixel
        width = round(usual / (matrices * dim_in + dim_out))
        super().__init__(replace(spec, dim_hidden=width))
        self.hidden = Linear(dim_in, matrices * width)
        with torch.no_grad():
            self.hidden.weight.mul_(0.25)

    def mixed(self, features: Tensor) -> Tensor:
        """Map features (F, N) to the input of the 3x3 layers, (C, N)."""
        products = self.hidden.project(features).chunk(self.matrices)
        return self.output.weight @ self.combined(*products) + self.linear.project(features)

    def combined(self, *products: Tensor) -> Tensor:
        """Combine the products (D, N) of all matrices."""
        raise NotImplementedError


class PixelGate(_Gated):
    """Hidden layer relu(V z) * clamp(1 + G z, 0, 2), open at first."""

    matrices = 2

    def combined(self, *products: Tensor) -> Tensor:
        """Combine value and gate."""
        value, gate = products
        return value.relu() * (1 + gate).clamp(0, 2)


class QueryGate(_Gated):
    """Hidden layer clamp(Q z * K z, -1, 1) * V z, like that of `gated` without tanh and norm."""

    matrices = 3

    def combined(self, *products: Tensor) -> Tensor:
        """Combine query, key and value."""
        query, key, value = products
        return (query * key).clamp(-1, 1) * value


class RegionGate(GridNetwork):
    """Hidden layer relu(V z) * clamp(1 + alpha G c, 0, 2) with the coarse levels c.

    Alpha is a ReZero weight. Upsampling is linear: an implementation may compute the gate at 1/8 of
    the sides and upsample it.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.first = COARSE_LEVEL - spec.finest
        coarse = spec.num_levels - COARSE_LEVEL
        self.gate = Linear(coarse, spec.dim_hidden)
        self.opening = nn.Parameter(torch.zeros(spec.dim_hidden))

    def mixed(self, features: Tensor) -> Tensor:
        """Map features (F, N) to the input of the 3x3 layers, (C, N)."""
        coarse = features[self.first : self.first + self.gate.weight.shape[1]]
        gate = (1 + self.opening[:, None] * self.gate.project(coarse)).clamp(0, 2)
        hidden = self.hidden.project(features).relu() * gate
        return self.output.weight @ hidden + self.linear.project(features)


class _Orphan(ContextModel):
    def forward(self, neighbours: Tensor, grid: int, place: tuple[int, int]) -> Tensor:
        """Return the distributions of latents from those of their own grid alone."""
        parents = torch.zeros_like(neighbours[len(CAUSAL) :])
        return super().forward(torch.cat([neighbours[: len(CAUSAL)], parents]), grid, place)


def without_parents(spec: Spec) -> GridNetwork:
    """Return the usual network with a context model without coarser latents as input."""
    network = GridNetwork(spec)
    network.context = _Orphan(spec)
    return network


class Flat(GridNetwork):
    """The usual network without its 3x3 layers."""

    def colours(self, features: Tensor) -> Tensor:
        """Map features with a margin, (F, h + 2 n, w + 2 n), to colours (C, h, w)."""
        n = len(self.residuals)
        inner = features[:, n : features.shape[1] - n, n : features.shape[2] - n]
        return self.mixed(inner.reshape(len(inner), -1)).view(-1, *inner.shape[1:])


def adam(soap: SOAP) -> SOAP:
    """Return an optimiser of the same tensors as vectors, for which SOAP is Adam."""
    groups = []
    for group in soap.param_groups:
        tensors = [tensor.detach().view(-1) for tensor in group["params"]]
        for tensor, source in zip(tensors, group["params"], strict=True):
            tensor.grad = source.grad.view(-1)
        groups.append({"params": tensors, "peak_lr": min(ADAM_LR, group["peak_lr"])})
    return SOAP(groups, lr=ADAM_LR)


@dataclass(frozen=True)
class Form:
    """A network, and a function from the usual optimiser to its own; None for the usual one."""

    network: Callable[[Spec], GridNetwork] = GridNetwork
    optimizer: Callable[[SOAP], SOAP] | None = None


FORMS = {
    "ReLU": Form(),
    "gate of each pixel": Form(PixelGate),
    "query and key": Form(QueryGate),
    "gate of the region": Form(RegionGate),
    "no 3x3 layers": Form(Flat),
    "context without coarser latents": Form(without_parents),
    "Adam instead of SOAP": Form(optimizer=adam),
}


@dataclass(frozen=True)
class Point:
    """Cost of one fit.

    Attributes:
        form: Name of the form, one of `FORMS`.
        image: File name.
        quality: Quality of the fit, 0..100, which sets lmbda.
        cost: Squared error plus lmbda times bits a pixel.
        parameters: Number of parameters of the network.
    """

    form: str
    image: str
    quality: float
    cost: float
    parameters: int


def measure(form: str, name: str, pixels: Samples, quality: float, steps: int) -> Point:
    """Fit a picture with a network of some form.

    Args:
        form: Name of the form, one of `FORMS`.
        name: Name of the picture.
        pixels: (H, W, C) colours.
        quality: 0..100.
        steps: Optimiser steps of the fit.
    """
    height, width, channels = pixels.shape
    lmbda, schedule = lmbda_of_quality(quality), Schedule(steps, PIXELS_PER_STEP)
    spec = Request("grid", quality=quality).spec((width, height), channels)
    spec = with_needed_levels(spec, detail(pixels, lmbda), lmbda)
    device, own = torch.device("cpu"), FORMS[form]
    with one_thread_workers(device) as workers:
        state = GridState(
            spec,
            pixels,
            schedule,
            lmbda,
            error_weights=None,
            workers=workers,
            device=device,
            seed=0,
            network_of=own.network,
            evaluator_of=ReferenceEvaluator,  # compiled kernels compute the usual network only
        )
        if own.optimizer is not None:
            state.weights.optimizer = own.optimizer(state.weights.optimizer)
        cost = GridFit(state, Meter(Options(schedule)), lmbda).trial()
    parameters = sum(parameter.numel() for parameter in state.network.parameters())
    cost += lmbda * BITS_A_WEIGHT * parameters / USUAL_PIXELS
    return Point(form, name, quality, cost, parameters)


def middle(pixels: Samples) -> Samples:
    """Return the crop of a picture that is fitted."""
    top, left = (max(0, (a - b) // 2) for a, b in zip(pixels.shape, (HEIGHT, WIDTH), strict=False))
    return np.ascontiguousarray(pixels[top : top + HEIGHT, left : left + WIDTH])


def table(points: Sequence[Point]) -> str:
    """Return the cost of each form in percent above ReLU, as rows of Markdown.

    >>> print(table([Point("ReLU", "a", 20, 2.0, 9), Point("no", "a", 20, 2.1, 8)]))
    | form | weights | quality 20 |
    |---|---|---|
    | ReLU | 9 | |
    | no | 8 | +5.0 % (+5.0..+5.0) |
    """
    usual = {(p.image, p.quality): p.cost for p in points if p.form == "ReLU"}
    qualities = sorted({p.quality for p in points})
    heads = " | ".join(f"quality {quality:g}" for quality in qualities)
    rows = [f"| form | weights | {heads} |", "|---|---|" + "---|" * len(qualities)]
    for form in dict.fromkeys(p.form for p in points):
        cells = []
        for quality in qualities:
            own = [p for p in points if (p.form, p.quality) == (form, quality)]
            more = [100 * (p.cost / usual[p.image, p.quality] - 1) for p in own]
            spread = f"{np.mean(more):+.1f} % ({min(more):+.1f}..{max(more):+.1f})"
            cells.append("" if form == "ReLU" else f" {spread}")
        count = max(p.parameters for p in points if p.form == form)
        rows.append(f"| {form} | {count} |{' |'.join(cells)} |")
    return "\n".join(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m imgnet.research.ablation")
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    parser.add_argument("--qualities", default="20,40,60", metavar="LIST")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    points = []
    for path in options.images:
        pixels = middle(read_image(path)[0])
        if min(pixels.shape[:2]) < LEAST_SIDE:
            parser.error(f"{path}: both sides must have {LEAST_SIDE} pixels or more")
        for quality in map(float, options.qualities.split(",")):
            for form in FORMS:
                points.append(measure(form, path.name, pixels, quality, options.steps))
                print(points[-1], flush=True)
    print(table(points))
    if options.out:
        options.out.write_text(json.dumps([asdict(point) for point in points], indent=1) + "\n")


if __name__ == "__main__":
    main()
