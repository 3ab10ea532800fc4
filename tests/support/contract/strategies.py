"""Generates valid requests from botocore's shapes, independently of our classes."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from hypothesis import strategies as st

#: One graph in each partition.
ARNS = [
    f"arn:{partition}:detective:{region}:123456789012:graph:{'0123456789abcdef' * 2}"
    for partition, region in (
        ("aws", "eu-west-1"),
        ("aws-cn", "cn-north-1"),
        ("aws-us-gov", "us-gov-west-1"),
        ("aws-iso", "us-iso-east-1"),
        ("aws-iso-b", "us-isob-east-1"),
        ("aws-iso-e", "eu-isoe-west-1"),
        ("aws-iso-f", "us-isof-south-1"),
        ("aws-eusc", "eusc-de-east-1"),
    )
]
#: Difficult texts for percent-encoding, canonicalisation or JSON.
AWKWARD = [
    " ", "  two  spaces  ", "%", "%20", "%2F", "%zz", "&", "a&b=c", "=", "==", "+", "a+b", "/", "//", "/../", ".", "..",
    "?", "#", "~", "*", "!'()", "-._~", ":", "@", ";", ",", "$", "|", "[]", "{}", "<>", "^", "`", '"', "\\", "\t",
    "\r\n", "\x00", "\x7f", "\x85", "\xa0", "é", "e\u0301", "ß", "日本語", "\u2028", "\u202e", "\ufeff", "\ufffd",
    "\U0001f50e", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "tagKeys", "aws:no", "null", "0",
]  # fmt: skip
#: All text that UTF-8 can encode.
CHARACTERS = st.characters(codec="utf-8")
#: The pattern of keys is stricter than what the service accepts, and no client checks it.
_UNENFORCED_PATTERNS = {"TagKey"}
#: Realistic values, in addition to those that match the patterns.
_SAMPLES = {"GraphArn": ARNS}
#: Long, but short enough for a URL.
_LONGEST = 24
_FIRST = datetime(1900, 1, 2, tzinfo=UTC)
_OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
#: In any time zone. From 1900, because boto3 uses strftime, which does not pad earlier years on all platforms.
MOMENTS = st.builds(
    lambda seconds, microsecond, zone: (_FIRST + timedelta(seconds=seconds, microseconds=microsecond)).astimezone(zone),
    st.integers(0, 8000 * 365 * 24 * 60 * 60),
    st.one_of(st.just(0), st.integers(0, 999_999)),
    st.one_of(st.just(UTC), _OFFSETS),
)


def requests(shape: Shape | None) -> st.SearchStrategy[dict[str, Any]]:
    """Generate boto3's keyword arguments for an operation with this request shape."""
    return st.just({}) if shape is None else _value(shape)


def _value(shape: Shape) -> st.SearchStrategy[Any]:
    match shape:
        case StructureShape():
            members = {name: _value(member) for name, member in shape.members.items()}
            required = {name: members.pop(name) for name in shape.required_members}
            # Half of the requests have all optional members.
            return st.one_of(
                st.fixed_dictionaries(required, optional=members), st.fixed_dictionaries({**required, **members})
            )
        case ListShape():
            return _list(shape)
        case MapShape():
            return _map(shape)
        case StringShape():
            return _string(shape)
    return _SCALARS[shape.type_name](shape)


def _integer(shape: Shape) -> st.SearchStrategy[int]:
    return st.integers(shape.metadata["min"], shape.metadata["max"])


# Types that are missing here are in no request.
_SCALARS: dict[str, Callable[[Shape], st.SearchStrategy[Any]]] = {
    "boolean": lambda _: st.booleans(),
    "integer": _integer,
    "timestamp": lambda _: MOMENTS,
}


def _list(shape: ListShape) -> st.SearchStrategy[list[Any]]:
    item = _value(shape.member)
    largest: int = shape.metadata["max"]
    return st.one_of(st.lists(item, min_size=shape.metadata["min"], max_size=4), item.map(lambda one: [one] * largest))


def _map(shape: MapShape) -> st.SearchStrategy[dict[str, Any]]:
    value = _value(shape.value)
    largest: int = shape.metadata["max"]
    return st.one_of(
        st.dictionaries(_value(shape.key), value, min_size=shape.metadata["min"], max_size=4),
        value.map(lambda one: {f"key {number}": one for number in range(largest)}),
    )


def _string(shape: StringShape) -> st.SearchStrategy[str]:
    if shape.enum:
        return st.sampled_from(shape.enum)
    shortest: int = shape.metadata.get("min", 0)
    longest: int = shape.metadata.get("max", 1000)
    pattern = shape.metadata.get("pattern")
    if pattern is not None and shape.name not in _UNENFORCED_PATTERNS:
        # One or more of them up to the maximum; otherwise hardly any would have the right length.
        exact = re.sub(r"(?<=^\^\[0-9\])\+(?=\$$)", f"{{{shortest},{longest}}}", pattern)
        matching = st.from_regex(re.compile(exact, re.ASCII), fullmatch=True, alphabet=CHARACTERS)
        fitting = matching.filter(lambda text: shortest <= len(text) <= longest)
        samples = _SAMPLES.get(shape.name)
        return fitting if samples is None else st.one_of(st.sampled_from(samples), fitting)
    return st.one_of(
        st.sampled_from([text for text in AWKWARD if shortest <= len(text) <= longest]),
        st.text(CHARACTERS, min_size=shortest, max_size=min(longest, _LONGEST)),
        st.sampled_from("xé").map(lambda character: character * longest),
    )


_EXAMPLES = {
    "AccountId": "111122223333",
    "EmailAddress": "root@example.com",
    "EntityArn": "arn:aws:iam::111122223333:role/build",
    "GraphArn": ARNS[0],
    "InvestigationId": "000000000000000000021",
}


def smallest_request(shape: Shape | None) -> dict[str, Any]:
    """Return a valid request with required members only, for tests of responses."""
    smallest: dict[str, Any] = {} if shape is None else _smallest(shape)
    return smallest


def _smallest(shape: Shape) -> Any:
    match shape:
        case StructureShape():
            return {name: _smallest(shape.members[name]) for name in shape.required_members}
        case ListShape():
            return [_smallest(shape.member)]
        case MapShape():
            return {_smallest(shape.key): _smallest(shape.value)}
        case StringShape():
            return shape.enum[0] if shape.enum else _EXAMPLES.get(shape.name, "x")
    return {"timestamp": datetime(2026, 1, 1, tzinfo=UTC)}[shape.type_name]
