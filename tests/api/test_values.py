"""The library's objects as plain values."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from support.answers import MEMBER
from support.contract.always_sent import always_sent

import detective_async
from detective_async import (
    AccessDeniedException,
    Account,
    ConnectionLost,
    CreateMembersResponse,
    Credentials,
    DatasourcePackage,
    Graph,
    ListGraphsResponse,
    MemberDetail,
    MemberStatus,
    Outcome,
    ParameterError,
    ProgressEvent,
    ResponseMetadata,
    Target,
    UnprocessedAccount,
    to_dict,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "a secret of forty characters or so......")
TARGET = Target("111122223333", "eu-west-1", KEYS)
REFUSED = AccessDeniedException(
    "AccessDeniedException", "not you", status=403, request_id="an-id", operation="GetMembers"
)

VALUES: dict[str, tuple[object, object]] = {
    "a response without its metadata": (
        ListGraphsResponse(
            graph_list=[Graph(arn="an-arn", created_time=NOON)], response_metadata=ResponseMetadata(request_id="an-id")
        ),
        {"graph_list": [{"arn": "an-arn", "created_time": "2026-03-01T12:00:00Z"}], "next_token": None},
    ),
    "what is masked elsewhere": (
        Account("111122223333", "kim@example.com"),
        {"account_id": "111122223333", "email_address": "kim@example.com"},
    ),
    "an address in a text of AWS": (
        CreateMembersResponse(unprocessed_accounts=[UnprocessedAccount(account_id="1", reason="kim@example.com: no")]),
        {"members": [], "unprocessed_accounts": [{"account_id": "1", "reason": "kim@example.com: no"}]},
    ),
    "a map with enums as keys": ({DatasourcePackage.EKS_AUDIT: MemberStatus.ENABLED}, {"EKS_AUDIT": "ENABLED"}),
    "a timestamp of another zone": (NOON.astimezone(timezone(timedelta(hours=2))), "2026-03-01T12:00:00Z"),
    "numbers that JSON does not have": ([float("nan"), float("inf"), 0.5], [None, None, 0.5]),
    "a tuple and a set": ((1, {"a"}), [1, ["a"]]),
    "an outcome without the credentials": (
        Outcome(TARGET, None, REFUSED, 0.5),
        {
            "target": {"account_id": "111122223333", "region": "eu-west-1"},
            "value": None,
            "error": {
                "error": "AccessDeniedException",
                "message": str(REFUSED),
                "code": "AccessDeniedException",
                "status": 403,
                "request_id": "an-id",
                "operation": "GetMembers",
                "attempts": 1,
                "outcome_unknown": False,
            },
            "elapsed": 0.5,
            "kind": "failed",
        },
    ),
    "an error without a response": (
        ConnectionLost("it broke", operation="CreateGraph", attempts=2, outcome_unknown=True),
        {
            "error": "ConnectionLost",
            "message": str(ConnectionLost("it broke", operation="CreateGraph", attempts=2, outcome_unknown=True)),
            "operation": "CreateGraph",
            "attempts": 2,
            "outcome_unknown": True,
        },
    ),
    "an error of another library": (KeyError("x"), {"error": "KeyError", "message": "'x'"}),
    "an event": (
        ProgressEvent(done=1, failed=0, total=None, elapsed=0.5),
        {"done": 1, "failed": 0, "total": None, "elapsed": 0.5},
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_plain_values(name: str) -> None:
    """Under the attributes' names, with None for what is missing."""
    value, expected = VALUES[name]
    assert to_dict(value) == expected
    assert json.loads(json.dumps(to_dict(value), allow_nan=False)) == expected


@pytest.mark.parametrize("name", [name for name in detective_async.models.__all__ if name.endswith("Response")])
def test_all_responses(name: str) -> None:
    """Every attribute but the metadata is there, None or empty where AWS left it out."""
    kind: Any = getattr(detective_async.models, name)
    needed = {attribute: "text" for shape, attribute in always_sent() if shape == name}
    found = to_dict(kind(**needed))
    expected = [attribute.name for attribute in attrs.fields(kind) if attribute.name != "response_metadata"]
    assert list(found) == [name for name in (a.name for a in attrs.fields(kind)) if name in expected]
    assert {attribute: item for attribute, item in found.items() if item} == needed


def test_a_member_has_every_attribute() -> None:
    """So that the rows of a table have the same columns."""
    assert list(to_dict(MEMBER)) == [attribute.name for attribute in attrs.fields(MemberDetail)]


def test_secrets_are_left_out() -> None:
    """Also from a message of somebody else's error."""
    assert to_dict(KEYS) == {"expires_at": None}
    text = json.dumps(to_dict([KEYS, TARGET, ValueError(f"{KEYS.secret_access_key} aws_secret={'a1B2' * 10}")]))
    assert "a1B2a1B2" not in text


@pytest.mark.parametrize("value", [b"bytes", object(), {1: 2}, lambda: None, ParameterError])
def test_what_has_no_plain_value(value: object) -> None:
    """It is refused, and not shown as its repr."""
    with pytest.raises(TypeError, match="JSON"):
        to_dict(value)
