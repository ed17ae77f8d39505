"""Zoom prior in a page, with the script that draws with it."""

from __future__ import annotations

from base64 import b64encode
from typing import TypedDict
from zlib import compress

from imgnet.codec.priors.loader import prior_file
from imgnet.codec.render.zoom_network import CURRENT
from imgnet.codec.render.zoom_network import FOLDER as ZOOM_FOLDER
from imgnet.viewer.bundle import FOLDER, bundle


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


def deflated(data: bytes) -> str:
    """Return data in the format of zlib, in base64, as `base64.js` inflates it.

    >>> deflated(b"")
    'eNoDAAAAAAE='
    """
    return b64encode(compress(data, 9)).decode()
