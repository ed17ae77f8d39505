from __future__ import annotations

from itertools import pairwise

import numpy as np

from imgnet.codec.format.quantized import Quantized, q_index_of, q_step_of


def test_q_steps_are_dyadic_and_eight_to_the_octave() -> None:
    sizes = [q_step_of(index) for index in range(256)]
    assert sizes[0] == 2.0**-20
    assert sizes[8:] == [2 * size for size in sizes[:-8]]
    assert all(1 < finer / size <= 9 / 8 for size, finer in pairwise(sizes))
    assert all((size * 2**23).is_integer() and size < 4096 for size in sizes)


def test_q_index_finds_the_nearest_in_ratio() -> None:
    for index in range(256):
        size = q_step_of(index)
        assert q_index_of(size) == index
        if index < 255:
            middle = (size * q_step_of(index + 1)) ** 0.5
            assert q_index_of(middle * 0.9999) == index
            assert q_index_of(middle * 1.0001) == index + 1


def test_q_index_clips() -> None:
    assert [q_index_of(size) for size in (-1, 0, 1e-30, 1e30, np.inf)] == [0, 0, 0, 255, 255]


def test_dequantize_is_exact_for_every_q_step_and_value() -> None:
    values = np.array([-7513, -1, 0, 1, 7513], np.int32)
    for step in range(256):
        real = Quantized(values, step).dequantize()
        assert real.dtype == np.float32
        assert real.tolist() == [value * q_step_of(step) for value in values.tolist()]
