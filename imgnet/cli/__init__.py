"""The command line: a thin shell over the Python API.

`app.py` puts the commands together and turns errors into exit codes. Each command has a file;
`options.py` holds the options that several commands share, `inputs.py` reads, `outputs.py` decides
where results go, `terminal.py` talks to the person watching.

Nothing here imports NumPy, Pillow or torch before a command needs them: `imgnet --help` must feel
instant.
"""

from imgnet.cli.app import main as main
