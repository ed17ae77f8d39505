"""Script that defines `<inr-image>` for web pages: a single file that needs nothing else."""

from __future__ import annotations

import json

from imgnet import __version__
from imgnet.viewer.bundle import FOLDER, bundle
from imgnet.viewer.embedded_priors import every_prior
from imgnet.viewer.page import worker_script

_HEAD = f"""\
/* <inr-image src="photo.inr" alt="..." width="768" height="512">, of imgnet {__version__}. */
"""


def element_script() -> bytes:
    """Return the script, which holds the networks of all priors."""
    data = json.dumps({"worker": worker_script(), "priors": every_prior()})
    script = bundle(FOLDER / "element" / "inr_image.js")
    start = f'modules["element/inr_image.js"].define({data});'
    return f"{_HEAD}(() => {{\n{script}\n{start}\n}})();\n".encode()
