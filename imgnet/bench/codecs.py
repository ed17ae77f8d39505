"""Baseline codecs, measured on the same pixels through Pillow."""

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
class Configuration:
    """A codec with fixed options, measured at several qualities.

    Attributes:
        format: Name of the format in Pillow.
        qualities: Qualities in ascending order.
        options: Arguments of Pillow's `save` besides the quality.
    """

    format: str
    qualities: tuple[int, ...]
    options: dict[str, object]

    def settings(self) -> list[dict[str, object]]:
        """Return the arguments of `save` for each quality.

        >>> CONFIGURATIONS["webp"].settings()[0]
        {'quality': 0, 'method': 6}
        """
        return [{"quality": quality, **self.options} for quality in self.qualities]


_AVIF_QUALITIES = (1, 10, 17, 25, 32, 40, 47, 55, 62, 70, 82, 90)
# Tiles and threads cost bits. One of each gives the best AVIF, and the same on every machine.
_ONE_TILE = {"autotiling": False, "max_threads": 1}

CONFIGURATIONS = {
    "jpeg": Configuration(
        "JPEG",
        (1, 3, 5, 10, 15, 20, 27, 35, 50, 70, 78, 85, 93, 97),
        {"optimize": True, "progressive": True, "subsampling": "4:2:0"},
    ),
    "webp": Configuration(
        "WEBP", (0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 78, 85, 90, 95), {"method": 6}
    ),
    "avif-420": Configuration(
        "AVIF", _AVIF_QUALITIES, {"speed": 4, "subsampling": "4:2:0", **_ONE_TILE}
    ),
    "avif-444": Configuration(
        "AVIF", _AVIF_QUALITIES, {"speed": 2, "subsampling": "4:4:4", **_ONE_TILE}
    ),
    "jxl": Configuration("JXL", (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95), {"effort": 7}),
}
# Of several configurations of a codec, the strongest on each image counts.
BASELINES = {"jpeg": ["jpeg"], "webp": ["webp"], "avif": ["avif-420", "avif-444"], "jxl": ["jxl"]}
_FEATURES = {"jpeg": "jpg", "webp": "webp", "avif": "avif"}  # names in `PIL.features`


def check(baselines: Iterable[str]) -> None:
    """Make sure that baseline codecs can be measured.

    Args:
        baselines: Keys of `BASELINES`.

    Raises:
        UsageError: A codec is unknown, or its encoder is not installed.

    >>> check(["jpeg"])
    """
    for name in baselines:
        if name not in BASELINES:
            raise UsageError(f"--against {name!r} is not one of {', '.join(BASELINES)}")
        if name == "jxl":
            _register_jpeg_xl()
        elif not features.check(_FEATURES[name]):
            raise UsageError(f"--against {name}: this Pillow was built without it; leave it out")


def _register_jpeg_xl() -> None:
    try:
        import pillow_jxl  # noqa: F401 (registers the format with Pillow)
    except ImportError:
        raise UsageError(
            '--against jxl needs a plug-in of Pillow: pip install "imgnet[bench]"'
        ) from None


def measure(image: Path, configuration: str) -> list[RatePoint]:
    """Encode and decode one image at every quality of one configuration.

    Args:
        image: File without transparency.
        configuration: Key of `CONFIGURATIONS`.

    Returns:
        The points by ascending quality.

    Raises:
        UsageError: The encoder is not installed.
        InputError: The image cannot be read.
    """
    if configuration == "jxl":
        _register_jpeg_xl()  # again, because this may be another process
    pixels, _ = read_image(image)
    original = Image.fromarray(pixels.squeeze(axis=2) if pixels.shape[2] == 1 else pixels)
    settings = CONFIGURATIONS[configuration].settings()
    return [_point(original, image.stem, configuration, setting) for setting in settings]


def _point(
    original: Image.Image, image: str, configuration: str, setting: dict[str, object]
) -> RatePoint:
    file = BytesIO()
    original.save(file, CONFIGURATIONS[configuration].format, **setting)
    size = file.tell()
    with Image.open(file) as decoded:
        psnr = psnr_db(_rgb(original), _rgb(decoded))
    options = ", ".join(f"{name}={value}" for name, value in setting.items())
    rate = round(bpp(size, *original.size), 6)
    return RatePoint(image, configuration, options, rate, round(psnr, 4))


def _rgb(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(image.convert("RGB"))
