"""Rate-distortion curves of an image, and the BD-rate between two codecs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from math import isfinite
from statistics import fmean

from imgnet.bench.bd_rate import bd_rate, rate_at

# Least part of the PSNR range of the shorter curve that two curves must share for a BD-rate.
MIN_OVERLAP = 0.5

Curve = list[tuple[float, float]]  # (bpp, PSNR in dB)


@dataclass(frozen=True)
class RatePoint:
    """Rate and PSNR of one codec on one image with one setting.

    Attributes:
        image: File name without its extension.
        codec: Name of the curve.
        options: Setting of the codec.
        bpp: File bits a pixel.
        psnr_db: PSNR in RGB; infinite if the decoded image equals the original.
    """

    image: str
    codec: str
    options: str
    bpp: float
    psnr_db: float


def difference(test: Iterable[RatePoint], anchor: Iterable[RatePoint]) -> float | None:
    """Return how many percent more bits the first codec needs than the second on one image.

    Returns:
        The BD-rate, negative if the first is better; None if the curves share less than half of
        the PSNR range of the shorter one. If one curve is a single point, the difference at its
        PSNR; None if that is outside the range of the other.

    >>> anchor = [RatePoint("a", "old", str(i), 0.1 * 2**i, 25 + 3 * i) for i in range(4)]
    >>> test = [RatePoint("a", "new", str(i), 0.09 * 2**i, 25 + 3 * i) for i in range(4)]
    >>> round(difference(test, anchor), 3)
    -10.0
    """
    ours, theirs = _cheapest(test), _cheapest(anchor)
    if len(ours) == 1:
        return _at_point(ours, theirs)
    if len(theirs) == 1:
        reverse = _at_point(theirs, ours)
        return None if reverse is None else 100 * (1 / (1 + reverse / 100) - 1)
    if not ours or not theirs:
        return None
    ranges = [max(curve) - min(curve) for curve in (ours, theirs)]
    shared = min(max(ours), max(theirs)) - max(min(ours), min(theirs))
    if shared < MIN_OVERLAP * min(ranges):
        return None
    return bd_rate(list(theirs.values()), list(theirs), list(ours.values()), list(ours))


def _at_point(point: dict[float, float], curve: dict[float, float]) -> float | None:
    """Return how many percent more bits the only point of a curve needs than another curve."""
    ((psnr_db, bpp),) = point.items()
    if len(curve) < 2 or not min(curve) <= psnr_db <= max(curve):
        return None
    return 100 * (bpp / rate_at(psnr_db, list(curve.values()), list(curve)) - 1)


def _cheapest(points: Iterable[RatePoint]) -> dict[float, float]:
    """Return the least bpp at each PSNR, since two settings may give the same picture."""
    curve: dict[float, float] = {}
    for point in points:
        if isfinite(point.psnr_db):
            curve[point.psnr_db] = min(point.bpp, curve.get(point.psnr_db, point.bpp))
    return curve


def differences(ours: Iterable[RatePoint], others: Iterable[RatePoint]) -> dict[str, float | None]:
    """Return, for every image of ours, the `difference` to the strongest of the other curves.

    >>> differences([RatePoint("a", "new", "", 0.5, 30.0)], [])
    {'a': None}
    """
    other_images = _grouped(others, "image")
    found: dict[str, float | None] = {}
    for image, points in _grouped(ours, "image").items():
        curves = _grouped(other_images.get(image, []), "codec").values()
        values = [value for c in curves if (value := difference(points, c)) is not None]
        found[image] = max(values, default=None)
    return found


def mean_curve(points: Iterable[RatePoint], images: Collection[str]) -> Curve:
    """Average every setting over the images, by ascending rate.

    A setting without all of the images is left out: its mean would be of other pictures.

    >>> points = [RatePoint("a", "x", "1", 0.5, 30.0), RatePoint("b", "x", "1", 0.7, 34.0)]
    >>> mean_curve(points, {"a", "b"}), mean_curve(points[:1], {"a", "b"})
    ([(0.6, 32.0)], [])
    """
    wanted = [p for p in points if p.image in images and isfinite(p.psnr_db)]
    return sorted(
        (fmean(p.bpp for p in group), fmean(p.psnr_db for p in group))
        for group in _grouped(wanted, "options").values()
        if {p.image for p in group} == set(images)
    )


def by_codec(points: Iterable[RatePoint]) -> dict[str, list[RatePoint]]:
    """Group points by the name of their curve.

    >>> list(by_codec([RatePoint("a", "x", "", 0.5, 30.0), RatePoint("a", "y", "", 0.5, 31.0)]))
    ['x', 'y']
    """
    return _grouped(points, "codec")


def _grouped(points: Iterable[RatePoint], attribute: str) -> dict[str, list[RatePoint]]:
    groups: dict[str, list[RatePoint]] = {}
    for point in points:
        groups.setdefault(getattr(point, attribute), []).append(point)
    return groups
