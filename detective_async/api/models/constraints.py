"""What the API states about each request member, as rules that name the parameter they refuse.

A rule is called with a value and the path to it; it returns nothing or raises `ParameterError`. The rules sit in the
fields' metadata and not in attrs validators, because only a walk from the request downwards knows the whole path
(`accounts[3].email_address`).
"""

import re
from collections.abc import Iterable, Mapping, Sized
from datetime import datetime
from functools import cache
from typing import Any, Protocol

from attrs import Attribute, AttrsInstance, fields, frozen

from detective_async.api.models.base import OpenEnum
from detective_async.errors import ParameterError

_SURROGATE = re.compile("[\ud800-\udfff]")


class Rule(Protocol):
    """Raise `ParameterError` where `value`, found at `path`, breaks what the API states."""

    def __call__(self, value: object, path: str) -> None: ...


def rule(constraint: Rule) -> dict[str, Rule]:
    """Give the metadata of a request member that `validate` checks."""
    return {"rule": constraint}


def validate(request: AttrsInstance, path: str = "") -> None:
    """Check every member of a request, the nested ones too.

    Args:
        request: an instance of a request model.
        path: where it was found; empty for the request itself.

    Raises:
        ParameterError: for the first member that breaks its rule.
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


def as_list(values: Any) -> Any:
    """Take any iterable where the API wants a list; what is no collection of items is left for the rule to refuse."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        return values
    return list(values)


@frozen(eq=False, repr=False)
class Text:
    """A string, with the length and the pattern that the API states.

    Args:
        min_length: in characters.
        max_length: in characters; None for no limit.
        pattern: what the whole string must match, read as ASCII.
        meaning: what the string is, for the message.
        sensitive: keep the value out of the message.
    """

    min_length: int = 1
    max_length: int | None = None
    pattern: str | None = None
    meaning: str = "a string"
    sensitive: bool = False

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, str):
            raise ParameterError(path, f"expected {self.meaning}, got {_kind(value)}")
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
            raise ParameterError(path, "holds a lone surrogate, which UTF-8 cannot carry")

    def _length(self, value: str) -> str:
        bounds = (
            f"exactly {self.min_length}"
            if self.min_length == self.max_length
            else f"{self.min_length} to {self.max_length}"
        )
        return f"expected {self.meaning} of {bounds} characters, got {len(value)}"


# Later than the rules are made: there are many, and few programs need them all.
@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


@frozen(eq=False, repr=False)
class OneOf:
    """A member of an enum, or its string.

    An instance of the enum is taken as it is, whatever its value, so that a value newer than this release can be sent
    by saying so: `DatasourcePackage("NEWER")`.
    """

    enum: type[OpenEnum]

    def __call__(self, value: object, path: str) -> None:
        if isinstance(value, self.enum):
            return
        if not isinstance(value, str):
            raise ParameterError(path, f"expected a {self.enum.__name__} or its string, got {_kind(value)}")
        if value not in self.enum.__members__:
            raise ParameterError(path, f"{value[:100]!r} is not one of {', '.join(self.enum.__members__)}")


@frozen(eq=False, repr=False)
class Integer:
    """A whole number within bounds, both included; a maximum of None is no bound."""

    minimum: int
    maximum: int | None = None

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ParameterError(path, f"expected a whole number, got {_kind(value)}")
        if value < self.minimum or (self.maximum is not None and value > self.maximum):
            bounds = f"at least {self.minimum}" if self.maximum is None else f"{self.minimum} to {self.maximum}"
            raise ParameterError(path, f"must be {bounds}, got {value}")


@frozen(eq=False, repr=False)
class Flag:
    """True or False."""

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, bool):
            raise ParameterError(path, f"expected True or False, got {_kind(value)}")


@frozen(eq=False, repr=False)
class Moment:
    """A point in time that says which: a datetime with a time zone."""

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, datetime):
            raise ParameterError(path, f"expected a datetime, got {_kind(value)}")
        if value.utcoffset() is None:
            raise ParameterError(path, "needs a time zone, such as datetime.now(UTC) has")


@frozen(eq=False, repr=False)
class Items:
    """A list whose items obey one rule; a maximum of None is no bound."""

    item: Rule
    max_items: int | None = None
    min_items: int = 1

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, list | tuple):
            raise ParameterError(path, f"expected a list, got {_kind(value)}")
        _check_size(value, self.min_items, self.max_items, path)
        for index, item in enumerate(value):
            self.item(item, f"{path}[{index}]")


@frozen(eq=False, repr=False)
class Distinct:
    """A list of any length, but not empty, whose items obey one rule and are all different.

    Args:
        item: the rule.
        member: what tells the items apart, where it is not the whole item.
    """

    item: Rule
    member: str | None = None

    def __call__(self, value: object, path: str) -> None:
        Items(self.item)(value, path)
        assert isinstance(value, list | tuple)  # noqa: S101 - as it has just been checked
        seen: dict[object, int] = {}
        for index, item in enumerate(value):
            key = item if self.member is None else getattr(item, self.member)
            first = seen.setdefault(key, index)
            if first != index:
                where = f"{path}[{index}]" if self.member is None else f"{path}[{index}].{self.member}"
                raise ParameterError(where, f"{key} is there already, as {path}[{first}]")


@frozen(eq=False, repr=False)
class Entries:
    """A mapping whose keys obey one rule and whose values obey another."""

    key: Rule
    value: Rule
    max_items: int
    min_items: int = 1

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, Mapping):
            raise ParameterError(path, f"expected a mapping, got {_kind(value)}")
        _check_size(value, self.min_items, self.max_items, path)
        for key, item in value.items():
            self.key(key, f"a key of {path}")
            self.value(item, f"{path}[{key!r}]")


@frozen(eq=False, repr=False)
class Structure:
    """An instance of a model, whose members are checked in turn."""

    model: type[AttrsInstance]

    def __call__(self, value: object, path: str) -> None:
        if not isinstance(value, self.model):
            raise ParameterError(path, f"expected {_article(self.model.__name__)}, got {_kind(value)}")
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


def _kind(value: object) -> str:
    return "None" if value is None else _article(type(value).__name__)


def _article(name: str) -> str:
    return f"an {name}" if name[0] in "AEIOaeio" else f"a {name}"


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
PAGINATION_TOKEN = Text(1, 1024, meaning="a pagination token")
INVESTIGATION_PAGINATION_TOKEN = Text(1, 2048, meaning="a pagination token")
MAX_RESULTS = Integer(1, 200)
INVESTIGATION_MAX_RESULTS = Integer(1, 100)
#: The API's own pattern for keys is narrower than what it takes, so the service is left to judge the characters.
TAG_KEY = Text(1, 128, meaning="a tag key")
TAGS = Entries(TAG_KEY, Text(0, 256, meaning="a tag value"), max_items=50)
