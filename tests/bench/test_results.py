"""The document that `imgnet bench` writes and reads."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from imgnet.bench.curves import RatePoint
from imgnet.bench.jobs import Point
from imgnet.bench.processes import CommandUsage
from imgnet.bench.results import Results, TradeOff, load
from imgnet.errors import InputError, UsageError

POINT = Point("a.png", "gated", 3, None, 0.5, 10, 0.49, 30.1235, 2.0, 300.0, 100)


def points(image: str, effort: int = 3, factor: float = 1.0) -> list[Point]:
    """A curve with a point every 3 dB, each of twice the rate of the one before."""
    return [
        replace(
            POINT,
            image=image,
            effort=effort,
            quality=20.0 * i,
            target_bpp=None,
            bpp=factor * 2.0**i,
            psnr_db=25.0 + 3 * i,
        )
        for i in range(4)
    ]


def rivals(image: str, codec: str, factor: float, first_db: float = 25.0) -> list[RatePoint]:
    return [RatePoint(image, codec, f"q{i}", factor * 2.0**i, first_db + 3 * i) for i in range(4)]


def test_means_are_taken_for_each_model_effort_and_rate() -> None:
    changes: list[dict[str, object]] = [
        {"psnr_db": 30.0},
        {"psnr_db": 32.0, "bpp": 0.47, "seconds": 5.0, "peak_megabytes": 400.0},
        {"effort": 5},
        {"target_bpp": None, "quality": 50.0},
        {"model": "mlp", "peak_megabytes": None},
    ]
    means = Results(points=[replace(POINT, **change) for change in changes]).means()
    assert [mean.images for mean in means] == [2, 1, 1, 1]
    first = means[0]
    assert (first.psnr_db, first.bpp, first.seconds) == (31.0, 0.48, 3.5)
    assert (first.most_seconds, first.most_megabytes) == (5.0, 400.0)
    assert means[1].effort == 5
    assert (means[2].quality, means[2].target_bpp) == (50.0, None)
    assert (means[3].model, means[3].most_megabytes) == ("mlp", None)


def test_every_effort_is_compared_with_every_codec() -> None:
    results = Results(
        points=[*points("a.png"), *points("b.png"), *points("a.png", effort=5, factor=0.5)],
        baselines=rivals("a", "jpeg", 1.25) + rivals("b", "jpeg", 1.0, first_db=80),
        references=rivals("a", "paper", 0.5) + rivals("b", "paper", 2.0),
    )
    found = [(c.effort, c.against, c.images, c.left_out, c.percent) for c in results.comparisons()]
    assert found == [
        (3, "jpeg", 1, 1, -20),
        (3, "paper", 2, 0, 25),
        (5, "jpeg", 1, 0, -60),
        (5, "paper", 1, 0, 0),
    ]
    assert results.comparisons()[0].per_image == {"a": -20, "b": None}


def test_trade_offs_go_by_effort_and_need_a_bd_rate() -> None:
    slow = [replace(p, seconds=8.0) for p in points("a.png", effort=5, factor=0.5)[:1]]
    fast = [replace(p, seconds=s) for p, s in zip(points("a.png"), [1, 2, 3, 4], strict=True)]
    results = Results(
        points=[*slow, *fast],
        baselines=rivals("a", "jpeg", 1.25),
        references=rivals("a", "paper", 1.0, first_db=80),
    )
    assert results.trade_offs() == {
        ("gated", "jpeg"): [TradeOff(3, 2.5, -20, 4), TradeOff(5, 8.0, -60, 1)]
    }


def test_a_codec_that_shares_no_image_is_told() -> None:
    (compared,) = Results(points=points("a.png"), baselines=rivals("b", "webp", 1.0)).comparisons()
    assert (compared.images, compared.left_out, compared.percent) == (0, 1, None)


def test_avif_counts_with_the_better_configuration_of_each_image() -> None:
    results = Results(
        points=[*points("a.png"), *points("b.png")],
        baselines=[
            *(rivals("a", "avif-420", 0.8) + rivals("a", "avif-444", 1.0)),
            *(rivals("b", "avif-420", 1.6) + rivals("b", "avif-444", 1.25)),
        ],
    )
    (compared,) = results.comparisons()
    assert compared.against == "avif"
    assert compared.per_image == {"a": 25, "b": -20}
    _, others = results.mean_curves()
    assert list(others) == ["avif-420", "avif-444"]


def test_mean_curves_have_every_image() -> None:
    results = Results(
        points=[*points("a.png"), *points("b.png", factor=3.0)],
        baselines=rivals("a", "jpeg", 1.0),
        references=rivals("a", "paper", 1.0) + rivals("b", "paper", 2.0),
    )
    ours, others = results.mean_curves()
    assert ours == {"gated effort 3": [(2.0, 25), (4.0, 28), (8.0, 31), (16.0, 34)]}
    assert (others["jpeg"], others["paper"][0]) == ([], (1.5, 25))


def test_a_document_comes_back(tmp_path: Path) -> None:
    results = Results(
        command="imgnet bench a.png",
        centre="384x256",
        points=[POINT, replace(POINT, target_bpp=9.0, psnr_db=inf, peak_megabytes=None)],
        baselines=[*rivals("a", "webp", 1.0), RatePoint("a", "webp", "exact", 9.0, inf)],
        processes=[CommandUsage("imgnet --version", 0.1, None)],
    )
    results.store(tmp_path / "b.json")
    assert load(tmp_path / "b.json", "384x256") == results
    stored = json.loads((tmp_path / "b.json").read_text())
    assert next(iter(stored)) == "command"
    assert stored["points"][0]["psnr_db"] == 30.1235
    assert stored["points"][1]["psnr_db"] is None
    assert stored["peers"][0] == {
        "image": "a",
        "codec": "webp",
        "options": "q0",
        "bpp": 1.0,
        "psnr_db": 25.0,
    }
    assert stored["bd_rate"][0]["against"] == "webp"


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    Results(centre="384x256").store(path)
    with pytest.raises(UsageError, match=r"centres of 384x256.*whole images"):
        load(path, None)
    path.write_text(path.read_text().replace('"version": "', '"version": "0.'))
    with pytest.raises(UsageError, match="version"):
        load(path, "384x256")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": "1", "centre": null}'])
def test_what_is_no_such_document(content: str, tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"b\.json: is no result of this bench"):
        load(path, None)


def test_points_of_another_form(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    Results(points=[POINT]).store(path)
    path.write_text(path.read_text().replace('"steps"', '"strides"'))
    with pytest.raises(InputError, match="no result"):
        load(path, None)


def test_commands_are_remembered_once_each() -> None:
    results = Results()
    for command in ("bench a", "bench b --resume", "bench b --resume"):
        results.add_command(command)
    assert results.command == "bench a && bench b --resume"
