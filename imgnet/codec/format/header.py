"""Header of an .inr file: shape of the network, mode and depth, called its claims.

The metadata of the safetensors file has one key, "inr", whose text is words:

    1 0f3a99c2 768x512 p9-0409762d/7

The first is the version of this format. The second is a checksum in eight hexadecimal digits: the
CRC-32 of the text without that word, continued over the bytes of all tensors. The others are the
claims: width and height of the image in pixels; name and lmbda_index of the prior that a coded
`grid` is added to, if there is one; and, unless they have their usual values, by name

    depth=16    bits of a sample at its source; 8
    finest=1    finest level of the first pyramid of `grid`; 0
    mode=RGBA   or L or LA; RGB
    model=gated or mlp; grid
    net=7,2,16,32,2,6
                sizes of the network: of `grid` num_levels, colour, dim_context, dim_hidden,
                num_layers, dim_coarse, usually those for a picture of its size, the layers being
                those of the prior if there is one; else dim_axis, dim_hidden, num_layers, which are
                always named

Each claim can be written in one way only: a reader refuses all others.
"""

from __future__ import annotations

import re
from zlib import crc32

from imgnet.codec.format.tensors import DAMAGED, Json, integers
from imgnet.codec.format.usual_sizes import usual_grid_sizes
from imgnet.codec.priors.loader import NUM_LMBDAS, check, layers_of
from imgnet.errors import FormatError, UsageError
from imgnet.image.geometry import MAX_SIDE, max_pixels
from imgnet.spec import FAMILIES, RANGES, Spec

VERSION = 1
MODES = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}  # channels of each

_USUAL_MODE, _USUAL_FAMILY, _USUAL_DEPTH = "RGB", "grid", 8
_DEPTHS = (8, 16)
_METADATA = "__metadata__"
_KEY = "inr"
# What a file says of the sizes of its network, by family.
_NET = {
    "grid": (
        "num_levels",
        "chroma_level",
        "dim_context",
        "dim_hidden",
        "num_layers",
        "dim_coarse",
    ),
    "gated": ("dim_axis", "dim_hidden", "num_layers"),
    "mlp": ("dim_axis", "dim_hidden", "num_layers"),
}
_VERSION = re.compile(r"([1-9]\d{0,8}) (.*)", re.ASCII)
_CHECKSUM = re.compile(r"([0-9a-f]{8}) (.*)")
_CLAIMS = re.compile(r"(\d{1,9})x(\d{1,9})(?: ([\w-]+)/(\d{1,9}))?((?: [a-z]+=[\w,]+)*)", re.ASCII)
_NUMBERS = re.compile(r"\d{1,9}(?:,\d{1,9})*", re.ASCII)


def to_header(claims: str, checksum: int) -> Json:
    """Return the part of a safetensors header that holds the claims of a picture.

    >>> to_header("9x7", 48879)
    {'__metadata__': {'inr': '1 0000beef 9x7'}}
    """
    return {_METADATA: {_KEY: f"{VERSION} {checksum:08x} {claims}"}}


def from_header(entries: Json) -> tuple[str, int]:
    """Take the claims of a picture and the checksum out of a safetensors header.

    Raises:
        FormatError: The header has no claims, or they are of a newer version.
    """
    texts = entries.pop(_METADATA, None)
    if not isinstance(texts, dict) or not isinstance(texts.get(_KEY), str):
        raise FormatError("a safetensors file, but not one of imgnet's")
    version, text = _matched(_VERSION, texts[_KEY])
    if int(version) > VERSION:
        raise FormatError(
            f"written in format {version}, this imgnet reads up to {VERSION}; "
            "upgrade it with `pip install --upgrade imgnet`"
        )
    checksum, claims = _matched(_CHECKSUM, text)
    return claims, int(checksum, 16)


def checksum(claims: str, body: bytes) -> int:
    """Return the CRC-32 of the claims of a picture, with the version, and of all tensors."""
    return crc32(body, crc32(f"{VERSION} {claims}".encode()))


def claims_of(spec: Spec, mode: str, depth: int) -> str:
    """Return the claims of a file.

    Args:
        spec: Shape of its network.
        mode: One of `MODES`.
        depth: Bits of a sample at its source.

    >>> claims_of(Spec("mlp", 8, 6, 0, 4, 1), "RGB", 8)
    '8x6 model=mlp net=0,4,1'
    """
    unusual = {}
    if depth != _USUAL_DEPTH:
        unusual["depth"] = str(depth)
    if spec.finest:
        unusual["finest"] = str(spec.finest)
    if mode != _USUAL_MODE:
        unusual["mode"] = mode
    if spec.family != _USUAL_FAMILY:
        unusual["model"] = spec.family
    net = [getattr(spec, name) for name in _NET[spec.family]]
    if net != _usual_net(spec.family, spec.width, spec.height, spec.prior):
        unusual["net"] = ",".join(map(str, net))
    prior = [f"{spec.prior}/{spec.lmbda_index}"] if spec.prior else []
    named = [f"{name}={value}" for name, value in unusual.items()]
    return " ".join([f"{spec.width}x{spec.height}", *prior, *named])


def _usual_net(family: str, width: int, height: int, prior: str) -> list[int] | None:
    """Return the sizes of a network that a file need not name; None where it must."""
    if family != _USUAL_FAMILY:
        return None
    sizes = usual_grid_sizes(width, height) | (layers_of(prior) if prior else {})
    return [sizes[name] for name in _NET[family]]


def read_claims(claims: str) -> tuple[Spec, str, int]:
    """Return the shape of the network, the mode and the depth that a file claims.

    Raises:
        FormatError: The claims make no sense, are above a limit, or need a prior that is not there.
    """
    width, height, prior, lmbda_index, rest = _matched(_CLAIMS, claims)
    named = dict(word.split("=") for word in rest.split())
    spec = _spec(_size(width, height), _prior(prior, lmbda_index), named)
    mode = named.get("mode", _USUAL_MODE)
    (depth,) = integers(_numbers(named.get("depth", str(_USUAL_DEPTH))), [_DEPTHS])
    if claims_of(spec, mode, depth) != claims:
        raise FormatError(DAMAGED)
    return spec, mode, depth


def _matched(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    found = pattern.fullmatch(text)
    if found is None:
        raise FormatError(DAMAGED)
    return found.groups("")


def _numbers(text: str) -> list[int]:
    _matched(_NUMBERS, text)
    return [int(number) for number in text.split(",")]


def _size(*sides: str) -> tuple[int, int]:
    side = range(1, MAX_SIDE + 1)
    width, height = integers([int(text) for text in sides], [side, side])
    if width * height > max_pixels():
        raise FormatError(f"{width}x{height} pixels are more than the limit of {max_pixels()}")
    return width, height


def _prior(name: str, lmbda_index: str) -> tuple[str, int]:
    if not name:
        return "", 0
    check(name)
    (number,) = integers([int(lmbda_index)], [range(NUM_LMBDAS)])
    return name, number


def _spec(size: tuple[int, int], prior: tuple[str, int], named: dict[str, str]) -> Spec:
    family, mode = named.get("model", _USUAL_FAMILY), named.get("mode", _USUAL_MODE)
    name, lmbda_index = prior
    if family not in FAMILIES or mode not in MODES or (name and family != _USUAL_FAMILY):
        raise FormatError(DAMAGED)
    given = _numbers(named["net"]) if "net" in named else _usual_net(family, *size, name)
    sizes = integers(given, [RANGES[family][layer] for layer in _NET[family]])
    net = {"dim_axis": 0, **dict(zip(_NET[family], sizes, strict=True))}
    if name and any(net[layer] != units for layer, units in layers_of(name).items()):
        raise FormatError(f"damaged: its network has not the shape of its prior {name!r}")
    if "finest" in named:
        (net["finest"],) = integers(_numbers(named["finest"]), [RANGES[family].get("finest", ())])
    try:
        return Spec(family, *size, dim_out=MODES[mode], prior=name, lmbda_index=lmbda_index, **net)
    except UsageError:  # sizes that contradict each other
        raise FormatError(DAMAGED) from None
