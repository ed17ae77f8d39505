from __future__ import annotations

import pytest

from imgnet.errors import UsageError
from imgnet.spec import FAMILIES, Spec, num_frequencies


@pytest.mark.parametrize(("length", "frequencies"), [(1, 2), (2, 3), (3, 3), (4, 4), (512, 11)])
def test_an_axis_has_two_more_frequencies_than_octaves(length: int, frequencies: int) -> None:
    assert num_frequencies(length) == frequencies


def test_parameters_of_gated() -> None:
    assert list(Spec("gated", 8, 4, 3, 5, 1).shapes().items()) == [
        ("axis_x.weight", (9, 5)),
        ("axis_x.bias", (9,)),
        ("axis_x.shift", (3,)),
        ("axis_y.weight", (9, 4)),
        ("axis_y.bias", (9,)),
        ("axis_y.shift", (3,)),
        ("joint.weight", (15, 6)),
        ("joint.bias", (15,)),
        ("joint.shift", (5,)),
        ("blocks.0.0.weight", (15, 5)),
        ("blocks.0.0.bias", (15,)),
        ("blocks.0.0.shift", (5,)),
        ("blocks.0.1.weight", (15, 5)),
        ("blocks.0.1.bias", (15,)),
        ("blocks.0.1.shift", (5,)),
        ("blocks.0.alpha", (1,)),
        ("output.weight", (3, 5)),
        ("output.bias", (3,)),
    ]


def test_parameters_of_mlp() -> None:
    assert list(Spec("mlp", 8, 4, 0, 5, 2, dim_out=1).shapes().items()) == [
        ("layers.0.weight", (5, 64)),
        ("layers.0.bias", (5,)),
        ("layers.1.weight", (5, 5)),
        ("layers.1.bias", (5,)),
        ("output.weight", (1, 5)),
        ("output.bias", (1,)),
    ]


def test_published_sizes() -> None:
    gated_layer_100 = 3 * 100 * 100 + 3 * 100 + 100
    axis = 3 * 100 * 11 + 3 * 100 + 100
    joint = 3 * 100 * 200 + 3 * 100 + 100
    gated = 2 * axis + joint + 2 * (2 * gated_layer_100 + 1) + 100 * 3 + 3
    assert Spec("gated", 512, 512, 100, 100, 2).num_parameters == gated
    mlp = 3 * (64 * 64 + 64) + 64 * 3 + 3
    assert Spec("mlp", 512, 512, 0, 64, 3).num_parameters == mlp


def test_an_unknown_family_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="'cubic'") as error:
        Spec("cubic", 8, 8, 2, 2, 1)
    assert all(family in str(error.value) for family in FAMILIES)
