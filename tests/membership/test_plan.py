"""Plans: their content and text, that they change nothing, and how they report unreadable regions."""

from detective_async import Account, Credentials, DetectiveClient, ServiceError
from detective_async.membership import Action, ActionKind, Problem, plan_membership
from detective_async.testing import DetectiveSimulator, Failure, Fault
from membership.worlds import (
    ADMINISTRATOR,
    DENIED,
    ELSEWHERE,
    IDS,
    READS,
    REGION,
    WRONG,
    account,
    graph,
    load_world,
    member,
    some_accounts,
)


async def test_new_graph(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """The plan creates it, starts packages, invites and accepts; planning changes nothing."""
    plan = await plan_membership(
        client,
        [account(IDS[0]), account(IDS[1])],
        regions=[REGION],
        member_credentials=sim.account,
        datasource_packages=["DETECTIVE_CORE", "EKS_AUDIT"],
        tags={"team": "secops"},
    )
    assert plan
    assert plan.problems == ()
    assert plan.actions == (
        Action(ActionKind.CREATE_GRAPH, REGION, detail="tags team"),
        Action(ActionKind.START_PACKAGES, REGION, detail="EKS_AUDIT"),
        Action(ActionKind.INVITE, REGION, IDS[0]),
        Action(ActionKind.INVITE, REGION, IDS[1]),
        Action(ActionKind.ACCEPT, REGION, IDS[0]),
        Action(ActionKind.ACCEPT, REGION, IDS[1]),
    )
    assert {request.operation for request in sim.requests} <= READS
    assert str(plan) == (
        "eu-west-1:\n"
        "  create the graph (tags team)\n"
        "  start data source packages (EKS_AUDIT)\n"
        f"  invite 2 accounts: {IDS[0]}, {IDS[1]}\n"
        f"  accept the invitation of 2 accounts: {IDS[0]}, {IDS[1]}"
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
        member_credentials={one: sim.account(one) for one in IDS[:3]},
        datasource_packages=["EKS_AUDIT", "ASFF_SECURITYHUB_FINDING", "DETECTIVE_CORE"],
        tags={"team": "secops", "stage": "production", "owner": "us"},
        remove_others=True,
    )
    assert str(plan).splitlines() == [
        "eu-west-1:",
        "  set tags of the graph (stage, owner)",
        "  start data source packages (ASFF_SECURITYHUB_FINDING)",
        f"  remove 1 account: {IDS[5]}",
        f"  invite again with another e-mail address 1 account: {IDS[2]}",
        f"  invite 1 account: {IDS[6]}",
        f"  accept the invitation of 2 accounts: {IDS[1]}, {IDS[2]}",
        f"  try to enable after it was disabled 1 account: {IDS[4]}",
        "  problem with 1 account (it is invited, but member_credentials has no credentials to accept the invitation:",
        f"    add them): {IDS[6]}",
        "  problem with 1 account (it is the administrator account, whose data is in its own graph already: leave it",
        f"    out): {ADMINISTRATOR}",
        "  problem with 1 account (verification failed: the e-mail address is not that of the account's root user;",
        f"    correct it and plan again): {IDS[3]}",
    ]
    assert Action(ActionKind.REMOVE, REGION, IDS[5], "ENABLED") in plan.actions
    assert Action(ActionKind.START_MONITORING, REGION, IDS[4], "ACCEPTED_BUT_DISABLED (VOLUME_UNKNOWN)") in plan.actions
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
    assert str(plan) == "eu-west-1:\n  nothing to do"
    sim.forget_requests()
    assert not await plan_membership(client, [account(IDS[0])], regions=[REGION])
    assert [request.operation for request in sim.requests] == ["ListGraphs", "ListMembers"]


async def test_text_of_a_long_plan(client: DetectiveClient) -> None:
    """Ten accounts are named and the rest counted, except for removals; different regions are separate."""
    accounts = some_accounts(24)
    plan = await plan_membership(client, {REGION: accounts[:12], ELSEWHERE: [*accounts[:11], accounts[12]]})
    text = str(plan)
    assert text.count("  invite 12 accounts: ") == 2
    assert text.count(" and 2 more") == 2
    assert [account_id in text for account_id in (accounts[9].account_id, accounts[10].account_id)] == [True, False]
    await plan.apply()
    plan = await plan_membership(client, accounts[23:], regions=[REGION], remove_others=True)
    assert "  remove 12 accounts: " in str(plan)
    assert all(account.account_id in str(plan) for account in accounts[:12])


async def test_equal_regions_are_grouped(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Regions with equal plans are shown together."""
    load_world(sim, graph(member(IDS[0], "ENABLED"), region=ELSEWHERE))
    plan = await plan_membership(client, [account(IDS[0])], regions=[REGION, ELSEWHERE, "eu-central-1"])
    assert str(plan).splitlines() == [
        "eu-west-1, eu-central-1:",
        "  create the graph",
        f"  invite 1 account: {IDS[0]}",
        "us-east-1:",
        "  nothing to do",
    ]


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
    assert not plan
    assert [problem.text.startswith(either) for problem in plan.problems] == [True]
    sim.inject(Fault(Failure(403, "OptInRequired", "no"), "ListGraphs"))
    plan = await plan_membership(client, [account(IDS[0])], regions=[REGION])
    text = "Detective is not available to the account in this region: OptInRequired"
    assert [problem.text.startswith(text) for problem in plan.problems] == [True]


async def test_transient_errors(sim: DetectiveSimulator, one_attempt_client: DetectiveClient) -> None:
    """Reads are retried after throttles, up to a limit."""
    load_world(sim, graph(member(IDS[0], "ENABLED")))
    sim.throttle(5, operation="ListMembers")
    plan = await plan_membership(one_attempt_client, [account(IDS[0])], regions=[REGION])
    assert plan.actions == ()
    assert plan.problems == ()
    sim.throttle(6, operation="ListMembers")
    plan = await plan_membership(one_attempt_client, [account(IDS[0])], regions=[REGION])
    assert [type(problem.error).__name__ for problem in plan.problems] == ["TooManyRequestsException"]


async def test_too_many_members(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """The plan warns if there would be too many members, after removals."""
    load_world(sim, graph(member(IDS[0], "ENABLED"), member(IDS[1], "ENABLED")))
    accounts = [account(IDS[0]), *some_accounts(1199)]
    plan = await plan_membership(client, accounts, regions=[REGION])
    text = "the graph would have 1,201 members, but AWS allows 1,200: it will refuse some"
    assert plan.problems == (Problem(REGION, None, text),)
    plan = await plan_membership(client, accounts, regions=[REGION], remove_others=True)
    assert plan.problems == ()
