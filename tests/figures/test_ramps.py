"""Ramps whose equal steps look equal, by another formula than theirs, CIELAB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from imgnet.figures.ramps import diverging, sequential

Colours = NDArray[np.uint8]


def cielab(colours: Colours) -> NDArray[np.float64]:
    """Return L, a and b of sRGB colours (1, N, 3), by Pillow."""
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(srgb, lab, "RGB", "LAB")
    converted = ImageCms.applyTransform(Image.fromarray(colours), transform)
    planes = np.asarray(converted, np.uint8)[0]
    return np.column_stack([planes[:, 0] / 2.55, planes[:, 1:].view(np.int8)]).astype(np.float64)


def test_equal_steps_look_equal() -> None:
    lab = cielab(sequential(np.arange(9.0)[None], 8.0))
    assert (np.diff(lab[:, 0]) > 5).all()
    steps = np.linalg.norm(np.diff(lab, axis=0), axis=1)
    assert steps.max() < 1.6 * steps.min()


def test_no_red_is_to_be_told_from_green() -> None:
    for colours in (sequential(np.arange(9.0)[None], 8.0), diverging(np.arange(-8.0, 9)[None], 8)):
        lightness, green_red, blue_yellow = cielab(colours).T
        assert green_red.min() > -12
        assert np.ptp(blue_yellow) > 60
        assert len(np.unique(lightness)) >= 8


def test_ends_are_equally_far_from_zero() -> None:
    lab = cielab(diverging(np.arange(-8.0, 9)[None], 8.0))
    assert np.abs(lab[:, 0] - lab[::-1, 0]).max() < 4
    assert lab[8, 0] > 95
    assert np.abs(lab[8, 1:]).max() <= 1
    assert (np.diff(lab[8:, 0]) < 0).all()


def test_without_any_value_all_is_zero() -> None:
    zeros = np.zeros((2, 3))
    assert (sequential(zeros, 0.0) == sequential(np.zeros((1, 1)), 1.0)).all()
    assert (diverging(zeros, 0.0) == diverging(np.zeros((1, 1)), 1.0)).all()
