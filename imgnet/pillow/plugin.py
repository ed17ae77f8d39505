"""Pillow plug-in for .inr files: opening, rendering and saving."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields, replace
from typing import IO, Any, BinaryIO, cast

from PIL import Image, ImageFile
from PIL.ExifTags import Base

from imgnet import api
from imgnet.codec.format.container import from_bytes, read_header, to_bytes
from imgnet.errors import FormatError, ImgnetError, UsageError
from imgnet.image.files import read_photo
from imgnet.image.load import Photo
from imgnet.image.metadata import metadata_of
from imgnet.request.encode_options import EncodeOptions
from imgnet.signature import OWN_HEADER, PREFIX_BYTES, is_own

DECODER = "inr"
OPTIONS = {field.name for field in fields(EncodeOptions)}

_INFO = {"icc": "icc_profile", "exif": "exif", "xmp": "xmp"}  # names in Pillow


class InrImageFile(ImageFile.ImageFile):
    """An .inr file as a Pillow image, returned by `Image.open`.

    Opening reads the header only; loading decodes the file. Safetensors files of other programs are
    left to other plug-ins.
    """

    format = "INR"
    format_description = "imgnet picture"

    def _open(self) -> None:
        assert self.fp is not None
        start = self.fp.read(PREFIX_BYTES + len(OWN_HEADER))
        self.fp.seek(0)
        try:
            spec, self._mode, metadata = read_header(cast(BinaryIO, self.fp))
        except FormatError as error:
            # After a SyntaxError Pillow tries other plug-ins and drops the message.
            fault = OSError if is_own(start) else SyntaxError
            raise fault(str(error)) from None
        self._native = spec.width, spec.height
        self._set_size(self._native)
        for name, part in metadata.parts().items():
            self.info[_INFO[name]] = part

    def _set_size(self, size: tuple[int, int]) -> None:
        self._size = size
        self.tile = [ImageFile._Tile(DECODER, (0, 0, *size))]

    def draft(
        self,
        mode: str | None,  # noqa: ARG002
        size: tuple[int, int] | None,
    ) -> tuple[str, tuple[int, int, float, float]] | None:
        """Render a smaller picture where that suffices; no effect once the picture is loaded.

        Args:
            mode: Ignored; the mode does not change.
            size: Least (width, height). The size becomes the smallest of the native size and its
                half, quarter, eighth ... that is at least this large; else the native size.

        Returns:
            The mode and the box of the picture; None if the size cannot change.
        """
        if size is None or len(self.tile) != 1:
            return None
        ratios = [own // max(1, wanted) for own, wanted in zip(self._native, size, strict=True)]
        halvings = max(0, min(ratios).bit_length() - 1)
        width, height = (-(-own >> halvings) for own in self._native)  # rounded up
        self._set_size((width, height))
        return self.mode, (0, 0, width, height)

    def verify(self) -> None:
        """Check the whole file against its checksum without rendering it; then open it anew.

        Raises:
            OSError: The file is damaged or cut short.
        """
        if self.fp is None:
            raise RuntimeError("verify must be called directly after open")
        _check(cast(BinaryIO, self.fp))
        super().verify()

    def load_prepare(self) -> None:
        """Check the whole file before Pillow allocates the picture that its header claims.

        Raises:
            OSError: The file is damaged or cut short.
        """
        _check(cast(BinaryIO, self.fp))
        super().load_prepare()


def _check(file: BinaryIO) -> None:
    file.seek(0)
    try:
        from_bytes(file.read(), "file").check_claims()
    except FormatError as error:
        raise OSError(str(error)) from None


class InrDecoder(ImageFile.PyDecoder):
    """Decoder that Pillow calls to render a picture at the size of its tile."""

    _pulls_fd = True

    def decode(self, buffer: Any) -> tuple[int, int]:  # noqa: ARG002
        """Read the file and render it.

        Raises:
            OSError: The file is damaged or cut short.
        """
        assert self.fd is not None
        size = self.state.xsize, self.state.ysize
        try:
            pixels = api.decode(self.fd.read(), size=size)
        except FormatError as error:
            raise OSError(str(error)) from None
        self.set_as_raw(pixels.tobytes())
        return -1, 0  # finished, without an error


def save(image: Image.Image, file: IO[bytes], _filename: str | bytes) -> None:
    """Encode a picture for `Image.save`.

    An image as it was opened is stored upright. The pixels of any other image are stored as they
    are, because its EXIF may hold the orientation of the file that it came from.

    Args:
        image: Picture whose `encoderinfo` holds the arguments of `save`. `exif`, `icc_profile` and
            `xmp` replace the metadata of the picture, b"" removes it; options of `imgnet.encode`
            are passed on and others ignored, as by Pillow's own plug-ins.
        file: File to write to.

    Raises:
        ValueError: An option has an invalid value.
        OSError: The picture cannot be encoded with these options.
    """
    options = {name: value for name, value in image.encoderinfo.items() if name in OPTIONS}
    try:
        encoded = api.encode(photo_of(image), **options)
    except UsageError as error:
        raise ValueError(str(error)) from None
    except ImgnetError as error:
        raise OSError(str(error)) from None
    file.write(to_bytes(encoded))


def photo_of(image: Image.Image) -> Photo:
    """Return the pixels to store and their profile, with the metadata that `save` was given."""
    pixels, profile = read_photo(image if isinstance(image, ImageFile.ImageFile) else _still(image))
    given = {name: image.encoderinfo[name] for name in _INFO.values() if name in image.encoderinfo}
    if _is_edited(image):
        given.setdefault("exif", image.getexif())
    parts = metadata_of(
        _holder(image.mode, {name: _as_bytes(part) for name, part in given.items()}), profile.mode
    )
    changes = {ours: getattr(parts, ours) for ours, theirs in _INFO.items() if theirs in given}
    return pixels, replace(profile, metadata=replace(profile.metadata, **changes))


def _is_edited(image: Image.Image) -> bool:
    """Tell whether the caller changed the EXIF that `getexif` returned; `info` keeps the old."""
    if "exif" not in image.info:
        return False
    with suppress(Exception):  # unreadable EXIF was not edited
        original = _holder(image.mode, image.info).getexif()
        return original.tobytes() != image.getexif().tobytes()
    return False


def _holder(mode: str, info: dict[Any, Any]) -> Image.Image:
    """Return a single pixel with the metadata of an image."""
    holder = Image.new(mode, (1, 1))
    holder.info = info
    return holder


def _still(image: Image.Image) -> Image.Image:
    """Return a copy whose orientation is upright, so that reading does not turn it."""
    copy = image.copy()
    with suppress(Exception):  # unreadable EXIF has no orientation
        copy.getexif()[Base.Orientation] = 1
    return copy


def _as_bytes(part: Any) -> bytes:
    if isinstance(part, str):
        return part.encode()
    return part.tobytes() if isinstance(part, Image.Exif) else bytes(part or b"")


Image.register_decoder(DECODER, InrDecoder)
