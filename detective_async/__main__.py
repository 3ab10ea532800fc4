"""`python -m detective_async`: the same as `detective-async`."""

import sys

from detective_async.cli import main

if __name__ == "__main__":
    sys.exit(main())
