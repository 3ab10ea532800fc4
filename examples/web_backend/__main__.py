"""The backend as a program; see `python examples/web_backend --help`."""

import sys
from pathlib import Path

if not __package__:
    # It was started as a folder, and not as a module of the folder above.
    sys.path[0] = str(Path(__file__).parents[1])

from web_backend.command import main

if __name__ == "__main__":
    sys.exit(main())
