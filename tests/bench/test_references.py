"""Published points, read from files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgnet.bench.curves import RatePoint
from imgnet.bench.references import read, read_all
from imgnet.errors import InputError, UsageError

TABLE = (
    "lmbda\tseq_name\tn_pixels\tpsnr_db\trate_bpp\n0.1\ta\t99\t30.5\t0.25\n0.2\tb.c\t99\t28\t0.5\n"
)


def entry(image: str = "a", codec: str = "old", **changes: object) -> dict[str, object]:
    return {"image": image, "codec": codec, "options": "q1", "bpp": 0.5, "psnr_db": 30} | changes


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_list_of_points(tmp_path: Path) -> None:
    path = write(tmp_path / "x.txt", [entry(), entry("b", "new")])
    assert read(path) == [
        RatePoint("a", "old", "q1", 0.5, 30.0),
        RatePoint("b", "new", "q1", 0.5, 30.0),
    ]


def test_a_table_is_a_curve_named_like_its_file(tmp_path: Path) -> None:
    points = read(write(tmp_path / "cool-v1.0.tsv", TABLE))
    assert points == [
        RatePoint("a", "cool-v1.0", "lmbda=0.1", 0.25, 30.5),
        RatePoint("b.c", "cool-v1.0", "lmbda=0.2", 0.5, 28.0),
    ]


def test_the_columns_of_the_first_release(tmp_path: Path) -> None:
    path = write(tmp_path / "v1.tsv", "seq\tlambda\trate_bpp\tpsnr_db\na\t0.1\t0.25\t30.5\n")
    assert read(path) == [RatePoint("a", "v1", "lambda=0.1", 0.25, 30.5)]


def test_images_match_by_stem(tmp_path: Path) -> None:
    listed = write(tmp_path / "x.json", [entry("a.png"), entry("other")])
    table = write(tmp_path / "y.tsv", TABLE)
    points = read_all([listed, table], {"a", "b.c"})
    assert [(p.image, p.codec) for p in points] == [("a", "old"), ("a", "y"), ("b.c", "y")]


def test_names_that_are_taken_get_that_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "live.json", [entry(codec="jpeg"), entry(codec="j2k")])
    names = [p.codec for p in read_all([path], {"a"}, {"jpeg"})]
    assert names == ["live:jpeg", "j2k"]


def test_two_files_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    paths = [write(folder / "v.tsv", TABLE) for folder in (tmp_path, tmp_path / "more")]
    assert {p.codec for p in read_all(paths, {"a"})} == {"v", "v:v"}
    with pytest.raises(UsageError, match="rename"):
        read_all([*paths, paths[0]], {"a"})


def test_a_file_without_any_of_the_images(tmp_path: Path) -> None:
    path = write(tmp_path / "v.tsv", TABLE)
    with pytest.raises(InputError, match=r"v\.tsv: has no point of these images"):
        read_all([path], {"z"})


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('{"results": {}}', "no list of points"),
        ("[1]", "entry 0 is no object"),
        ("[", "Expecting value"),
        ("[]", "no point"),
        ([entry(), entry(bpp="many")], "entry 1: bpp is 'many'"),
        ([entry(psnr_db=None)], "entry 0: psnr_db is None"),
        ([entry(bpp=0)], "entry 0: a rate of 0"),
        ([entry(image="")], "entry 0: names no image"),
        ([{"image": "a", "bpp": 1, "psnr_db": 2}], "entry 0: names no image or no codec"),
        ("", "column 'seq_name'"),
        ("seq_name\tpsnr_db\na\t30\n", "column 'rate_bpp'"),
        (TABLE.replace("28", "nan"), "line 3: psnr_db is 'nan'"),
        (TABLE.replace("\t0.25", ""), "line 2: bpp is None"),
    ],
)
def test_faults_are_named(content: object, fault: str, tmp_path: Path) -> None:
    path = write(tmp_path / "bad.json", content)
    with pytest.raises(InputError) as error:
        read(path)
    assert str(error.value).startswith(f"{path}: ")
    assert fault in str(error.value)


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"x\.tsv: is not text"):
        read(tmp_path / "x.tsv")
    with pytest.raises(InputError, match=r"y\.tsv: cannot be read"):
        read(tmp_path / "y.tsv")
