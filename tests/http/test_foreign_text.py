"""Texts from outside in messages: what would command a terminal, or forge a line of a log, is escaped."""

import json
import logging
import pickle
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.fakes import FakeTime
from support.wire_server import Request, serving

from detective_async import (
    Account,
    AssumeRole,
    Credentials,
    DetectiveClient,
    DetectiveError,
    ServiceError,
)
from detective_async.api.redaction import MAX_TEXT, in_one_line
from detective_async.membership import ByOrganization, plan_membership, plan_teardown

HOSTILE = "a\0\x1b[31mred\r\nINFO forged \u202egnp\x9b1m\u2028end"
ESCAPED = r"a\x00\x1b[31mred\r\nINFO forged \u202egnp\x9b1m\u2028end"
KEYS = Credentials("a", "b")
GRAPH = f"arn:aws:detective:eu-west-1:111122223333:graph:{'0a' * 16}"


@asynccontextmanager
async def client_of(
    response: str | dict[str, Any], status: str = "200 OK", **options: Any
) -> AsyncIterator[DetectiveClient]:
    """Yield a client whose requests all get this response, or that of the request's path."""

    def react(request: Request) -> None:
        text = response if isinstance(response, str) else json.dumps(response[request.head.split()[1]])
        request.answer(text.encode(), status, "x-amzn-errortype: \x1b[31mValidation")

    async with (
        serving(react) as server,
        DetectiveClient(region="eu-west-1", endpoint_url=server.url, **options) as client,
    ):
        yield client


async def vault() -> Credentials:
    raise ValueError(HOSTILE)


async def error_body() -> None:
    async with client_of(json.dumps({"message": HOSTILE}), "400 Bad", credentials=KEYS) as client:
        await client.list_graphs()


async def error_body_of_sts() -> None:
    role = AssumeRole("arn:aws:iam::111122223333:role/Audit", source=KEYS)
    async with client_of(json.dumps({"Message": HOSTILE}), "403 Forbidden", credentials=role) as client:
        await client.list_graphs()


async def exception_of_a_provider() -> None:
    async with client_of("", credentials=vault) as client:
        await client.list_graphs()


async def output_of_a_process() -> None:
    async with client_of("") as client:
        await client.list_graphs()


async def status_of_a_member() -> None:
    members = [{"AccountId": "111122223333", "GraphArn": GRAPH, "Status": HOSTILE}]
    clock = FakeTime().clock()
    async with client_of(json.dumps({"MemberDetails": members}), credentials=KEYS, clock=clock) as client:
        await client.wait_for_members(GRAPH, ["111122223333"], until=["ENABLED"], timeout=60)


@pytest.fixture
def _process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "keys.py"
    program.write_text(f"import sys\nsys.stderr.buffer.write({HOSTILE.encode()!r})\nsys.exit(1)\n")
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {sys.executable} -I -S {program}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))


@pytest.mark.usefixtures("_process")
@pytest.mark.parametrize(
    "fail", [error_body, error_body_of_sts, exception_of_a_provider, output_of_a_process, status_of_a_member]
)
async def test_foreign_texts_are_escaped(fail: Callable[[], Awaitable[None]], caplog: pytest.LogCaptureFixture) -> None:
    """In the text of the error, in its `repr`, after pickling, and in log lines; wherever the text is from."""
    with pytest.raises(DetectiveError) as caught:
        await fail()
    logging.getLogger("user").error("it failed: %s", caught.value)
    copy = pickle.loads(pickle.dumps(caught.value))
    for text in (str(caught.value), repr(caught.value), str(copy), *caplog.messages):
        assert text.isprintable()
    assert ESCAPED in str(caught.value) == str(copy)
    if isinstance(caught.value, ServiceError):
        assert caught.value.message == ESCAPED
        assert caught.value.code == "400"


MEMBERS = [
    {"AccountId": "1" * 12, "GraphArn": GRAPH, "Status": HOSTILE, "EmailAddress": "a@b.cc"},
    {
        "AccountId": "2" * 12,
        "GraphArn": GRAPH,
        "Status": "ACCEPTED_BUT_DISABLED",
        "DisabledReason": HOSTILE,
        "EmailAddress": "a@b.cc",
    },
    {"AccountId": HOSTILE, "GraphArn": GRAPH, "Status": "ENABLED"},
]
#: What AWS could respond, by path.
RESPONSES: dict[str, Any] = {
    "/graphs/list": {"GraphList": [{"Arn": GRAPH}]},
    "/graph/members/list": {"MemberDetails": MEMBERS},
    "/graph/members/get": {"MemberDetails": MEMBERS},
    "/graph/members": {"UnprocessedAccounts": [{"AccountId": "3" * 12, "Reason": HOSTILE}]},
    "/graph/member/monitoringstate": {},
}


async def test_foreign_texts_are_escaped_in_plans_and_reports() -> None:
    """In the text of both, and in what they say of an account; what AWS responded is there as it was."""
    accounts = [Account(digit * 12, "a@b.cc") for digit in "123"]
    async with client_of(RESPONSES, credentials=KEYS, clock=FakeTime().clock()) as client:
        plan = await plan_membership(
            client, accounts, regions=["eu-west-1"], remove_others=True, max_removals=1, retry_disabled=True
        )
        report = await plan.apply()
    details = [action.detail for action in plan.actions if action.detail]
    texts = [problem.text for problem in plan.problems]
    found = [row.problem or "" for row in report.rows]
    lines = [*str(plan).split("\n"), *str(report).split("\n")]
    for text in (*details, *texts, *found, *lines):
        assert text.isprintable()
    # The last one is not removed, for no request can have its id; only the lines of the texts name it.
    assert [ESCAPED in text for text in (*details, *texts, *found)] == [False, True, True, True, True, True, False]
    assert [str(plan).count(ESCAPED), str(report).count(ESCAPED)] == [2, 4]
    assert [plan.actions[0].account_id, report.rows[0].after] == [HOSTILE, HOSTILE]


async def test_foreign_arns_are_escaped_in_plans() -> None:
    """An ARN that is none is a problem of its region, also of an organization."""
    responses = {
        "/graphs/list": {"GraphList": [{"Arn": HOSTILE}]},
        "/orgs/adminAccountslist": {"Administrators": [{"AccountId": HOSTILE}]},
    }
    async with client_of(responses, credentials=KEYS) as client:
        # Other texts than ARNs are not read again for long.
        where: dict[str, Any] = {"regions": ["eu-west-1"], "timeout": 0.1}
        organization: dict[str, Any] = {
            "members": ByOrganization(management_credentials=KEYS, administrator_id="1" * 12)
        }
        teardown = await plan_teardown(client, **where)
        plan = await plan_membership(client, [Account("2" * 12, "a@b.cc")], **where)
        of_organization = await plan_membership(client, [Account("2" * 12, "a@b.cc")], **where, **organization)
        report = await plan.apply()
    for one in (teardown, plan, of_organization):
        (problem,) = one.problems
        assert problem.text.isprintable()
        assert all(line.isprintable() for line in str(one).split("\n"))
    assert all(line.isprintable() for line in str(report).split("\n"))
    assert ESCAPED in of_organization.problems[0].text


def test_what_is_printable_stays() -> None:
    """Other scripts, and what looks like an escape, are as they were; an escaped text is escaped only once."""
    for text in ("", "größer 大 \U0001f600", r"C:\new\x1b", ESCAPED):
        assert in_one_line(text) == text
    assert in_one_line(in_one_line(HOSTILE)) == ESCAPED


def test_a_text_that_becomes_longer_is_cut() -> None:
    """The bound is that of what is shown, also for a text that was cut before."""
    for text in ("\0" * MAX_TEXT, "\0" * MAX_TEXT + " [...]", "x" * (MAX_TEXT - 1) + "\0"):
        shown = in_one_line(text)
        assert len(shown) == MAX_TEXT + len(" [...]")
        assert shown.endswith(" [...]")
    assert in_one_line("x" * (MAX_TEXT - 4) + "\0") == "x" * (MAX_TEXT - 4) + r"\x00"
