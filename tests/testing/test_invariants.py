"""Random calls without sockets: lists stay consistent, statuses change as documented, input never raises."""

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

from detective_async.testing.faults import FaultPlan
from detective_async.testing.server.backend import Answer, Backend
from detective_async.testing.server.requests import Headers, Request
from detective_async.testing.services.call import Call
from detective_async.testing.services.detective import OPERATIONS
from detective_async.testing.services.detective.rest_json import operations
from detective_async.testing.services.errors import ApiError
from detective_async.testing.world.clock import Clock
from detective_async.testing.world.world import World

REGION = "eu-west-1"
GENERATOR = Random(0)  # noqa: S311
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
    """Random calls of administrators and members; all lists are checked after each of them."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock(lambda: 1_800_000_000.0)
        self.world = World(GENERATOR, timedelta(seconds=60))
        for account in [*ADMINS, *MEMBERS[:2]]:
            self.world.register(account)
        self.before: dict[tuple[str, str], str] = {}

    def call(self, operation: str, account: str, **members: Any) -> dict[str, Any] | None:
        """Call an operation as the backend does, and check the changes of statuses."""
        now = self.clock.now()
        self.world.complete_verifications(now)
        self.check_changes()
        members.setdefault("GraphArn", "")
        try:
            return OPERATIONS[operation](Call(self.world, operation, account, REGION, now, members))
        except ApiError as problem:
            assert self.statuses() == self.before, problem  # noqa: PT017  an error changes nothing
            return None
        finally:
            self.check_changes()

    def statuses(self) -> dict[tuple[str, str], str]:
        return {
            (arn, name): member.status
            for arn, graph in self.world.graphs.items()
            for name, member in graph.members.items()
        }

    def check_changes(self) -> None:
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
        self.world.complete_verifications(self.clock.now())
        self.check_changes()

    @invariant()
    def lists_agree(self) -> None:
        """The pages of ListMembers have each member once; ListInvitations has the graphs with an open membership."""
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


def send(backend: Backend, method: str, target: str, body: bytes) -> Answer:
    """Sign a request and pass it to the backend, without a socket."""
    keys = backend.world.register("111122223333")
    request = AWSRequest(method, f"http://localhost{target}", data=body, headers={"Host": "localhost"})
    SigV4Auth(BotoCredentials(keys.access_key_id, keys.secret_access_key), "detective", REGION).add_auth(request)
    received = Request(method, target, Headers(request.headers.items()), body)
    admitted = backend.admit(received)
    return admitted if isinstance(admitted, Answer) else backend.carry_out(admitted)


@settings(max_examples=examples(300))
@given(
    name=st.sampled_from(sorted(operations())),
    values=st.lists(JSON, min_size=6, max_size=6),
    resource=st.text(min_size=1),
    query=st.lists(st.tuples(st.sampled_from(["tagKeys", "x"]), st.text())),
)
def test_any_json_is_answered_in_awss_form(
    name: str, values: list[Any], resource: str, query: list[tuple[str, str]]
) -> None:
    """Random values of real members of each operation: a success or a documented error, and no exception."""
    backend = Backend(World(GENERATOR), Clock(), FaultPlan(GENERATOR), deque())
    operation = operations()[name]
    names = ["GraphArn", "Accounts", "AccountIds", "Tags", "FilterCriteria", "NextToken"]
    body = json.dumps(dict(zip(names, values, strict=True))).encode()
    target = operation.uri.replace("{ResourceArn}", quote(resource, safe=""))
    if query:
        target += "?" + urlencode(query, quote_via=quote)
    answer = send(backend, operation.method, target, body)
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
