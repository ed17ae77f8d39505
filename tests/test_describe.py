from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

from imgnet.container import Encoded
from imgnet.describe import count_layers, describe, to_dot
from imgnet.spec import Spec

SPECS = [Spec("gated", 40, 30, 6, 8, 2), Spec("mlp", 40, 30, 0, 8, 3, dim_out=4)]


@pytest.mark.parametrize("spec", SPECS)
def test_layers_hold_every_parameter(spec: Spec) -> None:
    assert sum(count_layers(spec).values()) == spec.num_parameters


@pytest.mark.parametrize("spec", SPECS)
def test_graph_joins_every_layer_from_input_to_colour(spec: Spec) -> None:
    graph = to_dot(spec)
    nodes = set(re.findall(r'^  "([^"]+)" \[', graph, re.MULTILINE))
    edges = [re.findall(r'"([^"]+)"', line.partition("[")[0])
             for line in graph.splitlines() if "->" in line]  # fmt: skip
    assert nodes == {name for edge in edges for name in edge}
    assert set(count_layers(spec)) <= nodes
    steps = {step for edge in edges for step in pairwise(edge)}
    for entrance in nodes & {"x", "y", "x, y"}:
        reached = {entrance}
        for _ in nodes:
            reached |= {end for start, end in steps if start in reached}
        assert "colour" in reached
    assert graph.count("{") == graph.count("}")


def test_graph_states_sizes_of_gated_layers_without_the_stacked_query_and_key() -> None:
    assert r"joint\ngated 12 to 8\n" in to_dot(SPECS[0])


def test_description_in_words_and_numbers() -> None:
    picture = Encoded(SPECS[1], "RGBA", {"weights": np.zeros(1, np.uint8)})
    description = describe(picture, 300)
    assert (description.bpp, description.ratio) == (2.0, 16.0)
    text = description.as_text()
    assert "40x30 RGBA" in text
    assert "300 bytes, 2.000 bpp, 1/16.0 of raw" in text
    for name, count in description.layers.items():
        assert re.search(rf"^  {re.escape(name)} +{count:,}$", text, re.MULTILINE)
    assert description.as_json()["layers"] == count_layers(SPECS[1])
