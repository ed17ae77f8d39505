"""Page that shows one .inr file: a single HTML file that needs nothing else."""

from __future__ import annotations

from base64 import b64encode

import numpy as np

from imgnet.figures.ramps import sequential
from imgnet.viewer.bundle import FOLDER, deflated_bundle
from imgnet.viewer.embedded_priors import Embedded
from imgnet.viewer.embedded_zoom import EmbeddedZoom
from imgnet.viewer.template import filled


def page_of(data: bytes, name: str, priors: Embedded, zoom: EmbeddedZoom | None = None) -> bytes:
    """Return the page of a file.

    Args:
        data: Content of the file.
        name: Name of the file, which the page shows.
        priors: Networks that this file needs, or others that are dropped on the page.
        zoom: What draws with the zoom prior; without it, the page enlarges by bicubic alone.
    """
    embedded = {
        "name": name,
        "file": b64encode(data).decode(),
        "priors": priors,
        "worker": worker_script(),
        "zoom": zoom,
        "ramp": b64encode(sequential(np.arange(256.0)[None], 255.0).tobytes()).decode(),
    }
    return filled("page", "view", name, embedded)


def worker_script() -> str:
    """Return the script of the worker that decodes files, deflated, in base64."""
    return deflated_bundle(FOLDER / "decoder" / "worker.js")
