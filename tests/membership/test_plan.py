"""Plans: their content and text, that they change nothing, and how they report unreadable regions."""

import json
from typing import Any

import pytest

from detective_async import (
    Account,
    ConfigurationError,
    Credentials,
    DatasourcePackage,
    DetectiveClient,
    HostNotFound,
    ListGraphsResponse,
    ServiceError,
    to_dict,
)
from detective_async.membership import (
    Action,
    ActionKind,
    ByInvitation,
    Note,
    Reason,
    plan_membership,
    plan_packages,
    plan_teardown,
    read_accounts,
)
from detective_async.testing import DetectiveSimulator, Failure, Fault
from membership.worlds import (
    ADMINISTRATOR,
    DENIED,
    ELSEWHERE,
    IDS,
    READS,
    REGION,
    WRONG,
    accepting,
    account,
    address,
    administrator,
    arn_in,
    graph,
    load_world,
    member,
    request_bodies,
    some_accounts,
    statuses,
)

THIRD = "eu-north-1"


async def test_new_graph(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """The plan creates it, starts packages, invites and accepts; planning changes nothing."""
    plan = await plan_membership(
        client,
        [account(IDS[0]), account(IDS[1])],
        regions=[REGION],
        members=accepting(sim),
        datasource_packages=["DETECTIVE_CORE", "EKS_AUDIT"],
        tags={"team": "secops"},
    )
    assert plan
    assert plan.problems == ()
    assert plan.actions == (
        Action(ActionKind.CREATE_GRAPH, REGION, None, Reason.NO_GRAPH, "tags team"),
        Action(ActionKind.START_PACKAGES, REGION, None, Reason.PACKAGES_NOT_STARTED, "EKS_AUDIT", ("EKS_AUDIT",)),
        Action(ActionKind.INVITE, REGION, IDS[0], Reason.NOT_A_MEMBER),
        Action(ActionKind.INVITE, REGION, IDS[1], Reason.NOT_A_MEMBER),
        Action(ActionKind.ACCEPT, REGION, IDS[0], Reason.INVITED),
        Action(ActionKind.ACCEPT, REGION, IDS[1], Reason.INVITED),
    )
    assert {request.operation for request in sim.requests} <= READS
    assert str(plan) == (
        "as account 111122223333\n"
        "eu-west-1:\n"
        "  create the graph (tags team; billed to the administrator by volume)\n"
        "  start data source packages (EKS_AUDIT; billed to each account by volume)\n"
        f"  invite 2 accounts (an e-mail to each): {IDS[0]}, {IDS[1]}\n"
        f"  accept the invitation of 2 accounts (billed to each by volume): {IDS[0]}, {IDS[1]}"
    )


async def test_existing_graph(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """The plan contains what is missing, each account's status, and no e-mail address."""
    load_world(
        sim,
        graph(
            member(IDS[0], "ENABLED"),
            member(IDS[1], "INVITED"),
            member(IDS[2], "VERIFICATION_FAILED", WRONG),
            member(IDS[3], "VERIFICATION_FAILED", WRONG),
            member(IDS[4], "ACCEPTED_BUT_DISABLED"),
            member(IDS[5], "ENABLED"),
            tags={"team": "secops", "stage": "test"},
            packages={"EKS_AUDIT": "STARTED"},
        ),
    )
    wanted = [account(one) for one in (*IDS[:3], IDS[4], IDS[6], ADMINISTRATOR)]
    plan = await plan_membership(
        client,
        [*wanted, Account(IDS[3], WRONG.upper())],
        regions=[REGION],
        members=ByInvitation(credentials={one: sim.account(one) for one in IDS[:3]}),
        datasource_packages=["EKS_AUDIT", "ASFF_SECURITYHUB_FINDING", "DETECTIVE_CORE"],
        tags={"team": "secops", "stage": "production", "owner": "us"},
        remove_others=True,
        max_removals=1,
        retry_failed=False,
        retry_disabled=True,
    )
    assert str(plan).splitlines() == [
        "as account 111122223333",
        "eu-west-1:",
        "  set tags of the graph (stage, owner)",
        "  start data source packages (ASFF_SECURITYHUB_FINDING; billed to each account by volume)",
        f"  remove 1 account: {IDS[5]}",
        f"  remove 1 account, and invite again with the e-mail address of the list (an e-mail to each): {IDS[2]}",
        f"  invite 1 account (an e-mail to each): {IDS[6]}",
        f"  accept the invitation of 2 accounts (billed to each by volume): {IDS[1]}, {IDS[2]}",
        "  ask AWS to enable 1 account that it has not enabled because of the volume (billed to each by volume):",
        f"    {IDS[4]}",
        "  problem with 1 account (it is invited, but there are no credentials to accept the invitation: add them):",
        f"    {IDS[6]}",
        "  problem with 1 account (verification failed: the e-mail address is not that of the account's root user;",
        f"    correct it and plan again): {IDS[3]}",
        "note: account 111122223333 is the administrator itself, whose data is in its own graph already",
    ]
    assert Action(ActionKind.REMOVE, REGION, IDS[5], Reason.NOT_IN_LIST, "ENABLED") in plan.actions
    status = "ACCEPTED_BUT_DISABLED (VOLUME_UNKNOWN)"
    assert Action(ActionKind.START_MONITORING, REGION, IDS[4], Reason.VOLUME_UNKNOWN, status) in plan.actions
    keys = ("stage", "owner")
    assert Action(ActionKind.TAG_GRAPH, REGION, None, Reason.TAGS_DIFFER, "stage, owner", keys) in plan.actions
    assert "@" not in str(plan) + repr(plan)


async def test_nothing_to_do(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """The plan is empty and falsy; tags, packages and members that were not named remain.

    Tags and packages that are not desired are not read, which may need missing permissions.
    """
    load_world(sim, graph(member(IDS[0], "ENABLED"), member(IDS[1], "ENABLED"), tags={"team": "secops"}))
    plan = await plan_membership(client, [account(IDS[0])], regions=[REGION], tags={"team": "secops"})
    assert not plan
    assert plan.actions == ()
    assert plan.problems == ()
    assert str(plan) == "as account 111122223333\neu-west-1:\n  nothing to do"
    sim.forget_requests()
    assert not await plan_membership(client, [account(IDS[0])], regions=[REGION])
    assert [request.operation for request in sim.requests] == ["GetCallerIdentity", "ListGraphs", "ListMembers"]


async def test_a_plan_in_a_notebook(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Its actions are a table; the client and what it was made with are not shown."""
    plan: Any = await plan_membership(client, [account(IDS[0])], regions=[REGION], members=accepting(sim))
    found = plan._repr_html_()
    assert "<caption>actions: 3</caption>" in found
    assert f"<tr><td>invite</td><td>{REGION}</td><td>not a member</td><td>{IDS[0]}</td></tr>" in found
    assert "example.com" not in found


async def test_text_of_a_long_plan(client: DetectiveClient) -> None:
    """Ten accounts are named and the rest counted, except for removals; different regions are separate."""
    accounts = some_accounts(24)
    plan = await plan_membership(client, {REGION: accounts[:12], ELSEWHERE: [*accounts[:11], accounts[12]]})
    text = str(plan)
    assert text.count("  invite 12 accounts (an e-mail to each): ") == 2
    assert text.count(" and 2 more") == 2
    assert [account_id in text for account_id in (accounts[9].account_id, accounts[10].account_id)] == [True, False]
    await plan.apply()
    plan = await plan_membership(client, accounts[23:], regions=[REGION], remove_others=True, max_removals=12)
    assert "  remove 12 accounts: " in str(plan)
    assert all(account.account_id in str(plan) for account in accounts[:12])


async def test_equal_regions_are_grouped(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Regions with equal plans are shown together."""
    load_world(sim, graph(member(IDS[0], "ENABLED"), region=ELSEWHERE))
    plan = await plan_membership(client, [account(IDS[0])], regions=[REGION, ELSEWHERE, "eu-central-1"])
    assert str(plan).splitlines() == [
        "as account 111122223333",
        "eu-west-1, eu-central-1:",
        "  create the graph (billed to the administrator by volume)",
        f"  invite 1 account (an e-mail to each): {IDS[0]}",
        "us-east-1:",
        "  nothing to do",
    ]
    silent = await plan_membership(client, [account(IDS[0])], regions=[REGION], disable_email_notification=True)
    assert f"  invite 1 account: {IDS[0]}" in str(silent)


async def test_unreadable_regions(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Each is a problem with its reason and error; the other regions are planned."""
    sim.close_region(ELSEWHERE)
    sim.inject(Fault(DENIED, "ListGraphs", region="eu-central-1", count=None))
    plan = await plan_membership(client, [account(IDS[0])], regions=[ELSEWHERE, "eu-central-1", REGION])
    assert [(problem.region, problem.account_id) for problem in plan.problems] == [
        (ELSEWHERE, None),
        ("eu-central-1", None),
    ]
    closed, refused = plan.problems
    either = "Detective is not available to the account in this region, or its access keys do not exist: "
    assert closed.text.startswith(f"{either}UnrecognizedClientException")
    assert isinstance(closed.error, ServiceError)
    assert closed.error.code == "UnrecognizedClientException"
    assert refused.text.startswith("AccessDeniedException: not you")
    assert {action.region for action in plan.actions} == {REGION}
    assert "us-east-1:\n  problem: Detective is not available" in str(plan)
    stranger = client.with_options(credentials=Credentials("AKIA0000000000000000", "x"))
    plan = await plan_membership(stranger, [account(IDS[0])], regions=[REGION])
    # A region that is not known is not known to need nothing.
    assert plan
    assert plan.actions == ()
    assert [problem.text.startswith(either) for problem in plan.problems] == [True]
    assert [problem.reason for problem in plan.problems] == [Reason.UNKNOWN_KEYS]
    sim.inject(Fault(Failure(403, "OptInRequired", "no"), "ListGraphs"))
    plan = await plan_membership(client, [account(IDS[0])], regions=[REGION])
    sim.inject(Fault(Failure(403, "RegionDisabledException", "no"), "ListGraphs"))
    plan = await plan_membership(client, [account(IDS[0])], regions=[REGION])
    assert [problem.reason for problem in plan.problems] == [Reason.REGION_UNAVAILABLE]
    sim.inject(Fault(Failure(403, "OptInRequired", "no"), "ListGraphs"))
    plan = await plan_membership(client, [account(IDS[0])], regions=[REGION])
    text = "Detective is not available to the account in this region: OptInRequired"
    assert [problem.text.startswith(text) for problem in plan.problems] == [True]
    assert [problem.reason for problem in plan.problems] == [Reason.REGION_UNAVAILABLE]


async def test_transient_errors(sim: DetectiveSimulator, one_attempt_client: DetectiveClient) -> None:
    """Reads are retried after throttles, until the deadline."""
    load_world(sim, graph(member(IDS[0], "ENABLED")))
    sim.throttle(5, operation="ListMembers")
    plan = await plan_membership(one_attempt_client, [account(IDS[0])], regions=[REGION])
    assert plan.actions == ()
    assert plan.problems == ()
    sim.throttle(None, operation="ListMembers")
    plan = await plan_membership(one_attempt_client, [account(IDS[0])], regions=[REGION])
    assert [type(problem.error).__name__ for problem in plan.problems] == ["TooManyRequestsException"]
    sim.clear_faults()


async def test_many_members(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """The plan notes if there would be more members than AWS's default quota, which may have been raised."""
    load_world(sim, graph(member(IDS[0], "ENABLED"), member(IDS[1], "ENABLED")))
    accounts = [account(IDS[0]), *some_accounts(1199)]
    plan = await plan_membership(client, accounts, regions=[REGION])
    assert plan.problems == ()
    text = (
        "the graph in eu-west-1 would have 1,201 members, but AWS's default quota is 1,200: unless it was raised, AWS "
        "refuses some"
    )
    assert plan.notes == (Note(Reason.MANY_MEMBERS, text, REGION),)
    plan = await plan_membership(client, accounts, regions=[REGION], remove_others=True, max_removals=1)
    assert plan.notes == ()
    # The administrator is not one of them.
    plan = await plan_membership(client, [account(ADMINISTRATOR), *some_accounts(1200)], regions=[ELSEWHERE])
    assert [note.reason for note in plan.notes] == [Reason.OWN_ACCOUNT]


async def test_removals_are_confirmed_by_their_number(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Without it, or if they are more in all regions together, they are problems, and nobody is removed."""
    members = [member(one, "ENABLED") for one in IDS[:3]]
    load_world(sim, graph(*members), graph(*members[:2], region=ELSEWHERE))
    for confirmed, more in ((None, ""), (0, ", and not 0"), (2, ", and not 2")):
        plan = await plan_membership(
            client,
            [account(IDS[0])],
            regions=[REGION, ELSEWHERE],
            remove_others=True,
            max_removals=confirmed,
        )
        assert plan.actions == ()
        text = f"it is not in the list, and would be removed: pass max_removals=3 to remove 3 memberships{more}"
        assert [(one.region, one.account_id, one.text, one.reason, one.number) for one in plan.problems] == [
            (REGION, IDS[1], text, Reason.REMOVAL_NOT_CONFIRMED, 3),
            (REGION, IDS[2], text, Reason.REMOVAL_NOT_CONFIRMED, 3),
            (ELSEWHERE, IDS[1], text, Reason.REMOVAL_NOT_CONFIRMED, 3),
        ]
        report = await plan.apply()
        assert {(row.account_id, row.reason) for row in report.failures} == {
            (IDS[1], Reason.REMOVAL_NOT_CONFIRMED),
            (IDS[2], Reason.REMOVAL_NOT_CONFIRMED),
        }
        assert len(statuses(sim)) == 3
    plan = await plan_membership(
        client, [account(IDS[0])], regions=[REGION, ELSEWHERE], remove_others=True, max_removals=3
    )
    assert (await plan.apply()).ok
    assert list(statuses(sim)) == list(statuses(sim, ELSEWHERE)) == [IDS[0]]


async def test_bad_lines_stand_in_the_way_of_removals(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """One may be that of a member; it does not help to ignore the problems, or to make another list of the accounts."""
    load_world(sim, graph(*(member(one, "ENABLED") for one in IDS[:3])))
    accounts, _ = read_accounts([f"{IDS[0]},{address(IDS[0])}", f"{IDS[1]},no-address", f"1,{address(IDS[2])}"])
    others: list[Any] = [
        accounts[:1],
        accounts.copy(),
        [*accounts],
        list.__add__(accounts, []),
        sorted(accounts, key=lambda one: one.account_id),
        [one for one in accounts if one.account_id],
        set(accounts),
        iter(accounts),
        {REGION: accounts},
        {REGION: list(accounts)},
    ]
    for given in (accounts, *others):
        where: dict[str, Any] = {} if isinstance(given, dict) else {"regions": [REGION]}
        plan = await plan_membership(client, given, remove_others=True, max_removals=9, **where)
        assert plan.actions == ()
        text = "it is not removed, because 2 lines of the list could not be read: correct the list"
        assert [(one.account_id, one.text, one.reason, one.number) for one in plan.problems] == [
            (IDS[1], text, Reason.LIST_NOT_READ, 2),
            (IDS[2], text, Reason.LIST_NOT_READ, 2),
        ]
        assert not (await plan.apply()).ok
    assert len(statuses(sim)) == 3
    # Where nobody would be removed, they do not matter.
    assert not await plan_membership(client, accounts, regions=[REGION])
    # An equal account of a corrected list is another one.
    corrected, _ = read_accounts([f"{one},{address(one)}" for one in IDS[:2]])
    plan = await plan_membership(client, corrected, regions=[REGION], remove_others=True, max_removals=1)
    assert [action.account_id for action in plan.actions] == [IDS[2]]


async def test_named_members_are_removed(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Without a list, credentials of members, or a new graph; other members and the graphs are left as they are."""
    some = [member(IDS[0], "ENABLED"), member(IDS[1], "INVITED"), member(IDS[2], "VERIFICATION_FAILED")]
    load_world(sim, graph(*some), graph(member(IDS[1], "ENABLED"), member(IDS[3], "ENABLED"), region=ELSEWHERE))
    plan = await plan_membership(
        client, [], regions=[REGION, ELSEWHERE, THIRD], remove=[IDS[1], IDS[2], IDS[1], IDS[5]], max_removals=3
    )
    assert plan.actions == (
        Action(ActionKind.REMOVE, REGION, IDS[1], Reason.TO_BE_REMOVED, "INVITED"),
        Action(ActionKind.REMOVE, REGION, IDS[2], Reason.TO_BE_REMOVED, "VERIFICATION_FAILED"),
        Action(ActionKind.REMOVE, ELSEWHERE, IDS[1], Reason.TO_BE_REMOVED, "ENABLED"),
    )
    note = Note(Reason.NOT_A_MEMBER, f"{IDS[5]}: no member in {REGION}, {ELSEWHERE}, {THIRD}: nothing to remove")
    assert (plan.problems, plan.notes) == ((), (note,))
    assert str(plan).splitlines()[-3:] == [f"{THIRD}:", "  nothing to do", f"note: {note.text}"]
    report = await plan.apply()
    assert (report.ok, [one.graph_arn for one in report.regions][2:]) == (True, [None])
    assert [(row.account_id, row.done, row.after) for row in report.rows] == [
        (one, (ActionKind.REMOVE,), None) for one in (IDS[1], IDS[2], IDS[1])
    ]
    assert statuses(sim) == {IDS[0]: "ENABLED"}
    assert statuses(sim, ELSEWHERE) == {IDS[3]: "ENABLED"}
    assert {one.operation for one in sim.requests} == {
        "GetCallerIdentity",
        "ListGraphs",
        "ListMembers",
        "DeleteMembers",
    }
    again = await plan_membership(client, iter(()), regions=[REGION], remove=iter([ADMINISTRATOR]), max_removals=0)
    assert not again
    text = f"account {ADMINISTRATOR} is the administrator itself, and no member: a teardown deletes its graphs"
    assert again.notes == (Note(Reason.OWN_ACCOUNT, text, account_id=ADMINISTRATOR),)
    assert (await again.apply()).ok


async def test_named_members_are_removed_beside_a_list(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """The list is brought about, and members that are in neither are left alone."""
    load_world(sim, graph(*(member(one, "ENABLED") for one in IDS[:3])))
    wanted = {REGION: [account(IDS[0]), account(IDS[4])], ELSEWHERE: []}
    plan = await plan_membership(client, wanted, members=accepting(sim), remove=[IDS[1]], max_removals=1)
    assert (await plan.apply()).ok
    assert statuses(sim) == dict.fromkeys((IDS[0], IDS[2], IDS[4]), "ENABLED")
    assert len(sim.snapshot()) == 1


async def test_named_members_are_removed_as_others_are(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Not without their number, nor if a line of the list is bad; one that has gone meanwhile is no failure."""
    load_world(sim, graph(*(member(one, "ENABLED") for one in IDS[:3])))
    plan = await plan_membership(client, [], regions=[REGION], remove=IDS[:2], max_removals=1)
    text = "it would be removed: pass max_removals=2 to remove 2 memberships, and not 1"
    assert [(one.account_id, one.text, one.reason) for one in plan.problems] == [
        (one, text, Reason.REMOVAL_NOT_CONFIRMED) for one in IDS[:2]
    ]
    accounts, _ = read_accounts([f"{IDS[2]},{address(IDS[2])}", "1,"])
    for given in (accounts, read_accounts(["1,"])[0]):
        plan = await plan_membership(client, given, regions=[REGION], remove=IDS[:2], max_removals=2)
        assert {one.reason for one in plan.problems} == {Reason.LIST_NOT_READ}
        assert not plan.actions
    plan = await plan_membership(client, [], regions=[REGION], remove=IDS[:2], max_removals=2)
    for done in ((ActionKind.REMOVE,), ()):
        report = await plan.apply()
        assert (report.ok, [row.done for row in report.rows]) == (True, [done] * 2)


async def test_named_members_where_a_region_cannot_be_read(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """It is a problem, and nothing is said of who is a member nowhere."""
    load_world(sim, graph(member(IDS[0], "ENABLED")))
    sim.inject(Fault(DENIED, "ListMembers", count=None))
    plan = await plan_membership(client, [], regions=[REGION, ELSEWHERE], remove=[IDS[1]], max_removals=0)
    assert [(one.region, one.reason) for one in plan.problems] == [(REGION, Reason.ACCESS_DENIED)]
    assert plan.notes == ()


async def test_what_else_is_wanted_of_graphs_beside_a_removal(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """It is planned where there is a graph, and a problem where there is none, as for packages alone."""
    load_world(sim, graph(member(IDS[0], "ENABLED")))
    plan = await plan_membership(
        client, [], regions=[REGION, ELSEWHERE], remove=[IDS[0]], max_removals=1, tags={"team": "secops"}
    )
    assert [(one.region, one.kind) for one in plan.actions] == [
        (REGION, ActionKind.TAG_GRAPH),
        (REGION, ActionKind.REMOVE),
    ]
    assert [(one.region, one.reason) for one in plan.problems] == [(ELSEWHERE, Reason.NO_GRAPH)]


async def test_a_member_with_an_address_of_the_list_is_not_removed(
    sim: DetectiveSimulator, client: DetectiveClient
) -> None:
    """A mistyped account id looks like another account: the member with its address stays, others are removed."""
    # An address that was not verified may be that of another account, whose id has been corrected since.
    mistyped = member(IDS[2], "VERIFICATION_FAILED", address(IDS[0]))
    load_world(sim, graph(*(member(one, "ENABLED") for one in IDS[:2]), mistyped))
    accounts = [account(IDS[0]), Account(IDS[5], address(IDS[1]).upper())]
    plan = await plan_membership(client, accounts, regions=[REGION], remove_others=True, max_removals=1)
    assert [one.account_id for one in plan.actions if one.kind == "remove"] == [IDS[2]]
    text = (
        f"it is not removed, because account {IDS[5]} of the list has its e-mail address: correct the account id in "
        "the list"
    )
    assert [(one.account_id, one.text, one.reason) for one in plan.problems] == [(IDS[1], text, Reason.SAME_ADDRESS)]
    assert IDS[1] in statuses(sim)


async def test_accounts_that_a_list_names_as_suspended(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """They are neither added nor removed, also if another list is made of the accounts."""
    load_world(sim, graph(*(member(one, "ENABLED") for one in IDS[:2])))
    lines = ["Account ID,Email,Status", *(f"{one},{address(one)},SUSPENDED" for one in IDS[1:3])]
    accounts, problems = read_accounts([*lines, f"{IDS[0]},{address(IDS[0])},ACTIVE"])
    assert not problems
    for given in (accounts, sorted(accounts, key=lambda one: one.account_id)):
        plan = await plan_membership(client, given, regions=[REGION], remove_others=True, max_removals=9)
        assert not plan
        assert [(note.reason, note.account_id) for note in plan.notes] == [
            (Reason.SUSPENDED, IDS[1]),
            (Reason.SUSPENDED, IDS[2]),
        ]


async def test_changed_lines(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """A line that was read with a change is a note of the plan, its text, and its data."""
    load_world(sim, graph())
    accounts, _ = read_accounts([f"1000-0000-0001,{address('100000000001')}"])
    plan = await plan_membership(client, accounts, regions=[REGION])
    text = "line 1: account id read without its dashes: 100000000001"
    assert plan.notes == (Note(Reason.LINE_CHANGED, text),)
    assert str(plan).splitlines()[-1] == f"note: {text}"
    assert plan.to_dict()["notes"] == [plan.notes[0].to_dict()]


async def test_plain_data(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Plan and report become plain data for JSON, with reasons for programs, and without addresses."""
    load_world(sim, graph(member(IDS[0], "ENABLED"), member(IDS[1], "ENABLED")))
    sim.inject(Fault(DENIED, "ListGraphs", region=ELSEWHERE))
    sim.account(IDS[2], WRONG)
    plan = await plan_membership(
        client,
        [account(IDS[0]), account(IDS[2]), account(ADMINISTRATOR)],
        regions=[REGION, ELSEWHERE],
        remove_others=True,
        tags={"team": "secops"},
    )
    data = plan.to_dict()
    assert json.loads(json.dumps(data)) == data
    denied = plan.problems[1].text
    assert data == {
        "administrator_id": ADMINISTRATOR,
        "regions": [REGION, ELSEWHERE],
        "actions": [
            {
                "kind": "tag graph",
                "region": REGION,
                "account_id": None,
                "reason": "tags differ",
                "detail": "team",
                "items": ["team"],
            },
            {
                "kind": "invite",
                "region": REGION,
                "account_id": IDS[2],
                "reason": "not a member",
                "detail": "",
                "items": [],
            },
        ],
        "problems": [
            {
                "region": REGION,
                "account_id": IDS[1],
                "reason": "removal not confirmed",
                "text": plan.problems[0].text,
                "error": None,
                "number": 1,
            },
            {
                "region": ELSEWHERE,
                "account_id": None,
                "reason": "access denied",
                "text": denied,
                "error": to_dict(plan.problems[1].error),
                "number": None,
            },
        ],
        "notes": [
            {"region": None, "account_id": ADMINISTRATOR, "reason": "own account", "text": plan.notes[0].text},
        ],
    }
    report = await plan.apply()
    found = report.to_dict()
    assert json.loads(json.dumps(found)) == found
    assert (found["ok"], found["administrator_id"], found["notes"]) == (False, ADMINISTRATOR, data["notes"])
    assert found["regions"] == [
        {
            "region": REGION,
            "graph_arn": report.regions[0].graph_arn,
            "ok": True,
            "done": ["tag graph"],
            "maybe_done": [],
            "auto_enable": None,
            "reason": None,
            "problem": None,
            "error": None,
        },
        {
            "region": ELSEWHERE,
            "graph_arn": None,
            "ok": False,
            "done": [],
            "maybe_done": [],
            "auto_enable": None,
            "reason": "access denied",
            "problem": denied,
            "error": to_dict(report.regions[1].error),
        },
    ]
    assert found["rows"][1] == {
        "region": REGION,
        "account_id": IDS[2],
        "ok": False,
        "before": None,
        "after": "VERIFICATION_FAILED",
        "done": ["invite"],
        "maybe_done": [],
        "reason": "verification failed",
        "problem": report.rows[1].problem,
        "error": None,
    }
    assert found["regions"][1]["error"]["code"] == "AccessDeniedException"
    assert "@" not in str(data) + str(found)
    # As by the function for all of the library's objects.
    assert (to_dict(plan), to_dict(report), to_dict(report.rows[0])) == (data, found, found["rows"][0])


async def test_all_regions(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Those of the client's partition that have Detective; those not opted in to are a note, and no problem."""
    closed = ["af-south-1", "me-south-1"]
    for region in closed:
        sim.close_region(region)
    plan = await plan_membership(client, [account(IDS[0])], regions="all")
    assert plan.problems == ()
    assert {REGION, ELSEWHERE, "il-central-1"} < set(plan.regions)
    assert set(plan.regions).isdisjoint(closed)
    assert [(note.region, note.reason) for note in plan.notes] == [
        (region, Reason.REGION_NOT_OPTED_IN) for region in closed
    ]
    assert str(plan).splitlines()[-1] == "note: the account has not opted in to af-south-1, me-south-1"
    report = await plan.apply()
    assert report.ok
    assert {region.region for region in report.regions} == set(plan.regions)
    packages = await plan_packages(client, ["EKS_AUDIT"], regions="all")
    assert packages.regions == plan.regions


async def test_packages_where_there_are_graphs(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Of all regions, those without a graph are a note, unless none has one: then the account may be the wrong one."""
    nowhere = await plan_packages(client, ["EKS_AUDIT"], regions="all")
    assert {problem.reason for problem in nowhere.problems} == {Reason.NO_GRAPH}
    load_world(sim, graph(packages={"EKS_AUDIT": "STOPPED"}))
    plan = await plan_packages(client, ["EKS_AUDIT"], regions="all")
    assert [(action.region, action.kind) for action in plan.actions] == [(REGION, ActionKind.START_PACKAGES)]
    assert plan.problems == ()
    assert {note.reason for note in plan.notes} == {Reason.NO_GRAPH}
    assert plan.regions == (REGION,)
    assert (await plan.apply()).ok
    named = await plan_packages(client, ["EKS_AUDIT"], regions=[REGION, ELSEWHERE])
    assert [(problem.region, problem.reason) for problem in named.problems] == [(ELSEWHERE, Reason.NO_GRAPH)]


async def test_all_regions_without_a_host(sim: DetectiveSimulator) -> None:
    """A host that is not found says nothing of a region that has Detective, which may have a graph: it is a problem."""
    load_world(sim, graph(member(IDS[0], "ENABLED"), region=ELSEWHERE))

    class ResolvesNotAll(DetectiveClient):
        async def list_graphs(self, **options: Any) -> ListGraphsResponse:
            if self.region == ELSEWHERE:
                raise HostNotFound("no such host", operation="ListGraphs", attempts=1, outcome_unknown=False)
            return await super().list_graphs(**options)

    async with administrator(sim, ResolvesNotAll) as client:
        plan = await plan_packages(client, ["EKS_AUDIT"], regions="all")
        assert ELSEWHERE in [problem.region for problem in plan.problems if problem.reason is Reason.NO_RESPONSE]
        plan = await plan_membership(client, [account(IDS[0])], regions="all")
        await plan.apply()
        plan = await plan_membership(client, [account(IDS[0])], regions="all")
        assert plan
        assert (plan.actions, plan.notes) == ((), ())
        assert [(problem.region, problem.reason) for problem in plan.problems] == [(ELSEWHERE, Reason.NO_RESPONSE)]
        assert f"{ELSEWHERE}:\n  problem: ListGraphs: no such host" in str(plan)
        assert not (await plan.apply()).ok
        teardown = await plan_teardown(client, regions="all")
        assert teardown.notes == ()
        assert [(problem.region, problem.reason) for problem in teardown.problems] == [(ELSEWHERE, Reason.NO_RESPONSE)]
        assert f"{ELSEWHERE}:\n  problem: not looked at, and may have a graph: ListGraphs: no such host" in str(
            teardown
        )


async def test_all_regions_where_none_is_available(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Keys that no region knows are no closed regions, and a region that every account has is not closed."""
    stranger = client.with_options(credentials=Credentials("AKIA0000000000000000", "x"))
    plan = await plan_membership(stranger, [account(IDS[0])], regions="all")
    assert plan.notes == ()
    assert {problem.reason for problem in plan.problems} == {Reason.UNKNOWN_KEYS}
    sim.close_region(ELSEWHERE)
    plan = await plan_membership(client, [account(IDS[0])], regions="all")
    assert [(problem.region, problem.reason) for problem in plan.problems] == [(ELSEWHERE, Reason.UNKNOWN_KEYS)]
    nowhere = client.with_options(region="cn-north-1")
    with pytest.raises(ConfigurationError, match="no region of the partition aws-cn that has Detective"):
        await plan_membership(nowhere, [account(IDS[0])], regions="all")


async def test_packages_alone(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Packages are started in several regions, without a list of accounts; those that are started stay so."""
    load_world(
        sim,
        graph(member(IDS[0], "ENABLED"), packages={"ASFF_SECURITYHUB_FINDING": "STARTED"}),
        graph(region=ELSEWHERE),
    )
    sim.set_read_lag(5)
    plan = await plan_packages(client, ["EKS_AUDIT"], regions=[REGION, ELSEWHERE, "eu-central-1"])
    assert [(action.kind, action.region, action.items) for action in plan.actions] == [
        (ActionKind.START_PACKAGES, REGION, ("EKS_AUDIT",)),
        (ActionKind.START_PACKAGES, ELSEWHERE, ("EKS_AUDIT",)),
    ]
    assert [(problem.region, problem.reason) for problem in plan.problems] == [("eu-central-1", Reason.NO_GRAPH)]
    report = await plan.apply()
    assert str(report) == (
        "2 of 3 regions are as wanted; start packages: 2\n  eu-central-1: the client's account has no graph here"
    )
    assert report.rows == ()
    assert request_bodies(sim, "UpdateDatasourcePackages")[0]["DatasourcePackages"] == [
        "DETECTIVE_CORE",
        "ASFF_SECURITYHUB_FINDING",
        "EKS_AUDIT",
    ]
    assert not await plan_packages(client, ["EKS_AUDIT"], regions=[REGION, ELSEWHERE])


async def test_packages_of_a_new_graph(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """AWS starts all of them in a while: none is left out of the list that is sent meanwhile."""
    sim.set_package_delay(5)
    plan = await plan_membership(client, [account(IDS[0])], regions=[REGION], datasource_packages=["EKS_AUDIT"])
    assert (await plan.apply()).ok
    await sim.advance(60)
    (found,) = sim.snapshot().values()
    assert set(found["packages"].values()) == {"STARTED"}


async def test_packages_of_a_graph_that_is_there_by_now(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """The plan would have made it; as another program has, those that it does not name stay as they are."""
    plan = await plan_membership(client, [account(IDS[0])], regions=[REGION], datasource_packages=["EKS_AUDIT"])
    graph_arn = (await client.create_graph()).graph_arn
    for package in ("ASFF_SECURITYHUB_FINDING", "EKS_AUDIT"):
        sim.set_package(graph_arn, package, "DISABLED")
    assert (await plan.apply()).ok
    (found,) = sim.snapshot().values()
    assert found["packages"] == {
        "ASFF_SECURITYHUB_FINDING": "DISABLED",
        "DETECTIVE_CORE": "STARTED",
        "EKS_AUDIT": "STARTED",
    }


async def test_packages_that_take_time(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Applying waits until they are started, and until the deadline at the longest."""
    load_world(sim, graph())
    sim.set_package_delay(40)
    plan = await plan_packages(client, ["EKS_AUDIT"], regions=[REGION])
    report = await plan.apply(timeout=20)
    assert [region.reason for region in report.regions] == [Reason.TIMED_OUT]
    assert str(report).splitlines() == [
        "0 of 1 region is as wanted; start packages: 1",
        "  eu-west-1: not done within 20 s: 'start packages' (EKS_AUDIT) was done, but its effect is not visible",
    ]
    assert (await plan.apply()).ok
    assert (await client.list_datasource_packages(arn_in(REGION))).datasource_packages[
        DatasourcePackage.EKS_AUDIT
    ].datasource_package_ingest_state == "STARTED"
