"""Plans: what they say, that they change nothing, and what they say of what they could not see."""

from detective_async import Account, Credentials, DetectiveClient, ServiceError
from detective_async.membership import Action, ActionKind, Problem, plan_membership
from detective_async.testing import DetectiveSimulator, Fault, Throttle
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


async def test_a_plan_for_a_new_graph(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """It creates it, starts what is not started with it, invites, and accepts; nothing has been done so far."""
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


async def test_a_plan_for_a_graph_that_is_there(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """It holds what is missing and nothing else, each account with how it stands, and no e-mail address."""
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
    """A plan for what is so already is false, and leaves tags, packages and members alone that nobody named."""
    load_world(sim, graph(member(IDS[0], "ENABLED"), member(IDS[1], "ENABLED"), tags={"team": "secops"}))
    plan = await plan_membership(client, [account(IDS[0])], regions=[REGION], tags={"team": "secops"})
    assert not plan
    assert plan.actions == ()
    assert plan.problems == ()
    assert str(plan) == "eu-west-1:\n  nothing to do"


async def test_a_long_plan_can_be_read(client: DetectiveClient) -> None:
    """Ten accounts are named, and the rest counted; but all that are to be removed. Regions that differ stay apart."""
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


async def test_what_is_not_wanted_is_not_asked_for(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Without tags and packages their lists are not read, for which a permission may be missing."""
    load_world(sim, graph(member(IDS[0], "ENABLED")))
    await plan_membership(client, [account(IDS[0])], regions=[REGION])
    assert [request.operation for request in sim.requests] == ["ListGraphs", "ListMembers"]


async def test_regions_that_differ(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Regions with the same things to do are shown together, the others by themselves."""
    load_world(sim, graph(member(IDS[0], "ENABLED"), region=ELSEWHERE))
    plan = await plan_membership(client, [account(IDS[0])], regions=[REGION, ELSEWHERE, "eu-central-1"])
    assert str(plan).splitlines() == [
        "eu-west-1, eu-central-1:",
        "  create the graph",
        f"  invite 1 account: {IDS[0]}",
        "us-east-1:",
        "  nothing to do",
    ]


async def test_regions_that_cannot_be_looked_at(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Each is a problem with its reason and error; the plan for the others stands."""
    sim.close_region(ELSEWHERE)
    sim.inject(Fault(DENIED, "ListGraphs", region="eu-central-1", count=None))
    plan = await plan_membership(client, [account(IDS[0])], regions=[ELSEWHERE, "eu-central-1", REGION])
    assert [(problem.region, problem.account_id) for problem in plan.problems] == [
        (ELSEWHERE, None),
        ("eu-central-1", None),
    ]
    closed, refused = plan.problems
    assert closed.text.startswith("Detective is not available to the account in this region: UnrecognizedClient")
    assert isinstance(closed.error, ServiceError)
    assert closed.error.code == "UnrecognizedClientException"
    assert refused.text.startswith("AccessDeniedException: not you")
    assert {action.region for action in plan.actions} == {REGION}
    assert "us-east-1:\n  problem: Detective is not available" in str(plan)
    stranger = client.with_options(credentials=Credentials("AKIA0000000000000000", "x"))
    plan = await plan_membership(stranger, [account(IDS[0])], regions=[REGION])
    assert not plan
    assert len(plan.problems) == 1


async def test_half_a_plan_is_none(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Where one of the questions about a region is refused, the region has a problem and no actions."""
    load_world(sim, graph())
    sim.inject(Fault(DENIED, "ListTagsForResource"))
    plan = await plan_membership(client, [account(IDS[0])], regions=[REGION], tags={"a": "b"})
    assert plan.actions == ()
    assert [(problem.account_id, type(problem.error).__name__) for problem in plan.problems] == [
        (None, "AccessDeniedException")
    ]


async def test_what_passes_is_waited_for(sim: DetectiveSimulator, one_attempt_client: DetectiveClient) -> None:
    """Throttles beyond a call's own retries do not make a problem; those without end do."""
    load_world(sim, graph(member(IDS[0], "ENABLED")))
    sim.throttle(5, operation="ListMembers")
    plan = await plan_membership(one_attempt_client, [account(IDS[0])], regions=[REGION])
    assert plan.actions == ()
    assert plan.problems == ()
    sim.throttle(6, operation="ListMembers")
    plan = await plan_membership(one_attempt_client, [account(IDS[0])], regions=[REGION])
    assert [type(problem.error).__name__ for problem in plan.problems] == ["TooManyRequestsException"]


async def test_more_than_a_graph_takes(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """That some will be refused is told, unless those that are not wanted go."""
    load_world(sim, graph(member(IDS[0], "ENABLED"), member(IDS[1], "ENABLED")))
    accounts = [account(IDS[0]), *some_accounts(1199)]
    plan = await plan_membership(client, accounts, regions=[REGION])
    text = "the graph would have 1,201 members, but AWS allows 1,200: it will refuse some"
    assert plan.problems == (Problem(REGION, None, text),)
    plan = await plan_membership(client, accounts, regions=[REGION], remove_others=True)
    assert plan.problems == ()


async def test_plans_ask_so_many_at_once(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """With a concurrency of one there is never a second call under way."""
    sim.inject(Fault(Throttle(), "ListGraphs", count=2))
    regions = [REGION, ELSEWHERE, "eu-central-1", "eu-north-1"]
    plan = await plan_membership(client, [account(IDS[0])], regions=regions, concurrency=1)
    # A second one would have got its answer while the first one was being retried.
    assert [request.region for request in sim.requests] == [REGION] * 3 + regions[1:]
    assert len(plan.actions) == 8
