"""The public functions: image to network, network to image, and both to and from files."""

from __future__ import annotations

import builtins
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgnet.codec.format.container import Encoded, Report, from_bytes, to_bytes
from imgnet.codec.render import coordinate, grid
from imgnet.codec.render.resize import NEURAL, ZOOMS, checksum, fitted, needed_level
from imgnet.errors import FormatError, InputError, UsageError
from imgnet.image.files import write_atomically
from imgnet.image.geometry import Crop, Size
from imgnet.image.load import Picture, load_photo
from imgnet.image.masks import Mask, fit_mask, sample_mask
from imgnet.image.picture import DTYPES, Original, Samples
from imgnet.metrics.psnr import psnr_db
from imgnet.progress import Progress
from imgnet.request.efforts import preset
from imgnet.request.options import Options, Result
from imgnet.request.request import Request, Shape
from imgnet.signature import looks_encoded

WRONG_PIXELS = (
    "decodes to other pixels than its encoder saw; "
    "either this machine or a version of imgnet computes wrongly"
)


def encode(
    image: Picture,
    *,
    model: str = "grid",
    quality: float = 75,
    target_bpp: float | None = None,
    target_size: int | None = None,
    target_psnr: float | None = None,
    effort: int = 3,
    dim_axis: int | None = None,
    dim_hidden: int | None = None,
    num_layers: int | None = None,
    weights: str = "coded",
    time_limit: float | None = None,
    metadata: str = "all",
    seed: int = 0,
    device: str = "auto",
    mask: Mask | None = None,
    keep: float | None = None,
    tune: str = "psnr",
    on_progress: Callable[[Progress], None] | None = None,
    snapshot: tuple[int, Path] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Encoded:
    """Fit a network to an image.

    Args:
        image: Path, binary file, Pillow image, (H, W, C) array of uint8 or uint16, or what
            `imgnet.image.files.read_photo` returns.
        model: "grid", "gated" or "mlp".
        quality: 0..100; sets the file size where no target does.
        target_bpp: File bits a pixel, never exceeded.
        target_size: File bytes, never exceeded.
        target_psnr: PSNR in dB to reach within 0.1 dB.
        effort: 1..9; higher is slower and better.
        dim_axis: Units of each axis branch of `gated`; with the next two sets the network by hand.
        dim_hidden: Units of the other layers; published are 100 for `gated` and 64 for `mlp`.
        num_layers: 3x3 layers of `grid`, ReZero blocks of `gated`, hidden layers of `mlp`.
        weights: "coded" for the small file; "float16" or "float32" for plain named tensors.
        time_limit: Seconds in which the fit must end.
        metadata: What to store besides the pixels: "all" (ICC, EXIF, XMP), "icc" or "none".
        seed: Of the fit. The same seed gives the same file on the same machine, as long as the
            timing by which the precision of the fit is chosen comes out the same.
        device: "auto", "cpu", "cuda" or "mps".
        mask: Image or (H, W) bool array; the fit sees only its white pixels.
        keep: Fraction of the pixels that the fit sees, chosen at random; instead of `mask`.
        tune: What `grid` is fitted to, "psnr" or "msssim".
        on_progress: Called a few times a second.
        snapshot: (N, folder): write a preview there every N steps.
        should_stop: Asked before every step; once it is True, the fit ends with what it has.

    Returns:
        The encoded image; its `report` holds what the fit measured.

    Raises:
        UsageError: An option makes no sense.
        InputError: The image or the mask cannot be read.
        TargetError: The target is out of reach; its `best` is the encoded image nearest to it.
    """
    # Those who only decode do without these.
    from imgnet.encoder.grid import previews
    from imgnet.encoder.psnr_search import encoder_of
    from imgnet.request.target import checked

    started = time.monotonic()
    if seed < 0:
        raise UsageError(f"seed {seed} is below 0")
    if time_limit is not None and not time_limit > 0:
        raise UsageError(f"a time limit of {time_limit:g} seconds is not above 0")
    pixels, profile = load_photo(image, metadata)
    seen = fit_mask(pixels, mask, keep, seed)
    counted = sample_mask(pixels, seen)
    shape = Shape(dim_axis, dim_hidden, num_layers)
    targets = target_bpp, target_size, target_psnr
    request = Request(model, weights, quality, *targets, shape=shape, tune=tune)
    height, width, channels = pixels.shape
    spent = profile.metadata.num_bytes
    spec = request.less(spent, width * height).spec((width, height), channels)
    options = Options(
        preset=preset(effort, model),
        time_limit_s=time_limit,
        seed=seed,
        device=device,
        on_progress=on_progress,
        snapshot_every=snapshot[0] if snapshot else 0,
        on_snapshot=None if snapshot is None else previews(*snapshot),
        should_stop=should_stop,
    )
    original = Original(pixels, profile, counted)
    encoded, result = encoder_of(request)(request, spec, original, options)
    encoded = replace(encoded, report=_report(encoded, pixels, seen, result, started))
    is_ended = bool(should_stop and should_stop())
    return checked(encoded, request, pixels, counted, is_ended=is_ended)


def decode(
    source: Encoded | str | Path | bytes,
    *,
    size: Size | None = None,
    crop: Crop | None = None,
    depth: int = 8,
    zoom: str = NEURAL,
) -> Samples:
    """Draw an encoded image.

    Args:
        source: What `encode` returns, or an .inr file as a path or as bytes.
        size: "1024" or 1024 (long side), "800x600" or (800, 600), "50%"; None for native.
        crop: Part to draw, in native pixels; the size is then that of the part.
        depth: Bits of a sample, 8 or 16.
        zoom: How `grid` is enlarged: "neural", by a network trained on photographs, with detail
            that is plausible and not recovered, or "lanczos".

    Returns:
        (height, width, channels) pixels: uint8 in 0..255, or uint16 in 0..65535.

    Raises:
        UsageError: The size, the crop, the depth or the zoom makes no sense.
        InputError: The file cannot be read.
        FormatError: It is not an .inr file, is damaged, or is newer than this version.
    """
    encoded = _encoded(source)
    with _naming(source):
        return _drawn(encoded, size, crop, depth, zoom)


def _drawn(
    encoded: Encoded, size: Size | None, crop: Crop | None, depth: int, zoom: str
) -> Samples:
    if depth not in DTYPES:
        raise UsageError(f"depth {depth} is not one of {', '.join(map(str, DTYPES))}")
    if zoom not in ZOOMS:
        raise UsageError(f"zoom {zoom!r} is not one of {', '.join(ZOOMS)}")
    spec = encoded.spec
    if spec.family != "grid":
        return coordinate.render(spec, encoded.parameters(), size=size, crop=crop, depth=depth)
    level = needed_level(spec, size, crop)
    pixels = grid.render(spec, encoded.parameters(level), level, depth)
    if level == 0 and encoded.pixels_crc not in (None, checksum(grid.eight_bits(pixels))):
        raise FormatError(WRONG_PIXELS)
    return fitted(spec, pixels, size, crop, zoom)


def verify(source: Encoded | str | Path | bytes) -> bool | None:
    """Tell whether an encoded image decodes to the very pixels that its encoder saw.

    Returns:
        None where the file does not say: only coded `grid` files do.

    Raises:
        InputError: The file cannot be read.
        FormatError: It is not an .inr file, is damaged, or is newer than this version.
    """
    encoded = _encoded(source)
    with _naming(source):
        parameters = encoded.parameters()
    if encoded.pixels_crc is None:
        return None
    return checksum(grid.render(encoded.spec, parameters)) == encoded.pixels_crc


def open(path: str | Path) -> Encoded:  # read as imgnet.open
    """Read an .inr file.

    Raises:
        InputError: The file cannot be read.
        FormatError: It is not an .inr file, is damaged, or is newer than this version.
    """
    try:
        with builtins.open(path, "rb") as file:
            return from_bytes(file.read(), str(path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def resample(
    source: Encoded | Picture,
    *,
    size: Size | None = None,
    scale: float | None = None,
    depth: int = 8,
    zoom: str = NEURAL,
    **encode_options: Any,
) -> Samples:
    """Draw an image at another size; one that is no network yet is fitted first.

    Args:
        source: Encoded image, .inr file, or any image that `encode` takes.
        size: As for `decode`.
        scale: Factor on both sides, instead of `size`.
        depth: As for `decode`.
        zoom: As for `decode`.
        encode_options: Of `encode`, for a source that is no network.

    Raises:
        UsageError: Neither or both of size and scale are given, or an option makes no sense.
        InputError: The source cannot be read.
        FormatError: The source is a damaged or newer .inr file.
    """
    if (size is None) == (scale is None):
        raise UsageError("give either a size or a scale to resample to")
    if isinstance(source, str | Path) and is_container(source):
        source = open(source)
    encoded = source if isinstance(source, Encoded) else encode(source, **encode_options)
    if scale is not None:
        size = f"{100 * scale:.6f}%"
    return decode(encoded, size=size, depth=depth, zoom=zoom)


def is_container(path: str | Path) -> bool:
    """Tell from its first bytes whether a file is a safetensors file and so may be an .inr.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        with builtins.open(path, "rb") as file:
            return looks_encoded(file.read(16))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def save(encoded: Encoded, path: str | Path) -> None:
    """Write an .inr file; an existing one is replaced in one piece.

    Raises:
        OutputError: It cannot be written.
    """
    write_atomically(Path(path), to_bytes(encoded))


def _encoded(source: Encoded | str | Path | bytes) -> Encoded:
    if isinstance(source, Encoded):
        return source
    return from_bytes(source) if isinstance(source, bytes) else open(source)


@contextmanager
def _naming(source: object) -> Iterator[None]:
    """Say in the message of a FormatError which file it is about."""
    try:
        yield
    except FormatError as error:
        if isinstance(source, str | Path):
            raise FormatError(f"{source}: {error}") from None
        raise


def _report(
    encoded: Encoded,
    pixels: Samples,
    seen: NDArray[np.bool_] | None,
    result: Result,
    started: float,
) -> Report:
    # What a coded stream of `grid` decodes to is known: drawing and coding are exact.
    decoded = decode(encoded, depth=encoded.depth) if result.drawn is None else result.drawn
    unseen = None if seen is None or seen.all() else sample_mask(pixels, ~seen)
    return Report(
        psnr_db=psnr_db(pixels, decoded, sample_mask(pixels, seen)),
        psnr_unseen_db=None if unseen is None else psnr_db(pixels, decoded, unseen),
        seconds=time.monotonic() - started,
        steps=result.steps,
        device=result.device,
    )
