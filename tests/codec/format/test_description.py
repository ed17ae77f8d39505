from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

from imgnet.codec.format.container import Encoded
from imgnet.codec.format.description import count_layers, describe, to_dot
from imgnet.spec import Spec

SPECS = [Spec("gated", 40, 30, 6, 8, 2), Spec("mlp", 40, 30, 0, 8, 3, dim_out=4)]
GRID = Spec("grid", 40, 30, 0, 8, 2, num_levels=4, chroma_level=2, dim_context=6)
GRIDS = [
    GRID,
    Spec("grid", 40, 30, 0, 8, 0, dim_out=1, num_levels=2, finest=1, chroma_level=1, dim_context=6),
    Spec("grid", 9, 9, 0, 8, 1, dim_out=4, num_levels=1, dim_context=6),
]


@pytest.mark.parametrize("spec", [*SPECS, *GRIDS], ids=str)
def test_layers_hold_every_parameter(spec: Spec) -> None:
    assert sum(count_layers(spec).values()) == spec.num_parameters


@pytest.mark.parametrize("spec", [*SPECS, *GRIDS], ids=str)
def test_graph_joins_every_layer_from_input_to_colour(spec: Spec) -> None:
    graph = to_dot(spec)
    nodes = set(re.findall(r'^  "([^"]+)" \[', graph, re.MULTILINE))
    edges = [re.findall(r'"([^"]+)"', line.partition("[")[0])
             for line in graph.splitlines() if "->" in line]  # fmt: skip
    assert nodes == {name for edge in edges for name in edge}
    assert set(count_layers(spec)) <= nodes
    steps = {step for edge in edges for step in pairwise(edge)}
    for entrance in nodes & {"x", "y", "x, y", "file"}:
        reached = {entrance}
        for _ in nodes:
            reached |= {end for start, end in steps if start in reached}
        assert "colour" in reached
    assert graph.count("{") == graph.count("}")


def test_graph_states_sizes_of_gated_layers_without_the_stacked_query_and_key() -> None:
    assert r"joint\ngated 12 to 8\n" in to_dot(SPECS[0])


def test_description_in_words_and_numbers() -> None:
    picture = Encoded(SPECS[1], "RGBA", {"w": np.zeros(1, np.uint8)})
    description = describe(picture, 300)
    assert (description.bpp, description.ratio) == (2.0, 16.0)
    text = description.as_text()
    assert "40x30 RGBA" in text
    assert "300 bytes, 2.000 bpp, 1/16.0 of raw" in text
    for name, count in description.layers.items():
        assert re.search(rf"^  {re.escape(name)} +{count:,}$", text, re.MULTILINE)
    assert description.as_json()["layers"] == count_layers(SPECS[1])


@pytest.mark.parametrize("spec", GRIDS, ids=str)
def test_every_layer_of_grid_is_a_box_with_its_parameters(spec: Spec) -> None:
    graph = to_dot(spec)
    for name, count in count_layers(spec).items():
        (label,) = re.findall(rf'^  "{re.escape(name)}" \[label="(.*)"\];$', graph, re.MULTILINE)
        assert label.endswith(rf"\n{count} parameters")


def test_graph_of_grid_leads_from_latents_over_all_layers_and_back_through_the_context() -> None:
    graph = to_dot(GRID)
    for path in (
        '"file" -> "latents.1"',
        '"latents.2" -> "upsample" -> "features"',
        '"features" -> "hidden" -> "output" -> "sum"',
        '"features" -> "linear" -> "sum"',
        '"sum" -> "residuals.0"',
        '"residuals.0" -> "residuals.1"',
        '"residuals.1" -> "colour"',
        '"latents.1" -> "neighbours"',
        '"neighbours" -> "context.first" -> "context.second" -> "context.last" -> "distribution"',
        '"distribution" -> "latents.1" [style=dashed, label="decodes"]',
    ):
        assert f"  {path};" in graph
    assert "upsample" not in to_dot(GRIDS[2])  # a single level


def test_layers_of_grid_are_one_a_pyramid_of_latents() -> None:
    counts = count_layers(GRID)
    assert counts["latents.0"] == 40 * 30 + 20 * 15 + 10 * 8 + 5 * 4
    assert counts["latents.1"] == counts["latents.2"] == 10 * 8 + 5 * 4
    assert counts["upsample"] == 3 * 4


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (GRIDS[0], "grid, 1 pyramid of levels 0..3, 2 of 2..3"),
        (GRIDS[1], "grid, 1 pyramid of levels 1..1"),
        (GRIDS[2], "grid, 1 pyramid of levels 0..0, 3 of 0..0"),
    ],
)
def test_description_of_grid_names_pyramids_and_levels(spec: Spec, words: str) -> None:
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[spec.dim_out]
    description = describe(Encoded(spec, mode, {"w": np.zeros(1, np.uint8)}), 100)
    text = description.as_text()
    assert f"model       {words}\n" in text
    for name, count in description.layers.items():
        assert re.search(rf"^  {re.escape(name)} +{count:,}$", text, re.MULTILINE)
    assert description.as_json()["model"] == "grid"
    assert description.as_json()["levels"] in words
    assert describe(Encoded(SPECS[0], "RGB", {"w": np.zeros(1, np.uint8)}), 100).levels == ""
