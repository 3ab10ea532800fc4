"""The table of the controls that can be used over HTTP: their parameters and results, as JSON.

What the rest of a description needs, such as which parameters are required, comes from the control itself.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from detective_async.auth.credentials import Credentials
from detective_async.testing import checks
from detective_async.testing.checks import Check, list_of, map_of, nullable, table
from detective_async.testing.names import known_operation
from detective_async.testing.remote import fault_json
from detective_async.testing.seed import schema
from detective_async.testing.server.requests import RecordedRequest

#: The path of a control is this, and its name.
PREFIX = "/_simulator/control/"


@frozen
class Route:
    """One control over HTTP.

    Args:
        control: its name, as in `DetectiveSimulator`.
        parameters: a check for each.
        result: what is returned; None for nothing.
        write: makes it JSON.
        call: calls the control.
    """

    control: str
    parameters: Mapping[str, Check] = field(factory=dict)
    result: Check | None = None
    write: Callable[[Any], Any] = lambda value: value
    call: Callable[[Callable[..., Any], Mapping[str, Any]], Any] = lambda control, given: control(**given)

    @property
    def method(self) -> str:
        """GET for what only returns something, else POST."""
        return "GET" if self.result is not None and not self.parameters else "POST"

    @property
    def path(self) -> str:
        """The path of the URL."""
        return PREFIX + self.control


def _time(moment: datetime) -> str:
    return moment.isoformat()


def _credentials(keys: Credentials) -> dict[str, Any]:
    return {
        "access_key_id": keys.access_key_id,
        "secret_access_key": keys.secret_access_key,
        "session_token": keys.session_token,
        "expires_at": _time(keys.expires_at) if keys.expires_at else None,
        "account_id": keys.account_id,
    }


def _request(one: RecordedRequest) -> dict[str, Any]:
    return {
        "time": _time(one.time),
        "operation": one.operation,
        "account_id": one.account_id,
        "region": one.region,
        "method": one.method,
        "target": one.target,
        "headers": {name: _printable(value) for name, value in one.headers.items()},
        "body": one.body.decode("utf-8", "replace"),
        "status": one.status,
        "error_code": one.error_code,
        "faults": [fault_json.write_effect(effect) for effect in one.faults],
        "request_id": one.request_id,
    }


def _printable(text: str) -> str:
    """Replace what is no Unicode text: aiohttp keeps such bytes as surrogates."""
    return text.encode("utf-8", "replace").decode()


_account_id = schema.check_account_id
_text = checks.text(r"[\s\S]*", "text")
_count = nullable(checks.integer(1, 2**53))
_keys = table(
    {"access_key_id": _text, "secret_access_key": _text, "account_id": _account_id},
    {"session_token": _text, "expires_at": checks.time},
)
_recorded = table(
    {
        "time": checks.time,
        "method": _text,
        "target": _text,
        "headers": map_of(_text, _text),
        "body": _text,
        "faults": list_of(fault_json.check_effect),
        "request_id": _text,
    },
    {
        "operation": _text,
        "account_id": _account_id,
        "region": _text,
        "status": checks.integer(200, 599),
        "error_code": _text,
    },
)
_snapshot = table(
    {
        "administrator": _account_id,
        "members": map_of(_account_id, _text),
        "packages": map_of(schema.check_package, schema.check_package_state),
        "tags": map_of(_text, _text),
    },
    {},
)
_delay = {"seconds": checks.seconds}
_in_region = {"region": schema.check_region}

ROUTES = (
    Route("reset"),
    Route("set_baseline"),
    Route("now", result=checks.time, write=_time),
    Route("advance", _delay),
    Route(
        "account",
        {"account_id": _account_id, "email": schema.check_email, "name": schema.check_account_name},
        _keys,
        _credentials,
    ),
    Route("accounts", result=list_of(_account_id)),
    Route("temporary_credentials", {"account_id": _account_id, "duration": checks.seconds}, _keys, _credentials),
    Route("environment", {"account_id": _account_id, **_in_region}, map_of(_text, _text)),
    Route(
        "role",
        {
            "account_id": _account_id,
            "name": schema.check_role_name,
            "trusted": list_of(_account_id),
            "external_id": schema.check_external_id,
            "max_session_duration": schema.check_session_duration,
            "path": schema.check_path,
        },
        _text,
    ),
    Route("inject", {"fault": fault_json.check_fault}),
    Route(
        "throttle",
        {
            "count": _count,
            "operation": known_operation,
            "account": _account_id,
            **_in_region,
            "retry_after_ms": fault_json.check_retry_after,
            "probability": checks.probability,
        },
    ),
    Route(
        "faults",
        result=list_of(fault_json.check_fault),
        write=lambda faults: [fault_json.write_fault(fault) for fault in faults],
    ),
    Route(
        "unused_faults",
        result=list_of(fault_json.check_fault),
        write=lambda faults: [fault_json.write_fault(fault) for fault in faults],
    ),
    Route("clear_faults"),
    Route("requests", result=list_of(_recorded), write=lambda records: [_request(one) for one in records]),
    Route("forget_requests"),
    Route("set_volume", {"account_id": _account_id, "problem": nullable(schema.check_volume_problem)}),
    Route(
        "set_package",
        {"graph_arn": _text, "package": schema.check_package, "state": schema.check_package_state},
    ),
    Route("organization", {"management_account": _account_id, "member_accounts": list_of(_account_id)}),
    Route("set_account_state", {"account_id": _account_id, "state": schema.check_account_state}),
    Route(
        "leave_organization",
        {"account_ids": list_of(_account_id)},
        call=lambda control, given: control(*given["account_ids"]),
    ),
    Route("deregister_administrator", {"management_account": _account_id}),
    Route("set_verification_delay", _delay),
    Route("set_activation_delay", _delay),
    Route("set_package_delay", _delay),
    Route("set_deletion_delay", _delay),
    Route("set_delegation_delay", _delay),
    Route("set_volume_limit", {"size": schema.check_volume_limit}),
    Route("set_read_lag", {**_delay, "operations": list_of(schema.check_lagging_operation)}),
    Route("close_region", {**_in_region, "account_id": _account_id}),
    Route("open_region", {**_in_region, "account_id": _account_id}),
    Route(
        "investigations",
        {"duration": checks.seconds, "outcome": schema.check_outcome, "severity": schema.check_severity},
    ),
    Route("snapshot", result=map_of(_text, _snapshot)),
    Route("load", {"source": schema.check_seed}),
    Route("dump", result=schema.check_seed),
)
