"""README: its programs work, and its statements are true."""

import asyncio
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import aiobotocore.session
import aiohttp
import boto3
import pytest
from botocore.exceptions import ClientError, ParamValidationError
from support.fences import read_blocks
from support.programs import STRICT, finish, free_port, run
from support.strict_mode import warnings_in

from detective_async import Account, DetectiveClient
from detective_async.api.operations import OPERATIONS
from detective_async.testing import DetectiveSimulator

pytestmark = [pytest.mark.slow, pytest.mark.once]

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
WITHOUT_AWS, QUICKSTART, FLEET, MEMBERSHIP, BACKEND, WITH_FIXTURES, WITH_RULES = (
    block.text for block in read_blocks(ROOT / "README.md") if block.language == "python"
)


async def test_the_quickstart_runs(sim: DetectiveSimulator, tmp_path: Path) -> None:
    """The settings come from the environment, as for a user; the simulator stands in for AWS."""
    keys = sim.account("111122223333")
    environ = {
        "AWS_ACCESS_KEY_ID": keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
        "AWS_ENDPOINT_URL_DETECTIVE": sim.url,
    }
    assert await run(QUICKSTART, environ, tmp_path) == "444455556666 INVITED\n"
    assert "not invited: 444455556666 Account is already a member" in await run(QUICKSTART, environ, tmp_path)


async def test_the_program_without_a_server_runs(tmp_path: Path) -> None:
    """The rule answers, and the request is recorded."""
    output = await run(WITH_RULES, {}, tmp_path)
    assert output == "[] [ListGraphsRequest(next_token=None, max_results=None)]\n"


async def test_the_program_for_many_accounts_runs(sim: DetectiveSimulator, tmp_path: Path) -> None:
    """One account has a graph with an investigation, the other none, and one region is not opted in to."""
    for account_id in ("444455556666", "777788889999"):
        sim.role(account_id, "SecurityAudit", trusted=["111122223333"])
    sim.close_region("ap-southeast-2")
    async with DetectiveClient(
        region="eu-west-1", endpoint_url=sim.url, credentials=sim.account("444455556666")
    ) as owner:
        graph_arn = (await owner.create_graph()).graph_arn
        assert graph_arn is not None
        await owner.start_investigation(
            graph_arn,
            "arn:aws:iam::444455556666:role/Suspect",
            scope_start_time=datetime(2026, 1, 1, tzinfo=UTC),
            scope_end_time=datetime(2026, 1, 2, tzinfo=UTC),
        )
    output = await run(FLEET, sim.environment("111122223333"), tmp_path)
    assert "444455556666 in eu-west-1 1 investigations\n" in output
    assert "777788889999 in us-east-1 0 investigations\n" in output
    assert output.count("in ap-southeast-2 region unavailable UnrecognizedClientException") == 2
    assert len(output.splitlines()) == 6


async def test_the_program_for_memberships_runs(sim: DetectiveSimulator, tmp_path: Path) -> None:
    """It reports the bad line, prints its plan and onboards the other accounts; the second run has nothing to do."""
    for account_id, email in (("444455556666", "root@example.com"), ("777788889999", "other@example.com")):
        sim.account(account_id, email)
        sim.role(account_id, "DetectiveOnboarding", trusted=["111122223333"])
    output = await run(MEMBERSHIP, sim.environment("111122223333"), tmp_path)
    assert output.startswith("line 3 expected an account id of 12 digits")
    assert "  invite 2 accounts (an e-mail to each): 444455556666, 777788889999\n" in output
    assert "4 of 4 memberships in 2 regions are as wanted" in output
    assert "nothing had to be done" in await run(MEMBERSHIP, sim.environment("111122223333"), tmp_path)


async def test_the_backend_serves(sim: DetectiveSimulator, tmp_path: Path) -> None:
    """It serves the graphs of an account in a region, members as events, and a problem for a wrong request."""
    sim.role("444455556666", "SecurityAudit", trusted=["111122223333"])
    async with DetectiveClient(
        region="eu-west-1", endpoint_url=sim.url, credentials=sim.account("444455556666")
    ) as member:
        arn = (await member.create_graph()).graph_arn
        own = member.with_options(credentials=sim.account("111122223333"))
        graph_arn = (await own.create_graph()).graph_arn
        assert graph_arn is not None
        await own.create_members(graph_arn, [Account("444455556666", "account-444455556666@example.com")])
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *STRICT,
        "-u",
        "-c",
        BACKEND.replace("port=8080", f"port={port}"),
        cwd=tmp_path,
        env={**os.environ, **sim.environment("111122223333", region="eu-west-1")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert f":{port}" in (await process.stdout.readline()).decode()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        async with session.get("/444455556666/eu-west-1/graphs") as response:
            assert [graph["Arn"] for graph in await response.json()] == [arn]
        async with session.get("/members", params={"graph": graph_arn}) as response:
            events = await response.text()
        async with session.get("/not-an-account/eu-west-1/graphs") as response:
            assert (response.status, response.content_type) == (400, "application/problem+json")
        async with session.get("/health") as response:
            assert response.status == 200
    assert '"AccountId":"444455556666"' in events
    assert events.endswith("event: end\ndata: {}\n\n")
    process.terminate()
    _, err = await process.communicate()
    # In development mode, aiohttp logs each request.
    others = [line for line in warnings_in(err.decode()).splitlines() if not line.startswith("127.0.0.1 ")]
    assert (process.returncode, others) == (0, [])


async def test_the_program_without_aws_runs(tmp_path: Path) -> None:
    """It needs no settings."""
    output = await run(WITHOUT_AWS, {}, tmp_path)
    assert re.fullmatch(r"after 3 attempts: arn:aws:detective:\S+\n444455556666 ENABLED\n", output)


async def test_the_test_with_fixtures_passes(tmp_path: Path) -> None:
    """A project that has only installed the package has the fixtures."""
    (tmp_path / "test_it.py").write_text(WITH_FIXTURES)
    ended = await finish(sys.executable, *("-P", "-m", "pytest", "-q"), environ={}, directory=tmp_path)
    assert "1 passed" in ended.out


def test_each_promise_names_an_existing_test() -> None:
    """The file and the function exist."""
    page = ROOT / "docs" / "explanation" / "promises.md"
    rows = re.findall(r"^\| .* \| (.*) \|$", page.read_text(), re.MULTILINE)
    shown_by = [row for row in rows if row not in ("shown by", "---")]
    assert len(shown_by) >= 60
    for cell in shown_by:
        if cell == "`make soak`":
            assert "\nsoak:" in (ROOT / "Makefile").read_text()
            continue
        named = re.fullmatch(r"`(tests/(?:\w+/)*\w+\.py)`, `(\w+)`", cell)
        assert named, cell
        assert f"def {named[2]}(" in (ROOT / named[1]).read_text(), cell


async def test_the_command_prints_what_to_export(tmp_path: Path) -> None:
    """It prints the line in README, with its port."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "detective_async.testing", "--port", str(port)),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    lines = [(await process.stdout.readline()).decode() for _ in range(2)]
    process.terminate()
    assert await process.wait() == 0
    assert f"export AWS_ENDPOINT_URL_DETECTIVE=http://127.0.0.1:{port}\n" in lines


async def test_the_other_clients_have_the_same_operations_and_cannot_page() -> None:
    """The rows about boto3 and aiobotocore in the table are true."""
    settings = {"region_name": "eu-west-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
    assert len(OPERATIONS) == 29
    async with aiobotocore.session.get_session().create_client("detective", **settings) as client:
        blocking = boto3.client("detective", **settings)
        for one in (client, blocking):
            names = one.meta.method_to_api_mapping
            assert sorted(names.values()) == sorted(OPERATIONS)
            assert not any(one.can_paginate(name) for name in names)
        blocking.close()


MALFORMED: list[tuple[str, dict[str, object]]] = [
    ("get_members", {"GraphArn": "{arn}", "AccountIds": ["abcdefghijkl"]}),
    ("delete_graph", {"GraphArn": "arn:aws:s3:::bucket"}),
    ("create_members", {"GraphArn": "{arn}", "Accounts": [{"AccountId": "0" * 12, "EmailAddress": "nobody"}]}),
]


async def test_both_send_malformed_input_and_return_dicts(sim: DetectiveSimulator) -> None:
    """An account id of letters, an ARN of a bucket and an e-mail address without a domain reach the service.

    botocore checks lengths only: what is too short is refused.
    """
    keys = sim.account("111122223333")
    settings = {
        "region_name": "eu-west-1",
        "endpoint_url": sim.url,
        "aws_access_key_id": keys.access_key_id,
        "aws_secret_access_key": keys.secret_access_key,
    }
    blocking = boto3.client("detective", **settings)
    async with aiobotocore.session.get_session().create_client("detective", **settings) as client:
        created = await client.create_graph()
        assert type(created) is dict
        assert type(await asyncio.to_thread(blocking.list_graphs)) is dict
        for method, members in MALFORMED:
            parameters = {name: created["GraphArn"] if value == "{arn}" else value for name, value in members.items()}
            with pytest.raises(ClientError, match="ValidationException"):
                await getattr(client, method)(**parameters)
            with pytest.raises(ClientError, match="ValidationException"):
                await asyncio.to_thread(getattr(blocking, method), **parameters)
    with pytest.raises(ParamValidationError, match="Invalid length"):
        blocking.get_members(GraphArn=created["GraphArn"], AccountIds=["1234"])
    blocking.close()


def test_linked_files_exist() -> None:
    """README has no dead links within the repository."""
    links = re.findall(r"\]\((?!https://)([^)#]+)\)", README)
    assert len(links) > 20
    assert [link for link in links if not (ROOT / link).exists()] == []
