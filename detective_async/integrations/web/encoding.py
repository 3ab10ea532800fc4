"""The library's objects as JSON values: models under the API's names, the library's own classes under Python's."""

from collections.abc import Collection
from typing import Any

from detective_async.api.values import PlainValues
from detective_async.fleet import Target
from detective_async.integrations.web.problem import problem_of


def to_json(value: object, *, sensitive: bool = False) -> Any:
    """Convert a model, or any other object of the library, to a JSON value.

    Models become objects with the API's names, without the members that AWS omitted: `{"AccountId": "111122223333",
    "Status": "ENABLED"}`; `detective_async.to_dict` has Python's names instead, and every member. The library's own
    classes, such as `Outcome`, `Target` or `ProgressEvent`, keep their Python names; secrets of credentials are
    omitted. A pair of a fleet's stream becomes `{"target": ..., "item": ...}`, an error the members of its problem
    (`status`, `title`, `detail`, `code`, ...). Timestamps become ISO 8601 in UTC, enums strings, tuples and sets lists;
    NaN and infinity become null.

    Args:
        value: the object.
        sensitive: whether to include what the API marks as sensitive: e-mail addresses, and the messages of
            invitations.

    Raises:
        TypeError: it is, or contains, an object without a JSON equivalent.
    """
    return (_SENSITIVE if sensitive else _MASKED)(value)


class _JsonValues(PlainValues):
    """Errors are problems, and the pairs of a fleet's streams have names."""

    def error(self, value: BaseException) -> dict[str, Any]:
        """Convert an error."""
        return problem_of(value).document()

    def sequence(self, value: Collection[object]) -> Any:
        """Convert a list, a tuple or a set."""
        match value:
            case (Target() as target, item) if isinstance(value, tuple):
                return {"target": self(target), "item": self(item)}
            case _:
                return super().sequence(value)


_MASKED = _JsonValues(wire_names=True, sensitive=False)
_SENSITIVE = _JsonValues(wire_names=True, sensitive=True)
