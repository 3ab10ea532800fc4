"""The command; see `python examples/web_backend --help`."""

import sys
from pathlib import Path

if not __package__:
    # Started as a folder, instead of as a module of the folder above.
    sys.path[0] = str(Path(__file__).parents[1])

from web_backend.command import main

if __name__ == "__main__":
    sys.exit(main())
