from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest

from imgnet.image.files import read_photo
from imgnet.image.repair.jpeg2000 import unwrapped

# Grey with alpha of 16 bits: 0, 40000 and 65535 or nearly, all opaque; Pillow writes 8 bits only.
HEAD = (
    "ff4fff51002c000000000003000000010000000000000000000000030000000100000000000000000002"
    "0f01010f0101"
)
EXACT = bytes.fromhex(
    HEAD + "ff52000c00000001000004040001ff5c00044080ff90000a0000000000200001"
    "ff93dff8904007242e34a34cec2fcffc30080227ffd9"
)
LOSSY = bytes.fromhex(
    HEAD + "ff52000d0102000100000404000088ff5c0005428000ff90000a00000000001d0001"
    "ff93dfa83007242e34a34ccffc10080227ffd9"
)


@pytest.mark.parametrize("data", [EXACT, LOSSY], ids=["exact", "lossy"])
def test_white_and_opaque_of_16_bits_stay_so(data: bytes) -> None:
    pixels, profile = read_photo(BytesIO(data))
    assert pixels.tolist() == [[[0], [156], [255]]]
    assert profile.notes == ("holds 16 bits a sample, read as 8; make it a PNG of 16 to keep them",)


def test_samples_stay_where_no_guard_bit_can_be_spared() -> None:
    data = LOSSY.replace(bytes.fromhex("ff5c000542"), bytes.fromhex("ff5c000502"))
    samples = np.zeros((1, 3, 2), np.uint8)
    assert unwrapped(samples, data) is samples


def test_samples_without_zeros_are_not_decoded_again() -> None:
    samples = np.ones((1, 3, 2), np.uint8)
    assert unwrapped(samples, b"") is samples
