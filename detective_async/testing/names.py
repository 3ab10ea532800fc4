"""The names that tests give: a mistyped one would match nothing, and nobody would notice."""

import difflib
import re
from collections.abc import Collection
from functools import cache

import botocore.loaders

from detective_async.testing.seed.schema import check_account_id
from detective_async.testing.services import detective, organizations, sts
from detective_async.testing.world.read_lag import LAGGING

#: The operations of all simulated services.
KNOWN_OPERATIONS = frozenset({*detective.OPERATIONS, *sts.OPERATIONS, *organizations.OPERATIONS})


def check_operation(value: object, where: str) -> None:
    """Check the name of an operation that the simulator has, such as `ListMembers`.

    Raises:
        TypeError: it is not text.
        ValueError: there is no such operation; the message offers the nearest ones.
    """
    _check(value, where, KNOWN_OPERATIONS, "an operation, such as ListMembers")


def check_lagging_operation(value: object, where: str) -> None:
    """Check the name of an operation that may have a read lag; errors as by `check_operation`."""
    _check(value, where, LAGGING, "an operation that reads, such as ListMembers, or AcceptInvitation")


def check_region(value: object, where: str) -> None:
    """Check the name of a region, which may be one that botocore does not know: a new one, or `local`.

    Raises:
        TypeError: it is not text.
        ValueError: it cannot be one, or is most likely mistyped; the message offers the nearest ones.
    """
    if isinstance(value, str) and _REGION.fullmatch(value):
        # Only the number of a new region differs from those of others.
        numbered = {re.sub(r"\d+$", "", region) for region in known_regions()}
        if re.sub(r"\d+$", "", value) in numbered or not _near(value, known_regions()):
            return
    _check(value, where, known_regions(), "a region of AWS, such as eu-west-1")


def check_account(value: object, where: str) -> None:
    """Check an account id.

    Raises:
        TypeError: it is not text.
        ValueError: it does not have 12 digits.
    """
    if not isinstance(value, str):
        raise TypeError(f"{where}: must be an account id of 12 digits, as a string, got {value!r}")
    check_account_id(value, where)


@cache
def known_regions() -> frozenset[str]:
    """Return the regions of all partitions of AWS."""
    partitions = botocore.loaders.Loader().load_data("partitions")["partitions"]
    return frozenset(region for one in partitions for region in one["regions"] if not region.endswith("-global"))


def _check(value: object, where: str, known: Collection[str], expected: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{where}: must be {expected}, got {value!r}")
    if value not in known:
        close = _near(value, known)
        meant = f"; did you mean {' or '.join(close)}?" if close else ""
        raise ValueError(f"{where}: must be {expected}, got {value!r}{meant}")


def _near(value: str, known: Collection[str]) -> list[str]:
    """Return the known names that are like a name, whatever its case and punctuation."""
    by_letters = {"".join(filter(str.isalnum, name)).lower(): name for name in known}
    letters = "".join(filter(str.isalnum, value)).lower()
    return sorted(by_letters[found] for found in difflib.get_close_matches(letters, by_letters, n=2))


_REGION = re.compile(r"[a-z0-9-]{2,20}", re.ASCII)
