"""A second decoder of `grid`, written from `imgnet/codec/format.md` in integers of Python.

It shares nothing with the package, has no arrays and does no arithmetic in floats; it is slow. The
sections that comments name are those of that page.
"""

from __future__ import annotations

import json
import struct
from bisect import bisect_right
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import accumulate, pairwise, product
from math import prod
from zlib import crc32

from support.paths import ROOT

Plane = list[list[int]]
Vector = list[int]

WIDTHS = {"U8": 1, "F16": 2, "F32": 4}
METADATA = ("exif", "icc", "xmp")
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
CAUSAL = [(0, -3), (0, -2), (0, -1)]
CAUSAL += [(-1, -3), (-1, -2), (-1, -1), (-1, 0), (-1, 1)]
CAUSAL += [(-2, -2), (-2, -1), (-2, 0), (-2, 1), (-2, 2), (-3, 0)]
AROUND = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
DECAYS = [
    *(4602687609541841169, 4603433772482077392, 4604118113235951423, 4604745745892277133),
    *(4605321362777405093, 4605849269033110099, 4606333414392382526, 4606777422374946751),
]
MOST_LATENT = 4096
PRIORS = ROOT / "imgnet" / "codec" / "priors"


class DamagedError(Exception):
    """The file is none, or damaged."""


@dataclass
class Picture:
    """What a file holds.

    `clamped` names the limits that something ran into, so that tests can tell whether they went
    that far.
    """

    width: int
    height: int
    mode: str
    net: list[int]
    prior: tuple[str, int] | None = None
    weights: dict[str, Vector] = field(default_factory=dict)
    latents: dict[tuple[int, int], Plane] = field(default_factory=dict)
    crc: int | None = None
    escapes: int = 0
    clamped: set[str] = field(default_factory=set)
    depth: int = 8
    metadata: dict[str, bytes] = field(default_factory=dict)

    @property
    def channels(self) -> int:
        return CHANNELS[self.mode]

    @property
    def num_levels(self) -> int:
        return self.net[0]

    def size(self, level: int) -> tuple[int, int]:
        return -(-self.height // 2**level), -(-self.width // 2**level)

    def grids(self) -> list[tuple[int, int]]:
        _, finest, colour, *_ = self.net
        return [
            (pyramid, level)
            for level in range(self.num_levels - 1, -1, -1)
            for pyramid in range(self.channels)
            if level >= (finest if pyramid == 0 else colour)
        ]

    def coarser(self, level: int) -> list[tuple[int, int]]:
        return [grid for grid in self.grids() if grid[1] > level]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Section 3, without the grids."""
        num_levels, finest, _, e, d, num_layers, k = self.net
        c = self.channels
        f = num_levels - finest + c - 1
        shapes: dict[str, tuple[int, ...]] = {f"upsample.{i}": (4,) for i in range(num_levels - 1)}
        shapes |= {"hidden.weight": (d, f), "hidden.bias": (d,), "output.weight": (c, d)}
        shapes |= {"linear.weight": (c, f), "linear.bias": (c,)}
        for i in range(num_layers):
            shapes[f"residuals.{i}.weight"] = (c, 9 * c)
            shapes[f"residuals.{i}.bias"] = (c,)
            shapes[f"residuals.{i}.alpha"] = (c,)
        shapes |= {"context.first.weight": (e + 2, 25 + k), "context.first.bias": (e,)}
        shapes |= {"context.second.weight": (e, e), "context.second.bias": (e,)}
        shapes |= {"context.last.weight": (2, e), "context.last.bias": (len(self.grids()), 2)}
        for p, level in sorted(self.grids(), key=lambda grid: (grid[0], -grid[1])):
            if k and level < num_levels - 1:
                shapes[f"context.coarse.{p}.{level}"] = k, len(self.coarser(level))
        return shapes

    def clamp(self, name: str, x: int, low: int, high: int) -> int:
        if not low <= x <= high:
            self.clamped.add(name)
        return min(max(x, low), high)

    def matrix(self, name: str, columns: int) -> list[Vector]:
        flat = self.weights[name]
        return [flat[i : i + columns] for i in range(0, len(flat), columns)]


def decode(data: bytes) -> Picture:
    """Read a file of `grid`."""
    picture, tensors = _read_container(data)
    if list(tensors) == ["w"]:
        _read_stream(picture, tensors["w"][1])
    else:
        _read_plain(picture, tensors)
    return picture


# Section 2


def _read_container(data: bytes) -> tuple[Picture, dict[str, tuple[str, bytes]]]:
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    version, crc, size, *words = header.pop("__metadata__")["inr"].split(" ")
    claimed = " ".join([version, size, *words]).encode()
    about = dict(word.split("=") for word in words if "=" in word)
    if crc32(claimed + body) != int(crc, 16) or "model" in about or version != "1":
        raise DamagedError("container")
    width, height = map(int, size.split("x"))
    tensors, end = {}, 0
    for name in sorted(header, key=lambda name: (-WIDTHS[header[name]["dtype"]], name)):
        begin, new_end = header[name]["data_offsets"]
        if begin != end:
            raise DamagedError("offsets")
        tensors[name] = header[name]["dtype"], body[begin:new_end]
        end = new_end
    if end != len(body):
        raise DamagedError("offsets")
    usual_levels = min(max(min(width, height).bit_length() - 3, 1), 9)
    usual = [
        usual_levels,
        min(2, usual_levels - 1),
        16,
        32,
        2,
        6 if width * height >= 131072 else 0,
    ]
    prior = None
    if words and "/" in words[0]:
        name, lmbda_index = words[0].split("/")
        prior = name, int(lmbda_index)
        usual[2:] = _layers(_prior_file(name)[0])
    num_levels, *others = map(int, about["net"].split(",")) if "net" in about else usual
    net = [num_levels, int(about.get("finest", 0)), *others]
    picture = Picture(width, height, about.get("mode", "RGB"), net, prior)
    picture.depth = int(about.get("depth", 8))
    for name in METADATA:
        if name in tensors:
            _, picture.metadata[name] = tensors.pop(name)
    return picture, tensors


def _read_plain(picture: Picture, tensors: dict[str, tuple[str, bytes]]) -> None:
    numbers = {}
    for name, (dtype, content) in tensors.items():
        letter, size = {"F16": ("e", 2), "F32": ("f", 4)}[dtype]
        reals = struct.unpack(f"<{len(content) // size}{letter}", content)
        numbers[name] = [real.as_integer_ratio() for real in reals]
    for name, shape in picture.shapes().items():
        if len(numbers[name]) != prod(shape):
            raise DamagedError(name)
        picture.weights[name] = [_fixed(picture, name, *ratio) for ratio in numbers[name]]
    for pyramid, level in picture.grids():
        height, width = picture.size(level)
        flat = [
            picture.clamp("latent", _nearest(*ratio), -MOST_LATENT, MOST_LATENT)
            for ratio in numbers[f"latents.{pyramid}.{level}"]
        ]
        grid = [flat[y * width : (y + 1) * width] for y in range(height)]
        picture.latents[pyramid, level] = grid


# Section 4


class Reader:
    """A coded stream, section 4.1."""

    def __init__(self, data: bytes) -> None:
        if len(data) < 4 or len(data) % 2:
            raise DamagedError("length")
        self.state = int.from_bytes(data[:4], "little")
        self.words = [data[i] + 256 * data[i + 1] for i in range(4, len(data), 2)]
        self.position = 0

    def symbol(self, table: list[int]) -> int:
        k = bisect_right(table, self.state % 65536) - 1  # table[k] <= slot < table[k + 1]
        return self.take(k, table[k], table[k + 1])

    def plain_bits(self) -> int:
        slot = self.state % 65536
        return self.take(slot, slot, slot + 1)

    def take(self, symbol: int, first: int, behind: int) -> int:
        self.state = (behind - first) * (self.state >> 16) + self.state % 65536 - first
        if self.state < 65536:
            if self.position == len(self.words):
                raise DamagedError("cut short")
            self.state = self.state * 65536 + self.words[self.position]
            self.position += 1
        return symbol

    def finish(self) -> None:
        if self.state != 65536 or self.position != len(self.words):
            raise DamagedError("end")


def _decay(i: int) -> int:
    octaves, step = divmod(95 - i, 8)
    decay = DECAYS[7 - step]
    for _ in range(octaves):
        decay = decay * decay >> 62
    return decay


def _eighth_root(power: int) -> int:
    """Return the least k with k**8 >= 2**power."""
    k = 1
    while k**8 < 2**power:
        k += 1
    return k


def zero_mean_table(i: int) -> tuple[int, list[int]]:
    """Return K and the table of section 4.3."""
    largest, decay = _eighth_root(i + 8), _decay(i)
    shared, power, tails = 65536 - (2 * largest + 1), decay, []
    for k in range(largest):
        tails.append(largest - k + shared * power // (2**62 + power))
        power = power * decay * decay >> 124
    tails.append(0)
    owned = {0: 65536 - 2 * tails[0]}
    for k in range(1, largest + 1):
        owned[k] = owned[-k] = tails[k - 1] - tails[k]
    table = [0]
    for k in range(-largest, largest + 1):
        table.append(table[-1] + owned[k])
    return largest, table


def weight_table(i: int, e: int) -> tuple[int, list[int]]:
    """Return K and the table of section 4.5."""
    largest, whole = zero_mean_table(i)
    owned = [1 + ((b - a - 1) * (8 - e) >> 3) for a, b in pairwise(whole)]
    owned[largest] = 0
    owned[largest] = 65536 - sum(owned)
    return largest, [0, *accumulate(owned)]


def laplace_table(j: int, f: int) -> tuple[int, list[int]]:
    """Return K and the table of section 4.4."""
    largest = 3 if j <= 4 else _eighth_root(j - 4) + 1
    decay, q = _decay(j + 20), [2**62]
    for _ in range(32 * largest + 64):
        q.append(q[-1] * decay >> 62)
    table = [0]
    for k in range(1, 2 * largest + 2):
        m = 32 * (k - largest) - 16 - f
        below = 2**62 - (q[m] >> 1) if m >= 0 else q[-m] >> 1
        table.append(k + ((65533 - 2 * largest) * below >> 62))
    return largest, [*table, 65535, 65536]


def read_weights(reader: Reader, distributions: list[int], sizes: list[int]) -> list[Vector]:
    """Read the integers of section 4.6, behind the headers."""
    integers = []
    for i, size in zip(distributions, sizes, strict=True):
        excess = reader.symbol(list(range(0, 65537, 8192))) if size > 64 else 0
        largest, table = weight_table(i, excess)
        integers.append([reader.symbol(table) - largest for _ in range(size)])
    return integers


# Section 5


def coordinate_weights(data: bytes, sizes: list[int]) -> list[tuple[int, Vector]]:
    """Read the stream of `gated` or `mlp`: the number of the q_step and the integers of each."""
    header, reader = data[: 2 * len(sizes)], Reader(data[2 * len(sizes) :])
    if max(header[1::2]) > 95:
        raise DamagedError("distribution")
    integers = read_weights(reader, list(header[1::2]), sizes)
    reader.finish()
    return list(zip(header[0::2], integers, strict=True))


# Section 6


def _read_stream(picture: Picture, data: bytes) -> None:
    picture.crc = int.from_bytes(data[:4], "little")
    shapes = picture.shapes()
    header, reader = data[4 : 4 + len(shapes)], Reader(data[4 + len(shapes) :])
    prior_tensors = prior(picture, *picture.prior) if picture.prior else {}
    distributions, sizes = [4 * (byte % 16) for byte in header], list(map(prod, shapes.values()))
    weights = read_weights(reader, distributions, sizes)
    for name, byte, values in zip(shapes, header, weights, strict=True):
        k = byte // 16
        added = prior_tensors.get(name, [0] * len(values))
        sums = [v * 2**12 + o * 2**k for v, o in zip(values, added, strict=True)]
        picture.weights[name] = [_fixed(picture, name, s, 2 ** (k + 12)) for s in sums]
    escapes = []
    if reader.symbol([0, 65535, 65536]):
        count = reader.plain_bits() * 65536
        count += reader.plain_bits()
        escapes = [reader.plain_bits() - 32768 for _ in range(count)]
    picture.escapes = len(escapes)
    tables: dict[tuple[int, int], tuple[int, list[int]]] = {}
    grids = picture.grids()
    for level in sorted({level for _, level in grids}, reverse=True):
        height, width = picture.size(level)
        pyramids = [pyramid for pyramid, of_level in grids if of_level == level]
        for pyramid in pyramids:
            picture.latents[pyramid, level] = [[0] * width for _ in range(height)]
        points = product(pyramids, range(height), range(width))
        order = sorted((x + 2 * y, pyramid, y, x) for pyramid, y, x in points)
        for _, pyramid, y, x in order:
            grid, index = picture.latents[pyramid, level], grids.index((pyramid, level))
            whole, f, j = distribution(picture, index, pyramid, level, y, x)
            if (j, f) not in tables:
                tables[j, f] = laplace_table(j, f)
            largest, table = tables[j, f]
            symbol = reader.symbol(table)
            if symbol < 2 * largest + 2:
                grid[y][x] = whole + symbol - largest
            elif escapes:
                grid[y][x] = escapes.pop(0)
            else:
                raise DamagedError("escapes")
            if abs(grid[y][x]) > MOST_LATENT:
                raise DamagedError("latent")
    reader.finish()
    if escapes:
        raise DamagedError("escapes")


# Section 7


def _nearest(numerator: int, denominator: int) -> int:
    """Round a fraction; a half goes to the even side."""
    whole, rest = divmod(numerator, denominator)
    above = 2 * rest > denominator or (2 * rest == denominator and whole % 2)
    return whole + 1 if above else whole


def _fixed(picture: Picture, name: str, numerator: int, denominator: int) -> int:
    is_bias = name.endswith(".bias")
    x = _nearest(numerator * 2 ** (12 if is_bias else 15), denominator)
    return picture.clamp("bias" if is_bias else "weight", x, -(2**20), 2**20)


def neighbours(picture: Picture, pyramid: int, level: int, y: int, x: int) -> Vector:
    own = [(y + dy, x + dx) for dy, dx in CAUSAL]
    above = [(y // 2 + dy, x // 2 + dx) for dy, dx in AROUND]
    found = [_or_zero(picture, pyramid, level, *point) for point in own]
    return found + [_or_zero(picture, pyramid, level + 1, *point) for point in above]


def coarse_features(picture: Picture, pyramid: int, level: int, y: int, x: int) -> Vector:
    """Return the coarse features of a latent in 1/256; none on the coarsest level."""
    sources = picture.coarser(level)
    if not picture.net[6] or not sources:
        return []
    at = [picture.latents[p, m][y >> m - level][x >> m - level] for p, m in sources]
    rows = picture.matrix(f"context.coarse.{pyramid}.{level}", len(sources))
    return [picture.clamp("coarse", _dot(row, at) >> 7, -(2**23), 2**23) for row in rows]


def _or_zero(picture: Picture, pyramid: int, level: int, y: int, x: int) -> int:
    height, width = picture.size(level)
    if level == picture.num_levels or not (0 <= y < height and 0 <= x < width):
        return 0
    return picture.latents[pyramid, level][y][x]


def distribution(
    picture: Picture, index: int, pyramid: int, level: int, y: int, x: int
) -> tuple[int, int, int]:
    """Return the whole part of the location, the rest in 1/32, and the index of the scale."""
    units, p = picture.net[3], picture.weights
    n = neighbours(picture, pyramid, level, y, x)
    features = coarse_features(picture, pyramid, level, y, x)
    first = picture.matrix("context.first.weight", 25 + picture.net[6])
    s = [
        (256 * _dot(row[:23], n) + _dot(row[25 : 25 + len(features)], features) >> 11)
        + ((row[23] * level + row[24] * min(pyramid, 1)) >> 3)
        for row in first
    ]
    u = [a + b for a, b in zip(s[:units], p["context.first.bias"], strict=True)]
    u = [picture.clamp("context.first", a, 0, 2**24 - 1) for a in u]
    second = picture.matrix("context.second.weight", units)
    v = _affine(second, u, p["context.second.bias"])
    v = [picture.clamp("context.second", a, 0, 2**24 - 1) for a in v]
    h = [a + b for a, b in zip(u, v, strict=True)]
    last = _affine(picture.matrix("context.last.weight", units), h, [0, 0])
    o = [s[units + i] + p["context.last.bias"][2 * index + i] + last[i] for i in range(2)]
    location = picture.clamp("location", (o[0] + 64) >> 7, -131072, 131072)
    scale = picture.clamp("scale", ((o[1] + 256) >> 9) + 36, 0, 75)
    return location >> 5, location % 32, scale


def _dot(a: Vector, b: Vector) -> int:
    return sum(x * y for x, y in zip(a, b, strict=True))


def _affine(matrix: list[Vector], x: Vector, bias: Vector) -> Vector:
    return [(_dot(row, x) >> 15) + b for row, b in zip(matrix, bias, strict=True)]


# Section 8


def draw(picture: Picture) -> bytes:
    """Return the pixels of 8 bits, row by row and in a row pixel by pixel."""
    return bytes(levels(picture, 255))


def draw_deep(picture: Picture) -> bytes:
    """Return the pixels of 16 bits."""
    return struct.pack(
        f"<{picture.height * picture.width * picture.channels}H", *levels(picture, 65535)
    )


def levels(picture: Picture, peak: int) -> Vector:
    n = picture.net[5]
    planes = _features(picture, 0, -n, picture.height + n, -n, picture.width + n)
    rows = zip(*planes, strict=True)
    colours = [[_colour(picture, list(z)) for z in zip(*row, strict=True)] for row in rows]
    for i in range(n):
        colours = _residual(picture, f"residuals.{i}", colours)
    flat = [c for row in colours for colour in row for c in colour]
    return [picture.clamp("pixel", (c * peak + 2048) >> 12, 0, peak) for c in flat]


def _features(
    picture: Picture, level: int, top: int, bottom: int, left: int, right: int
) -> list[Plane]:
    """Return the planes of section 8.1, cut to top <= y < bottom and left <= x < right."""
    num_levels, finest, colour, *_ = picture.net
    others = picture.channels - 1
    if level == num_levels - 1:
        planes = [[[0] * (right - left) for _ in range(top, bottom)] for _ in range(others)]
    else:
        area = top // 2 - 2, (bottom - 1) // 2 + 3, left // 2 - 2, (right - 1) // 2 + 3
        taps = picture.weights[f"upsample.{level}"]
        planes = []
        for plane in _features(picture, level + 1, *area):
            down = _doubled(picture, plane, taps, area[0], top, bottom)
            across = _doubled(picture, _turned(down), taps, area[2], left, right)
            planes.append(_turned(across))
    points = [[(y, x) for x in range(left, right)] for y in range(top, bottom)]
    if level >= colour:
        for p in range(1, picture.channels):
            plane = planes[p - 1 - others]
            planes[p - 1 - others] = [
                [
                    z + 4096 * _latent(picture, p, level, *point)
                    for z, point in zip(*row, strict=True)
                ]
                for row in zip(plane, points, strict=True)
            ]
    if level >= finest:
        own = [[4096 * _latent(picture, 0, level, *point) for point in row] for row in points]
        planes = [own, *planes]
    return planes


def _latent(picture: Picture, pyramid: int, level: int, y: int, x: int) -> int:
    height, width = picture.size(level)
    return picture.latents[pyramid, level][min(max(y, 0), height - 1)][min(max(x, 0), width - 1)]


def _turned(plane: Plane) -> Plane:
    return [list(column) for column in zip(*plane, strict=True)]


def _doubled(
    picture: Picture, plane: Plane, t: Vector, start: int, first: int, behind: int
) -> Plane:
    """Double a plane, whose rows begin at y = start, along y; return first <= y < behind."""
    doubled = []
    for y in range(first, behind):
        i = y // 2 - start
        around = plane[i - 1 : i + 3] if y % 2 else plane[i - 2 : i + 2]
        weights = t if y % 2 else t[::-1]
        sums = [_dot(weights, list(column)) >> 15 for column in zip(*around, strict=True)]
        doubled.append([picture.clamp("feature", z, 1 - 2**25, 2**25 - 1) for z in sums])
    return doubled


def _colour(picture: Picture, z: Vector) -> Vector:
    p, d = picture.weights, picture.net[4]
    u = _affine(picture.matrix("hidden.weight", len(z)), z, p["hidden.bias"])
    u = [picture.clamp("hidden", a, 0, 2**24 - 1) for a in u]
    c = _affine(picture.matrix("linear.weight", len(z)), z, p["linear.bias"])
    more = _affine(picture.matrix("output.weight", d), u, [0] * len(c))
    sums = [a + b for a, b in zip(c, more, strict=True)]
    return [picture.clamp("chroma_level", a, 1 - 2**22, 2**22 - 1) for a in sums]


def _residual(picture: Picture, name: str, colours: list[list[Vector]]) -> list[list[Vector]]:
    p, channels = picture.weights, picture.channels
    matrix = picture.matrix(f"{name}.weight", 9 * channels)
    new = []
    for y in range(1, len(colours) - 1):
        row = []
        for x in range(1, len(colours[0]) - 1):
            q = [c for dy, dx in AROUND for c in colours[y + dy][x + dx]]
            r = _affine(matrix, q, p[f"{name}.bias"])
            r = [picture.clamp("residual", a, 0, 2**24 - 1) for a in r]
            moved = [a * b >> 15 for a, b in zip(p[f"{name}.alpha"], r, strict=True)]
            sums = [a + b for a, b in zip(colours[y][x], moved, strict=True)]
            row.append([picture.clamp("chroma_level", a, 1 - 2**22, 2**22 - 1) for a in sums])
        new.append(row)
    return new


# Section 10


def prior(picture: Picture, name: str, lmbda_index: int) -> dict[str, Vector]:
    """Return the numbers of a prior, in units of 2**-12, in the shapes of a picture's network."""
    header, body = _prior_file(name)
    if picture.net[3:] != _layers(header):
        raise DamagedError("prior")
    trained = {key: _rows(body, entry, lmbda_index) for key, entry in header.items()}
    m = sum(key.startswith("upsample.") for key in trained)
    num_levels, finest, *_ = picture.net
    channels = picture.channels
    columns = [min(level, m) for level in range(finest, num_levels)]
    columns += [m + 1, m + 2] if channels >= 3 else []
    given = [(p, level) for level in range(m, -1, -1) for p in range(3) if level >= 2 or p == 0]
    found: dict[str, Vector] = {}
    for key, shape in picture.shapes().items():
        if key.startswith("upsample."):
            rows = trained[f"upsample.{min(int(key[9:]), m - 1)}"]
        elif key == "context.last.bias":
            wanted = [
                (min(p, 2), min(max(level, 2 if p else 0), m)) for p, level in picture.grids()
            ]
            rows = [trained[key][given.index(grid)] for grid in wanted]
        elif key in ("hidden.weight", "linear.weight"):
            rows = [[row[i] for i in columns] for row in trained[key]]
        elif key.startswith("residuals.") and key.endswith(".weight"):
            rows = [_places(row, channels) for row in trained[key]]
        else:
            rows = trained[key]
        if key.split(".")[0] in ("output", "linear", "residuals"):
            if len(shape) == 1:
                rows = [[x] for x in rows[0]]
            if channels < 3:
                rows = [[sum(column) // 3 for column in zip(*rows, strict=True)]]
            size = shape[1] if len(shape) > 1 else 1
            rows = rows + [[0] * size] * (shape[0] - len(rows))
        width = shape[1] if len(shape) > 1 else 1
        found[key] = [x for row in rows for x in row + [0] * (width - len(row))]
    return found


def _prior_file(name: str) -> tuple[dict[str, dict[str, object]], bytes]:
    """Return the header and the body of a prior's file."""
    data = (PRIORS / f"{name}.safetensors").read_bytes()
    if sha256(data).hexdigest()[:8] != name.rpartition("-")[2]:
        raise DamagedError("prior")
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    return header, data[8 + length :]


def _layers(header: dict[str, dict[str, object]]) -> list[int]:
    """Return dim_context, dim_hidden, num_layers and dim_coarse of the networks of a prior."""
    count, columns = (
        sum(key.endswith(".alpha") for key in header),
        header["context.first.weight"]["shape"][2],
    )
    units = header["context.second.bias"]["shape"][1], header["hidden.bias"]["shape"][1]
    return [*units, count, columns - 25]


def _rows(body: bytes, entry: dict[str, object], lmbda_index: int) -> list[Vector]:
    """Return one lmbda_index of a tensor as rows; a vector is one row."""
    begin, end = entry["data_offsets"]
    shape = entry["shape"][1:]
    numbers = struct.unpack(f"<{(end - begin) // 2}h", body[begin:end])
    size = prod(shape)
    flat = list(numbers[lmbda_index * size : (lmbda_index + 1) * size])
    return [flat[i : i + shape[-1]] for i in range(0, size, shape[-1])]


def _places(row: Vector, channels: int) -> Vector:
    """Bring a row of a 3x3 layer from three channels to others, place by place."""
    places = [row[i : i + 3] for i in range(0, 27, 3)]
    if channels < 3:
        places = [[sum(place)] for place in places]
    return [x for place in places for x in place + [0] * (channels - len(place))]
