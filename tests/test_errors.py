"""The exceptions, and how error responses become exceptions."""

import json
import pickle

import pytest
from support.answers import MEMBER

import detective_async
from detective_async import (
    AccessDeniedException,
    AttemptTimeout,
    ConnectError,
    ConnectionLost,
    DeadlineExceeded,
    DecodeError,
    DetectiveError,
    ErrorCode,
    HostNotFound,
    PaginationError,
    ParameterError,
    ServiceError,
    ServiceQuotaExceededException,
    TransportError,
    ValidationException,
    WaiterTimeout,
)
from detective_async.api.wire.error_responses import decode_error

ERRORS: list[DetectiveError] = [
    ParameterError("accounts[3].email_address", "must not be empty"),
    detective_async.ConfigurationError("no region"),
    detective_async.CredentialsError("none"),
    detective_async.ClientClosed("the client is closed"),
    ConnectError("cannot connect", operation="ListGraphs", attempts=3, outcome_unknown=False),
    ConnectionLost("it broke", operation="ListGraphs", attempts=1, outcome_unknown=True),
    AttemptTimeout("slow", operation="ListGraphs", attempts=2, outcome_unknown=True),
    DeadlineExceeded("late", operation="ListGraphs", attempts=2, outcome_unknown=False),
    DecodeError("bad @ $", operation="ListGraphs", status=200, request_id="id", attempts=1),
    PaginationError("ListGraphs"),
    ServiceError("Odd", "words", status=418, request_id="id", operation="ListGraphs", attempts=2, retryable=True),
    ValidationException("ValidationException", "words", error_code=ErrorCode.INVALID_GRAPH_ARN),
    ServiceQuotaExceededException("ServiceQuotaExceededException", resources=["members"], retry_after=1.5),
    HostNotFound("no such name", operation="ListGraphs", attempts=3, outcome_unknown=False),
    detective_async.AssumeRoleError("no", role_arn="arn", code="AccessDenied", status=403, request_id="id"),
    WaiterTimeout("not settled", timeout=60, last_states={"1": MEMBER, "2": None}, pending=["2"]),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_can_be_pickled(error: DetectiveError) -> None:
    """The copy has the same type, message and attributes."""
    error.add_note("seen on a Tuesday")
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert vars(twin) == vars(error)


def test_base_classes() -> None:
    """Each error has the documented base classes."""
    for name in detective_async.__all__:
        thing = getattr(detective_async, name)
        if isinstance(thing, type) and issubclass(thing, BaseException):
            assert issubclass(thing, DetectiveError)
    assert issubclass(HostNotFound, ConnectError)
    for kind in (ConnectError, ConnectionLost, AttemptTimeout, DeadlineExceeded):
        assert issubclass(kind, TransportError)
    assert issubclass(ValidationException, ServiceError)
    assert issubclass(ParameterError, ValueError)


def test_the_message_has_the_details_for_support() -> None:
    """Code, message, operation, status, request id and attempts."""
    assert str(ERRORS[10]) == "Odd: words (ListGraphs, HTTP 418, request id id, attempts: 2)"
    assert str(ERRORS[4]) == "ListGraphs: cannot connect; attempts: 3"
    assert str(ERRORS[5]) == "ListGraphs: it broke; attempts: 1; the service may have acted on it"


def test_an_unknown_member_is_a_type_error() -> None:
    """A misspelt keyword raises."""
    with pytest.raises(TypeError, match="ValidationException has no resources"):
        ValidationException("ValidationException", resources=["members"])


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({"x-amzn-errortype": "ValidationException"}, b"{}", "ValidationException"),
        ({"x-amzn-errortype": "ValidationException:http://internal/"}, b"{}", "ValidationException"),
        ({"x-amzn-errortype": "com.amazon#ValidationException:http://x#y/"}, b"{}", "ValidationException"),
        ({"x-amzn-errortype": "A"}, b'{"code": "B", "__type": "C"}', "A"),
        ({}, b'{"code": "B", "__type": "C"}', "B"),
        ({}, b'{"__type": "com.amazon#C:x"}', "C"),
        ({"x-amzn-errortype": ""}, b'{"__type": "C"}', "C"),
        ({}, b'{"__type": 5}', "400"),
        ({}, b"", "400"),
        ({}, b"<html>", "400"),
        ({}, b"[]", "400"),
        ({"x-amzn-errortype": "#:"}, b"", "400"),
    ],
)
def test_the_places_of_the_error_code(headers: dict[str, str], body: bytes, code: str) -> None:
    """Header first, then `code`, then `__type`, without URL and namespace; else the status."""
    error = decode_error("ListGraphs", 400, headers, body, attempts=1)
    assert error.code == code
    assert type(error) is (ValidationException if code == "ValidationException" else ServiceError)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"message": "a", "Message": "b"}', "a"),
        (b'{"Message": "b"}', "b"),
        (b'{"message": 5}', ""),
        (b"\xff\xfe", ""),
        (b"[" * 1_000_000, ""),
    ],
)
def test_the_places_of_the_message(body: bytes, message: str) -> None:
    """Both spellings; empty if there is none."""
    assert decode_error("ListGraphs", 400, {}, body, attempts=1).message == message


def test_a_modelled_exception_has_its_members() -> None:
    """Its members are typed; those of the wrong type are ignored."""
    body = b'{"ErrorCode": "INVALID_GRAPH_ARN", "ErrorCodeReason": "r", "SubErrorCode": "NEW", "SubErrorCodeReason": 5}'
    error = decode_error("ListMembers", 403, {"x-amzn-errortype": "AccessDeniedException"}, body, attempts=1)
    assert isinstance(error, AccessDeniedException)
    assert error.error_code is ErrorCode.INVALID_GRAPH_ARN
    assert error.error_code_reason == "r"
    assert error.sub_error_code == "NEW"
    assert error.sub_error_code_reason is None

    body = b'{"Resources": ["members", 5]}'
    error = decode_error("CreateMembers", 402, {"x-amzn-errortype": "ServiceQuotaExceededException"}, body, attempts=1)
    assert isinstance(error, ServiceQuotaExceededException)
    assert error.resources == ["members"]


def test_long_texts_and_lists_of_an_error_are_cut() -> None:
    """Whatever a server sends, the error stays of a size that can be logged."""
    body = json.dumps({"message": "no " * 9_000, "Resources": ["members"] * 9_000}).encode()
    error = decode_error("CreateMembers", 402, {"x-amzn-errortype": "ServiceQuotaExceededException"}, body, attempts=1)
    assert isinstance(error, ServiceQuotaExceededException)
    assert len(error.resources) == 200
    assert len(error.message) < 4_100
    assert error.message.endswith(" [...]")


@pytest.mark.parametrize(
    ("header", "seconds"), [("1500", 1.5), ("0", 0.0), ("-1", None), ("1.5", None), ("soon", None), ("9" * 30, None)]
)
def test_the_delay_that_the_service_asks_for(header: str, seconds: float | None) -> None:
    """Milliseconds become seconds; malformed values are ignored."""
    assert decode_error("ListGraphs", 429, {"x-amz-retry-after": header}, b"", attempts=1).retry_after == seconds
