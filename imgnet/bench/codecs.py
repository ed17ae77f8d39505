"""Other codecs, measured here and now by way of Pillow on the same pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, features

from imgnet.bench.curves import RatePoint
from imgnet.errors import UsageError
from imgnet.image.files import read_image
from imgnet.metrics.psnr import bpp, psnr_db


@dataclass(frozen=True)
class Series:
    """One codec with one set of options, over a ladder of qualities from very low to high.

    Attributes:
        format: As Pillow calls it.
        qualities: In growing order.
        options: What Pillow's `save` takes besides the quality.
    """

    format: str
    qualities: tuple[int, ...]
    options: dict[str, object]

    def settings(self) -> list[dict[str, object]]:
        """Return what `save` takes for each quality.

        >>> SERIES["webp"].settings()[0]
        {'quality': 0, 'method': 6}
        """
        return [{"quality": quality, **self.options} for quality in self.qualities]


_AVIF_QUALITIES = (1, 10, 17, 25, 32, 40, 47, 55, 62, 70, 82, 90)
# Tiles and threads cost bits. With one of each, AVIF is at its best and is so on any machine.
_ONE_TILE = {"autotiling": False, "max_threads": 1}

SERIES = {
    "jpeg": Series(
        "JPEG",
        (1, 3, 5, 10, 15, 20, 27, 35, 50, 70, 78, 85, 93, 97),
        {"optimize": True, "progressive": True, "subsampling": "4:2:0"},
    ),
    "webp": Series("WEBP", (0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 78, 85, 90, 95), {"method": 6}),
    "avif-420": Series("AVIF", _AVIF_QUALITIES, {"speed": 4, "subsampling": "4:2:0", **_ONE_TILE}),
    "avif-444": Series("AVIF", _AVIF_QUALITIES, {"speed": 2, "subsampling": "4:4:4", **_ONE_TILE}),
    "jxl": Series("JXL", (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95), {"effort": 7}),
}
# A peer of several series counts on each image with the strongest of them.
PEERS = {"jpeg": ["jpeg"], "webp": ["webp"], "avif": ["avif-420", "avif-444"], "jxl": ["jxl"]}
_FEATURES = {"jpeg": "jpg", "webp": "webp", "avif": "avif"}  # as `PIL.features` calls them


def check(peers: Iterable[str]) -> None:
    """Make sure that peers can be measured here.

    Raises:
        UsageError: One is unknown, or its encoder is not installed.

    >>> check(["jpeg"])
    """
    for name in peers:
        if name not in PEERS:
            raise UsageError(f"--against {name!r} is not one of {', '.join(PEERS)}")
        if name == "jxl":
            _register_jpeg_xl()
        elif not features.check(_FEATURES[name]):
            raise UsageError(f"--against {name}: this Pillow was built without it; leave it out")


def _register_jpeg_xl() -> None:
    try:
        import pillow_jxl  # noqa: F401 (Pillow knows the format from then on)
    except ImportError:
        raise UsageError(
            '--against jxl needs a plug-in of Pillow: pip install "imgnet[bench]"'
        ) from None


def measure(image: Path, series: str) -> list[RatePoint]:
    """Encode and decode one image with every setting of one series.

    Args:
        image: File without transparency.
        series: Key of `SERIES`.

    Returns:
        The points, from the lowest quality on.

    Raises:
        UsageError: The encoder is not installed.
        InputError: The image cannot be read.
    """
    if series == "jxl":
        _register_jpeg_xl()  # here too, because this may be another process
    pixels, _ = read_image(image)
    original = Image.fromarray(pixels.squeeze(axis=2) if pixels.shape[2] == 1 else pixels)
    return [_point(original, image.stem, series, setting) for setting in SERIES[series].settings()]


def _point(original: Image.Image, image: str, series: str, setting: dict[str, object]) -> RatePoint:
    file = BytesIO()
    original.save(file, SERIES[series].format, **setting)
    size = file.tell()
    with Image.open(file) as decoded:
        psnr = psnr_db(_rgb(original), _rgb(decoded))
    options = ", ".join(f"{name}={value}" for name, value in setting.items())
    return RatePoint(image, series, options, round(bpp(size, *original.size), 6), round(psnr, 4))


def _rgb(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(image.convert("RGB"))
