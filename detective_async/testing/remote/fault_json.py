"""Faults as JSON: an effect is an object with its `type`, such as `{"type": "Latency", "seconds": 1}`."""

from typing import Any, get_args

from attrs import NOTHING, Attribute, asdict, evolve, fields

from detective_async.testing.faults import JSON_SCHEMAS, Effect, Fault, Garbage, Throttle
from detective_async.testing.names import KNOWN_OPERATIONS
from detective_async.testing.seed import schema
from detective_async.testing.seed.schema import Check, described, nullable, one_of

_EFFECTS = {effect.__name__: effect for effect in get_args(Effect)}


def _schema(effect: type[Effect]) -> dict[str, Any]:
    members: tuple[Attribute[Any], ...] = fields(effect)
    return {
        "type": "object",
        "properties": {
            "type": {"const": effect.__name__},
            **{one.name: JSON_SCHEMAS[one.validator] for one in members},
        },
        "required": ["type", *(one.name for one in members if one.default is NOTHING)],
        "additionalProperties": False,
    }


def _argument(value: Any) -> Any:
    return value


@described(oneOf=[_schema(effect) for effect in _EFFECTS.values()])
def check_effect(value: Any, where: str) -> Effect:
    """Make the effect that an object describes."""
    if not isinstance(value, dict) or value.get("type") not in _EFFECTS:
        raise schema.invalid(where, f"an object whose type is one of {', '.join(_EFFECTS)}", value)
    members = {name: item for name, item in value.items() if name != "type"}
    kind = _EFFECTS[value["type"]]
    schema.table({}, {one.name: _ANYTHING for one in fields(kind)})(members, where)
    if isinstance(members.get("body"), str):
        members["body"] = members["body"].encode()
    try:
        effect: Effect = kind(**members)
    except (TypeError, ValueError) as error:
        raise schema.SeedError(f"{where}.{error}") from None
    return effect


def write_effect(effect: Effect) -> dict[str, Any]:
    """Describe an effect."""
    members = asdict(effect)
    if isinstance(effect, Garbage):
        members["body"] = effect.body.decode("utf-8", "replace")
    return {"type": type(effect).__name__, **members}


