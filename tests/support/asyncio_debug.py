"""Whether tests that make their own event loops make them in asyncio's debug mode, which doubles their time.

`make test-version` sets the variable, together with pytest-asyncio's option for its event loops.
"""

import os

ASYNCIO_DEBUG = os.environ.get("TESTS_ASYNCIO_DEBUG") == "on"
