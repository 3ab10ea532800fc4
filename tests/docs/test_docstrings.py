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
from integrations.asgi.site import serving
from starlette.applications import Starlette
from starlette.routing import Route
from support.fences import Block

from detective_async import AssumeRole, DetectiveClient, DetectiveFleet, Graph, Target
from detective_async.api import models
from detective_async.coverage import survey
from detective_async.integrations import aiohttp_web, asgi
from detective_async.integrations.opentelemetry import OpenTelemetryHook
from detective_async.investigation import investigate
from detective_async.membership import ByInvitation, plan_membership, read_accounts
from detective_async.testing import SimulatorThread, mocks
from docs.pages import WORLD
from docs.public import examples, resolve
from docs.reader import run_snippet

pytestmark = pytest.mark.once

HUB, MEMBER = "111122223333", "444455556666"
GRAPH = "arn:aws:detective:eu-west-1:111122223333:graph:0123456789abcdef0123456789abcdef"
EXAMPLES = examples()

#: Example -> a part of its output in the world of the how-tos, or of its server's answer.
OUTPUTS = {
    "detective_async": f"{GRAPH}\n",
    "detective_async.DetectiveClient": f"{MEMBER} ENABLED\n",
    "detective_async.DetectiveFleet": f"{MEMBER} in us-east-1 succeeded ListGraphsResponse(",
    "detective_async.FleetStream": f"{MEMBER} us-east-1 777788889999 ENABLED\n",
    "detective_async.coverage": "2 of 4 covered; no graph: 2",
    "detective_async.integrations.aiohttp_web": f'"AccountId":"{MEMBER}"',
    "detective_async.integrations.aiohttp_web.stream_events": "event: end\n",
    "detective_async.integrations.aiohttp_web.stream_ndjson": f'"AccountId":"{MEMBER}"',
    "detective_async.integrations.asgi": f'"AccountId":"{MEMBER}"',
    "detective_async.integrations.asgi.DetectiveMiddleware": '{"status":"ok"}',
    "detective_async.integrations.asgi.stream_events": "event: end\n",
    "detective_async.integrations.asgi.stream_ndjson": f'"AccountId":"{MEMBER}"',
    "detective_async.integrations.opentelemetry": "",
    "detective_async.investigation.investigate": f"arn:aws:iam::{MEMBER}:role/Deploy HIGH\n",
    "detective_async.investigation": f"arn:aws:iam::{MEMBER}:role/Deploy HIGH\nTTP_OBSERVED Initial Access",
    "detective_async.membership": "2 of 2 memberships in 2 regions are as wanted",
    "detective_async.integrations.progress.ProgressBar": "",
    "detective_async.testing.mocks": "",
    "detective_async.testing.mocks.MockDetective": "[] 1\n",
}


@pytest.fixture
def _world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The simulated world of the how-tos, and a list of accounts in the folder."""
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
async def example_names() -> AsyncIterator[dict[str, Any]]:
    """Yield the names that the examples use without defining them."""
    account_ids = [HUB, MEMBER]
    async with (
        DetectiveClient() as client,
        DetectiveFleet.assume_role("SecurityAudit", account_ids, ["eu-west-1", "us-east-1"]) as fleet,
    ):
        yield {
            "ByInvitation": ByInvitation,
            "DetectiveClient": DetectiveClient,
            "DetectiveFleet": DetectiveFleet,
            "OpenTelemetryHook": OpenTelemetryHook,
            "Path": Path,
            "account_ids": account_ids,
            "arns": [f"arn:aws:iam::{MEMBER}:role/Deploy"],
            "client": client,
            "fleet": fleet,
            "investigate": investigate,
            "graph_arn": GRAPH,
            "list_graphs": list_graphs,
            "plan_membership": plan_membership,
            "read_accounts": read_accounts,
            "role_of": role_of,
            "survey": survey,
            "Route": Route,
            "Starlette": Starlette,
            "routes": [Route("/", asgi.health)],
            "web": web,
            **{name: getattr(models, name) for name in models.__all__},
            **{name: getattr(aiohttp_web, name) for name in aiohttp_web.__all__},
            **{name: getattr(mocks, name) for name in mocks.__all__},
        }


async def answer_of(app: web.Application | Starlette, path: str) -> str:
    """Return the answer of an app to one request."""
    if isinstance(app, Starlette):
        async with serving(app) as site:
            reply = await site.get(path)
        assert reply.status == 200
        return reply.body.decode()
    async with TestClient(TestServer(app)) as browser, browser.get(path) as response:
        assert response.status == 200
        return await response.text()


@pytest.mark.usefixtures("_world")
@pytest.mark.parametrize("name", EXAMPLES)
async def test_an_example_runs(name: str) -> None:
    """It is run as a snippet, or as a handler if it returns something."""
    thing = resolve(name)
    code = EXAMPLES[name]
    if code.startswith("return "):
        code = "async def handler(request):\n" + textwrap.indent(code, "    ")
    async with example_names() as names:
        if isinstance(thing, type):
            names[thing.__name__] = thing
        under_asgi = name.startswith("detective_async.integrations.asgi")
        if under_asgi:
            names |= {one: getattr(asgi, one) for one in asgi.__all__}
        with contextlib.redirect_stdout(io.StringIO()) as out:
            await run_snippet(Block(Path(name), 0, "", "python", "", code), code, names)
        output = out.getvalue()
        if "handler" in names and under_asgi:
            started = Starlette(routes=[Route("/", names["handler"])])
            started.add_middleware(asgi.DetectiveMiddleware, names["fleet"])
            output = await answer_of(started, "/")
        elif "handler" in names:
            app = web.Application()
            app.router.add_get("/", names["handler"])
            aiohttp_web.setup(app, names["fleet"])
            output = await answer_of(app, "/")
        elif "app" in names:
            path = "/" if isinstance(thing, type) else f"/eu-west-1/members?graph={GRAPH}"
            output = await answer_of(names["app"], path)
    assert OUTPUTS[name] in output


def test_every_example_has_an_expected_output() -> None:
    """And every expected output has an example."""
    assert EXAMPLES.keys() == OUTPUTS.keys()
