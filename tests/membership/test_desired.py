"""Invalid parameters are refused by name, before any request."""

from functools import partial
from typing import Any

import pytest

from detective_async import (
    Account,
    AssumeRole,
    Credentials,
    DetectiveClient,
    ParameterError,
)
from detective_async.membership import (
    ActionKind,
    ByInvitation,
    ByOrganization,
    plan_membership,
    plan_packages,
    plan_teardown,
)
from detective_async.organization import AccountStatus, OrganizationAccount
from detective_async.testing import DetectiveSimulator
from membership.worlds import ADMINISTRATOR, ELSEWHERE, REGION, account, some_accounts

ONE, TWO = some_accounts(2)
KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "hunter2")


async def async_source(_: str) -> Credentials:
    return KEYS


#: Accounts, regions, and the message.
LISTS: list[tuple[Any, Any, str]] = [
    ([], [REGION], r"accounts: must not be empty"),
    ({}, [], r"accounts: must not be empty"),
    ({REGION: [ONE], ELSEWHERE: []}, [], r"accounts\['us-east-1'\]: must not be empty"),
    ([ONE, TWO, ONE], [REGION], r"accounts\[2\]\.account_id: 200000000001 is there already, as accounts\[0\]"),
    ({REGION: [ONE, ONE]}, [], r"accounts\['eu-west-1'\]\[1\]\.account_id: 200000000001 is there already"),
    ([ONE, Account("2", "a@b.cc")], [REGION], r"accounts\[1\]\.account_id: expected an account id"),
    ([ONE, Account("2" * 12, "secret@x")], [REGION], r"accounts\[1\]\.email_address: expected an e-mail"),
    ({REGION: [Account("2" * 12, "secret@x")]}, [], r"accounts\['eu-west-1'\]\[0\]\.email_address: expected"),
    ([ONE, "222222222222"], [REGION], r"accounts\[1\]: expected an Account, got a str"),
    ("222222222222", [REGION], r"accounts: expected a list, got a str"),
    (ONE, [REGION], r"accounts: expected a list, got an Account"),
    ([ONE], [], r"regions: must not be empty"),
    ([ONE], REGION, r"regions: expected a list, got a str"),
    ({REGION: [ONE]}, "all", r"regions: must be left out if accounts is a mapping"),
    ([OrganizationAccount("1", "a@b.cc", "", AccountStatus.ACTIVE)], [REGION], r"accounts\[0\]\.account_id: expected"),
    ([ONE], [REGION, ELSEWHERE, REGION], r"regions\[2\]: eu-west-1 is there already, as regions\[0\]"),
    ([ONE], [REGION, "eu-wset-1"], r"regions\[1\]: expected a region, such as eu-west-1, got 'eu-wset-1'"),
    ([ONE], [None], r"regions\[0\]: expected a region"),
    ({"eu-wset-1": [ONE]}, [], r"a key of accounts: expected a region, such as eu-west-1, got 'eu-wset-1'"),
    ({REGION: [ONE]}, [REGION], r"regions: must be left out if accounts is a mapping"),
]
#: The call that refuses it, its parameters, and the message.
INVALID: list[tuple[str, dict[str, Any], str]] = [
    *(("plan", {"accounts": accounts, "regions": regions}, message) for accounts, regions, message in LISTS),
    ("plan", {"members": KEYS}, "members: expected ByInvitation or ByOrganization, got a Credentials"),
    ("plan", {"members": ByInvitation}, "members: expected ByInvitation or ByOrganization, got a type"),
    ("plan", {"max_removals": -1}, "max_removals: must be at least 0, got -1"),
    ("plan", {"remove": ONE.account_id}, "remove: expected a list, got a str"),
    ("plan", {"remove": ["1"]}, r"remove\[0\]: expected an account id"),
    ("plan", {"remove": [TWO.account_id, ONE.account_id]}, f"remove: account {ONE.account_id} is among the desired"),
    ("plan", {"remove": [TWO.account_id], "remove_others": True}, "remove: cannot be given together with"),
    ("plan", {"accounts": [], "remove": iter(())}, "accounts: must not be empty"),
    ("plan", {"retry_failed": 1}, "retry_failed: expected True or False"),
    ("plan", {"retry_disabled": 1}, "retry_disabled: expected True or False"),
    ("plan", {"timeout": 0}, "timeout: must be a positive number of seconds, got 0"),
    ("packages", {"datasource_packages": []}, "datasource_packages: must not be empty"),
    ("packages", {"datasource_packages": ["EKS"]}, r"datasource_packages\[0\]: 'EKS' is not one of DETECTIVE_CORE"),
    ("packages", {"regions": []}, "regions: must not be empty"),
    ("teardown", {"regions": [REGION], "timeout": 0}, "timeout: must be a positive number of seconds, got 0"),
    ("plan", {"remove_others": "no"}, "remove_others: expected True or False"),
    ("plan", {"datasource_packages": ["EKS"]}, r"datasource_packages\[0\]: 'EKS' is not one of DETECTIVE_CORE"),
    ("plan", {"datasource_packages": "EKS_AUDIT"}, "datasource_packages: expected a list, got a str"),
    ("plan", {"tags": ["a"]}, "tags: expected a mapping, got a list"),
    ("plan", {"tags": {"aws:a": "b"}}, "tags: the key 'aws:a' begins with aws:, which AWS reserves for its own tags"),
    ("plan", {"tags": {"a": "x" * 257}}, r"tags\['a'\]: expected a tag value of 0 to 256 characters"),
    ("plan", {"message": ""}, "message: must not be empty"),
    ("plan", {"disable_email_notification": "yes"}, "disable_email_notification: expected True or False"),
    ("plan", {"concurrency": 0}, "concurrency: must be at least 1, got 0"),
    *((call, {"client": None}, "client: expected the client of .*, got NoneType") for call in ("plan", "packages")),
    (
        "teardown",
        {"client": DetectiveClient, "regions": [REGION]},
        "client: expected .* class DetectiveClient",
    ),
    ("apply", {"timeout": 0}, "timeout: must be a positive number of seconds, got 0"),
    ("apply", {"timeout": "60"}, "timeout: must be a positive number of seconds, got '60'"),
    ("apply", {"progress": 7}, "progress: expected a plain callable, got 7"),
    ("apply", {"progress": async_source}, "progress: expected a plain callable, got <function"),
    ("teardown", {"regions": []}, "regions: must not be empty"),
    ("teardown", {"regions": ["moon-east-1"]}, r"regions\[0\]: expected a region"),
    ("teardown", {"regions": [REGION], "concurrency": True}, "concurrency: expected a whole number"),
]


@pytest.mark.parametrize(("call", "options", "message"), INVALID)
async def test_invalid_parameters(
    sim: DetectiveSimulator, client: DetectiveClient, call: str, options: dict[str, Any], message: str
) -> None:
    """Nothing is sent, and no e-mail address is in the message."""
    given: dict[str, Any] = {"accounts": [ONE], "regions": [REGION]}
    plan = await plan_membership(client, **given)
    sim.forget_requests()
    calls: dict[str, Any] = {
        "plan": partial(plan_membership, client=client, **given),
        "apply": plan.apply,
        "packages": partial(plan_packages, client=client, datasource_packages=["EKS_AUDIT"], regions=[REGION]),
        "teardown": partial(plan_teardown, client=client),
    }
    with pytest.raises(ParameterError, match=f"^{message}") as raised:
        await calls[call](**options)
    assert "hunter2" not in str(raised.value)
    assert "secret@x" not in str(raised.value)
    assert sim.requests == []


@pytest.mark.parametrize(
    ("way", "options", "message"),
    [
        (ByInvitation, {"credentials": KEYS}, "credentials: expected a mapping, or a callable"),
        (ByInvitation, {"credentials": async_source}, "credentials: expected a plain callable .* it is async"),
        (
            ByInvitation,
            {"credentials": {ADMINISTRATOR: "hunter2"}},
            r"credentials\[.1111.*\]: credentials must",
        ),
        (
            ByOrganization,
            {"credentials": {ADMINISTRATOR: None}},
            r"credentials\[.1111.*\]: credentials must",
        ),
        (ByInvitation, {"credentials": {"1": KEYS}}, "credentials: the key '1': expected an account id"),
        (ByOrganization, {"credentials": {int(ADMINISTRATOR): KEYS}}, "credentials: the key 1111"),
        (ByInvitation, {"administrator_id": "1"}, "administrator_id: expected an account id"),
        (ByOrganization, {"management_credentials": KEYS}, "management_credentials: needs administrator_id"),
        (ByOrganization, {"administrator_id": "1"}, "administrator_id: expected an account id"),
        (
            ByOrganization,
            {"administrator_id": ADMINISTRATOR, "management_credentials": 7},
            "management_credentials: credentials must be Credentials",
        ),
        (ByOrganization, {"auto_enable": 1}, "auto_enable: expected True or False"),
        (ByOrganization, {"credentials": KEYS}, "credentials: expected a mapping, or a callable"),
    ],
)
def test_invalid_ways_of_membership(way: Any, options: dict[str, Any], message: str) -> None:
    """They are refused when they are made, and no secret is in the message."""
    with pytest.raises(ParameterError, match=f"^{message}") as raised:
        way(**options)
    assert "hunter2" not in str(raised.value)
    assert "hunter2" not in repr(ByOrganization(administrator_id=ADMINISTRATOR, management_credentials=KEYS))


def test_the_keys_of_a_way_of_membership_are_copied() -> None:
    """What is done to the mapping later does not change the plan."""
    for way in (ByInvitation, ByOrganization):
        given = {ADMINISTRATOR: KEYS}
        members = way(credentials=given)
        given.clear()
        assert members.credentials == {ADMINISTRATOR: KEYS}


async def test_accepted_types(client: DetectiveClient) -> None:
    """Iterators, role providers, strings for packages, duplicate packages, and a mapping by region are accepted."""
    plan = await plan_membership(
        client,
        (account(one.account_id) for one in (ONE, TWO)),
        regions=(region for region in (REGION, ELSEWHERE)),
        members=ByInvitation(credentials=lambda account_id: AssumeRole(f"arn:aws:iam::{account_id}:role/Detective")),
        datasource_packages=(name for name in ("EKS_AUDIT", "EKS_AUDIT")),
        tags={},
    )
    assert [(action.kind, action.detail) for action in plan.actions if action.account_id is None] == [
        (ActionKind.CREATE_GRAPH, ""),
        (ActionKind.START_PACKAGES, "EKS_AUDIT"),
    ] * 2
    plan = await plan_membership(client, {REGION: [ONE], ELSEWHERE: (one for one in (TWO,))})
    assert [(action.region, action.account_id) for action in plan.actions if action.account_id] == [
        (REGION, ONE.account_id),
        (ELSEWHERE, TWO.account_id),
    ]
