"""What a header claims of a picture; `test_container.py` has whole files, forged ones too."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgnet.codec.format.header import (
    MODES,
    checksum,
    claims_of,
    from_header,
    read_claims,
    to_header,
)
from imgnet.codec.format.usual_sizes import usual_grid_sizes
from imgnet.codec.priors.loader import names
from imgnet.encoder.prior import with_prior
from imgnet.errors import FormatError
from imgnet.spec import FAMILIES, RANGES, Spec

PRIOR = names()[0]
USUAL = Spec("grid", 96, 64, 0, dim_out=3, **usual_grid_sizes(96, 64))
WITH_PRIOR = with_prior(USUAL, PRIOR, 7)
BY_HAND = Spec(
    "grid", 96, 64, 0, 5, 1, num_levels=3, finest=1, chroma_level=2, dim_context=4, dim_coarse=2
)
SPECS = [USUAL, WITH_PRIOR, BY_HAND, Spec("gated", 9, 7, 3, 4, 1), Spec("mlp", 9, 7, 0, 4, 2)]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.family)
@pytest.mark.parametrize("depth", [8, 16])
def test_claims_are_read_as_they_were_made(spec: Spec, depth: int) -> None:
    entries = to_header(claims_of(spec, "RGB", depth), 7)
    claims, promised = from_header(entries)
    assert promised == 7
    assert read_claims(claims) == (spec, "RGB", depth)
    assert not entries  # what is left are tensors


@pytest.mark.parametrize("mode", MODES)
def test_modes_say_how_many_channels_there_are(mode: str) -> None:
    spec = Spec("mlp", 9, 7, 0, 4, 2, dim_out=MODES[mode])
    assert read_claims(claims_of(spec, mode, 8))[0].dim_out == MODES[mode]


def test_the_usual_is_not_written() -> None:
    assert claims_of(USUAL, "RGB", 8) == "96x64"
    assert claims_of(WITH_PRIOR, "RGB", 8) == f"96x64 {PRIOR}/7"
    assert claims_of(BY_HAND, "RGB", 16) == "96x64 depth=16 finest=1 net=3,2,4,5,1,2"


def test_the_checksum_is_of_version_claims_and_tensors() -> None:
    known = checksum("9x7", b"body")
    assert known == checksum("9x7", b"body")
    assert len({known, checksum("9x8", b"body"), checksum("9x7", b"bodx")}) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2 0000beef 9x7", "format 2"),
        ("2", "damaged"),
        ("1 9x7", "damaged"),
        ("1 beef 9x7", "damaged"),
        ('{"crc":1,"size":[9,7],"v":1}', "damaged"),
    ],
)
def test_other_texts_are_refused(text: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        from_header({"__metadata__": {"inr": text}})


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ("0x7", "damaged"),
        ("9x-7", "damaged"),
        ("09x7", "damaged"),
        ("9x7 ", "damaged"),
        ("9x7 more=1", "damaged"),
        ("9x7 depth=8", "damaged"),
        ("9x7 depth=12", "damaged"),
        ("9x7 depth=x", "damaged"),
        ("9x7 depth=16 depth=16", "damaged"),
        ("9x7 mode=L depth=16", "damaged"),
        ("9x7 mode=CMYK", "damaged"),
        ("9x7 model=siren", "damaged"),
        ("9x7 model=mlp", "damaged"),
        ("96x64 finest=12", "damaged"),
        ("96x64 net=3,3,4,5,1,0", "damaged"),
        ("96x64 net=4,2,16,32,2,0", "damaged"),
        (f"96x64 {PRIOR}/99", "damaged"),
        (f"96x64 {PRIOR}/07", "damaged"),
        (f"96x64 {PRIOR}/7 net=4,2,5,5,1,0", "not the shape of its prior"),
        (f"96x64 {PRIOR}/7 model=mlp net=0,4,1", "damaged"),
        ("96x64 none-such/1", "needs the prior 'none-such'"),
        ("65536x65536", "more than the limit"),
    ],
)
def test_claims_that_make_no_sense_are_refused(claims: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read_claims(claims)


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """Draw any network without a prior, for any mode."""
    family = draw(st.sampled_from(FAMILIES))
    sizes = {name: draw(st.sampled_from(known)) for name, known in RANGES[family].items()}
    if family == "grid":
        levels = st.integers(0, sizes["num_levels"] - 1)
        sizes["finest"], sizes["chroma_level"] = sorted((draw(levels), draw(levels)))
    width, height = draw(st.integers(1, 4096)), draw(st.integers(1, 4096))
    return Spec(family, width, height, dim_out=draw(st.integers(1, 4)), **sizes)


QUICK = settings(derandomize=True, deadline=None, max_examples=50)


@given(spec=specs(), depth=st.sampled_from([8, 16]))
@QUICK
def test_any_claims_are_read_as_they_were_made(spec: Spec, depth: int) -> None:
    mode = {channels: mode for mode, channels in MODES.items()}[spec.dim_out]
    assert read_claims(claims_of(spec, mode, depth)) == (spec, mode, depth)


@given(spec=specs(), change=st.tuples(st.integers(0), st.characters()))
@QUICK
def test_any_changed_character_is_noticed_or_changes_the_claims(
    spec: Spec, change: tuple[int, str]
) -> None:
    mode = {channels: mode for mode, channels in MODES.items()}[spec.dim_out]
    claims = claims_of(spec, mode, 8)
    place = change[0] % len(claims)
    changed = claims[:place] + change[1] + claims[place + 1 :]
    try:
        read = read_claims(changed)
    except FormatError:
        return
    assert claims_of(*read) == changed


@given(text=st.text(alphabet="0123456789x =,/amdepthnfil\n", max_size=30))
@QUICK
def test_noise_is_never_another_error(text: str) -> None:
    for read in (read_claims, lambda text: from_header({"__metadata__": {"inr": text}})):
        try:
            read(text)
        except FormatError:
            continue
