"""Fixtures for the tests of the API: a server and clients for each module."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing

import boto3
import pytest
from botocore.config import Config
from support.contract.clients import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, SESSION_TOKEN, Pair
from support.contract.server import Server

from detective_async import DetectiveClient, RetryPolicy, StaticCredentials
from detective_async.api.wire import requests, responses
from detective_async.api.wire.json import ENCODER


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def isolated() -> Iterator[None]:
    """Hide the AWS settings and proxies of the machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.upper().startswith("AWS_") or n.upper().endswith("_PROXY")]:
            patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        yield


@pytest.fixture(scope="module", params=["msgspec", "json"])
def json_library(request: pytest.FixtureRequest) -> Iterator[str]:
    """Read and write JSON with msgspec from the first response on, if it is installed, and without."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "msgspec":
            pytest.importorskip("msgspec")
            from detective_async.api.wire import compiled  # noqa: PLC0415

            patch.setattr(responses, "read", compiled.read)
        else:
            patch.setattr(responses, "read", None)
            patch.setattr(requests, "dump", lambda document: ENCODER.encode(document).encode())
        yield request.param


@pytest.fixture(scope="module")
def pairs(server: Server) -> Iterator[dict[str | None, Pair]]:
    """Both clients, without and with a session token."""
    with ExitStack() as stack:
        # An event loop beside pytest-asyncio's.
        runner = stack.enter_context(asyncio.Runner(loop_factory=asyncio.new_event_loop))
        made = {}
        for token in (None, SESSION_TOKEN):
            client = DetectiveClient(
                region=REGION,
                endpoint_url=server.url,
                credentials=StaticCredentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY, token),
                retry=RetryPolicy(max_attempts=1),
            )
            stack.callback(_close, runner, client)
            boto = boto3.Session(ACCESS_KEY_ID, SECRET_ACCESS_KEY, token, REGION).client(
                "detective",
                endpoint_url=server.url,
                config=Config(retries={"total_max_attempts": 1}),
            )
            stack.enter_context(closing(boto))
            made[token] = Pair(server, boto, client, runner)
        yield made


@pytest.fixture(scope="module")
def pair(pairs: dict[str | None, Pair]) -> Pair:
    return pairs[None]


def _close(runner: asyncio.Runner, client: DetectiveClient) -> None:
    runner.run(client.aclose())
