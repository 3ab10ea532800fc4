"""What a program imports before its first response."""

import json
import os
import subprocess
import sys
from types import NoneType
from typing import Any, get_args, get_type_hints

import pytest
from attrs import NOTHING, fields, has

from detective_async import auth, events
from detective_async.api import models, operations, wire
from detective_async.api.operations import OPERATIONS, Operation
from detective_async.api.wire import requests
from detective_async.api.wire.request_converter import unstructure_fn
from detective_async.settings.expressions import expression

PROGRAM = """
import asyncio, sys
import attrs
from detective_async import DetectiveClient

async def main():
    async with DetectiveClient(region="eu-west-1", endpoint_url=sys.argv[1]) as aws:
        await aws.list_graphs()

asyncio.run(main())
names = list(sys.modules)
found = {value for name in names if name.startswith("detective_async") for value in vars(sys.modules[name]).values()
         if isinstance(value, type) and attrs.has(value) and value.__module__.startswith("detective_async")}
print(*names, *(f"attrs:{one.__name__}" for one in found), sep="\\n")
"""
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """The modules that are imported at the first response."""
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, repr(ANSWER)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert server.stdout is not None
    # Without TLS, it is not loaded.
    bundle = tmp_path_factory.mktemp("bundle") / "bundle.pem"
    bundle.write_text("-----BEGIN CERTIFICATE-----\nnonsense")
    env = os.environ | {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_CA_BUNDLE": str(bundle)}
    with server:
        url = server.stdout.readline().strip()
        try:
            command = [sys.executable, "-c", PROGRAM, url]
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
        finally:
            server.kill()
    assert done.returncode == 0, done.stderr
    return frozenset(done.stdout.split())


_SERVER = """
import ast, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
while True:
    connection, _ = listener.accept()
    connection.recv(65536)
    connection.sendall(ast.literal_eval(sys.argv[1]))
    connection.close()
"""


@pytest.mark.shortcut
@pytest.mark.parametrize(
    "module",
    [
        "botocore",
        "cattrs",
        "getpass",
        "msgspec",
        "requests",
        "urllib3",
        "xml.etree",
        "detective_async.retry.host_health",
        "detective_async.retry.rate_limiter",
        "detective_async.auth.botocore_chain",
        "detective_async.auth.processes",
        "detective_async.auth.sessions",
        "detective_async.auth.static",
        "detective_async.auth.threads",
        "detective_async.client.bulk",
        "detective_async.client.polling",
        "detective_async.events.calls",
        "detective_async.events.progress",
        "detective_async.http.telemetry",
        "detective_async.coverage",
        "detective_async.fleet",
        "detective_async.investigation",
        "detective_async.membership",
        "detective_async.api.expiration",
        "detective_async.api.html",
        "detective_async.api.models.exceptions",
        "detective_async.api.models.graph_changes",
        "detective_async.api.models.indicators",
        "detective_async.api.models.investigations",
        "detective_async.api.models.members",
        "detective_async.api.models.tags",
        "detective_async.api.wire.compiled",
        "detective_async.api.wire.detailed",
        "detective_async.api.wire.request_converter",
        "detective_async.api.wire.error_responses",
        "detective_async.testing",
        "rich",
    ],
)
def test_the_first_response_does_not_need(module: str, modules: frozenset[str]) -> None:
    """The call does not use these modules."""
    assert "detective_async.api.models.graphs" in modules
    assert module not in modules


@pytest.mark.shortcut
def test_few_attrs_classes_are_made(modules: frozenset[str]) -> None:
    """Each takes a third of a millisecond, since attrs compiles its methods: what users see, and little more."""
    made = {name.removeprefix("attrs:") for name in modules if name.startswith("attrs:")}
    models_of_call = {"Graph", "ListGraphsRequest", "ListGraphsResponse", "Response", "ResponseMetadata"}
    settings = {"Clock", "Credentials", "EnvironmentCredentials", "RetryPolicy", "Timeouts"}
    assert made <= models_of_call | settings | {"Transport"}
    assert made >= models_of_call


@pytest.mark.parametrize("module", [auth, events, models])
def test_names_can_be_listed_before_they_are_imported(module: Any) -> None:
    """`dir` lists them, and an unknown name is an AttributeError."""
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="no attribute 'Member'"):
        module.Member  # noqa: B018


_LAZY = {"SessionCredentials", "StaticCredentials", *(name for name in events.__all__ if name[0].isupper())}


@pytest.mark.parametrize("name", sorted({*auth.__all__, *events.__all__}))
def test_lazy_names_are_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is in the module that is looked at for it."""
    module = auth if name in auth.__all__ else events
    value = getattr(module, name)
    # As in a program that has not used it yet; those that are not lazy stay away then.
    monkeypatch.delattr(module, name)
    assert name not in _LAZY or getattr(module, name) is value


#: Type of a member that needs no conversion -> a value.
_VALUES: dict[Any, Any] = {str: "s", str | None: "o", int | None: 7, bool | None: False, list[str]: ["a", "b"]}


@pytest.mark.parametrize(
    "operation",
    [row for row in OPERATIONS.values() if row.request and all(a.type in _VALUES for a in fields(row.request))],
    ids=lambda row: row.name,
)
def test_requests_are_written_as_by_cattrs(operation: Operation[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The documents that are made without cattrs are those that it makes."""
    assert operation.request is not None
    monkeypatch.setattr(requests, "validate", lambda _: None)
    members = {a.name: _VALUES[a.type] for a in fields(operation.request)}
    required = {a.name for a in fields(operation.request) if a.default is NOTHING}
    for given in (members, {name: value for name, value in members.items() if name in required}):
        request = operation.request(**given)
        in_path, _, unstructure = requests._plan(operation)
        assert unstructure is None
        body = wire.encode(operation, request).body
        document = unstructure_fn(operation.request, {*in_path, *operation.query})(request)
        assert body is None or json.loads(body) == document


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_an_operation_has_its_models(operation: Operation[Any]) -> None:
    """By its name, and the same as in its annotation."""
    constant = next(name for name, row in vars(operations).items() if row is operation)
    (promised,) = get_args(get_type_hints(operations)[constant])
    assert operation.response is promised
    assert operation.response is NoneType or operation.response.__name__ == f"{operation.name}Response"
    assert operation.request is None or (has(operation.request) and operation.request.__name__.endswith("Request"))


def test_an_operation_finds_its_models_when_they_are_asked_for() -> None:
    """A new object, as in a program that has made no call."""
    row: Operation[Any] = Operation("ListGraphs", "POST", "/graphs/list")
    assert (row.request, row.response) == (models.ListGraphsRequest, models.ListGraphsResponse)
    assert repr(row) == "Operation('ListGraphs')"


def test_an_expression_has_the_methods_of_a_pattern_only() -> None:
    """What Python looks for in any object, such as how to copy it, is not looked for in the pattern."""
    pattern = expression("a+")
    assert pattern.fullmatch("aa")
    assert not hasattr(pattern, "__deepcopy__")
