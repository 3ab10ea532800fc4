"""The regions of AWS, by botocore's list; a new one, or one for tests such as `local`, may be missing there."""

import difflib
import re
from collections.abc import Collection
from functools import cache, lru_cache

import botocore.loaders

_FORM = re.compile(r"[a-z0-9-]{2,20}", re.ASCII)


@cache
def known_regions() -> frozenset[str]:
    """Return the regions of all partitions of AWS."""
    partitions = botocore.loaders.Loader().load_data("partitions")["partitions"]
    return frozenset(region for one in partitions for region in one["regions"] if not region.endswith("-global"))


@lru_cache(maxsize=1024)
def is_region(name: str) -> bool:
    """Return whether there may be a region of this name: there is none if it is malformed, or most likely mistyped."""
    if name in known_regions():
        return True
    if not _FORM.fullmatch(name):
        return False
    # Only the number of a new region differs from those of others.
    numbered = {re.sub(r"\d+$", "", region) for region in known_regions()}
    return re.sub(r"\d+$", "", name) in numbered or not nearest(name, known_regions())


def nearest(name: str, known: Collection[str]) -> list[str]:
    """Return the known names that are like a name, whatever its case and punctuation."""
    by_letters = {"".join(filter(str.isalnum, one)).lower(): one for one in known}
    letters = "".join(filter(str.isalnum, name)).lower()
    if letters in by_letters:
        return [by_letters[letters]]
    return sorted(by_letters[found] for found in difflib.get_close_matches(letters, by_letters, n=2))
