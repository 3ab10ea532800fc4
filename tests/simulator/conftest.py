"""Real clients against a real simulator: boto3 in a thread, and sockets for what boto3 would not send."""

import asyncio
import contextlib
import http.client
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import boto3
import pytest
import pytest_asyncio
from attrs import define, frozen
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotoCredentials

from detective_async.credentials import Credentials
from detective_async.testing import DetectiveSimulator

REGION = "eu-west-1"
ADMIN = "111122223333"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "simulator(**arguments): how the `sim` fixture is made")


@define
class Boto:
    """A boto3 client whose methods are awaited."""

    client: Any

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)
        if not callable(method) or name == "exceptions":
            return method

        async def call(**members: Any) -> Any:
            return await asyncio.to_thread(method, **members)

        return call


@frozen
class Reply:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return self.headers.get("x-amzn-errortype", "")

    @property
    def message(self) -> str:
        members = json.loads(self.body)
        return str(members.get("Message") or members.get("message"))


@define
class Raw:
    """A client that sends what it is told to."""

    sim: DetectiveSimulator

    def sign(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        credentials: Credentials | None = None,
        service: str = "detective",
        region: str = REGION,
    ) -> dict[str, str]:
        """Return the headers of a request that botocore has signed."""
        keys = credentials or self.sim.account(ADMIN)
        request = AWSRequest(method, self.sim.url + target, data=body, headers={"Host": self.sim.url[7:]})
        boto = BotoCredentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
        SigV4Auth(boto, service, region).add_auth(request)
        return dict(request.headers.items())

    async def send(self, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Reply:
        """Send it, and read the answer."""
        return await asyncio.to_thread(self._send, method, target, headers, body)

    async def ask(self, method: str, target: str, body: bytes = b"", **options: Any) -> Reply:
        """Sign it and send it."""
        return await self.send(method, target, self.sign(method, target, body, **options), body)

    async def pour(self, data: bytes) -> bytes:
        """Write bytes to a new connection, and read until it closes or falls silent."""
        host, port = self.sim.url[7:].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(data)
        answer = b""
        with contextlib.suppress(TimeoutError):
            while piece := await asyncio.wait_for(reader.read(65536), 0.5):
                answer += piece
        writer.close()
        await writer.wait_closed()
        return answer

    def _send(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        connection = http.client.HTTPConnection(self.sim.url[7:], timeout=60)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, found, response.read())
        finally:
            connection.close()


@pytest_asyncio.fixture
async def sim(request: pytest.FixtureRequest) -> AsyncIterator[DetectiveSimulator]:
    """A simulator; `@pytest.mark.simulator(...)` gives its arguments."""
    mark = request.node.get_closest_marker("simulator")
    async with DetectiveSimulator(**(mark.kwargs if mark else {})) as simulator:
        yield simulator


@pytest.fixture
def raw(sim: DetectiveSimulator) -> Raw:
    return Raw(sim)


@pytest.fixture(scope="session")
def boto_session() -> boto3.Session:
    return boto3.Session()


@pytest.fixture
def boto(sim: DetectiveSimulator, boto_session: boto3.Session) -> Iterator[Callable[..., Boto]]:
    """Make boto3 clients: `boto(account_id, region=..., attempts=..., credentials=...)`."""
    clients = []

    def make(
        account_id: str = ADMIN, *, region: str = REGION, attempts: int = 1, credentials: Credentials | None = None
    ) -> Boto:
        keys = credentials or sim.account(account_id)
        client = boto_session.client(
            "detective",
            region_name=region,
            endpoint_url=sim.url,
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            aws_session_token=keys.session_token,
            config=Config(retries={"mode": "standard", "total_max_attempts": attempts}, parameter_validation=False),
        )
        clients.append(client)
        return Boto(client)

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def people() -> Callable[..., list[dict[str, str]]]:
    """Make the Accounts of CreateMembers: `people(3)`, or `people(3, first=100)`."""

    def make(count: int, first: int = 1) -> list[dict[str, str]]:
        ids = [f"{number:012d}" for number in range(first, first + count)]
        return [{"AccountId": name, "EmailAddress": f"account-{name}@example.com"} for name in ids]

    return make
