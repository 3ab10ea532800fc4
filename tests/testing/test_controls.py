"""What the controls refuse, in Python as over HTTP; so what they accept can always be dumped and loaded."""

import json
from typing import Any, cast

import pytest

from detective_async.testing import (
    ClockSkew,
    DetectiveSimulator,
    Drip,
    Failure,
    Fault,
    Garbage,
    Gzip,
    Latency,
    SimulatorThread,
    Throttle,
    Truncate,
)
from detective_async.testing.checks import CheckError
from detective_async.testing.remote.routes import ROUTES, Route

HUB, ONE = "111122223333", "000000000001"
MANAGEMENT = "999999999999"
VALUES = ["NOPE", "", "1", "\ud800", "x" * 2000, -5, 0.5, 5, 1e30, True, [], ["NOPE"], [5], {}, {"NOPE": 1}]
# Arguments that are right, for the parameters that have no default.
RIGHT: dict[str, Any] = {
    "account_id": ONE,
    "account_ids": [ONE],
    "fault": Fault(Gzip()),
    "graph_arn": "there is none",
    "management_account": MANAGEMENT,
    "name": "Audit",
    "package": "EKS_AUDIT",
    "problem": None,
    "region": "eu-west-1",
    "seconds": 1,
    "size": 1,
    "source": {},
    "state": "STOPPED",
    "trusted": [HUB],
}


def is_refused(route: Route, name: str, value: Any) -> bool:
    """Return whether the control over HTTP refuses a value."""
    try:
        route.parameters[name](value, name)
    except CheckError:
        return True
    return False


@pytest.mark.parametrize(("route", "name"), [(route, name) for route in ROUTES for name in route.parameters])
def test_controls_refuse_what_is_refused_over_http(route: Route, name: str) -> None:
    """Each parameter of each control, with the parameter's name in the error; nothing has changed."""
    sim = SimulatorThread()
    before = {**sim.dump(), "time": None}
    control = getattr(sim, route.control)
    right = {one: RIGHT[one] for one in route.parameters if one in RIGHT}
    if route.control == "set_account_state":
        right["state"] = "CLOSED"
    wrong = [value for value in VALUES if is_refused(route, name, value)]
    if name == "account_ids":
        # In Python, there are any number of arguments instead of a list.
        wrong = [["NOPE"], [5]]
    assert wrong
    for value in wrong:
        with pytest.raises((ValueError, TypeError)) as caught:
            route.call(control, {**right, name: value})
        assert (
            name == "source"
            or (name in str(caught.value) and "must be" in str(caught.value))
            or route.control == "role"
        )
        assert ({**sim.dump(), "time": None}, sim.faults) == (before, [])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"port": "a"}, "port: must be a whole number from 0 to 65535, got 'a'"),
        ({"port": 65536}, "port: must be a whole number from 0 to 65535"),
        ({"host": 5}, "host: must be an address to listen on"),
        ({"seed": "x"}, "seed: must be a whole number"),
        ({"wall_clock": 5}, "wall_clock: must be a function"),
        ({"verification_delay": "1"}, "verification_delay: must be a number of seconds"),
    ],
)
def test_arguments_are_checked_when_the_simulator_is_made(arguments: Any, words: str) -> None:
    """And not only when it starts."""
    with pytest.raises((ValueError, TypeError), match=words):
        SimulatorThread(**arguments)


@pytest.mark.parametrize(
    ("name", "value"), [("path", None), ("max_session_duration", None), ("trusted", HUB), ("trusted", {HUB: 1})]
)
def test_a_role_has_no_parts_that_are_missing(name: str, value: Any) -> None:
    """None is not the default here, and a string is no list."""
    with pytest.raises((ValueError, TypeError), match=name):
        SimulatorThread().role(**{"account_id": ONE, "name": "Audit", "trusted": [HUB], name: value})


@pytest.mark.parametrize("kind", [DetectiveSimulator, SimulatorThread])
def test_an_unknown_argument_is_named(kind: Any) -> None:
    """With the class that was called, and the nearest argument, or else with all that there are."""
    with pytest.raises(
        TypeError, match=f"^{kind.__name__} has no argument 'verification_dely'; did you mean 'verification_delay'"
    ):
        kind(verification_dely=3)
    with pytest.raises(TypeError, match=f"^{kind.__name__} has no argument 'colour'; activation_delay, "):
        kind(colour=3)


@pytest.mark.parametrize(
    "mistake",
    [
        Latency,
        ClockSkew,
        lambda text: Drip(1, size=text),
        Truncate,
        lambda text: Failure(status=text),
        lambda text: Garbage(status=text),
        lambda text: Fault(Gzip(), count=text),
        lambda text: Fault(Gzip(), probability=text),
        lambda text: SimulatorThread(port=text),
        lambda text: SimulatorThread().set_read_lag(text),
        lambda text: SimulatorThread().set_volume_limit(text),
        lambda text: SimulatorThread().temporary_credentials(HUB, text),
        lambda _: SimulatorThread().set_account_state(HUB, cast("Any", 5)),
        lambda _: Throttle(cast("Any", 1.5)),
    ],
)
def test_a_wrong_type_is_a_type_error(mistake: Any) -> None:
    """Text instead of a number, wherever it is given; what is out of range is a ValueError."""
    with pytest.raises(TypeError, match=r": must be .* got ('5'|5|1\.5)$"):
        mistake("5")


async def test_a_coroutine_checks_its_argument_too() -> None:
    """`advance`, which the kinds of simulators have on their own."""
    text: Any = "1"
    with pytest.raises(TypeError, match="seconds: must be a number of seconds"):
        await DetectiveSimulator().advance(text)


def loads_again(sim: SimulatorThread) -> None:
    """Assert that a dump is loaded again, also as text."""
    dumped = sim.dump()
    other = SimulatorThread()
    other.load(json.loads(json.dumps(dumped)))
    assert {**other.dump(), "time": None} == {**dumped, "time": None}


def test_a_graph_that_enables_accounts_by_itself_is_full_at_1200(client_of: Any) -> None:
    """So that its dump is one that can be loaded."""
    with SimulatorThread() as sim:
        sim.organization(MANAGEMENT, [HUB])
        client_of(sim, MANAGEMENT).enable_organization_admin_account(AccountId=HUB)
        (arn,) = sim.snapshot()
        client_of(sim).update_organization_configuration(GraphArn=arn, AutoEnable=True)
        sim.organization(MANAGEMENT, [f"{number:012d}" for number in range(1, 1302)])
        assert len(sim.snapshot()[arn]["members"]) == 1200
        loads_again(sim)


def test_an_organizations_graph_that_is_being_deleted_can_be_loaded(client_of: Any) -> None:
    """It enables no accounts any more: it is not the organization's after a load."""
    with SimulatorThread(deletion_delay=60) as sim:
        sim.organization(MANAGEMENT, [HUB])
        client_of(sim, MANAGEMENT).enable_organization_admin_account(AccountId=HUB)
        (arn,) = sim.snapshot()
        client_of(sim).update_organization_configuration(GraphArn=arn, AutoEnable=True)
        client_of(sim, MANAGEMENT).disable_organization_admin_account()
        loads_again(sim)


async def test_what_is_no_unicode_can_neither_be_dumped_nor_sent(sim: DetectiveSimulator, raw: Any) -> None:
    """Half a pair of surrogates is JSON, but no text of an address or a tag."""
    refused = await raw.ask("POST", "/graph", b'{"Tags": {"a": "\\ud800"}}')
    arn = json.loads((await raw.ask("POST", "/graph", b"{}")).body)["GraphArn"]
    account = f'{{"AccountId": "{ONE}", "EmailAddress": "a\\ud800@example.com"}}'
    also_refused = await raw.ask("POST", "/graph/members", f'{{"GraphArn": "{arn}", "Accounts": [{account}]}}'.encode())
    assert (refused.code, also_refused.code) == ("ValidationException", "ValidationException")
    DetectiveSimulator().load(sim.dump())
