"""The examples in docstrings run."""

import contextlib
import io
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from fences import Block

from detective_async import AssumeRole, DetectiveClient, DetectiveFleet, Graph, Target
from detective_async.integrations import aiohttp_web
from detective_async.integrations.opentelemetry import OpenTelemetryHook
from detective_async.membership import plan_membership, read_accounts
from detective_async.testing import SimulatorThread
from docs.pages import WORLD
from docs.public import examples, resolve
from docs.reader import run_piece

pytestmark = pytest.mark.once

HUB, MEMBER = "111122223333", "444455556666"
GRAPH = "arn:aws:detective:eu-west-1:111122223333:graph:0123456789abcdef0123456789abcdef"
EXAMPLES = examples()

#: Example -> something that it prints in the world of the how-tos, or that its server answers.
SAID = {
    "detective_async.DetectiveClient": f"{MEMBER} ENABLED\n",
    "detective_async.DetectiveFleet": f"{MEMBER} in us-east-1 succeeded ListGraphsResponse(",
    "detective_async.FleetStream": f"{MEMBER} us-east-1 777788889999 ENABLED\n",
    "detective_async.integrations.aiohttp_web": f'"AccountId":"{MEMBER}"',
    "detective_async.integrations.aiohttp_web.stream_events": "event: end\n",
    "detective_async.integrations.aiohttp_web.stream_ndjson": f'"AccountId":"{MEMBER}"',
    "detective_async.integrations.opentelemetry": "",
    "detective_async.membership": "2 of 2 memberships in 2 regions are as wanted",
    "detective_async.progress.ProgressBar": "",
}


@pytest.fixture
def _world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The world of the how-tos, and a list of accounts in the folder."""
    (tmp_path / "accounts.csv").write_text(f"{MEMBER},account-{MEMBER}@example.com\n")
    monkeypatch.chdir(tmp_path)
    with SimulatorThread() as sim:
        sim.load(WORLD)
        for variable, value in sim.environment(HUB, region="eu-west-1").items():
            monkeypatch.setenv(variable, value)
        yield


async def list_graphs(client: DetectiveClient, _target: Target) -> list[Graph]:
    return await client.iter_graphs().collect()


def role_of(account_id: str) -> AssumeRole:
    return AssumeRole(f"arn:aws:iam::{account_id}:role/DetectiveOnboarding")


@asynccontextmanager
async def surroundings() -> AsyncIterator[dict[str, Any]]:
    """Give the names that the examples take for granted."""
    account_ids = [HUB, MEMBER]
    async with (
        DetectiveClient() as client,
        DetectiveFleet.assume_role("SecurityAudit", account_ids, ["eu-west-1", "us-east-1"]) as fleet,
    ):
        yield {
            "DetectiveClient": DetectiveClient,
            "DetectiveFleet": DetectiveFleet,
            "OpenTelemetryHook": OpenTelemetryHook,
            "Path": Path,
            "account_ids": account_ids,
            "client": client,
            "fleet": fleet,
            "graph_arn": GRAPH,
            "list_graphs": list_graphs,
            "plan_membership": plan_membership,
            "read_accounts": read_accounts,
            "role_of": role_of,
            "web": web,
            **{name: getattr(aiohttp_web, name) for name in aiohttp_web.__all__},
        }


async def answer_of(app: web.Application, path: str) -> str:
    """Ask a server, once."""
    async with TestClient(TestServer(app)) as browser, browser.get(path) as answer:
        assert answer.status == 200
        return await answer.text()


@pytest.mark.usefixtures("_world")
@pytest.mark.parametrize("name", EXAMPLES)
async def test_an_example_runs(name: str) -> None:
    """As a piece of a program, or of a handler where it returns something."""
    thing = resolve(name)
    code = EXAMPLES[name]
    if code.startswith("return "):
        code = "async def handler(request):\n" + textwrap.indent(code, "    ")
    async with surroundings() as names:
        if isinstance(thing, type):
            names[thing.__name__] = thing
        with contextlib.redirect_stdout(io.StringIO()) as out:
            await run_piece(Block(Path(name), 0, "", "python", "", code), code, names)
        said = out.getvalue()
        if "handler" in names:
            app = web.Application()
            app.router.add_get("/", names["handler"])
            aiohttp_web.setup(app, names["fleet"])
            said = await answer_of(app, "/")
        elif "app" in names:
            said = await answer_of(names["app"], f"/eu-west-1/members?graph={GRAPH}")
    assert SAID[name] in said


def test_no_example_is_forgotten() -> None:
    """It is known of each what it has to print; and where none is left, of none."""
    assert EXAMPLES.keys() == SAID.keys()
