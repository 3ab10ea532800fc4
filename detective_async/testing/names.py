"""The names that tests give: a mistyped one would match nothing, and nobody would notice."""

from detective_async.testing.checks import checked, name_of
from detective_async.testing.seed import schema
from detective_async.testing.services import detective, organizations, sts
from detective_async.testing.services.detective import rest_json

#: The operations of all simulated services.
KNOWN_OPERATIONS = frozenset({*detective.OPERATIONS, *sts.OPERATIONS, *organizations.OPERATIONS})

#: The check of an operation's name, for what is JSON.
known_operation = name_of(lambda: KNOWN_OPERATIONS, "an operation, such as ListMembers", enum=sorted(KNOWN_OPERATIONS))


def has_body(operation: str) -> bool:
    """Return whether the response to an operation, if it succeeds, has a body."""
    return operation not in rest_json.operations() or rest_json.operations()[operation].has_body


def check_operation(value: object, where: str) -> None:
    """Check the name of an operation that the simulator has, such as `ListMembers`.

    Raises:
        TypeError: it is not text.
        ValueError: there is no such operation; the message offers the nearest ones.
    """
    checked(known_operation, value, where)


def check_lagging_operation(value: object, where: str) -> None:
    """Check the name of an operation that may have a read lag; errors as by `check_operation`."""
    checked(schema.check_lagging_operation, value, where)


def check_region(value: object, where: str) -> None:
    """Check the name of a region, which may be one that botocore does not know: a new one, or `local`.

    Raises:
        TypeError: it is not text.
        ValueError: it cannot be one, or is most likely mistyped; the message offers the nearest ones.
    """
    checked(schema.check_region, value, where)


def check_account(value: object, where: str) -> None:
    """Check an account id.

    Raises:
        TypeError: it is not text.
        ValueError: it does not have 12 digits.
    """
    checked(schema.check_account_id, value, where)
