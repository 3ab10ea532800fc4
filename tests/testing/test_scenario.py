"""The scenario with five clients, whose results are compared."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from support.clients.adapter import ERROR_SHAPES, Opener, Refusal
from support.clients.by_aiobotocore import open_aiobotocore
from support.clients.by_boto3 import open_boto3
from support.clients.by_cli import open_cli
from support.clients.by_javascript import NEEDS_JAVASCRIPT, open_javascript
from support.clients.by_ours import open_ours
from support.clients.scenario import Result, run_scenario
from support.contract.api import OPERATION_NAMES

pytestmark = pytest.mark.cli

#: The opener of each client, and the beginning of its user agent.
CLIENTS: dict[str, tuple[Opener, str]] = {
    "boto3": (open_boto3, "Boto3/"),
    "aiobotocore": (open_aiobotocore, "aiobotocore/"),
    "CLI": (open_cli, "aws-cli/"),
    "JavaScript": (open_javascript, "aws-sdk-js/"),
    "detective-async": (open_ours, "detective-async/"),
}
NAMES = [pytest.param(name, marks=NEEDS_JAVASCRIPT) if name == "JavaScript" else name for name in CLIENTS]


@pytest.fixture(scope="module")
def result_of() -> Callable[[str], Result]:
    """Run the scenario with a client when its result is first needed."""
    results: dict[str, Result] = {}

    def of(name: str) -> Result:
        if name not in results:
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                results[name] = runner.run(run_scenario(CLIENTS[name][0]))
        return results[name]

    return of


@pytest.mark.parametrize("name", NAMES)
def test_a_client_completes_the_scenario(result_of: Callable[[str], Result], name: str) -> None:
    """From CreateGraph to DeleteGraph, with all 29 operations; every response is valid by botocore's model."""
    requests = result_of(name).requests
    assert {request.operation for request in requests} == set(OPERATION_NAMES)
    assert len(OPERATION_NAMES) == 29
    agents = {request.headers["user-agent"] for request in requests}
    assert all(agent.startswith(CLIENTS[name][1]) for agent in agents)


@pytest.mark.parametrize("name", NAMES)
def test_every_modelled_error_is_of_the_clients_own_class(result_of: Callable[[str], Result], name: str) -> None:
    """Each error that the API documents was raised as the client's exception for it, or printed with its code."""
    codes = {step.outcome.code for step in result_of(name).steps if isinstance(step.outcome, Refusal)}
    assert codes == {*ERROR_SHAPES, "UnrecognizedClientException"}


@pytest.mark.parametrize("name", NAMES)
def test_a_call_is_one_request(result_of: Callable[[str], Result], name: str) -> None:
    """The simulator has recorded one request for each call."""
    result = result_of(name)
    calls = [(step.operation, step.account, step.region) for step in result.steps]
    recorded = [(request.operation, request.account_id, request.region) for request in result.requests]
    assert Counter(calls) == Counter(recorded)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "boto3"])
def test_all_clients_return_the_same(result_of: Callable[[str], Result], name: str) -> None:
    """Each response and each error is equal to that of boto3, in every member."""
    brief = name == "CLI"
    result, of_boto3 = (one.in_brief() if brief else one.steps for one in (result_of(name), result_of("boto3")))
    for step, reference in zip(result, of_boto3, strict=True):
        assert step == reference
