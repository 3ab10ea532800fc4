"""Faults that tests inject.

A fault is an effect and the requests that it applies to. To add an effect: write its class here, and apply it in
`server.http` if it is about the connection, or in `server.backend` if it is about the response.
"""

import math
import random
from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal, TypeVar, get_args

from attrs import Attribute, define, field, frozen

from detective_async.testing.names import check_account, check_operation, check_region


def _status(_: object, attribute: "Attribute[int]", value: object) -> None:
    if type(value) is not int or not _LOWEST_STATUS <= value <= _HIGHEST_STATUS:
        raise ValueError(f"{attribute.name}: must be an HTTP status from 200 to 599, got {value!r}")


def _error_status(_: object, attribute: "Attribute[int]", value: object) -> None:
    if type(value) is not int or not _LOWEST_ERROR <= value <= _HIGHEST_STATUS:
        raise ValueError(f"{attribute.name}: must be an HTTP status of an error, from 400 to 599, got {value!r}")


def _seconds(_: object, attribute: "Attribute[float]", value: Any) -> None:
    if type(value) not in (int, float) or not 0 <= value < math.inf:
        raise ValueError(f"{attribute.name}: must be a number of seconds, zero or more, got {value!r}")


def _skew(_: object, attribute: "Attribute[float]", value: Any) -> None:
    if type(value) not in (int, float) or not -_CENTURY <= value <= _CENTURY:
        raise ValueError(f"{attribute.name}: must be a number of seconds, within a century, got {value!r}")


def _text(_: object, attribute: "Attribute[str]", value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{attribute.name}: must be text, got {value!r}")


def _header(_: object, attribute: "Attribute[Any]", value: object) -> None:
    if value is not None and type(value) is not int and not (isinstance(value, str) and value.isprintable()):
        raise ValueError(f"{attribute.name}: must be a number, text in one line, or None, got {value!r}")


def _size(_: object, attribute: "Attribute[Any]", value: object) -> None:
    if type(value) is not int or value < 1:
        raise ValueError(f"{attribute.name}: must be a number of bytes, 1 or more, got {value!r}")


def _kept(_: object, attribute: "Attribute[Any]", value: object) -> None:
    if value is not None and (type(value) is not int or value < 0):
        raise ValueError(f"{attribute.name}: must be a number of bytes, or None, got {value!r}")


def _bytes(_: object, attribute: "Attribute[bytes]", value: object) -> None:
    if not isinstance(value, bytes):
        raise TypeError(f"{attribute.name}: must be bytes, got {value!r}")


def _line(_: object, attribute: "Attribute[str]", value: object) -> None:
    _text(_, attribute, value)
    if not str(value).isprintable():
        raise ValueError(f"{attribute.name}: must be text in one line, got {value!r}")


_LOWEST_STATUS, _LOWEST_ERROR, _HIGHEST_STATUS = 200, 400, 599
_CENTURY = 100 * 366 * 86400


def _when(_: object, attribute: "Attribute[Any]", value: object) -> None:
    if value not in ("before", "during", "after"):
        raise ValueError(f"{attribute.name}: must be one of before, during, after, got {value!r}")


#: Validator -> what it allows as JSON, as a JSON Schema. Bytes are text there.
JSON_SCHEMAS: dict[Any, dict[str, Any]] = {
    _status: {"type": "integer", "minimum": _LOWEST_STATUS, "maximum": _HIGHEST_STATUS},
    _error_status: {"type": "integer", "minimum": _LOWEST_ERROR, "maximum": _HIGHEST_STATUS},
    _seconds: {"type": "number", "minimum": 0},
    _skew: {"type": "number", "minimum": -_CENTURY, "maximum": _CENTURY},
    _text: {"type": "string"},
    _line: {"type": "string", "pattern": "^[ -~]*$"},
    _header: {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^[ -~]*$"}, {"type": "null"}]},
    _size: {"type": "integer", "minimum": 1},
    _kept: {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
    _bytes: {"type": "string"},
    _when: {"enum": ["before", "during", "after"]},
}


@frozen
class Throttle:
    """Reject the request as throttled; the operation is not carried out.

    Args:
        retry_after_ms: the value of `x-amz-retry-after`; a string may be invalid.
        code: the error code.
        status: the HTTP status.
    """

    retry_after_ms: int | str | None = field(default=None, validator=_header)
    code: str = field(default="TooManyRequestsException", validator=_line)
    status: int = field(default=429, validator=_error_status)
    message: str = field(default="Rate exceeded", validator=_text)


@frozen
class Failure:
    """Respond with an error, by default an internal error of the service; the operation is not carried out."""

    status: int = field(default=500, validator=_error_status)
    code: str = field(default="InternalServerException", validator=_line)
    message: str = field(default="An internal error occurred", validator=_text)
    retry_after_ms: int | str | None = field(default=None, validator=_header)


@frozen
class Garbage:
    """Replace the response's body by one that is not of the protocol; the operation is carried out."""

    body: bytes = field(default=b"<html><body>502 Bad Gateway</body></html>", validator=_bytes)
    status: int = field(default=200, validator=_status)
    content_type: str = field(default="text/html", validator=_line)


@frozen
class Truncate:
    """Truncate the response's body, in a well-formed HTTP message; the operation is carried out.

    Args:
        keep: how many bytes remain; by default half.
    """

    keep: int | None = field(default=None, validator=_kept)


@frozen
class Gzip:
    """Compress the response, with the Content-Encoding header."""


@frozen
class Drop:
    """Close the connection.

    Args:
        when: `before` the operation is carried out; `after` it, without a response; `during` the response, after half
            of its body.
    """

    when: Literal["before", "during", "after"] = field(default="before", validator=_when)


@frozen
class Latency:
    """Wait before the operation is carried out, in seconds of real time; another fault may apply as well."""

    seconds: float = field(validator=_seconds)


@frozen
class Drip:
    """Send the response's body in small pieces, with a pause between them, in seconds of real time."""

    seconds: float = field(validator=_seconds)
    size: int = field(default=16, validator=_size)


@frozen
class ClockSkew:
    """Let the server's clock be so many seconds ahead, for checking the signature and in the Date header."""

    seconds: float = field(validator=_skew)


#: The effects of faults.
Effect = Throttle | Failure | Garbage | Truncate | Gzip | Drop | Latency | Drip | ClockSkew
_EFFECT_NAMES = ", ".join(effect.__name__ for effect in get_args(Effect))
E = TypeVar("E", bound=Effect)


@frozen
class Fault:
    """An effect, and the requests that it applies to.

    Args:
        effect: what happens.
        operation: only requests for this operation, such as `ListMembers`.
        account: only requests of this account.
        region: only requests in this region.
        count: how many times it applies; None for an unlimited number.
        probability: that it applies to a matching request; repeatable by the simulator's seed.
    """

    effect: Effect
    operation: str | None = None
    account: str | None = None
    region: str | None = None
    count: int | None = 1
    probability: float = 1.0

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.effect, Effect):
            made = f"; did you mean {self.effect.__name__}()?" if isinstance(self.effect, type) else ""
            raise TypeError(f"effect: must be one of {_EFFECT_NAMES}, got {self.effect!r}{made}")
        if self.operation is not None:
            check_operation(self.operation, "operation")
        if self.account is not None:
            check_account(self.account, "account")
        if self.region is not None:
            check_region(self.region, "region")
        if self.count is not None and (type(self.count) is not int or self.count < 1):
            raise ValueError(f"count: must be a whole number, one or more, or None for any number, got {self.count!r}")
        if type(self.probability) not in (int, float) or not 0 <= self.probability <= 1:
            raise ValueError(f"probability: must be a number from 0 to 1, got {self.probability!r}")

    def matches(self, operation: str, account: str, region: str) -> bool:
        """Return whether the fault may apply to such a request."""
        return self.operation in (None, operation) and self.account in (None, account) and self.region in (None, region)


class UnusedFaultWarning(UserWarning):
    """A fault that was to apply a number of times, and no request matched it: the test shows less than it seems to."""


@define
class _Pending:
    fault: Fault
    left: int | None
    # Whether a request has matched it, although it may not have applied, by its probability.
    matched: bool = False


@define
class FaultPlan:
    """The faults that are still pending."""

    random: random.Random
    _pending: list[_Pending] = field(factory=list)

    def add(self, fault: Fault) -> None:
        """Add a fault."""
        self._pending.append(_Pending(fault, fault.count))

    def clear(self) -> None:
        """Remove all faults."""
        self._pending.clear()

    def pending(self) -> list[Fault]:
        """Return the faults that may still apply."""
        return [entry.fault for entry in self._pending]

    def unused(self) -> list[Fault]:
        """Return the faults with a count that no request has matched."""
        return [entry.fault for entry in self._pending if entry.left is not None and not entry.matched]

    def take_unused(self) -> list[Fault]:
        """Remove and return those faults."""
        unused = self.unused()
        self._pending = [entry for entry in self._pending if entry.left is None or entry.matched]
        return unused

    def take_clock_skews(self, operation: str, account: str, region: str) -> list[ClockSkew]:
        """Return the clock skews for a request, whose sum applies, and count them as used."""
        return list(self._take((ClockSkew,), operation, account, region))

    def take_effects(self, operation: str, account: str, region: str) -> list[Effect]:
        """Return the other effects for a request, and count them as used: latencies, and the first other effect."""
        if not self._pending:
            return []
        effects: list[Effect] = [*self._take((Latency,), operation, account, region)]
        others = (Throttle, Failure, Garbage, Truncate, Gzip, Drop, Drip)
        return [*effects, *islice(self._take(others, operation, account, region), 1)]

    def _take(self, kinds: tuple[type[E], ...], operation: str, account: str, region: str) -> Iterator[E]:
        for entry in list(self._pending):
            fault, effect = entry.fault, entry.fault.effect
            if not isinstance(effect, kinds) or not fault.matches(operation, account, region):
                continue
            entry.matched = True
            if fault.probability < 1 and self.random.random() >= fault.probability:
                continue
            if entry.left is not None:
                entry.left -= 1
                if entry.left == 0:
                    self._pending.remove(entry)
            yield effect
