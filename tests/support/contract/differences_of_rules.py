"""Compares the rules of request members with the constraints of a model."""

import re
from typing import Any

from support.contract.api import Json

import detective_async
from detective_async.api.models.constraints import (
    AwareDatetime,
    Entries,
    Flag,
    Integer,
    Items,
    ModelInstance,
    OneOf,
    Rule,
    Text,
)

#: AWS's pattern for tag keys is stricter than what the service accepts, so this library does not check it.
_UNENFORCED_PATTERNS = {"TagKey"}
#: The service has sent tokens that are longer than its model says, and takes them back.
_UNENFORCED_MAXIMA = {"AiPaginationToken", "PaginationToken"}


def differences_of_rule(rule: Rule | None, shape_name: str, shapes: Json) -> list[str]:
    """Compare the rule of a request member, and nested rules, with the shape."""
    shape = shapes[shape_name]
    kind: str = "enum" if "enum" in shape else shape["type"]
    expected = _RULES.get(kind)
    if expected is None:
        return [f"AWS says {kind}, for which there is no rule"]
    if not isinstance(rule, expected):
        return [f"AWS says {kind}, so its rule is {expected.__name__}; ours is {rule!r}"]
    match rule:
        case OneOf():
            found = _unequal("enum", shape_name, rule.enum.__name__)
        case Text():
            found = _differences_of_text(rule, shape_name, shape)
        case Integer():
            found = _bounds(shape, rule.minimum, rule.maximum)
        case Items():
            found = _bounds(shape, rule.min_items, rule.max_items)
            found += _within("its items", rule.item, shape["member"]["shape"], shapes)
        case Entries():
            found = _bounds(shape, rule.min_items, rule.max_items)
            found += _within("its keys", rule.key, shape["key"]["shape"], shapes)
            found += _within("its values", rule.value, shape["value"]["shape"], shapes)
        case ModelInstance():
            found = _unequal("structure", getattr(detective_async, shape_name, shape_name), rule.model)
        case _:
            found = []
    return found


_RULES: dict[str, type] = {
    "boolean": Flag,
    "enum": OneOf,
    "integer": Integer,
    "list": Items,
    "long": Integer,
    "map": Entries,
    "string": Text,
    "structure": ModelInstance,
    "timestamp": AwareDatetime,
}


def _differences_of_text(rule: Text, name: str, shape: Json) -> list[str]:
    found = [] if name in _UNENFORCED_MAXIMA else _unequal("max", shape.get("max"), rule.max_length)
    pattern: str | None = shape.get("pattern")
    # Without a minimum length, the pattern may still require at least one character.
    minimum = shape.get("min", 0 if pattern is None or re.search(pattern, "") else 1)
    found += _unequal("min", minimum, rule.min_length)
    if name not in _UNENFORCED_PATTERNS:
        found += _unequal("pattern", _plain(pattern), _plain(rule.pattern))
    found += _unequal("sensitive", shape.get("sensitive", False), rule.sensitive)
    return found


def _plain(pattern: str | None) -> str | None:
    """Remove the parts of a pattern that do not change full matches: anchors and laziness."""
    if pattern is None:
        return None
    return re.sub(r"(?<=[}*+])\?", "", pattern.removeprefix("^").removesuffix("$"))


def _bounds(shape: Json, minimum: int, maximum: int | None) -> list[str]:
    return _unequal("min", shape.get("min"), minimum) + _unequal("max", shape.get("max"), maximum)


def _unequal(what: str, theirs: Any, ours: Any) -> list[str]:
    return [] if theirs == ours else [f"the {what}: AWS says {theirs!r}, our rule says {ours!r}"]


def _within(where: str, rule: Rule, shape_name: str, shapes: Json) -> list[str]:
    return [f"{where} ({shape_name}): {line}" for line in differences_of_rule(rule, shape_name, shapes)]
