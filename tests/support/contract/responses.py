"""Generates responses from botocore's shapes, with unknown members and values that AWS may add."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from hypothesis import strategies as st
from support.contract.always_sent import members_always_sent
from support.contract.strategies import ARNS, AWKWARD, CHARACTERS, MOMENTS

TEXTS = st.one_of(st.sampled_from([*AWKWARD, *ARNS]), st.text(CHARACTERS, max_size=24))
#: Integers that a double represents exactly, so that equality is exact.
_EXACT = 2**53
_INTEGERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-_EXACT, _EXACT).map(float))
_NUMBERS = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-_EXACT, _EXACT))
JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
#: Members that AWS may add.
_UNKNOWN = st.dictionaries(
    st.sampled_from(["Added", "graphArn", "response_metadata", "", "é"]), JSON_VALUES, max_size=2
)


def _in_utc(moment: datetime, precision: str) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision)


#: The forms of timestamps that services may send.
_FORMS: list[Callable[[datetime], str | float]] = [
    lambda moment: f"{_in_utc(moment, 'auto')}Z",
    lambda moment: f"{_in_utc(moment, 'milliseconds')}Z",
    lambda moment: f"{_in_utc(moment, 'microseconds')}789Z",
    lambda moment: moment.isoformat(),
    lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S%z"),
    lambda moment: moment.timestamp(),
    lambda moment: int(moment.timestamp()),
]
TIMESTAMPS = st.builds(lambda moment, form: form(moment), MOMENTS, st.sampled_from(_FORMS))


def responses(shape: Shape) -> st.SearchStrategy[Any]:
    """Generate JSON documents of a shape."""
    match shape:
        case StructureShape():
            members = {name: responses(member) for name, member in shape.members.items()}
            # Half of the documents have all members; in others, some are missing or null, but for those always sent.
            sparse = {name: st.one_of(st.none(), member) for name, member in members.items()}
            always = {name: members[name] for name in members_always_sent(shape.name)}
            others = {name: member for name, member in sparse.items() if name not in always}
            known = st.one_of(st.fixed_dictionaries(members), st.fixed_dictionaries(always, optional=others))
            unknown = _UNKNOWN.map(lambda added: {n: value for n, value in added.items() if n not in members})
            return st.builds(lambda added, there: {**added, **there}, unknown, known)
        case ListShape():
            return st.lists(responses(shape.member), max_size=3)
        case MapShape():
            return st.dictionaries(responses(shape.key), responses(shape.value), max_size=3)
        case StringShape():
            return st.one_of(st.sampled_from(shape.enum), TEXTS) if shape.enum else TEXTS
    return {
        "boolean": st.booleans(),
        "double": _NUMBERS,
        "integer": _INTEGERS,
        "long": _INTEGERS,
        "timestamp": TIMESTAMPS,
    }[shape.type_name]
