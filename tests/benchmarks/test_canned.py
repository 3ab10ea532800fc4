"""The benchmarks' server: its pages, its counts, and the requests that it refuses."""

import asyncio
import json

import pytest
from canned import member_ids, members_page
from server import SEEN_PATH, Connection, State
from world import ACCOUNT_ID, KEYS, REGION, graph_arn, keys

pytestmark = pytest.mark.once

GRAPH = graph_arn(ACCOUNT_ID, REGION, 450)
SIGNED = f"Credential={KEYS.access_key_id}/20260101/{REGION}/detective/aws4_request, Signature=00 {KEYS.session_token}"


class _Connection(Connection):
    """Keeps the answers instead of sending them."""

    def __init__(self) -> None:
        super().__init__(State(latency=0))
        self.sent: list[bytes] = []
        self.answered = asyncio.Event()

    def reply(self, answer: bytes) -> None:
        self.sent.append(answer)
        if len(self.sent) == 3:
            self.answered.set()

    def ask(self, path: str, body: str, headers: str = "") -> tuple[str, str]:
        """Send a request; return the status line and the body of the answer."""
        self.handle(f"POST {path} HTTP/1.1\r\n{headers}".encode(), body.encode())
        head, _, answer = self.sent.pop().decode().partition("\r\n\r\n")
        return head.partition("\r\n")[0], answer


def test_pages_have_every_member_once() -> None:
    """The tokens lead to the last page, which has none; every member is on one page, in order."""
    found: list[str] = []
    sizes: list[int] = []
    token: str | None = None
    for _ in range(3):
        page = json.loads(members_page(GRAPH, 200, token))
        sizes.append(len(page["MemberDetails"]))
        found += [member["AccountId"] for member in page["MemberDetails"]]
        token = page.get("NextToken")
    assert token is None
    assert sizes == [200, 200, 50]
    assert found == list(member_ids(450))
    assert len(set(found)) == 450


def test_members_belong_to_the_requested_graph() -> None:
    """Each member has the ARN and the account of the graph."""
    for account_id in (ACCOUNT_ID, "300000000000"):
        arn = graph_arn(account_id, REGION, 50)
        members = json.loads(members_page(arn))["MemberDetails"]
        assert {(one["GraphArn"], one["MasterId"], one["AdministratorId"]) for one in members} == {
            (arn, account_id, account_id)
        }


def test_the_server_counts_requests() -> None:
    """It counts the calls, and those signed with the token of the key; reading the counts resets them."""
    server = _Connection()
    server.ask("/graphs/list", "{}", SIGNED)
    server.ask("/graphs/list", "{}", SIGNED.replace(KEYS.session_token, keys("300000000000").session_token))
    seen = json.loads(server.ask(SEEN_PATH, "")[1])
    assert (seen["calls"], seen["signed"], seen["connections"]) == ({"ListGraphs": 2}, 1, 1)
    assert json.loads(server.ask(SEEN_PATH, "")[1])["calls"] == {}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/graph/members/list", json.dumps({"GraphArn": graph_arn("300000000000", REGION, 50)})),
        ("/graph/members/list", json.dumps({"GraphArn": graph_arn(ACCOUNT_ID, "us-east-1", 50)})),
        ("/elsewhere", "{}"),
        ("/", "Action=AssumeRole&RoleArn=arn:aws:iam::300000000000:role/Another"),
    ],
)
def test_a_wrong_request_is_refused(path: str, body: str) -> None:
    """Another account's graph, another region's, another path, another role: they are refused and not counted."""
    server = _Connection()
    assert server.ask(path, body, SIGNED)[0] == "HTTP/1.1 400 Bad Request"
    assert json.loads(server.ask(SEEN_PATH, "")[1])["calls"] == {}


async def test_the_latency_delays_answers() -> None:
    """With a latency, requests are under way until they are answered, and the most at once is counted."""
    server = _Connection()
    server._state.latency = 0.001
    for _ in range(3):
        server.handle(b"POST /graphs/list HTTP/1.1\r\n", b"{}")
    assert server.sent == []
    await asyncio.wait_for(server.answered.wait(), 10)
    assert json.loads(server.ask(SEEN_PATH, "")[1])["most_in_flight"] == 3
