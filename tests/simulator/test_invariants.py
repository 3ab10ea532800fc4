"""Whatever is asked in whatever order: no member lost or doubled, no arrow that is not allowed, no traceback."""

import json
from collections import deque
from datetime import timedelta
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from support.hypothesis_profiles import examples

from detective_async.testing.clock import Clock
from detective_async.testing.faults import FaultPlan
from detective_async.testing.operations import OPERATIONS, Call
from detective_async.testing.problems import Problem
from detective_async.testing.protocol import operations
from detective_async.testing.service import Answer, Request, Service
from detective_async.testing.signature import Headers
from detective_async.testing.world import World

REGION = "eu-west-1"
SEEDED = Random(0)  # noqa: S311  nothing is kept secret with it
ADMINS = ["100000000001", "100000000002"]
MEMBERS = [f"20000000000{number}" for number in range(4)]

ALLOWED = {
    (None, "VERIFICATION_IN_PROGRESS"),
    (None, "INVITED"),
    (None, "VERIFICATION_FAILED"),
    ("VERIFICATION_IN_PROGRESS", "INVITED"),
    ("VERIFICATION_IN_PROGRESS", "VERIFICATION_FAILED"),
    ("INVITED", "ENABLED"),
    ("INVITED", "ACCEPTED_BUT_DISABLED"),
    ("ACCEPTED_BUT_DISABLED", "ENABLED"),
}


class Memberships(RuleBasedStateMachine):
    """Administrators and members call at random; after each call everything still fits together."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock(lambda: 1_800_000_000.0)
        self.world = World(SEEDED, timedelta(seconds=60))
        for account in [*ADMINS, *MEMBERS[:2]]:
            self.world.register(account)
        self.before: dict[tuple[str, str], str] = {}

    def call(self, operation: str, account: str, **members: Any) -> dict[str, Any] | None:
        """Call an operation as the service would, and check which statuses it changed."""
        now = self.clock.now()
        self.world.settle(now)
        self.check_arrows()
        members.setdefault("GraphArn", "")
        try:
            return OPERATIONS[operation](Call(self.world, operation, account, REGION, now, members))
        except Problem as problem:
            assert self.statuses() == self.before, problem  # noqa: PT017  a refusal changes nothing
            return None
        finally:
            self.check_arrows()

    def statuses(self) -> dict[tuple[str, str], str]:
        return {
            (arn, name): member.status
            for arn, graph in self.world.graphs.items()
            for name, member in graph.members.items()
        }

    def check_arrows(self) -> None:
        now = self.statuses()
        for key, status in now.items():
            was = self.before.get(key)
            assert was == status or (was, status) in ALLOWED
        self.before = now

    def arn(self, admin: str) -> str:
        graph = self.world.administered(admin, REGION)
        return graph.arn if graph else ""

    @rule(admin=st.sampled_from(ADMINS))
    def create_graph(self, admin: str) -> None:
        answer = self.call("CreateGraph", admin)
        assert answer == {"GraphArn": self.arn(admin)}

    @rule(admin=st.sampled_from(ADMINS))
    def delete_graph(self, admin: str) -> None:
        self.call("DeleteGraph", admin, GraphArn=self.arn(admin))

    @rule(admin=st.sampled_from(ADMINS), chosen=st.lists(st.sampled_from([*MEMBERS, *ADMINS]), min_size=1, max_size=6))
    def create_members(self, admin: str, chosen: list[str]) -> None:
        accounts = [{"AccountId": name, "EmailAddress": f"account-{name}@example.com"} for name in chosen]
        answer = self.call("CreateMembers", admin, GraphArn=self.arn(admin), Accounts=accounts)
        if answer is not None:
            handled = [one["AccountId"] for one in answer["Members"] + answer["UnprocessedAccounts"]]
            assert sorted(handled) == sorted(chosen)

    @rule(admin=st.sampled_from(ADMINS), member=st.sampled_from(MEMBERS))
    def delete_members(self, admin: str, member: str) -> None:
        self.call("DeleteMembers", admin, GraphArn=self.arn(admin), AccountIds=[member])

    @rule(
        name=st.sampled_from(["AcceptInvitation", "RejectInvitation", "DisassociateMembership"]),
        admin=st.sampled_from(ADMINS),
        member=st.sampled_from([*MEMBERS, *ADMINS]),
    )
    def answer(self, name: str, admin: str, member: str) -> None:
        self.call(name, member, GraphArn=self.arn(admin))

    @rule(admin=st.sampled_from(ADMINS), member=st.sampled_from(MEMBERS))
    def start_monitoring(self, admin: str, member: str) -> None:
        self.call("StartMonitoringMember", admin, GraphArn=self.arn(admin), AccountId=member)

    @rule(member=st.sampled_from(MEMBERS[:2]), problem=st.sampled_from([None, "VOLUME_TOO_HIGH", "VOLUME_UNKNOWN"]))
    def set_volume(self, member: str, problem: str | None) -> None:
        self.world.accounts[member].volume_problem = problem

    @rule(seconds=st.sampled_from([1, 30, 61]))
    def advance(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.world.settle(self.clock.now())
        self.check_arrows()

    @invariant()
    def lists_agree(self) -> None:
        """ListMembers, page by page, holds each member once, and each member's own list the graphs it is open in."""
        self.before = self.statuses()
        for admin in ADMINS:
            graph = self.world.administered(admin, REGION)
            if graph is None:
                continue
            seen: list[str] = []
            token: dict[str, Any] = {}
            while True:
                answer = self.call("ListMembers", admin, GraphArn=graph.arn, MaxResults=2, **token) or {}
                seen += [one["AccountId"] for one in answer["MemberDetails"]]
                if answer["NextToken"] is None:
                    break
                token = {"NextToken": answer["NextToken"]}
            assert seen == sorted(graph.members) == graph.order
        for account in [*MEMBERS, *ADMINS]:
            answer = self.call("ListInvitations", account) or {}
            listed = {one["GraphArn"] for one in answer["Invitations"]}
            open_in = {
                arn
                for (arn, name), status in self.statuses().items()
                if name == account and status in {"INVITED", "ENABLED", "ACCEPTED_BUT_DISABLED"}
            }
            assert listed == open_in


TestMemberships = pytest.mark.filterwarnings("ignore")(Memberships.TestCase)
TestMemberships.settings = settings(max_examples=examples(40), stateful_step_count=30)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def send(service: Service, method: str, target: str, body: bytes) -> Answer:
    """Sign a request and put it to the service, without a socket."""
    keys = service.world.register("111122223333")
    request = AWSRequest(method, f"http://localhost{target}", data=body, headers={"Host": "localhost"})
    SigV4Auth(BotoCredentials(keys.access_key_id, keys.secret_access_key), "detective", REGION).add_auth(request)
    arrived = Request(method, target, Headers(request.headers.items()), body)
    admitted = service.admit(arrived)
    return admitted if isinstance(admitted, Answer) else service.carry_out(arrived, admitted)


@settings(max_examples=examples(300))
@given(
    name=st.sampled_from(sorted(operations())),
    values=st.lists(JSON, min_size=6, max_size=6),
    resource=st.text(min_size=1),
    query=st.lists(st.tuples(st.sampled_from(["tagKeys", "x"]), st.text())),
)
def test_any_json_gets_an_answer_in_awss_form(
    name: str, values: list[Any], resource: str, query: list[tuple[str, str]]
) -> None:
    """Random values for the real members of each operation: a 2xx or a documented refusal, and no exception."""
    service = Service(World(SEEDED), Clock(), FaultPlan(SEEDED), deque())
    operation = operations()[name]
    names = ["GraphArn", "Accounts", "AccountIds", "Tags", "FilterCriteria", "NextToken"]
    body = json.dumps(dict(zip(names, values, strict=True))).encode()
    target = operation.uri.replace("{ResourceArn}", quote(resource, safe=""))
    if query:
        target += "?" + urlencode(query, quote_via=quote)
    answer = send(service, operation.method, target, body)
    assert answer.status in {200, 204, 400, 403, 404, 409}
    assert answer.headers["x-amzn-RequestId"]
    if answer.status >= 400:
        assert answer.headers["x-amzn-ErrorType"] in {
            "ValidationException",
            "AccessDeniedException",
            "ResourceNotFoundException",
            "UnknownOperationException",
        }
        assert json.loads(answer.body)
