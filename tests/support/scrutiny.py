"""What programs under scrutiny (warnings as errors, development mode) may say and may not."""

import re

#: asyncio's debug mode tells which steps took long. On a busy machine any step does, and nobody is to blame.
_SLOW_STEP = re.compile(r"^Executing <.*> took [\d.]+ seconds\n?", re.MULTILINE)


def complaints(stderr: str) -> str:
    """Give what a program wrote to stderr, less what depends on how busy the machine is."""
    return _SLOW_STEP.sub("", stderr).strip()
