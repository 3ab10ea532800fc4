"""The names that tests give: a mistyped one would match nothing, and nobody would notice."""

from collections.abc import Collection

from detective_async.testing.seed.schema import check_account_id
from detective_async.testing.services import detective, organizations, sts
from detective_async.testing.world.read_lag import LAGGING
from detective_async.testing.world.regions import is_region, known_regions, nearest

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
    if isinstance(value, str) and is_region(value):
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


def _check(value: object, where: str, known: Collection[str], expected: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{where}: must be {expected}, got {value!r}")
    if value not in known:
        close = nearest(value, known)
        meant = f"; did you mean {' or '.join(close)}?" if close else ""
        raise ValueError(f"{where}: must be {expected}, got {value!r}{meant}")
