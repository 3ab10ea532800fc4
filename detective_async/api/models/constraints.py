"""The API's constraints on request members, as rules that raise `ParameterError` with the parameter's path.

A rule is called with a value and its path; it returns nothing or raises. The rules are in the fields' metadata and not
in attrs validators, because a validator does not get the whole path (`accounts[3].email_address`).
"""

import re
from collections.abc import Iterable, Mapping, Sized
from datetime import datetime
from functools import cache
from typing import Any, Protocol

from attrs import Attribute, AttrsInstance, fields

from detective_async.api.models.base import OpenEnum
from detective_async.errors import ParameterError
from detective_async.settings.arguments import shown, type_name, with_article
from detective_async.settings.expressions import expression

_SURROGATE = expression("[\ud800-\udfff]")


class Rule(Protocol):
    """Raise `ParameterError` if `value`, at `path`, violates a constraint."""

    def __call__(self, value: object, path: str) -> None: ...


def rule(constraint: Rule) -> dict[str, Rule]:
    """Return the metadata of a request member for `validate`."""
    return {"rule": constraint}


def validate(request: AttrsInstance, path: str = "") -> None:
    """Check all members of a request, including nested ones.

    Args:
        request: an instance of a request model.
        path: the path of the instance; empty for the request itself.

    Raises:
        ParameterError: for the first member that violates its rule.
    """
    for name, optional, check in _rules(type(request)):
        value = getattr(request, name)
        if value is None and optional:
            continue
        check(value, f"{path}.{name}" if path else name)


@cache
def _rules(model: type[AttrsInstance]) -> tuple[tuple[str, bool, Rule], ...]:
    attributes: tuple[Attribute[Any], ...] = fields(model)
    return tuple((a.name, a.default is None, a.metadata["rule"]) for a in attributes)


def list_if_iterable(values: Any) -> Any:
    """Convert an iterable to a list; strings, mappings and other values are left for the rule to refuse."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        return values
    return list(values)


class Text:
    """A string with the API's limits of length and its pattern.

    Args:
        min_length: in characters.
        max_length: in characters; None for no limit.
        pattern: what the whole string must match, read as ASCII.
        meaning: the description of the string, for the message.
        sensitive: whether the message must not contain the value.
    """

    def __init__(
        self,
        min_length: int = 1,
        max_length: int | None = None,
        pattern: str | None = None,
        meaning: str = "a string",
        *,
        sensitive: bool = False,
    ) -> None:
        self.min_length = min_length
        self.max_length = max_length
        self.pattern = pattern
        self.meaning = meaning
        self.sensitive = sensitive

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, str):
            raise ParameterError(path, f"expected {self.meaning}, got {type_name(value)}")
        if len(value) < self.min_length:
            raise ParameterError(
                path, f"must not be empty; expected {self.meaning}" if not value else self._length(value)
            )
        if self.max_length is not None and len(value) > self.max_length:
            raise ParameterError(path, self._length(value))
        if self.pattern is not None and not _compiled(self.pattern).fullmatch(value):
            shown = "the value given" if self.sensitive else repr(value[:100])
            raise ParameterError(path, f"expected {self.meaning}, but {shown} is not one")
        if not value.isascii() and _SURROGATE.search(value):
            raise ParameterError(path, "contains a lone surrogate, which UTF-8 cannot encode")

    def _length(self, value: str) -> str:
        if self.min_length == self.max_length:
            # The meaning says the length.
            return f"expected {self.meaning}, got {len(value)} character{'' if len(value) == 1 else 's'}"
        return f"expected {self.meaning} of {self.min_length} to {self.max_length} characters, got {len(value)}"


# Compiled on first use: there are many patterns, and few programs need all of them.
@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


class OneOf:
    """A member of an enum, or its string.

    An instance of the enum is accepted with any value, so that a value newer than this release can be sent explicitly:
    `DatasourcePackage("NEWER")`.
    """

    def __init__(self, enum: type[OpenEnum]) -> None:
        self.enum = enum

    def __call__(self, value: object, path: str) -> None:
        if isinstance(value, self.enum):
            return
        if not isinstance(value, str):
            raise ParameterError(path, f"expected a {self.enum.__name__} or its string, got {type_name(value)}")
        if value not in self.enum.__members__:
            raise ParameterError(path, f"{value[:100]!r} is not one of {', '.join(self.enum.__members__)}")


class Integer:
    """A whole number between two bounds, both included; None for no maximum."""

    def __init__(self, minimum: int, maximum: int | None = None) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ParameterError(path, f"expected a whole number, got {type_name(value)}")
        if value < self.minimum or (self.maximum is not None and value > self.maximum):
            bounds = f"at least {self.minimum}" if self.maximum is None else f"{self.minimum} to {self.maximum}"
            raise ParameterError(path, f"must be {bounds}, got {shown(value)}")


class Flag:
    """True or False."""

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, bool):
            raise ParameterError(path, f"expected True or False, got {type_name(value)}")


class AwareDatetime:
    """A datetime with a time zone."""

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, datetime):
            raise ParameterError(path, f"expected a datetime, got {type_name(value)}")
        if value.utcoffset() is None:
            raise ParameterError(path, "must have a time zone, as datetime.now(UTC) has")


class Items:
    """A list whose items follow a rule; None for no maximum."""

    def __init__(self, item: Rule, max_items: int | None = None, min_items: int = 1) -> None:
        self.item = item
        self.max_items = max_items
        self.min_items = min_items

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, list | tuple):
            raise ParameterError(path, f"expected a list, got {type_name(value)}")
        _check_size(value, self.min_items, self.max_items, path)
        for index, item in enumerate(value):
            self.item(item, f"{path}[{index}]")


class DistinctItems:
    """A list of at least one item, whose items follow a rule and are all different.

    Args:
        item: the rule.
        member: the attribute that must differ; None for the whole item.
    """

    def __init__(self, item: Rule, member: str | None = None) -> None:
        self.item = item
        self.member = member

    def __call__(self, value: object, path: str) -> None:
        Items(self.item)(value, path)
        assert isinstance(value, list | tuple)  # noqa: S101 - `Items` has checked it
        seen: dict[object, int] = {}
        for index, item in enumerate(value):
            key = item if self.member is None else getattr(item, self.member)
            first = seen.setdefault(key, index)
            if first != index:
                where = f"{path}[{index}]" if self.member is None else f"{path}[{index}].{self.member}"
                raise ParameterError(where, f"{key} is there already, as {path}[{first}]")


class Entries:
    """A mapping whose keys and values follow one rule each."""

    def __init__(self, key: Rule, value: Rule, max_items: int, min_items: int = 1) -> None:
        self.key = key
        self.value = value
        self.max_items = max_items
        self.min_items = min_items

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, Mapping):
            raise ParameterError(path, f"expected a mapping, got {type_name(value)}")
        _check_size(value, self.min_items, self.max_items, path)
        for key, item in value.items():
            self.key(key, f"a key of {path}")
            self.value(item, f"{path}[{key!r}]")


class ModelInstance:
    """An instance of a model, whose members are checked, too."""

    def __init__(self, model: type[AttrsInstance]) -> None:
        self.model = model

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, self.model):
            raise ParameterError(path, f"expected {with_article(self.model.__name__)}, got {type_name(value)}")
        validate(value, path)


def _check_size(value: Sized, minimum: int, maximum: int | None, path: str) -> None:
    size = len(value)
    if maximum is None:
        if size < minimum:
            raise ParameterError(path, "must not be empty")
        return
    if not size and minimum:
        raise ParameterError(path, f"must not be empty; give {minimum} to {maximum} items")
    if not minimum <= size <= maximum:
        raise ParameterError(path, f"must have {minimum} to {maximum} items, got {size}")


_ARN = r"arn:aws[-\w]{0,10}:detective:[-\w]{2,20}:\d{12}:graph:[abcdef\d]{32}"

ACCOUNT_ID = Text(12, 12, pattern=r"[0-9]+", meaning="an account id (12 digits, as a string)")
EMAIL_ADDRESS = Text(
    1,
    64,
    pattern=r".+@(?:(?:(?!-)[A-Za-z0-9-]{1,62})?[A-Za-z0-9]{1}\.)+[A-Za-z]{2,63}",
    meaning="an e-mail address (name@domain.tld)",
    sensitive=True,
)
ENTITY_ARN = Text(pattern=r"arn:.*", meaning="the ARN of an IAM user or role (arn:...)")
GRAPH_ARN = Text(pattern=_ARN, meaning="a behavior graph ARN (arn:aws:detective:REGION:ACCOUNT:graph:32 hex digits)")
INVESTIGATION_ID = Text(21, 21, pattern=r"[0-9]+", meaning="an investigation id (21 digits)")
MESSAGE = Text(1, 1000, meaning="a message", sensitive=True)
FILTER_VALUE = Text(1, 500, meaning="a filter value")
#: Tokens come from the service, which does not keep to the lengths of its own model: any length goes back to it.
PAGINATION_TOKEN = Text(1, meaning="a pagination token")
MAX_RESULTS = Integer(1, 200)
INVESTIGATION_MAX_RESULTS = Integer(1, 100)
#: The API's own pattern for keys is stricter than what the service accepts, so the characters are not checked here.
TAG_KEY = Text(1, 128, meaning="a tag key")
TAGS = Entries(TAG_KEY, Text(0, 256, meaning="a tag value"), max_items=50)
