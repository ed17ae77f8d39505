"""What a header claims of a picture; `test_container.py` has whole files, forged ones too."""

from __future__ import annotations

from typing import Any

import pytest

from imgnet.errors import FormatError
from imgnet.header import MODES, claims_of, from_header, read_claims, to_header
from imgnet.priors import names
from imgnet.spec import Spec, usual_grid_sizes

USUAL = Spec("grid", 96, 64, 0, dim_out=3, **usual_grid_sizes(96, 64))
WITH_PRIOR = Spec("grid", 96, 64, 0, prior=names()[0], band=7, **usual_grid_sizes(96, 64))
BY_HAND = Spec("grid", 96, 64, 0, 5, 1, num_levels=3, finest=1, colour=2, dim_context=4)
SPECS = [USUAL, WITH_PRIOR, BY_HAND, Spec("gated", 9, 7, 3, 4, 1), Spec("mlp", 9, 7, 0, 4, 2)]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.family)
@pytest.mark.parametrize("depth", [8, 16])
def test_claims_are_read_as_they_were_made(spec: Spec, depth: int) -> None:
    entries = to_header(claims_of(spec, "RGB", depth) | {"crc": 1})
    assert read_claims(from_header(entries)) == (spec, "RGB", depth)
    assert not entries  # what is left are tensors


@pytest.mark.parametrize("mode", MODES)
def test_modes_say_how_many_channels_there_are(mode: str) -> None:
    spec = Spec("mlp", 9, 7, 0, 4, 2, dim_out=MODES[mode])
    assert read_claims(claims_of(spec, mode, 8))[0].dim_out == MODES[mode]


def test_the_usual_is_not_written() -> None:
    assert claims_of(USUAL, "RGB", 8) == {"size": [96, 64], "v": 1}


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"v": 2, "crc": 1, "size": [9, 7]}, "format 2"),
        ({"v": 1, "size": [9, 7]}, "damaged"),
        ({"v": 1, "crc": 1, "size": [9, 7], "more": 1}, "damaged"),
    ],
)
def test_headers_with_other_keys_are_refused(claims: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        from_header(to_header(claims))


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": [0, 7]},
        {"size": [9, "7"]},
        {"depth": 12},
        {"mode": "CMYK"},
        {"model": "siren"},
        {"finest": 12},
        {"net": [3, 3, 4, 5, 1]},
        {"prior": ["p2", 99]},
        {"prior": ["none-such", 1]},
    ],
    ids=str,
)
def test_claims_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        read_claims(claims_of(USUAL, "RGB", 8) | wrong)
