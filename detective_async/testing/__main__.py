"""`python -m detective_async.testing`."""

import sys

from detective_async.testing.command import main

if __name__ == "__main__":
    sys.exit(main())
