"""Run the command line as `python -m imgnet`."""

from imgnet.cli import main

if __name__ == "__main__":
    main()
