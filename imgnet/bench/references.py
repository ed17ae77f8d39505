"""Reference curves: published rate-distortion points of other codecs, read from files.

A file is either a JSON list of objects with `image`, `codec`, `bpp` and `psnr_db`, such as the
`peers` of `imgnet bench --out`, or a table (TSV) with the columns `seq_name`, `rate_bpp` and
`psnr_db`, such as the results of Cool-chic.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path

from imgnet.bench.curves import RatePoint
from imgnet.errors import InputError, UsageError

# Names of each column, which have changed between releases of Cool-chic.
_COLUMNS = {
    "image": ("seq_name", "seq", "image"),
    "bpp": ("rate_bpp", "bpp"),
    "psnr_db": ("psnr_db",),
}
_SETTINGS = ("lmbda", "lambda", "options")


def read_all(
    paths: Sequence[Path], images: Collection[str], taken: Collection[str] = ()
) -> list[RatePoint]:
    """Read the points of some images from several files.

    Args:
        paths: Files.
        images: File names without extension.
        taken: Names of curves. A curve of the same name is prefixed with the name of its file.

    Raises:
        InputError: A file cannot be read, is of neither form, or has no point of these images.
        UsageError: Two files have a curve of the same name.
    """
    names = set(taken)
    found: list[RatePoint] = []
    for path in paths:
        points = _matching(read(path), images)
        if not points:
            raise InputError(f"{path}: has no point of these images; leave it out")
        renamed = {
            p.codec: f"{path.stem}:{p.codec}" if p.codec in names else p.codec for p in points
        }
        for name in renamed.values():
            if name in names:
                raise UsageError(f"{path}: another file has curves of the same names; rename one")
        names.update(renamed.values())
        found += [replace(point, codec=renamed[point.codec]) for point in points]
    return found


def _matching(points: Sequence[RatePoint], images: Collection[str]) -> list[RatePoint]:
    found = []
    for point in points:
        stem = Path(point.image).stem
        name = point.image if point.image in images else stem  # a dot may belong to the name
        if name in images:
            found.append(replace(point, image=name))
    return found


def read(path: Path) -> list[RatePoint]:
    """Read the points of one file; those of a table are one curve with the name of the file.

    Raises:
        InputError: The file cannot be read, is of neither form, or has no point.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text; expected JSON or a table") from error
    is_json = text.lstrip()[:1] in ("[", "{")
    try:
        points = list(_from_json(text) if is_json else _from_table(text, path.stem))
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    if not points:
        raise InputError(f"{path}: holds no point")
    return points


def _from_json(text: str) -> Iterator[RatePoint]:
    rows = json.loads(text)
    if not isinstance(rows, list):
        raise ValueError("is JSON, but no list of points")
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise ValueError(f"entry {index} is no object")
        yield _point(row, f"entry {index}")


def _from_table(text: str, codec: str) -> Iterator[RatePoint]:
    table = csv.DictReader(text.splitlines(), delimiter="\t")
    present = table.fieldnames or []
    columns = {}
    for meaning, names in _COLUMNS.items():
        column = next((name for name in names if name in present), None)
        if column is None:
            raise ValueError(f"is neither JSON nor a table with a column {names[0]!r}")
        columns[meaning] = column
    settings = [name for name in _SETTINGS if name in present]
    for row in table:
        options = ", ".join(f"{name}={row[name]}" for name in settings)
        values = {meaning: row[column] for meaning, column in columns.items()}
        yield _point({**values, "codec": codec, "options": options}, f"line {table.line_num}")


def _point(row: Mapping[str, object], place: str) -> RatePoint:
    """Return the point of one row.

    Raises:
        ValueError: A field is missing, the rate is not above 0, or a number is not finite.
    """
    rate, psnr = _number(row, "bpp", place), _number(row, "psnr_db", place)
    if not rate > 0:
        raise ValueError(f"{place}: a rate of {rate:g} bits a pixel is not above 0")
    image, codec = row.get("image"), row.get("codec")
    if not (isinstance(image, str) and image and isinstance(codec, str) and codec):
        raise ValueError(f"{place}: names no image or no codec")
    return RatePoint(image, codec, str(row.get("options", "")), rate, psnr)


def _number(row: Mapping[str, object], key: str, place: str) -> float:
    value = row.get(key)
    try:
        number = float(value) if isinstance(value, str | int | float) else float("nan")
    except ValueError:
        number = float("nan")
    if not isfinite(number):
        raise ValueError(f"{place}: {key} is {value!r}, not a number")
    return number
