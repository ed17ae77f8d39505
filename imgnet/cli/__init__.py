"""The command line: a thin shell over the Python API.

`app.py` registers the commands and turns errors into exit codes. Each command has a file in
`commands/`; `options.py` holds shared options, `inputs.py` reads inputs, `outputs.py` names and
writes outputs, `figures.py` those of `info`; `plan.py`, `engine.py` and `report.py` plan, run and
report a batch; `live.py` runs the fit of `view --live`; `terminal.py` prints to stderr,
`half_blocks.py` pictures.

A command imports NumPy, Pillow and torch only when it needs them, so that `imgnet --help` is
instant.
"""

import sys

from imgnet import __version__


def main() -> None:
    """Run the program; --version alone does not load Typer, so that it is instant."""
    if sys.argv[1:] == ["--version"] and _print_version():
        return
    from imgnet.cli.app import main as run_program

    run_program()


def _print_version() -> bool:
    """Print the version; if that fails, the program itself reports the reason."""
    try:
        print(f"imgnet {__version__}", flush=True)
    except (OSError, ValueError):
        return False
    return True
