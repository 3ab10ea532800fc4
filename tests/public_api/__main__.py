"""Records the public API of a version that is about to be released: `python -m public_api` in the folder `tests`."""

import sys

from detective_async import __version__
from public_api.changelog import sections
from public_api.compare import CHANGELOG, RELEASED, to_text
from public_api.describe import describe

versions = sections(CHANGELOG.read_text())
if versions.pop("Unreleased"):
    sys.exit("CHANGELOG.md has entries under Unreleased: move them below the heading of the new version first")
if next(iter(versions)) != __version__:
    sys.exit(f"CHANGELOG.md has no section for {__version__}, the version in detective_async/_version.py")
RELEASED.write_text(to_text(__version__, describe()))
print(f"wrote the API of {__version__} to {RELEASED}")  # noqa: T201 - a command
