"""Pictures in the terminal, two pixels a character: the upper half block and what is behind it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from imgnet.cli.terminal import is_terminal, say_styled

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from imgnet.codec.format.container import Encoded
    from imgnet.image.picture import Samples

MOST_COLUMNS = 64
ENOUGH_COLOURS = ("truecolor", "256")  # rich takes the nearest of 256


def show_encoded(encoded: Encoded) -> None:
    """Show an encoded image on stderr, if that is a terminal with colours.

    Raises:
        FormatError: The coded stream is damaged.
    """
    console = _console()
    if console is not None:
        from imgnet import api

        spec = encoded.spec
        size = _size(spec.width, spec.height, console.width)
        say_styled(console, half_blocks(api.decode(encoded, size=size)))


def show_pixels(pixels: Samples) -> None:
    """Show (H, W, C) pixels on stderr, if that is a terminal with colours."""
    console = _console()
    if console is not None:
        size = _size(pixels.shape[1], pixels.shape[0], console.width)
        say_styled(console, half_blocks(_shrunk(pixels, size)))


def half_blocks(pixels: Samples) -> Text:
    r"""Return a picture as lines of characters, each with two pixels, one above the other.

    Args:
        pixels: (H, W, C) of 8 bits; alpha is composited over white.

    >>> import numpy as np
    >>> text = half_blocks(np.full((3, 2, 1), 9, np.uint8))
    >>> text.plain, [str(span.style) for span in text.spans][1:3]
    ('▀▀\n▀▀', ['rgb(9,9,9) on rgb(9,9,9)', 'rgb(9,9,9)'])
    """
    from rich.text import Text

    rgb = _rgb(pixels).tolist()
    lines = []
    for top in range(0, len(rgb), 2):
        cells = zip(*rgb[top : top + 2], strict=True)
        lines.append(Text.assemble(*(("▀", _style(*cell)) for cell in cells)))
    return Text("\n").join(lines)


def _style(above: list[int], below: list[int] | None = None) -> str:
    colours = ["rgb({},{},{})".format(*colour) for colour in (above, below) if colour is not None]
    return " on ".join(colours)


def _rgb(pixels: Samples) -> Samples:
    from imgnet.image.alpha import has_alpha, over_white

    if has_alpha(pixels.shape[2]):
        pixels = over_white(pixels)
    return pixels if pixels.shape[2] == 3 else pixels.repeat(3, axis=2)


def _shrunk(pixels: Samples, size: tuple[int, int]) -> Samples:
    """Return pixels of 8 bits at a (width, height), the means of those that they replace."""
    import numpy as np
    from PIL import Image

    from imgnet.image.formats import to_image
    from imgnet.image.picture import peak_of

    eight_bits = (pixels // (peak_of(pixels.dtype) // 255)).astype(np.uint8)
    shrunk = np.asarray(to_image(eight_bits).resize(size, Image.Resampling.BOX))
    return shrunk.reshape(*shrunk.shape[:2], -1)


def _size(width: int, height: int, columns: int) -> tuple[int, int]:
    """Return (width, height) in a square of `MOST_COLUMNS` or the columns that there are.

    >>> _size(768, 512, 200), _size(512, 768, 30), _size(9, 5, 80)
    ((64, 43), (20, 30), (9, 5))
    """
    scale = min(1.0, min(columns, MOST_COLUMNS) / max(width, height))
    return max(1, round(scale * width)), max(1, round(scale * height))


def _console() -> Console | None:
    """Return the terminal of stderr; None where it shows no colours."""
    if not is_terminal(sys.stderr):
        return None
    from rich.console import Console

    console = Console(stderr=True)
    return None if console.no_color or console.color_system not in ENOUGH_COLOURS else console
