"""Plans: what they say, that they change nothing, and what they say of what they could not see."""

from detective_async import Account, Credentials, ServiceError
from detective_async.membership import Action, ActionKind, Problem, plan_membership
from detective_async.testing import DetectiveSimulator, Failure, Fault, Throttle
from membership.worlds import (
    ADMINISTRATOR,
    ELSEWHERE,
    READS,
    REGION,
    WRONG,
    account,
    administrator,
    fill,
    graph,
    member,
    some_accounts,
)

IDS = [f"{number}" * 12 for number in range(2, 10)]


async def test_a_plan_for_a_new_graph(sim: DetectiveSimulator) -> None:
    """It creates it, starts what is not started with it, invites, and accepts; nothing has been done so far."""
    async with administrator(sim) as client:
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


async def test_a_plan_for_a_graph_that_is_there(sim: DetectiveSimulator) -> None:
    """It holds what is missing and nothing else, each account with how it stands, and no e-mail address."""
    fill(
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
    async with administrator(sim) as client:
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
        f"  problem with 1 account (it is invited, and member_credentials has none for it to accept with): {IDS[6]}",
        "  problem with 1 account (it is the administrator account, whose own data is in its graph anyway: leave it",
        f"    out): {ADMINISTRATOR}",
        "  problem with 1 account (verification failed: the e-mail address is not that of the account's root user;",
        f"    correct it and plan again): {IDS[3]}",
    ]
    assert Action(ActionKind.REMOVE, REGION, IDS[5], "ENABLED") in plan.actions
    assert Action(ActionKind.START_MONITORING, REGION, IDS[4], "ACCEPTED_BUT_DISABLED (VOLUME_UNKNOWN)") in plan.actions
    assert "@" not in str(plan) + repr(plan)


async def test_nothing_to_do(sim: DetectiveSimulator) -> None:
    """A plan for what is so already is false, and leaves tags, packages and members alone that nobody named."""
    fill(sim, graph(member(IDS[0], "ENABLED"), member(IDS[1], "ENABLED"), tags={"team": "secops"}))
    async with administrator(sim) as client:
        plan = await plan_membership(client, [account(IDS[0])], regions=[REGION], tags={"team": "secops"})
    assert not plan
    assert plan.actions == ()
    assert plan.problems == ()
    assert str(plan) == "eu-west-1:\n  nothing to do"


async def test_a_long_plan_can_be_read(sim: DetectiveSimulator) -> None:
    """Ten accounts are named, and the rest counted; but all that are to be removed. Regions that differ stay apart."""
    accounts = some_accounts(24)
    async with administrator(sim) as client:
        plan = await plan_membership(client, {REGION: accounts[:12], ELSEWHERE: [*accounts[:11], accounts[12]]})
        text = str(plan)
        assert text.count("  invite 12 accounts: ") == 2
        assert text.count(" and 2 more") == 2
        assert [account_id in text for account_id in (accounts[9].account_id, accounts[10].account_id)] == [True, False]
        await plan.apply()
        plan = await plan_membership(client, accounts[23:], regions=[REGION], remove_others=True)
    assert "  remove 12 accounts: " in str(plan)
    assert all(account.account_id in str(plan) for account in accounts[:12])


async def test_what_is_not_wanted_is_not_asked_for(sim: DetectiveSimulator) -> None:
    """Without tags and packages their lists are not read, for which a permission may be missing."""
    fill(sim, graph(member(IDS[0], "ENABLED")))
    async with administrator(sim) as client:
        await plan_membership(client, [account(IDS[0])], regions=[REGION])
    assert [request.operation for request in sim.requests] == ["ListGraphs", "ListMembers"]


async def test_regions_that_differ(sim: DetectiveSimulator) -> None:
    """Regions with the same things to do are shown together, the others by themselves."""
    fill(sim, graph(member(IDS[0], "ENABLED"), region=ELSEWHERE))
    async with administrator(sim) as client:
        plan = await plan_membership(client, [account(IDS[0])], regions=[REGION, ELSEWHERE, "eu-central-1"])
    assert str(plan).splitlines() == [
        "eu-west-1, eu-central-1:",
        "  create the graph",
        f"  invite 1 account: {IDS[0]}",
        "us-east-1:",
        "  nothing to do",
    ]


async def test_regions_that_cannot_be_looked_at(sim: DetectiveSimulator) -> None:
    """Each is a problem with its reason and error; the plan for the others stands."""
    sim.close_region(ELSEWHERE)
    denied = Failure(403, "AccessDeniedException", "not you")
    sim.inject(Fault(denied, "ListGraphs", region="eu-central-1", count=None))
    async with administrator(sim) as client:
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


async def test_half_a_plan_is_none(sim: DetectiveSimulator) -> None:
    """Where one of the questions about a region is refused, the region has a problem and no actions."""
    fill(sim, graph())
    sim.inject(Fault(Failure(403, "AccessDeniedException", "not you"), "ListTagsForResource"))
    async with administrator(sim) as client:
        plan = await plan_membership(client, [account(IDS[0])], regions=[REGION], tags={"a": "b"})
    assert plan.actions == ()
    assert [(problem.account_id, type(problem.error).__name__) for problem in plan.problems] == [
        (None, "AccessDeniedException")
    ]


async def test_what_passes_is_waited_for(sim: DetectiveSimulator) -> None:
    """Throttles beyond a call's own retries do not make a problem; those without end do."""
    fill(sim, graph(member(IDS[0], "ENABLED")))
    async with administrator(sim, max_attempts=1) as client:
        sim.throttle(5, operation="ListMembers")
        plan = await plan_membership(client, [account(IDS[0])], regions=[REGION])
        assert plan.actions == ()
        assert plan.problems == ()
        sim.throttle(6, operation="ListMembers")
        plan = await plan_membership(client, [account(IDS[0])], regions=[REGION])
        assert [type(problem.error).__name__ for problem in plan.problems] == ["TooManyRequestsException"]


async def test_more_than_a_graph_takes(sim: DetectiveSimulator) -> None:
    """That some will be refused is told, unless those that are not wanted go."""
    fill(sim, graph(member(IDS[0], "ENABLED"), member(IDS[1], "ENABLED")))
    accounts = [account(IDS[0]), *some_accounts(1199)]
    async with administrator(sim) as client:
        plan = await plan_membership(client, accounts, regions=[REGION])
        text = "there would be 1,201 members, and AWS allows 1,200: some will be refused"
        assert plan.problems == (Problem(REGION, None, text),)
        plan = await plan_membership(client, accounts, regions=[REGION], remove_others=True)
        assert plan.problems == ()


async def test_plans_ask_so_many_at_once(sim: DetectiveSimulator) -> None:
    """With a concurrency of one there is never a second call under way."""
    sim.inject(Fault(Throttle(), "ListGraphs", count=2))
    regions = [REGION, ELSEWHERE, "eu-central-1", "eu-north-1"]
    async with administrator(sim) as client:
        plan = await plan_membership(client, [account(IDS[0])], regions=regions, concurrency=1)
    # A second one would have got its answer while the first one was being retried.
    assert [request.region for request in sim.requests] == [REGION] * 3 + regions[1:]
    assert len(plan.actions) == 8
