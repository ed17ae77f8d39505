"""The command line: a thin shell over the Python API.

`app.py` puts the commands together and turns errors into exit codes. Each command has a file;
`options.py` holds the options that several commands share, `inputs.py` reads, `outputs.py` decides
where results go, `terminal.py` talks to the person watching.

Nothing here imports NumPy, Pillow or torch before a command needs them: `imgnet --help` must feel
instant.
"""

import sys

from imgnet import __version__


def main() -> None:
    """Run the program; its version alone is said without the time that Typer takes."""
    if sys.argv[1:] == ["--version"] and _is_version_said():
        return
    from imgnet.cli.app import main as run_program

    run_program()


def _is_version_said() -> bool:
    """Print the version; where that fails, the program shall find out why and say so."""
    try:
        print(f"imgnet {__version__}", flush=True)
    except (OSError, ValueError):
        return False
    return True
