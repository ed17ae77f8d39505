"""Request of a file, and the shape of the network and the lmbda that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log2
from typing import Any

from imgnet.codec.format.usual_sizes import usual_grid_sizes
from imgnet.errors import UsageError
from imgnet.request.encode_options import QUALITY
from imgnet.request.target import PsnrTarget, SizeTarget, Target
from imgnet.spec import FAMILIES, Spec

TUNES = ("psnr", "msssim")
# Expected bits of a weight. Coded, on one photograph: 5.2 loses 0.07 dB, 4.4 loses 0.4 dB.
BITS_PER_WEIGHT = {"coded": 5.7, "float16": 16.0, "float32": 32.0}
HAND_MADE_BITS = 6.0  # coded bits of a weight, in a network set by hand without a target size
USUAL_OVERHEAD = {"coded": 224, "float16": 1800, "float32": 1800}  # bytes besides the weights
LEAST_WEIGHT_BYTES = 256  # without a target size: tiny images still get a network

# (dim_axis, dim_hidden, num_layers), from the smallest network to the largest. On two photographs,
# two ReZero blocks were within 0.05 dB of one at equal bytes, and slower; wide branches were worse
# than a wide trunk.
_LADDER = {
    "gated": [(d - d // 7, d, 1) for d in range(2, 513)],
    "mlp": [(0, d, 3) for d in range(2, 513)],
}


@dataclass(frozen=True)
class Shape:
    """Sizes of a network that a user may set by hand; the byte budget sets those that are None."""

    dim_axis: int | None = None
    dim_hidden: int | None = None
    num_layers: int | None = None

    def spec(self, family: str, size: tuple[int, int], dim_out: int) -> Spec:
        """Return a `gated` or `mlp` network of this shape, completed with the published sizes.

        Args:
            family: "gated" or "mlp".
            size: (width, height) of the image.
            dim_out: Channels of the image.

        >>> Shape(dim_hidden=32).spec("gated", (8, 8), 3).num_layers
        2
        """
        dim_hidden, num_layers = _PUBLISHED[family]
        dim_hidden = dim_hidden if self.dim_hidden is None else self.dim_hidden
        num_layers = num_layers if self.num_layers is None else self.num_layers
        dim_axis = dim_hidden if self.dim_axis is None else self.dim_axis
        if family == "mlp":
            dim_axis = 0
        return Spec(family, *size, dim_axis, dim_hidden, num_layers, dim_out)


BY_BUDGET = Shape()
_PUBLISHED = {"gated": (100, 2), "mlp": (64, 3)}  # dim_hidden, num_layers


@dataclass(frozen=True)
class Request:
    """Request of a file.

    Attributes:
        model: "grid", "gated" or "mlp".
        weights: "coded", "float16" or "float32".
        quality: 0..100, used where there is no target.
        target: Size or PSNR to reach; None for none.
        shape: Sizes set by hand.
        tune: Metric of the distortion, "psnr" or "msssim".

    Raises:
        UsageError: A value is out of range, or two contradict each other.
    """

    model: str
    weights: str = "coded"
    quality: float = QUALITY
    target: Target | None = None
    shape: Shape = BY_BUDGET
    tune: str = "psnr"

    def __post_init__(self) -> None:
        if self.model not in FAMILIES:
            raise UsageError(f"unknown model {self.model!r}; known are {', '.join(FAMILIES)}")
        if self.weights not in BITS_PER_WEIGHT:
            choices = ", ".join(BITS_PER_WEIGHT)
            raise UsageError(f"unknown weights {self.weights!r}; known are {choices}")
        if not 0 <= self.quality <= 100:
            raise UsageError(f"quality {self.quality:g} is not in 0..100")
        if isinstance(self.target, PsnrTarget) and self.weights != "coded":
            raise UsageError("a target PSNR needs coded weights")
        self._check_tune()

    def _check_tune(self) -> None:
        if self.tune not in TUNES:
            raise UsageError(f"cannot tune for {self.tune!r}; known are {', '.join(TUNES)}")
        if self.tune == "psnr":
            return
        if self.model != "grid":
            raise UsageError(f"{self.model} is fitted to PSNR; tuning for msssim needs grid")
        if isinstance(self.target, PsnrTarget):
            raise UsageError("a target PSNR contradicts tuning for msssim; aim at a size instead")

    @property
    def target_bytes(self) -> int | None:
        """File size in bytes that is never exceeded; None where there is no such target."""
        return self.target.num_bytes if isinstance(self.target, SizeTarget) else None

    @property
    def target_psnr_db(self) -> float | None:
        """PSNR in dB to reach; None where there is no such target."""
        return self.target.psnr_db if isinstance(self.target, PsnrTarget) else None

    def less(self, num_bytes: int) -> Request:
        """Return the request for the rest of a file of which some bytes are spent.

        >>> Request("grid", target=SizeTarget(5000)).less(2000).target_bytes
        3000
        """
        if isinstance(self.target, SizeTarget):
            return replace(self, target=self.target.less(num_bytes))
        return self

    def spec(self, size: tuple[int, int], dim_out: int) -> Spec:
        """Return the shape of the network: as set by hand, else the largest for the byte budget.

        That of `grid` has all levels; `levels.with_needed_levels` may then leave out the finest.

        Args:
            size: (width, height) of the image.
            dim_out: Channels of the image.

        Raises:
            UsageError: `dim_axis` is set for `grid`, or a size is out of the range of `Spec`.

        >>> Request("gated", target=SizeTarget(29982)).spec((768, 512), 3).dim_hidden
        57
        """
        if self.model == "grid":
            return _grid_spec(self.shape, size, dim_out, self.grid_quality(size[0] * size[1]))
        if self.shape != BY_BUDGET:
            return self.shape.spec(self.model, size, dim_out)
        weight_bytes = self._quality_bytes(size[0] * size[1])
        if self.target_bytes is not None:
            weight_bytes = self.target_bytes - USUAL_OVERHEAD[self.weights]
        num_parameters = 8 * weight_bytes / BITS_PER_WEIGHT[self.weights]
        specs = _ladder(self.model, size, dim_out)
        fitting = [spec for spec in specs if spec.num_parameters <= num_parameters]
        return fitting[-1] if fitting else specs[0]

    def resized(self, spec: Spec, num_parameters: float) -> Spec:
        """Return the smallest network with at least a number of parameters, or the largest of all.

        A network that is set by hand stays the same.

        >>> Request("mlp").resized(Spec("mlp", 8, 8, 0, 2, 3), 5000).dim_hidden
        36
        """
        if self.shape != BY_BUDGET:
            return spec
        specs = _ladder(self.model, (spec.width, spec.height), spec.dim_out)
        return next((s for s in specs if s.num_parameters >= num_parameters), specs[-1])

    def weight_bytes(self, spec: Spec, overhead: int) -> int | None:
        """Return the byte budget of the packed weights; None where they stay real.

        Args:
            spec: The network.
            overhead: Bytes of the file that are not weights.
        """
        if self.weights != "coded":
            return None
        target = self.target_bytes
        if target is not None:
            return target - overhead
        if self.shape != BY_BUDGET or self.target_psnr_db is not None:
            return int(spec.num_parameters * HAND_MADE_BITS / 8)
        return self._quality_bytes(spec.width * spec.height)

    def grid_quality(self, num_pixels: int) -> float:
        """Return the quality 0..110 at which a fit of `grid` starts: as given, or near a target."""
        target = self.target_bytes
        if self.target_psnr_db is not None:
            return quality_near_psnr(self.target_psnr_db)
        if target is None:
            return self.quality
        return quality_near(8 * max(1, target - USUAL_OVERHEAD["coded"]) / num_pixels)

    def _quality_bytes(self, num_pixels: int) -> int:
        bpp = quality_bpp(self.quality)
        if self.target_psnr_db is not None:
            bpp = min(bpp_near_psnr(self.target_psnr_db), quality_bpp(100))
        return max(LEAST_WEIGHT_BYTES, int(num_pixels * bpp / 8))


def _ladder(family: str, size: tuple[int, int], dim_out: int) -> list[Spec]:
    return [Spec(family, *size, *dims, dim_out) for dims in _LADDER[family]]


def quality_bpp(quality: float) -> float:
    """Return the bits a pixel of `gated` and `mlp` for a quality 0..100: 20 points double them.

    >>> round(quality_bpp(75), 3)
    0.605
    """
    return float(0.045 * 2 ** (quality / 20))


def lmbda_of_quality(quality: float) -> float:
    """Return the lmbda of `grid` for a quality 0..100.

    lmbda is the squared error of colours in 0..1 that one bit a pixel is worth. It halves every 11
    points up to a quality of 80, and every 2.8 points above.

    >>> round(lmbda_of_quality(75), 5), round(lmbda_of_quality(95), 6)
    (0.00059, 1e-05)
    """
    octaves = 0.09 * min(quality, _FINE) + 0.363 * max(quality - _FINE, 0.0)
    return float(0.064 * 2**-octaves)


def narrow_scale(width: int, height: int) -> float:
    """Return the factor on the lmbda of a quality for a narrow image.

    Where an image has few rows or columns, there are no coarse levels, and a bit a pixel is few
    bytes. At the usual lmbda, such images would lose much to save next to nothing.

    >>> narrow_scale(8, 768), narrow_scale(500, 2)
    (1.0, 0.015625)
    """
    side = max(min(width, height, _WIDE), _NARROW)
    return float((side / _WIDE) ** 3)


_WIDE, _NARROW = 8, 2  # rows or columns of an image that is not narrow, and of a very narrow one
_FINE = 80.0  # quality above which lmbda falls faster
_MOST_QUALITY = 110.0  # of the start of a search; users may ask for up to 100


def quality_near(bpp: float) -> float:
    """Return the quality of `grid` that gives about `bpp` on photographs, to begin a search with.

    >>> round(quality_near(0.5)), round(quality_near(4.0))
    (64, 95)
    """
    return _beside_fine(log2(bpp / 0.925), 18.1, 7.1)


def quality_near_psnr(psnr_db: float) -> float:
    """Return the quality of `grid` that gives about a PSNR on photographs, to begin a search with.

    >>> round(quality_near_psnr(32.0)), round(quality_near_psnr(45.0))
    (58, 95)
    """
    return _beside_fine(psnr_db - 35.495, 1 / 0.1555, 1 / 0.63)


def _beside_fine(distance: float, below: float, above: float) -> float:
    """Return the quality at a distance from `_FINE`, given the points a unit below and above."""
    quality = _FINE + distance * (below if distance < 0 else above)
    return min(max(quality, 0.0), _MOST_QUALITY)


def bpp_near_psnr(psnr_db: float) -> float:
    """Return the bits a pixel of `gated` and `mlp` that give about a PSNR on photographs.

    >>> round(bpp_near_psnr(28.2), 2)
    0.3
    """
    return float(0.6 * 2 ** ((psnr_db - 30.1) / 1.9))


def _grid_spec(shape: Shape, size: tuple[int, int], dim_out: int, quality: float) -> Spec:
    if shape.dim_axis is not None:
        raise UsageError("grid has no axis branches; --dim-axis belongs to gated")
    by_hand = {"dim_hidden": shape.dim_hidden, "num_layers": shape.num_layers}
    sizes: dict[str, Any] = usual_grid_sizes(*size) | {
        k: v for k, v in by_hand.items() if v is not None
    }
    spec = Spec("grid", *size, dim_axis=0, dim_out=dim_out, **sizes)
    return with_chroma_at(spec, lmbda_of_quality(quality))


def with_chroma_at(spec: Spec, lmbda: float) -> Spec:
    """Return a network of `grid` with the levels of chroma that suit a lmbda.

    >>> spec = Request("grid").spec((768, 512), 3)
    >>> [with_chroma_at(spec, lmbda).chroma_level for lmbda in (1e-3, 1e-4, 1e-5)]
    [2, 1, 0]
    """
    usual = usual_grid_sizes(spec.width, spec.height)["chroma_level"]
    return replace(spec, chroma_level=min(sum(lmbda > bound for bound in _CHROMA_LMBDAS), usual))


# Lmbdas above which the finest and the second finest level of chroma cost more bits than they are
# worth. Without them, photographs of fine textures do not reach more than 38 dB at any lmbda.
_CHROMA_LMBDAS = 8e-5, 3e-4
