"""Contents of a file as numbers, as a text table and as a graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from math import prod
from typing import Any

from imgnet.codec.format.container import Encoded
from imgnet.metrics.psnr import bpp
from imgnet.neighbourhood import NUM_NEIGHBOURS
from imgnet.spec import Spec


@dataclass(frozen=True)
class Description:
    """Describe one encoded image.

    Attributes:
        model: Network family.
        width: Image width in pixels.
        height: Image height in pixels.
        mode: Pillow's name of the channels, such as "RGB".
        weights: How the file stores parameters: "coded", "float16" or "float32".
        bytes: Size of the file.
        bpp: File bits a pixel.
        ratio: Raw samples over file, both in bytes.
        parameters: Number of scalars in the network.
        layers: Number of scalars of each layer, in the order of the file.
        levels: Levels of the latent pyramids of `grid` in words; empty for other families.
        prior: Name of the trained networks that the file is added to, and the lmbda_index; empty
            for none.
        depth: Bits of a sample at its source.
        metadata: Bytes of each kind of metadata that the file holds.
    """

    model: str
    width: int
    height: int
    mode: str
    weights: str
    bytes: int
    bpp: float
    ratio: float
    parameters: int
    layers: dict[str, int]
    levels: str = ""
    prior: str = ""
    depth: int = 8
    metadata: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)

    def as_text(self) -> str:
        """Return a table for people, one line a fact, then one line a layer."""
        bits = 8 * (self.bytes - sum(self.metadata.values())) / self.parameters
        facts = {
            "model": self.model + (f", {self.levels}" if self.levels else ""),
            "size": f"{self.width}x{self.height} {self.mode}, {self.depth} bits a sample",
            "file": f"{self.bytes:,} bytes, {self.bpp:.3f} bpp, 1/{self.ratio:.1f} of raw",
            "weights": f"{self.weights}, {bits:.2f} bits a parameter",
            "parameters": f"{self.parameters:,}",
        }
        if self.prior:
            facts["prior"] = self.prior
        if self.metadata:
            sizes = [f"{name} {num_bytes:,} bytes" for name, num_bytes in self.metadata.items()]
            facts["metadata"] = ", ".join(sizes)
        lines = [f"{name:<12}{fact}" for name, fact in facts.items()]
        column = max(12, *(len(name) + 1 for name in self.layers))
        return "\n".join(lines + [f"  {name:<{column}}{n:>10,}" for name, n in self.layers.items()])


def describe(encoded: Encoded, num_bytes: int) -> Description:
    """Describe an encoded image whose file has `num_bytes` bytes.

    >>> import numpy as np
    >>> from imgnet.codec.format.container import Encoded
    >>> picture = Encoded(Spec("mlp", 40, 30, 0, 8, 1), "RGB", {"w": np.zeros(1, np.uint8)})
    >>> description = describe(picture, 150)
    >>> description.bpp, description.ratio, description.layers
    (1.0, 24.0, {'layers.0': 520, 'output': 27})
    """
    spec = encoded.spec
    return Description(
        model=spec.family,
        width=spec.width,
        height=spec.height,
        mode=encoded.mode,
        weights=encoded.weights,
        bytes=num_bytes,
        bpp=bpp(num_bytes, spec.width, spec.height),
        ratio=spec.width * spec.height * spec.dim_out * encoded.depth // 8 / num_bytes,
        parameters=spec.num_parameters,
        layers=count_layers(spec),
        levels=_levels(spec),
        prior=f"{spec.prior}, lmbda_index {spec.lmbda_index}" if spec.prior else "",
        depth=encoded.depth,
        metadata={name: len(part) for name, part in encoded.metadata.parts().items()},
    )


def _levels(spec: Spec) -> str:
    if not spec.num_levels:
        return ""
    coarsest, others = spec.num_levels - 1, spec.dim_out - 1
    first = f"levels {spec.finest}..{coarsest}"
    if not others:
        return f"1 pyramid of {first}"
    return f"1 pyramid of {first}, {others} of {spec.chroma_level}..{coarsest}"


def count_layers(spec: Spec) -> dict[str, int]:
    """Count the scalars of each layer, in the order of the file.

    >>> count_layers(Spec("mlp", 512, 512, 0, 64, 3))
    {'layers.0': 4160, 'layers.1': 4160, 'layers.2': 4160, 'output': 195}
    """
    counts: dict[str, int] = {}
    for name, shape in spec.shapes().items():
        layer = name.rpartition(".")[0]
        counts[layer] = counts.get(layer, 0) + prod(shape)
    return counts


def to_dot(spec: Spec) -> str:
    r"""Draw the network as a Graphviz graph in the DOT language.

    >>> print(to_dot(Spec("mlp", 512, 512, 0, 64, 1)))
    digraph imgnet {
      rankdir=LR; node [shape=box];
      "x, y" [shape=plaintext];
      "encoding" [label="encoding\nsin, cos"];
      "layers.0" [label="layers.0\nlinear 64 to 64, LeakyReLU\n4160 parameters"];
      "output" [label="output\nlinear 64 to 3\n195 parameters"];
      "colour" [shape=plaintext];
      "x, y" -> "encoding" -> "layers.0" -> "output" -> "colour";
    }
    """
    body = "\n".join(f"  {line}" for line in _GRAPHS[spec.family](spec))
    return f"digraph imgnet {{\n  rankdir=LR; node [shape=box];\n{body}\n}}"


def _mlp_graph(spec: Spec) -> Iterator[str]:
    layers = [f"layers.{i}" for i in range(spec.num_layers)]
    yield _end("x, y")
    yield _box("encoding", "sin, cos")
    for layer in layers:
        yield _layer(spec, layer, "linear", ", LeakyReLU")
    yield _layer(spec, "output", "linear")
    yield _end("colour")
    yield _chain("x, y", "encoding", *layers, "output", "colour")


def _gated_graph(spec: Spec) -> Iterator[str]:
    for axis in "xy":
        yield _end(axis)
        yield _box(f"encoding_{axis}", "sin")
        yield _layer(spec, f"axis_{axis}", "gated")
        yield _chain(axis, f"encoding_{axis}", f"axis_{axis}", "joint")
    yield _layer(spec, "joint", "gated")
    before = "joint"
    for i in range(spec.num_layers):
        yield from _block(spec, f"blocks.{i}", before)
        before = f"blocks.{i}"
    yield _layer(spec, "output", "linear")
    yield _end("colour")
    yield _chain(before, "output", "colour")


def _block(spec: Spec, name: str, before: str) -> Iterator[str]:
    first, second = f"{name}.0", f"{name}.1"
    yield _layer(spec, first, "gated")
    yield _layer(spec, second, "gated")
    yield _box(name, "x + alpha G(G(x))", "1 parameter")
    yield _chain(before, first, second, name)
    yield f'{_chain(before, name)[:-1]} [style=dashed, label="shortcut"];'


def _grid_graph(spec: Spec) -> Iterator[str]:
    """Draw latents to colour, and the context model that finds the distribution of every latent."""
    counts, coarsest = count_layers(spec), spec.num_levels - 1
    yield _end("file")
    for pyramid in range(spec.dim_out):
        finest = spec.chroma_level if pyramid else spec.finest
        levels = f"levels {coarsest} to {finest}, 1/{1 << coarsest} to 1/{1 << finest} of the sides"
        name = f"latents.{pyramid}"
        yield _box(name, levels, _parameters(counts[name]))
        yield _chain("file", name)
    if spec.num_levels > 1:
        kernel = f"{spec.num_levels - 1} times x2, 8 mirrored taps"
        yield _box("upsample", kernel, _parameters(counts["upsample"]))
    features = f"{spec.num_features} a pixel: a level of the first pyramid each"
    yield _box("features", features + ", the sum of any other" * (spec.dim_out > 1))
    for pyramid in range(spec.dim_out):
        stages = ["upsample"] if spec.num_levels > 1 else []
        yield _chain(f"latents.{pyramid}", *stages, "features")
    yield _layer(spec, "hidden", "linear", ", ReLU")
    yield _layer(spec, "output", "linear")
    yield _layer(spec, "linear", "linear")
    yield _box("sum", "hidden and linear path")
    yield _chain("features", "hidden", "output", "sum")
    yield _chain("features", "linear", "sum")
    before = "sum"
    for i in range(spec.num_layers):
        name = f"residuals.{i}"
        yield _box(name, "x + alpha relu(conv 3x3)", _parameters(counts[name]))
        yield _chain(before, name)
        before = name
    yield _end("colour")
    yield _chain(before, "colour")
    yield from _context_graph(spec)


def _context_graph(spec: Spec) -> Iterator[str]:
    counts = count_layers(spec)
    rows, columns = spec.shapes()["context.first.weight"]
    inputs = f"{NUM_NEIGHBOURS} latents decoded before, level, pyramid"
    if spec.dim_coarse:
        inputs += f", {spec.dim_coarse} features of all coarser grids"
    yield _box("neighbours", inputs)
    first = f"linear {columns} to {rows}, ReLU on {spec.dim_context}"
    yield _box("context.first", first, _parameters(counts["context.first"]))
    second = f"x + relu(linear {spec.dim_context} to {spec.dim_context})"
    yield _box("context.second", second, _parameters(counts["context.second"]))
    last = f"linear {spec.dim_context} to 2 and what the first skips to here"
    yield _box("context.last", last, _parameters(counts["context.last"]))
    yield _box("distribution", "location, scale")
    path = "neighbours", "context.first", "context.second", "context.last", "distribution"
    yield _chain(*path)
    yield _chain("context.first", "context.last")
    for pyramid in range(spec.dim_out):
        latents = f"latents.{pyramid}"
        yield _chain(latents, "neighbours")
        yield f'{_chain("distribution", latents)[:-1]} [style=dashed, label="decodes"];'


def _layer(spec: Spec, name: str, kind: str, after: str = "") -> str:
    dim_out, dim_in = spec.shapes()[f"{name}.weight"]
    if kind == "gated":
        dim_out //= 3  # query, key and value
    count = count_layers(spec)[name]
    return _box(name, f"{kind} {dim_in} to {dim_out}{after}", _parameters(count))


def _parameters(count: int) -> str:
    return f"{count} parameters"


def _box(name: str, *lines: str) -> str:
    label = r"\n".join((name, *lines))
    return f'"{name}" [label="{label}"];'


def _end(name: str) -> str:
    return f'"{name}" [shape=plaintext];'


def _chain(*names: str) -> str:
    return " -> ".join(f'"{name}"' for name in names) + ";"


_GRAPHS = {"gated": _gated_graph, "grid": _grid_graph, "mlp": _mlp_graph}
