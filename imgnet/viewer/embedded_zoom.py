"""Zoom prior in a page, with the script that draws with it."""

from __future__ import annotations

from typing import TypedDict

from imgnet.codec.priors.loader import prior_file
from imgnet.codec.render.zoom_network import CURRENT
from imgnet.codec.render.zoom_network import FOLDER as ZOOM_FOLDER
from imgnet.viewer.bundle import FOLDER, bundle, deflated


class EmbeddedZoom(TypedDict):
    """What `loader.js` reads, both deflated, in base64.

    Attributes:
        script: A module that exports the enlarger.
        network: The safetensors file.
    """

    script: str
    network: str


def zoom_prior() -> EmbeddedZoom:
    """Return the zoom prior and its script."""
    script = bundle(FOLDER / "zoom" / "enlarger.js")
    export = 'export const { Enlarger } = modules["zoom/enlarger.js"];'
    network = prior_file(CURRENT, ZOOM_FOLDER).read_bytes()
    return {"script": deflated(f"{script}\n{export}\n".encode()), "network": deflated(network)}
