"""The output of programs that run with warnings as errors, in development mode."""

import re

#: asyncio's debug mode reports slow steps. On a busy machine any step may be slow, so these lines are ignored.
_SLOW_STEP = re.compile(r"^Executing <.*> took [\d.]+ seconds\n?", re.MULTILINE)


def warnings_in(stderr: str) -> str:
    """Return what a program wrote to stderr, without asyncio's reports of slow steps."""
    return _SLOW_STEP.sub("", stderr).strip()
