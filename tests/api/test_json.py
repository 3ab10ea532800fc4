"""JSON is read in the same way with msgspec and without it."""

import json
import subprocess
import sys
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.answers import MEMBER_JSON
from support.contract.api import OPERATION_NAMES, SERVICE_MODEL
from support.contract.responses import JSON_VALUES, responses

from detective_async import DecodeError
from detective_async.api import operations
from detective_async.api.models.base import ResponseMetadata
from detective_async.api.wire import decode, plain
from detective_async.api.wire import responses as reading
from detective_async.api.wire.json import choose

pytest.importorskip("msgspec")
from detective_async.api.wire import compiled

_SETTINGS = settings(derandomize=True, deadline=None, max_examples=25)
_METADATA = ResponseMetadata(request_id="request-1")
_MANY = 5000
_DEEP = 100_000
_OPERATIONS = operations.OPERATIONS
#: Values that JSON libraries may read differently, as text.
_ODD = [
    "18446744073709551615", "18446744073709551616", "-9223372036854775808", "-9223372036854775809", "-0", "-0.0", "1e3",
    "1E400", "-1e400", "1e-400", "9" * 309, "9" * _MANY, "0." + "1" * 5000, "01", "+1", ".5", "1.", "-", "0x1", "1_0",
    "NaN", "Infinity", "-Infinity", "nan", "True", "None", "undefined", "", '"\\ud800"', '"\\udc00\\ud800"',
    '"\\ud83d\\ude00"', '"\\u0000"', '"\\u00E9"', '"\\x41"', '"\\/"', '"\t"', '"\x7f"', '"\u2028"', "'a'", "[1,]",
    "[,1]", '{"a":1,}', '{"a":1,"a":2}', "{1:2}", '{"a"}', "/**/1", "\ufeff1", "\xa01", "\f1", "[" * 200 + "]" * 200,
    "[" * _DEEP + "]" * _DEEP, "[" * _DEEP,
]  # fmt: skip
_TEMPLATES = [
    "%s",
    '{"MemberDetails": [{"AccountId": "1", "GraphArn": "a", "Status": "", "VolumeUsageInBytes": %s}]}',
    '{"MemberDetails": [{"AccountId": "1", "GraphArn": "a", "Status": "", "PercentOfGraphUtilization": %s}]}',
    '{"MemberDetails": [{"AccountId": "1", "GraphArn": "a", "Status": "", "InvitedTime": %s}]}',
    '{"MemberDetails": [{"GraphArn": "a", "Status": "", "AccountId": %s}]}',
    '{"MemberDetails": [{"AccountId": "1", "GraphArn": "a", "Status": "INVITED", "Status": %s}]}',
    '{"NextToken": "token", "Unknown": %s}',
]


class Key(StrEnum):
    """An enum of the API as a map's key."""

    CORE = "DETECTIVE_CORE"
    ODD = "é\n"


class Name(str):
    """A string of a user's."""

    __slots__ = ()


class Number(int):
    """A number of a user's."""


def _read(operation: str, body: bytes) -> list[str]:
    """Return the response, or the problem of it: with msgspec, as the first one of a program, and with cattrs."""
    results = []
    for read in (compiled.read, plain.read, None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reading, "read", read)
            try:
                results.append(repr(decode(_OPERATIONS[operation], body, _METADATA)))
            except DecodeError as error:
                results.append(f"problem: {error.problem}")
    return results


@pytest.mark.parametrize("operation", OPERATION_NAMES)
@_SETTINGS
@given(data=st.data())
def test_responses_are_read_in_the_same_way(operation: str, data: st.DataObject) -> None:
    """Valid ones, those of another form, and incomplete ones."""
    shape = SERVICE_MODEL.operation_model(operation).output_shape
    document = data.draw(st.one_of(JSON_VALUES if shape is None else responses(shape), JSON_VALUES), label="document")
    body = json.dumps(document, ensure_ascii=data.draw(st.booleans(), label="ASCII")).encode()
    body = body[: data.draw(st.one_of(st.just(len(body)), st.integers(0, len(body))), label="length")]
    with_msgspec, at_first, with_cattrs = _read(operation, body)
    assert with_msgspec == at_first == with_cattrs


@pytest.mark.parametrize("template", _TEMPLATES)
@pytest.mark.parametrize("odd", _ODD, ids=lambda odd: ascii(odd[:12]))
def test_unusual_json_is_read_in_the_same_way(template: str, odd: str) -> None:
    """Large numbers, lone surrogates, constants that JSON does not have, duplicate keys, and deep nesting.

    All but two in a member that is ignored: Python's parser refuses a number of thousands of digits, and msgspec skips
    it; and from CPython 3.14 on, msgspec skips many levels that Python's parser refuses.
    """
    if "Unknown" in template and (len(odd) == _MANY or (len(odd) == 2 * _DEEP and sys.version_info >= (3, 14))):
        pytest.skip("the exceptions")
    with_msgspec, at_first, with_cattrs = _read("ListMembers", (template % odd).encode())
    assert with_msgspec == at_first == with_cattrs


@given(
    st.one_of(
        st.binary(max_size=60), st.text('[]{}:,"\\\\u0dDeE19.-+ \nnulltruefals\ufeff', max_size=60).map(str.encode)
    )
)
@example(b"\xed\xa0\x80")
@example(b"\xc0\x80")
@example(b"\xf4\x90\x80\x80")
@example(b"\0")
@example(b"-")
@settings(_SETTINGS, max_examples=300)
def test_any_bytes_are_read_in_the_same_way(fragment: bytes) -> None:
    """As a whole document, as a member that is read, in a string of it, and as one that is ignored."""
    for template in (b"%s", b'{"NextToken": %s}', b'{"NextToken": "%s"}', b'{"Unknown": %s}', b'{"Unknown": "%s"}'):
        with_msgspec, at_first, with_cattrs = _read("ListMembers", template % fragment)
        assert with_msgspec == at_first == with_cattrs


@given(st.text("0123456789-+:.,TtZzWw \u0663", max_size=40))
@example("2026-01-02T03:04:05.1234567Z")
@example("2026-01-02t03:04:05z")
@example("2026-01-02 03:04:05,5+0530")
@example("2026-W01-1T03Z")
@example("0001-01-01T00:00:00+01:00")
@settings(_SETTINGS, max_examples=300)
def test_timestamps_are_read_in_the_same_way(text: str) -> None:
    """Whatever forms of ISO 8601 Python knows, cut off after microseconds as boto3 does."""
    body = json.dumps({"MemberDetails": [{**MEMBER_JSON, "InvitedTime": text}]}).encode()
    with_msgspec, at_first, with_cattrs = _read("ListMembers", body)
    assert with_msgspec == at_first == with_cattrs


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.text(st.characters(codec="utf-8")),
    st.sampled_from(Key),
    st.builds(Number, st.integers(-(2**63), 2**64 - 1)),
    st.builds(Name, st.text(st.characters(codec="utf-8"))),
)
_REQUESTS = st.dictionaries(
    st.one_of(st.text(st.characters(codec="utf-8")), st.sampled_from(Key)),
    st.recursive(
        _SCALARS,
        lambda inner: st.one_of(
            st.lists(inner),
            st.dictionaries(st.one_of(st.text(st.characters(codec="utf-8")), st.sampled_from(Key)), inner),
        ),
    ),
)


@_SETTINGS
@given(_REQUESTS)
@example({"".join(map(chr, range(0x180))): "\u2028\U0001f50e"})
@example({Key.ODD: {Key.CORE: [Key.ODD]}})
def test_requests_are_written_in_the_same_way(members: dict[str, Any]) -> None:
    """The bytes are equal."""
    with_msgspec = choose()(members)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "msgspec", None)
        with_json = choose()(members)
    assert with_msgspec == with_json
    assert json.loads(with_json) == members


@pytest.mark.parametrize("library", ["msgspec", None])
def test_what_no_json_has_is_not_written(library: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """With msgspec as without; strings of any class are written."""
    if library is None:
        monkeypatch.setitem(sys.modules, "msgspec", None)
    dump = choose()
    with pytest.raises(TypeError, match=r"type object\b|object is not JSON"):
        dump({"a": object()})
    assert dump({"a": [Name("b"), Key.CORE, "é", Number(5)]}) == '{"a":["b","DETECTIVE_CORE","é",5]}'.encode()


_PROGRAM = """
import asyncio, sys
sys.modules["msgspec"] = None
from detective_async import Account, DetectiveClient
from detective_async.integrations.web.json_bytes import dump_json
from detective_async.testing import DetectiveSimulator

async def main():
    async with DetectiveSimulator() as sim:
        keys = sim.account("111122223333")
        async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=keys) as client:
            graph = await client.create_graph(tags={"team": "ß"})
            await client.create_members(graph.graph_arn, [Account("444455556666", "kim@example.com")])
            print((await client.list_tags_for_resource(graph.graph_arn)).tags)
            print([member.account_id async for member in client.iter_members(graph.graph_arn)])

asyncio.run(main())
print(dump_json({"é": [2**64, float("nan")]}).decode(), dump_json("\\ud800").decode())
"""


def test_a_process_without_msgspec() -> None:
    """Importing the library, calls, and JSON for a browser work without it."""
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-X", "utf8", "-c", _PROGRAM],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        repr({"team": "ß"}),
        "['444455556666']",
        '{"\\u00e9":[18446744073709551616,null]} "\\ud800"',
    ]
