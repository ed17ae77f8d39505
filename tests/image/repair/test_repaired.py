from __future__ import annotations

import struct

from imgnet.image.repair.repaired import repaired
from support.picture_files import as_image, png, stored, tiff
from support.pictures import deep_noise, picture, ramp


def test_a_sound_file_stays_as_it_is() -> None:
    sound = [stored(as_image(picture()), format) for format in ("JPEG", "BMP", "GIF")]
    sound += [png(ramp(3), 8), tiff(deep_noise(1))]
    for data in (*sound, b"", b"BM", b"II*\0", struct.pack("8x")):
        assert repaired(data).data is data
