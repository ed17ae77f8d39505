"""What the header of an .inr file claims of its picture: a network's shape, mode and depth.

The metadata of the safetensors file has one key, "inr", whose text is itself JSON:

    crc    CRC-32 of this JSON without `crc`, continued over the bytes of all tensors
    depth  bits of a sample at its source; absent for 8
    finest finest level of the first pyramid of `grid`; absent for 0
    mode   "L", "LA", "RGB" or "RGBA"; absent for "RGB"
    model  family of the network; absent for "grid"
    net    sizes of the network: of `grid` [num_levels, colour, dim_context, dim_hidden,
           num_layers], absent for the usual ones, the layers being those of the prior if there
           is one; else [dim_axis, dim_hidden, num_layers]
    prior  [name, band] of the trained network that a coded `grid` is added to; absent for none
    size   [width, height] of the image in pixels
    v      version of this format
"""

from __future__ import annotations

from typing import Any

from imgnet.errors import FormatError, UsageError
from imgnet.geometry import MAX_SIDE, max_pixels
from imgnet.priors import NUM_BANDS, check, layers_of
from imgnet.spec import FAMILIES, RANGES, Spec, usual_grid_sizes
from imgnet.tensorfile import DAMAGED, Json, dump, integers, load

VERSION = 1
MODES = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}  # channels of each

_USUAL_MODE, _USUAL_FAMILY = "RGB", "grid"
_DEPTHS = (8, 16)
_METADATA = "__metadata__"
_KEY = "inr"
# What a file says of the sizes of its network, by family.
_NET = {
    "grid": ("num_levels", "colour", "dim_context", "dim_hidden", "num_layers"),
    "gated": ("dim_axis", "dim_hidden", "num_layers"),
    "mlp": ("dim_axis", "dim_hidden", "num_layers"),
}


def to_header(claims: Json) -> Json:
    """Return the part of a safetensors header that holds the claims of a picture.

    >>> to_header({"v": 1})
    {'__metadata__': {'inr': '{"v":1}'}}
    """
    return {_METADATA: {_KEY: dump(claims).decode()}}


def from_header(entries: Json) -> Json:
    """Take the claims of a picture out of a safetensors header.

    Raises:
        FormatError: There are none, some are unknown or missing, or they are of a newer version.
    """
    texts = entries.pop(_METADATA, None)
    if not isinstance(texts, dict) or not isinstance(texts.get(_KEY), str):
        raise FormatError("a safetensors file, but not one of imgnet's")
    claims = load(texts[_KEY].encode(errors="replace"))
    (version,) = integers([claims.get("v")], [range(1, 1 << 31)])
    if version > VERSION:
        raise FormatError(
            f"written in format {version}, this imgnet reads up to {VERSION}; "
            "upgrade it with `pip install --upgrade imgnet`"
        )
    optional = {"depth", "finest", "mode", "model", "net", "prior"}
    if set(claims) - optional != {"crc", "size", "v"}:
        raise FormatError(DAMAGED)
    return claims


def claims_of(spec: Spec, mode: str, depth: int) -> Json:
    """Return what a file claims of a picture, but for its checksum.

    Args:
        spec: Shape of its network.
        mode: One of `MODES`.
        depth: Bits of a sample at its source.

    >>> claims_of(Spec("mlp", 8, 6, 0, 4, 1), "RGB", 8)
    {'size': [8, 6], 'v': 1, 'model': 'mlp', 'net': [0, 4, 1]}
    """
    claims: Json = {"size": [spec.width, spec.height], "v": VERSION}
    if spec.family != _USUAL_FAMILY:
        claims["model"] = spec.family
    net = [getattr(spec, name) for name in _NET[spec.family]]
    if net != _usual_net(spec.family, spec.width, spec.height, spec.prior):
        claims["net"] = net
    if spec.finest:
        claims["finest"] = spec.finest
    if mode != _USUAL_MODE:
        claims["mode"] = mode
    if depth != _DEPTHS[0]:
        claims["depth"] = depth
    if spec.prior:
        claims["prior"] = [spec.prior, spec.band]
    return claims


def _usual_net(family: str, width: int, height: int, prior: str) -> list[int] | None:
    """Return the sizes of a network that a file need not name; None where it must."""
    if family != _USUAL_FAMILY:
        return None
    sizes = usual_grid_sizes(width, height) | (layers_of(prior) if prior else {})
    return [sizes[name] for name in _NET[family]]


def read_claims(claims: Json) -> tuple[Spec, str, int]:
    """Return the shape of the network, the mode and the depth that a file claims.

    Raises:
        FormatError: The claims make no sense, are above a limit, or need a prior that is not there.
    """
    spec, mode = _read_spec(claims)
    (depth,) = integers([claims.get("depth", _DEPTHS[0])], [_DEPTHS])
    return spec, mode, depth


def _read_spec(claims: Json) -> tuple[Spec, str]:
    family, mode = claims.get("model", _USUAL_FAMILY), claims.get("mode", _USUAL_MODE)
    if family not in FAMILIES or not isinstance(mode, str) or mode not in MODES:
        raise FormatError(DAMAGED)
    side = range(1, MAX_SIDE + 1)
    width, height = integers(claims["size"], [side, side])
    if width * height > max_pixels():
        raise FormatError(f"{width}x{height} pixels are more than the limit of {max_pixels()}")
    names, (prior, band) = _NET[family], _read_prior(claims, family)
    given = claims.get("net", _usual_net(family, width, height, prior))
    sizes = integers(given, [RANGES[family][name] for name in names])
    net: Json = {"dim_axis": 0, **dict(zip(names, sizes, strict=True))}
    if prior and any(net[name] != size for name, size in layers_of(prior).items()):
        raise FormatError(f"damaged: its network has not the shape of its prior {prior!r}")
    if "finest" in claims:
        (net["finest"],) = integers([claims["finest"]], [RANGES[family].get("finest", ())])
    try:
        spec = Spec(family, width, height, dim_out=MODES[mode], prior=prior, band=band, **net)
    except UsageError:  # sizes that contradict each other
        raise FormatError(DAMAGED) from None
    return spec, mode


def _read_prior(claims: Json, family: str) -> tuple[str, int]:
    """Return the name and the band of the prior that a file asks for; "" and 0 for none."""
    prior: Any = claims.get("prior", ["", 0])
    if not isinstance(prior, list) or len(prior) != 2:
        raise FormatError(DAMAGED)
    name, band = prior
    if not isinstance(name, str) or type(band) is not int or band not in range(NUM_BANDS):
        raise FormatError(DAMAGED)
    if "prior" in claims:
        if family != _USUAL_FAMILY:
            raise FormatError(DAMAGED)
        check(name)
    return name, band
