"""Faults as JSON: an effect is an object with its `type`, such as `{"type": "Latency", "seconds": 1}`."""

from typing import Any, get_args

from attrs import NOTHING, Attribute, asdict, fields

from detective_async.testing.checks import Check, CheckError, described, integer, invalid, nullable, probability, table
from detective_async.testing.faults import JSON_SCHEMAS, Effect, Fault, Garbage, Throttle
from detective_async.testing.names import known_operation
from detective_async.testing.seed import schema

_EFFECTS: dict[str, type[Effect]] = {effect.__name__: effect for effect in get_args(Effect)}


def _members(effect: type[Effect]) -> dict[str, Check]:
    """Return a check of each member but the type; the effect's constructor has more of them."""
    return {one.name: Check(_without_fraction, JSON_SCHEMAS[one.validator], takes_null=True) for one in fields(effect)}


def _without_fraction(value: Any, _where: str) -> Any:
    # JSON has one kind of numbers.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _schema(effect: type[Effect]) -> dict[str, Any]:
    members: tuple[Attribute[Any], ...] = fields(effect)
    return {
        "type": "object",
        "properties": {
            "type": {"const": effect.__name__},
            **{name: check.json_schema for name, check in _members(effect).items()},
        },
        "required": ["type", *(one.name for one in members if one.default is NOTHING)],
        "additionalProperties": False,
    }


@described(oneOf=[_schema(effect) for effect in _EFFECTS.values()])
def check_effect(value: Any, where: str) -> Effect:
    """Make the effect that an object describes."""
    name = value.get("type") if isinstance(value, dict) else None
    if not isinstance(name, str) or name not in _EFFECTS:
        raise invalid(where, f"an object whose type is one of {', '.join(_EFFECTS)}", value)
    kind = _EFFECTS[name]
    given = {name: item for name, item in value.items() if name != "type"}
    required = [one.name for one in fields(kind) if one.default is NOTHING]
    members = _members(kind)
    checked = table({name: members.pop(name) for name in required}, members)(given, where)
    if isinstance(checked.get("body"), str):
        checked["body"] = checked["body"].encode()
    try:
        return kind(**checked)
    except (TypeError, ValueError) as error:
        raise CheckError(f"{where}.{error}") from None


_fault = table(
    {"effect": check_effect},
    {
        "operation": known_operation,
        "account": schema.check_account_id,
        "region": schema.check_region,
        # Null means no limit, and an absent key means once.
        "count": nullable(integer(1, 2**53)),
        "probability": probability,
    },
)


@described(**JSON_SCHEMAS[fields(Throttle).retry_after_ms.validator])
def check_retry_after(value: Any, where: str) -> int | str | None:
    """Check for a value of `x-amz-retry-after`, which the protocol may not allow."""
    try:
        return Throttle(_without_fraction(value, where)).retry_after_ms
    except ValueError as error:
        raise CheckError(str(error)) from None


@described(**_fault.json_schema)
def check_fault(value: Any, where: str) -> Fault:
    """Make the fault that an object describes."""
    return Fault(**_fault(value, where))


def write_effect(effect: Effect) -> dict[str, Any]:
    """Describe an effect."""
    members = asdict(effect)
    if isinstance(effect, Garbage):
        members["body"] = effect.body.decode("utf-8", "replace")
    return {"type": type(effect).__name__, **members}


def write_fault(fault: Fault) -> dict[str, Any]:
    """Describe a fault."""
    return {**asdict(fault, recurse=False), "effect": write_effect(fault.effect)}
