"""AssumeRole that fails: which failures are retried, and what is raised."""

import asyncio
import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from support.cloud import ROLE
from support.wire_server import Request, serving

from detective_async import (
    AssumeRole,
    AssumeRoleError,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    Credentials,
    CredentialsError,
    DeadlineExceeded,
    DetectiveClient,
    ParameterError,
    RetryPolicy,
    ServiceError,
    Timeouts,
)
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Garbage, Latency, Throttle

pytestmark = pytest.mark.slow

HUB = "111122223333"
SPOKE = "444455556666"
KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "secret-of-the-source", "token-of-the-source")


@pytest.fixture
def role(sim: DetectiveSimulator) -> AssumeRole:
    return AssumeRole(sim.role(SPOKE, "Audit", trusted=[HUB]), source=sim.account(HUB))


@pytest.mark.parametrize(
    "effects",
    [
        [Throttle(), Throttle(retry_after_ms=10)],
        [Failure(), Failure(status=503)],
        [Drop("before"), Drop("after")],
        [Drop("during"), Garbage(status=502)],
        [Throttle(code="Throttling", status=400), Failure(status=504)],
    ],
    ids=lambda effects: ",".join(type(effect).__name__ for effect in effects),
)
async def test_transient_failures_of_sts_are_retried(
    sim: DetectiveSimulator, client: DetectiveClient, role: AssumeRole, effects: list[Any]
) -> None:
    """Retries of AssumeRole do not count as attempts of the call that needs the role.

    The call itself is throttled too, and still has its three attempts.
    """
    for effect in effects:
        sim.inject(Fault(effect, "AssumeRole"))
    sim.throttle(2, operation="ListGraphs")
    response = await client.with_options(credentials=role).list_graphs()
    assert response.response_metadata.attempts == 3
    assert [request.operation for request in sim.requests] == ["AssumeRole"] * 3 + ["ListGraphs"] * 3
    assert sim.faults == []


async def test_access_denied_is_final(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """It is raised without a retry, with all of AWS's details, and the call that needs the role is not sent."""
    arn = sim.role(SPOKE, "Guarded", trusted=[HUB], external_id="right")
    wrong = AssumeRole(arn, source=sim.account(HUB), external_id="wrong")
    client = client.with_options(credentials=wrong)
    with pytest.raises(AssumeRoleError) as caught:
        await client.list_graphs()
    (request,) = sim.requests
    error = caught.value
    assert (error.code, error.status, error.role_arn) == ("AccessDenied", 403, arn)
    assert error.request_id == request.request_id
    assert isinstance(error, CredentialsError)
    assert not error.outcome_unknown
    assert str(error).startswith(f"cannot assume {arn}: AccessDenied: User: arn:aws:iam::{HUB}:user/")
    assert isinstance(error.__cause__, ServiceError)
    assert (error.__cause__.operation, error.__cause__.attempts) == ("AssumeRole", 1)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert (type(again), str(again), vars(again)) == (AssumeRoleError, str(error), vars(error))


@pytest.mark.parametrize(
    ("effect", "code", "cause"),
    [
        (Throttle(), "Throttling", ServiceError),
        (Failure(), "InternalFailure", ServiceError),
        (Drop("before"), None, ConnectionLost),
        (Drop("during"), None, ConnectionLost),
        (Garbage(status=502), "502", ServiceError),
    ],
)
async def test_repeated_failures_of_sts_raise(
    sim: DetectiveSimulator, client: DetectiveClient, effect: Any, code: str | None, cause: type[Exception]
) -> None:
    """The error has the code and the cause of the last attempt; the call to Detective is not sent."""
    role = AssumeRole(sim.role(SPOKE, "Audit", trusted=[HUB]), source=sim.account(HUB))
    sim.inject(Fault(effect, "AssumeRole", count=None))
    with pytest.raises(AssumeRoleError) as caught:
        await client.with_options(credentials=role).list_graphs()
    error = caught.value
    assert error.code == code
    assert (error.status is None) == (code is None)
    assert isinstance(error.__cause__, cause)
    assert not error.outcome_unknown
    assert [request.operation for request in sim.requests] == ["AssumeRole"] * 3


async def test_the_first_clients_settings_apply_to_sts(sim: DetectiveSimulator, role: AssumeRole) -> None:
    """With one attempt, AssumeRole is not retried, whatever the retries of the client that needs it first."""
    sim.throttle(operation="AssumeRole")
    client = DetectiveClient(region="eu-west-1", endpoint_url=sim.url, retry=RetryPolicy(max_attempts=1))
    async with client:
        with pytest.raises(AssumeRoleError):
            await client.with_options(credentials=role, retry=RetryPolicy(max_attempts=3)).list_graphs()
    assert len(sim.requests) == 1


@pytest.mark.parametrize(
    ("hasty", "effect"),
    [({"timeouts": Timeouts(total=0.02)}, Latency(0.2)), ({"retry": RetryPolicy(max_attempts=1)}, Throttle())],
    ids=["deadline", "attempts"],
)
async def test_a_hasty_client_spoils_nothing_for_the_others(
    sim: DetectiveSimulator, client: DetectiveClient, role: AssumeRole, hasty: dict[str, Any], effect: Any
) -> None:
    """It starts AssumeRole, and another client waits for the same request: that ends by neither's settings."""
    sim.inject(Fault(effect, "AssumeRole"))
    first = asyncio.create_task(client.with_options(credentials=role, **hasty).list_graphs())
    for _ in range(10):
        await asyncio.sleep(0)
    assert role._cache._rounds
    second = asyncio.create_task(client.with_options(credentials=role).list_graphs())
    assert (await second).response_metadata.http_status == 200
    outcomes = await asyncio.gather(first, return_exceptions=True)
    assert isinstance(outcomes[0], DeadlineExceeded) == ("timeouts" in hasty)
    assert [request.operation for request in sim.requests].count("AssumeRole") == (1 if "timeouts" in hasty else 2)


async def test_sts_cannot_be_reached(client: DetectiveClient) -> None:
    """Without a connection, the error has no code, status or request id."""
    role = AssumeRole(ROLE, source=KEYS, endpoint_url="http://127.0.0.1:1")
    with pytest.raises(AssumeRoleError, match=r"cannot connect to 127\.0\.0\.1") as caught:
        await client.with_options(credentials=role).list_graphs()
    assert (caught.value.code, caught.value.status, caught.value.request_id) == (None, None, None)
    assert isinstance(caught.value.__cause__, ConnectError)


async def test_the_deadline_of_the_call_includes_sts(
    sim: DetectiveSimulator, client: DetectiveClient, role: AssumeRole
) -> None:
    """A slow STS raises DeadlineExceeded for the call, of which nothing was sent."""
    sim.inject(Fault(Latency(60), "AssumeRole", count=None))
    hasty = client.with_options(credentials=role, timeouts=Timeouts(total=0.05))
    with pytest.raises(DeadlineExceeded) as caught:
        await hasty.list_graphs()
    assert (caught.value.operation, caught.value.attempts, caught.value.outcome_unknown) == ("ListGraphs", 0, False)
    assert f"it was still waiting for credentials from AssumeRole of {role.role_arn}" in str(caught.value)


async def test_a_source_without_credentials(client: DetectiveClient) -> None:
    """The error names the role and the problem of its source."""

    async def vault() -> Credentials:
        raise CredentialsError("the vault is sealed")

    with pytest.raises(CredentialsError, match=f"cannot assume {ROLE}: the vault is sealed"):
        await client.with_options(credentials=AssumeRole(ROLE, source=vault)).list_graphs()


WRONG: tuple[tuple[str, Any], ...] = (
    ("role_arn", ""),
    ("role_arn", None),
    ("role_arn", "Audit"),
    ("role_arn", "arn:aws:iam::1234:role/Audit"),
    ("role_arn", "arn:aws:sts::444455556666:assumed-role/Audit/me"),
    ("role_arn", "arn:aws:iam::444455556666:role/"),
    ("role_arn", f"arn:aws:iam::444455556666:role/{'a' * 2048}"),
    ("session_name", "x"),
    ("session_name", ""),
    ("session_name", "x" * 65),
    ("session_name", "not a name"),
    ("session_name", "café-session"),
    ("session_name", 5),
    ("external_id", "x"),
    ("external_id", "x" * 1225),
    ("external_id", "hunter2 hunter2"),
    ("duration", 899),
    ("duration", 43_201),
    ("duration", 3600.0),
    ("duration", None),
    ("duration", True),
    ("policy_arns", ["SecurityAudit"]),
    ("policy_arns", "arn:aws:iam::aws:policy/SecurityAudit"),
    ("policy_arns", ["arn:aws:iam::aws:policy/SecurityAudit"] * 11),
    ("tags", {"": "a"}),
    ("tags", {"a": None}),
    ("tags", {"k" * 129: "a"}),
    ("tags", {"a": "v" * 257}),
    ("tags", {str(number): "" for number in range(51)}),
    ("transitive_tag_keys", [""]),
    ("transitive_tag_keys", "team"),
    ("transitive_tag_keys", [str(number) for number in range(51)]),
    ("policy", ""),
    ("policy", "[]"),
    ("policy", "not JSON"),
    ("policy", '{"Sid": "\u20ac"}'),
    ("policy", "[" * 100_000),
    ("policy", {"Version": {1}}),
    ("policy", 5),
    ("source_identity", "x"),
    ("source_identity", "x" * 65),
    ("source_identity", "not a name"),
    ("mfa_serial", "12345678"),
    ("mfa_serial", "x" * 257),
    ("mfa_serial", "arn:aws:iam::111122223333:mfa/my phone"),
    ("mfa_code", "123456"),
)


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_malformed_arguments(name: str, value: Any) -> None:
    """The constructor raises, and the error names the argument without a secret value."""
    arguments = {"role_arn": ROLE, "source": KEYS, name: value}
    with pytest.raises(ParameterError) as caught:
        AssumeRole(arguments.pop("role_arn"), **arguments)
    assert name in caught.value.parameter
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("region", ["Ireland", "ireland", "", 1])
def test_a_region_that_cannot_be(region: Any) -> None:
    """The constructor raises, as that of a client."""
    with pytest.raises(ConfigurationError, match="region: expected a region"):
        AssumeRole(ROLE, region=region)


@pytest.mark.parametrize(("given", "missing"), [("mfa_serial", "mfa_code"), ("mfa_code", "mfa_serial")])
def test_half_of_the_arguments_for_mfa(given: str, missing: str) -> None:
    """The device and its code are given together."""
    arguments: dict[str, Any] = {"mfa_serial": "GAHT12345678", "mfa_code": lambda: "123456"}
    with pytest.raises(ParameterError, match=f"{missing}: must be given together with {given}"):
        AssumeRole(ROLE, **{given: arguments[given]})


def _responding(body: bytes, status: str = "200 OK", *headers: str) -> Callable[[Request], None]:
    return lambda request: request.answer(body, status, *headers)


def _document(**members: str) -> bytes:
    keys = {"AccessKeyId": "ASIAIOSFODNN7EXAMPLE", "SecretAccessKey": "secret-of-the-role", "SessionToken": "token"}
    keys |= {"Expiration": "2100-01-01T00:00:00Z"} | members
    text = "".join(f"<{name}>{value}</{name}>" for name, value in keys.items() if value)
    for name in ("Credentials", "AssumeRoleResult", "AssumeRoleResponse"):
        text = f"<{name}>{text}</{name}>"
    return text.encode()


_ENTITIES = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
_ENTITY_EXPANSION = f'<!DOCTYPE a [<!ENTITY l0 "ha">{_ENTITIES}]>'.encode() + _document(SessionToken="&l9;")
_EXTERNAL_ENTITY = b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + _document(SessionToken="&e;")
MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "text": b"<html>Welcome to the hotel",
    "JSON": b'{"AccessKeyId": "ASIAIOSFODNN7EXAMPLE"}',
    "zeros": b"\0" * 1000,
    "another document": b"<a><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId></a>",
    "half a document": _document()[:200],
    "no token": _document(SessionToken=""),
    "no secret": _document(SecretAccessKey=""),
    "no expiry": _document(Expiration=""),
    "a malformed expiry": _document(Expiration="soon"),
    "an expiry that is no time": _document(Expiration="1e400"),
    "a key with a line break": _document(AccessKeyId="a&#10;b"),
    "a harmless entity": b'<!DOCTYPE a [<!ENTITY e "token">]>' + _document(SessionToken="&e;"),
    "entities that expand": _ENTITY_EXPANSION,
    "an external entity": _EXTERNAL_ENTITY,
    "UTF-16": _ENTITY_EXPANSION.decode().encode("utf-16"),
    "unclosed nesting": b"<a>" * 200_000,
    "deep nesting": b"<a>" * 200_000 + b"</a>" * 200_000,
    "more than the limit": b"<a>" + b" " * (16 * 2**20) + b"</a>",
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "302 Found", "403 Forbidden"])
async def test_malformed_responses_of_sts(name: str, status: str) -> None:
    """They raise CredentialsError, which quotes no part of the response, without a retry."""
    async with serving(_responding(MALFORMED[name], status, "location: http://127.0.0.1:1/")) as server:
        role = AssumeRole(ROLE, source=KEYS, region="eu-west-1", endpoint_url=server.url)
        with pytest.raises(CredentialsError) as caught:
            await role.get_credentials()
        assert len(server.requests) == 1
    assert len(str(caught.value)) < 1000
    for secret in ("secret-of", "token-of", "ASIAIOSFODNN7EXAMPLE", "root:"):
        assert secret not in str(caught.value)
    if not status.startswith("200"):
        assert isinstance(caught.value, AssumeRoleError)
        assert caught.value.status == int(status[:3])
        assert caught.value.code == status[:3]


async def test_the_document_without_changes_is_accepted() -> None:
    """So the documents above are refused for their changes."""
    async with serving(_responding(_document())) as server:
        role = AssumeRole(ROLE, source=KEYS, region="eu-west-1", endpoint_url=server.url)
        assert (await role.get_credentials()).secret_access_key == "secret-of-the-role"


async def test_error_messages_of_sts_are_redacted() -> None:
    """Keys and signature that STS quotes in its message are masked."""

    def quote(request: Request) -> None:
        message = f"{request.header('authorization')} {KEYS.session_token} {KEYS.secret_access_key}"
        request.answer(
            f"<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>{message}</Message></Error>"
            "<RequestId>the-request</RequestId></ErrorResponse>".encode(),
            "403 Forbidden",
        )

    async with serving(quote) as server:
        role = AssumeRole(ROLE, source=KEYS, region="eu-west-1", endpoint_url=server.url)
        with pytest.raises(AssumeRoleError, match=r"SignatureDoesNotMatch: .*[*]{3}") as caught:
            await role.get_credentials()
        signature = server.requests[0].header("authorization").rpartition("=")[2]
    assert caught.value.request_id == "the-request"
    for secret in (KEYS.secret_access_key, KEYS.session_token, KEYS.access_key_id, signature):
        assert secret is not None
        assert secret not in f"{caught.value!r} {caught.value.__cause__!r}"
