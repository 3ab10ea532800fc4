"""Models and all the rest as JSON can hold it."""

import enum
import json
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import detective_async
from detective_async import (
    AccessDeniedException,
    Account,
    AssumeRole,
    Credentials,
    DatasourcePackage,
    DatasourcePackageUsageInfo,
    DetectiveClient,
    Graph,
    Indicator,
    IndicatorDetail,
    IndicatorType,
    ListMembersResponse,
    MemberDetail,
    MemberStatus,
    Outcome,
    ProgressEvent,
    Target,
    TTPsObservedDetail,
    UnprocessedAccount,
)
from detective_async.api.models.base import ResponseMetadata
from detective_async.integrations.aiohttp_web import to_json
from detective_async.integrations.aiohttp_web.text import dump
from detective_async.membership.report import AccountReport

NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
MEMBER = MemberDetail(
    account_id="111122223333",
    email_address="kim@example.com",
    status=MemberStatus.ENABLED,
    invited_time=NOON,
    volume_usage_in_bytes=5,
    percent_of_graph_utilization=0.5,
    volume_usage_by_datasource_package={
        DatasourcePackage.DETECTIVE_CORE: DatasourcePackageUsageInfo(volume_usage_in_bytes=3)
    },
)
MEMBER_TOLD = {
    "AccountId": "111122223333",
    "Status": "ENABLED",
    "InvitedTime": "2026-03-01T12:00:00.250000Z",
    "VolumeUsageInBytes": 5,
    "PercentOfGraphUtilization": 0.5,
    "VolumeUsageByDatasourcePackage": {"DETECTIVE_CORE": {"VolumeUsageInBytes": 3}},
    "DatasourcePackageIngestStates": {},
}


def test_a_model() -> None:
    """It has the API's names, without what AWS left out, and without what is sensitive."""
    assert to_json(MEMBER) == MEMBER_TOLD
    assert to_json(MEMBER, sensitive=True) == {**MEMBER_TOLD, "EmailAddress": "kim@example.com"}


def test_nested_models() -> None:
    """The API's odd spellings are kept, at any depth."""
    detail = IndicatorDetail(ttps_observed_detail=TTPsObservedDetail(api_name="ListUsers", api_success_count=2))
    assert to_json([Indicator(indicator_type=IndicatorType.TTP_OBSERVED, indicator_detail=detail)]) == [
        {
            "IndicatorType": "TTP_OBSERVED",
            "IndicatorDetail": {"TTPsObservedDetail": {"APIName": "ListUsers", "APISuccessCount": 2}},
        }
    ]


def test_an_answer() -> None:
    """What it carries beside the API's members is not told, and sensitivity goes all the way down."""
    answer = ListMembersResponse(
        member_details=[MEMBER], next_token="more", response_metadata=ResponseMetadata(request_id="an-id")
    )
    assert to_json(answer) == {"MemberDetails": [MEMBER_TOLD], "NextToken": "more"}
    assert "kim@example.com" in json.dumps(to_json({"answer": (answer,)}, sensitive=True))


def test_words_of_awss_that_may_quote_addresses() -> None:
    """The addresses in them are masked, unless they are asked for."""
    account = UnprocessedAccount(account_id="111122223333", reason="kim@example.com is not hers")
    assert to_json(account) == {"AccountId": "111122223333", "Reason": "*** is not hers"}
    assert to_json(account, sensitive=True)["Reason"] == "kim@example.com is not hers"
    assert to_json(UnprocessedAccount(account_id="111122223333")) == {"AccountId": "111122223333"}


@pytest.mark.parametrize(
    "name", [name for name in detective_async.__all__ if attrs.has(getattr(detective_async, name))]
)
def test_every_public_class_says_nothing_that_its_repr_hides(name: str) -> None:
    """Whatever is masked or hidden in a `repr` is not in JSON either, and what is shown there is."""
    kind = getattr(detective_async, name)
    value = object.__new__(kind)
    secret = "kim@example.com"
    for attribute in attrs.fields(kind):
        object.__setattr__(value, attribute.name, secret if attribute.repr is not True else attribute.name)
    told = to_json(value)
    assert secret not in json.dumps(told)
    shown = [a.name for a in attrs.fields(kind) if a.repr is True and not a.name.startswith("_")]
    assert set(shown) <= set(told.values())


def test_pairs_of_a_fleets_stream() -> None:
    """They become objects, without the target's credentials; other tuples become lists."""
    keys = Credentials("AKIAIOSFODNN7EXAMPLE", "a secret of forty characters or so......")
    target = Target("111122223333", "eu-west-1", keys)
    told = {"account_id": "111122223333", "region": "eu-west-1"}
    assert to_json((target, MEMBER)) == {"target": told, "item": MEMBER_TOLD}
    assert to_json((target, MEMBER), sensitive=True)["item"]["EmailAddress"] == "kim@example.com"
    assert to_json([target, MEMBER]) == [told, MEMBER_TOLD]
    assert to_json((DatasourcePackage.DETECTIVE_CORE, Graph(arn="a"))) == ["DETECTIVE_CORE", {"Arn": "a"}]
    assert to_json((target,)) == [told]
    assert to_json(()) == []


def test_outcomes() -> None:
    """Each says where and how it ended, with its value or with its error as a problem; None is null."""
    target = Target("111122223333", "eu-west-1")
    told = {"account_id": "111122223333", "region": "eu-west-1"}
    assert to_json(Outcome(target, MEMBER, None, 0.5)) == {
        "target": told,
        "value": MEMBER_TOLD,
        "error": None,
        "elapsed": 0.5,
        "kind": "succeeded",
    }
    error = AccessDeniedException("AccessDeniedException", "no", status=403, request_id="an-id")
    failed = to_json(Outcome(target, None, error, 0.5))
    assert failed["kind"] == "failed"
    assert failed["value"] is None
    assert failed["error"] == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "no",
        "code": "AccessDeniedException",
        "request_id": "an-id",
        "outcome_unknown": False,
    }


def test_classes_of_the_librarys_own() -> None:
    """They have the names of their attributes; addresses in their texts are masked."""
    event = ProgressEvent(done=1, failed=0, total=None, elapsed=0.5)
    assert to_json(event) == {"done": 1, "failed": 0, "total": None, "elapsed": 0.5}
    report = AccountReport(account_id="111122223333", region="eu-west-1", problem="not kim@example.com's")
    assert to_json(report)["problem"] == "not ***'s"
    assert to_json(report, sensitive=True)["problem"] == "not kim@example.com's"


def test_credentials() -> None:
    """No key is told, nor what makes one."""
    keys = Credentials("AKIAIOSFODNN7EXAMPLE", "a secret", "a token", account_id="111122223333")
    assert set(to_json(keys, sensitive=True)) <= {"expires_at", "account_id"}
    role = AssumeRole("arn:aws:iam::111122223333:role/R", source=keys, external_id="a-secret-id")
    assert "secret" not in json.dumps(to_json(role, sensitive=True))


def test_classes_of_others() -> None:
    """An attrs class of the app's has its own names, and its texts are its own affair; what it hides stays hidden."""

    @attrs.frozen
    class Person:
        name: str
        address: str
        password: str = attrs.field(repr=False)
        _note: str = ""

    told = to_json(Person("Kim", "kim@example.com", "secret", "a note"))
    assert told == {"name": "Kim", "address": "kim@example.com"}


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (0.5, 0.5),
        (float("nan"), None),
        (float("inf"), None),
        ("text", "text"),
        (MemberStatus("ADDED_TOMORROW"), "ADDED_TOMORROW"),
        (Colour.RED, "red"),
        (datetime(2026, 3, 1, 14, tzinfo=timezone(timedelta(hours=2))), "2026-03-01T12:00:00Z"),
        ({MemberStatus.ENABLED: frozenset({1})}, {"ENABLED": [1]}),
        (Counter("a"), {"a": 1}),
        ({"a": 1}.keys(), ["a"]),
    ],
)
def test_plain_values(value: object, expected: object) -> None:
    """What JSON has is as it is, and enums, timestamps and collections become what it has."""
    told = to_json(value)
    assert told == expected
    assert type(told) is type(expected)


@pytest.mark.parametrize("value", [b"bytes", bytearray(), object(), {1: 2}, [{"a": {object()}}]])
def test_what_has_no_form(value: object) -> None:
    """It is refused, at any depth, and what it was is said, but not what is in it."""
    with pytest.raises(TypeError, match=r"^\w+ has no form in JSON$|^an object has strings for keys"):
        to_json(value)


async def test_a_client_is_no_data() -> None:
    """What holds connections and keys cannot become JSON by mistake."""
    with pytest.raises(TypeError, match="DetectiveClient has no form in JSON"):
        to_json(DetectiveClient(region="eu-west-1"))


def test_what_goes_in_comes_out_again() -> None:
    """An account of the API's own JSON is the same after it was made a model and told."""
    assert to_json(Account("111122223333", "kim@example.com"), sensitive=True) == {
        "AccountId": "111122223333",
        "EmailAddress": "kim@example.com",
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda values: st.lists(values) | st.dictionaries(st.text(st.characters(exclude_categories=())), values),
)


@given(json_values)
def test_any_json_is_written_on_one_line(value: Any) -> None:
    """Half a surrogate pair, huge numbers, line ends and NULs survive; and any decoder reads it."""
    told = to_json(value)
    text = dump(told)
    assert not set(text) & set(b"\n\r\0")
    assert json.loads(text.decode("utf-8")) == told


def test_numbers_that_json_does_not_have() -> None:
    """They are refused where `to_json` was not asked, beside what needs the slow way, and null on the quick one."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump([2**100, float("nan")])
