"""Page that fits a network to a picture: a single HTML file that needs nothing else."""

from __future__ import annotations

from imgnet.viewer.bundle import FOLDER, deflated_bundle
from imgnet.viewer.template import filled

TITLE = "Fit a network to a picture"


def fit_page() -> bytes:
    """Return the page; its workers hold all that fits and writes a file."""
    worker = deflated_bundle(FOLDER / "fit" / "training" / "worker.js")
    return filled("fit/page", "fit", TITLE, {"worker": worker}, also="live/live.css")
