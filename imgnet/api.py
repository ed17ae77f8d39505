"""The public functions: image to network, network to image, and both to and from files."""

from __future__ import annotations

import builtins
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgnet.codec.families import is_exact, render
from imgnet.codec.format.container import Encoded, from_bytes, to_bytes
from imgnet.codec.format.cut import from_start
from imgnet.codec.render.resize import NEURAL, ZOOMS
from imgnet.errors import FormatError, InputError, UsageError
from imgnet.image.atomic import write_atomically
from imgnet.image.geometry import Crop, Size
from imgnet.image.load import Picture
from imgnet.image.masks import Mask
from imgnet.image.picture import DTYPES, Samples
from imgnet.progress import Progress
from imgnet.request.encode_options import EFFORT, MODEL, QUALITY, EncodeOptions
from imgnet.signature import looks_encoded

if TYPE_CHECKING:
    from imgnet.request.encode_options import OnSnapshot


def encode(
    image: Picture,
    *,
    model: str = MODEL,
    quality: float = QUALITY,
    target_bpp: float | None = None,
    target_size: int | None = None,
    target_psnr: float | None = None,
    effort: int = EFFORT,
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
    force_read: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
    snapshot: tuple[int, Path | OnSnapshot] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Encoded:
    """Fit a network to an image.

    Args:
        image: Path, binary file, Pillow image, (H, W, C) array of uint8 or uint16, or the result of
            `imgnet.image.files.read_photo`.
        model: "grid", "gated" or "mlp".
        quality: 0..100; sets the file size where no target does.
        target_bpp: File bits a pixel; never exceeded.
        target_size: File bytes; never exceeded.
        target_psnr: PSNR in dB to reach within 0.1 dB.
        effort: 1..9; higher is slower and better.
        dim_axis: Units of each axis branch of `gated`. This option and the next two set the shape
            of the network by hand.
        dim_hidden: Units of the other layers; the published sizes are 100 for `gated` and 64 for
            `mlp`.
        num_layers: 3x3 layers of `grid`, ReZero blocks of `gated`, hidden layers of `mlp`.
        weights: "coded" for the small file; "float16" or "float32" for plain named tensors.
        time_limit: Seconds in which the call should end; None for no limit. A large image may take
            longer: some of the work cannot be left out. Compilation, once on a machine, does not
            count.
        metadata: What to store besides the pixels: "all" (ICC, EXIF, XMP), "icc" or "none".
        seed: Seed of the fit, 0 or more. The same seed gives the same file on the same machine and
            build.
        device: "auto", "cpu", "cuda" or "mps".
        mask: Image or (H, W) bool array; only its white pixels are fitted.
        keep: Fraction 0..1 of the pixels that are fitted, chosen at random; instead of `mask`.
        tune: Metric that `grid` is fitted to, "psnr" or "msssim".
        force_read: Take what is there of a truncated file; its missing rows are grey or black.
        on_progress: Called a few times a second.
        snapshot: (N, folder): write a preview there every N steps. (N, function): call it every N
            steps with the shape of the network, the step and the parameters, as in
            `imgnet.codec.families.render_native`.
        should_stop: Called before every step; once it returns True, the fit ends early.

    Returns:
        The encoded image; its `report` has PSNR, time and steps of the fit.

    Raises:
        UsageError: An option is out of its range, or two contradict each other.
        InputError: The image or the mask cannot be read.
        TargetError: The target is out of reach; its `best` is the encoded image nearest to it.
    """
    options = EncodeOptions(
        model=model,
        quality=quality,
        target_bpp=target_bpp,
        target_size=target_size,
        target_psnr=target_psnr,
        effort=effort,
        dim_axis=dim_axis,
        dim_hidden=dim_hidden,
        num_layers=num_layers,
        weights=weights,
        time_limit=time_limit,
        metadata=metadata,
        seed=seed,
        device=device,
        mask=mask,
        keep=keep,
        tune=tune,
        force_read=force_read,
        on_progress=on_progress,
        snapshot=snapshot,
        should_stop=should_stop,
    )
    return encode_with(image, options)


def encode_with(image: Picture, options: EncodeOptions) -> Encoded:
    """Fit a network to an image, as `encode` does.

    Args:
        image: Image, as for `encode`.
        options: All other arguments of `encode`.

    Raises:
        UsageError: An option is out of its range, or two contradict each other.
        InputError: The image or the mask cannot be read.
        TargetError: The target is out of reach; its `best` is the encoded image nearest to it.
    """
    began = time.monotonic()
    # Imported here, since programs that only decode do not need it.
    from imgnet.encoder.encode import encode_image

    return encode_image(image, options.later(time.monotonic() - began))


def decode(
    source: Encoded | str | Path | bytes,
    *,
    size: Size | None = None,
    crop: Crop | None = None,
    depth: int = 8,
    zoom: str = NEURAL,
    partial: bool = False,
) -> Samples:
    """Render an encoded image.

    Args:
        source: An encoded image, or an .inr file as a path or as bytes.
        size: "1024" or 1024 (long side), "800x600" or (800, 600), "800x600>" (at most so large,
            never enlarged), "50%"; None for native.
        crop: Part to render, in native pixels; the size is then that of the part.
        depth: Bits of a sample, 8 or 16.
        zoom: Enlargement of `grid`: "neural", by a network trained on photographs, with detail
            that is plausible and not recovered, or "lanczos".
        partial: Render what is there of a `grid` file that is cut short: the coarse levels come
            first. No checksum tells whether that is damaged.

    Returns:
        (height, width, channels) pixels: uint8 in 0..255, or uint16 in 0..65535.

    Raises:
        UsageError: The size, the crop, the depth or the zoom is out of its range.
        InputError: The file cannot be read.
        FormatError: The source is not an .inr file, is damaged, or is newer than this version.
    """
    encoded = _start_of(source) if partial else _encoded(source)
    with _naming(source):
        return _rendered(encoded, size, crop, depth, zoom)


def _rendered(
    encoded: Encoded, size: Size | None, crop: Crop | None, depth: int, zoom: str
) -> Samples:
    if depth not in DTYPES:
        raise UsageError(f"depth {depth} is not one of {', '.join(map(str, DTYPES))}")
    if zoom not in ZOOMS:
        raise UsageError(f"zoom {zoom!r} is not one of {', '.join(ZOOMS)}")
    return render(encoded, size, crop, depth, zoom)


def verify(source: Encoded | str | Path | bytes) -> bool | None:
    """Return whether an encoded image decodes to exactly the pixels that its encoder decoded.

    Args:
        source: An encoded image, or an .inr file as a path or as bytes.

    Returns:
        None where the file has no checksum of its pixels: only coded `grid` files have one.

    Raises:
        InputError: The file cannot be read.
        FormatError: The source is not an .inr file, is damaged, or is newer than this version.
    """
    encoded = _encoded(source)
    with _naming(source):
        return is_exact(encoded)


def open(path: str | Path) -> Encoded:  # read as imgnet.open
    """Read an .inr file.

    Raises:
        InputError: The file cannot be read.
        FormatError: The source is not an .inr file, is damaged, or is newer than this version.
    """
    return from_bytes(_bytes_of(path), str(path))


def resample(
    source: Encoded | Picture,
    *,
    size: Size | None = None,
    scale: float | None = None,
    depth: int = 8,
    zoom: str = NEURAL,
    **encode_options: Any,
) -> Samples:
    """Render an image at another size; an image that is not encoded yet is fitted first.

    Args:
        source: Encoded image, .inr file, or any image that `encode` takes.
        size: Size of the result, as for `decode`.
        scale: Factor on both sides, instead of `size`.
        depth: Bits of a sample, 8 or 16.
        zoom: Enlargement of `grid`, as for `decode`.
        encode_options: Arguments of `encode`, for a source that is not encoded yet.

    Returns:
        (height, width, channels) pixels, as of `decode`.

    Raises:
        UsageError: Neither or both of size and scale are given, or an option is out of its range.
        InputError: The source cannot be read.
        FormatError: The source is a damaged .inr file, or newer than this version.
        TargetError: The target of `encode_options` is out of reach.
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
    """Return whether a file may be an .inr file: whether its first bytes are those of safetensors.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        with builtins.open(path, "rb") as file:
            return looks_encoded(file.read(16))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def save(encoded: Encoded, path: str | Path) -> None:
    """Write an .inr file; an existing one is replaced atomically.

    Raises:
        OutputError: The file cannot be written.
    """
    write_atomically(Path(path), to_bytes(encoded))


def _encoded(source: Encoded | str | Path | bytes) -> Encoded:
    if isinstance(source, Encoded):
        return source
    return from_bytes(source) if isinstance(source, bytes) else open(source)


def _start_of(source: Encoded | str | Path | bytes) -> Encoded:
    if isinstance(source, Encoded):
        return source
    if isinstance(source, bytes):
        return from_start(source)[0]
    return from_start(_bytes_of(source), str(source))[0]


def _bytes_of(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


@contextmanager
def _naming(source: object) -> Iterator[None]:
    """Add the name of the file to the message of a FormatError."""
    try:
        yield
    except FormatError as error:
        if isinstance(source, str | Path):
            raise FormatError(f"{source}: {error}") from None
        raise
