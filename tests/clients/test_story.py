"""The whole story with four clients, and what each of them has made of it."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from contract.api import OPERATION_NAMES

from clients.adapter import ERROR_SHAPES, Opener, Refusal
from clients.by_aiobotocore import open_aiobotocore
from clients.by_boto3 import open_boto3
from clients.by_cli import open_cli
from clients.by_ours import open_ours
from clients.story import Told, tell

pytestmark = pytest.mark.cli

#: What opens each client, and how its requests begin to say that they are its own.
CLIENTS: dict[str, tuple[Opener, str]] = {
    "boto3": (open_boto3, "Boto3/"),
    "aiobotocore": (open_aiobotocore, "aiobotocore/"),
    "CLI": (open_cli, "aws-cli/"),
    "detective-async": (open_ours, "detective-async/"),
}


@pytest.fixture(scope="module")
def telling() -> Callable[[str], Told]:
    """Have a client live through the story when it is first asked about."""
    told: dict[str, Told] = {}

    def of(name: str) -> Told:
        if name not in told:
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                told[name] = runner.run(tell(CLIENTS[name][0]))
        return told[name]

    return of


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_lives_through_the_whole_story(telling: Callable[[str], Told], name: str) -> None:
    """From CreateGraph to DeleteGraph, by all 29 operations; every answer is what botocore's model describes."""
    requests = telling(name).requests
    assert {request.operation for request in requests} == set(OPERATION_NAMES)
    assert len(OPERATION_NAMES) == 29
    agents = {request.headers["user-agent"] for request in requests}
    assert all(agent.startswith(CLIENTS[name][1]) for agent in agents)


@pytest.mark.parametrize("name", CLIENTS)
def test_every_modelled_error_is_of_the_clients_own_class(telling: Callable[[str], Told], name: str) -> None:
    """Each error that the API documents was raised as the client's exception for it, or printed under its name."""
    codes = {step.outcome.code for step in telling(name).steps if isinstance(step.outcome, Refusal)}
    assert codes == {*ERROR_SHAPES, "UnrecognizedClientException"}


@pytest.mark.parametrize("name", CLIENTS)
def test_a_call_is_one_request(telling: Callable[[str], Told], name: str) -> None:
    """What the simulator has recorded is what the client was asked to do, and nothing beside it."""
    told = telling(name)
    calls = [(step.operation, step.account, step.region) for step in told.steps]
    arrived = [(request.operation, request.account_id, request.region) for request in told.requests]
    assert Counter(calls) == Counter(arrived)


@pytest.mark.parametrize("name", [name for name in CLIENTS if name != "boto3"])
def test_all_clients_read_the_same(telling: Callable[[str], Told], name: str) -> None:
    """Step by step, each answer and each refusal is to the last member what boto3 has read."""
    brief = name == "CLI"
    told, of_boto3 = (one.in_brief() if brief else one.steps for one in (telling(name), telling("boto3")))
    for step, reference in zip(told, of_boto3, strict=True):
        assert step == reference
