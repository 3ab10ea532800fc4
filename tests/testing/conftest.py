"""boto3 clients and raw HTTP requests for the tests of a running simulator."""

import asyncio
import contextlib
import http.client
import json
import re
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
from botocore.exceptions import ClientError

from detective_async.auth import Credentials
from detective_async.testing import DetectiveSimulator, SimulatorThread

REGION = "eu-west-1"
ADMIN = "111122223333"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "simulator(**arguments): arguments of the `sim` fixture")


@define
class Boto:
    """A boto3 client with awaitable methods."""

    client: Any

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)
        if not callable(method) or name == "exceptions":
            return method

        async def call(**members: Any) -> Any:
            return await asyncio.to_thread(method, **members)

        return call

    async def refused(self, code: str, method: str, **members: Any) -> Any:
        """Call an operation that must fail with this code, as the client's own exception; return the response."""
        with pytest.raises(ClientError) as caught:
            await getattr(self, method)(**members)
        assert type(caught.value) is self.client.exceptions.from_code(code)
        response = caught.value.response
        assert response["Error"]["Code"] == code
        assert response["ResponseMetadata"]["RequestId"]
        return response


@frozen
class Reply:
    """A raw response."""

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


def _is_complete(response: bytes) -> bool:
    """Return whether these bytes are a response that announces its length, and all of it."""
    head, _, body = response.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return length is not None and len(body) >= int(length[1])


@define
class Raw:
    """A client for arbitrary requests."""

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
        headers: dict[str, str] | None = None,
    ) -> dict[str, str]:
        """Return the headers of a request that botocore has signed."""
        keys = credentials or self.sim.account(ADMIN)
        headers = {"Host": self.sim.url[7:], **(headers or {})}
        request = AWSRequest(method, self.sim.url + target, data=body, headers=headers)
        boto = BotoCredentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
        SigV4Auth(boto, service, region).add_auth(request)
        return dict(request.headers.items())

    async def send(self, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Reply:
        """Send a request, and return the response."""
        return await asyncio.to_thread(self._send, method, target, headers, body)

    async def ask(self, method: str, target: str, body: bytes = b"", **options: Any) -> Reply:
        """Sign and send a request."""
        return await self.send(method, target, self.sign(method, target, body, **options), body)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection."""
        host, port = self.sim.url[7:].split(":")
        return await asyncio.open_connection(host, int(port))

    async def send_bytes(self, data: bytes) -> bytes:
        """Write bytes to a new connection, and read until it closes or a response is complete."""
        reader, writer = await self.connect()
        writer.write(data)
        response = b""
        async with asyncio.timeout(60):
            while not _is_complete(response) and (piece := await reader.read(65536)):
                response += piece
        await close(writer)
        return response

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


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


@pytest_asyncio.fixture
async def sim(request: pytest.FixtureRequest) -> AsyncIterator[DetectiveSimulator]:
    """A simulator; `@pytest.mark.simulator(...)` sets its arguments."""
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
def client_of(boto_session: boto3.Session) -> Iterator[Callable[..., Any]]:
    """Create blocking boto3 clients: `client_of(sim, account_id, service=..., region=..., attempts=...)`."""
    clients = []

    def make(
        sim: DetectiveSimulator | SimulatorThread,
        account_id: str = ADMIN,
        *,
        service: str = "detective",
        region: str = REGION,
        attempts: int = 1,
        credentials: Credentials | None = None,
    ) -> Any:
        keys = credentials or sim.account(account_id)
        client = boto_session.client(
            service,
            region_name=region,
            endpoint_url=sim.url,
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            aws_session_token=keys.session_token,
            config=Config(retries={"mode": "standard", "total_max_attempts": attempts}, parameter_validation=False),
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def boto(sim: DetectiveSimulator, client_of: Callable[..., Any]) -> Callable[..., Boto]:
    """Create awaitable boto3 clients of the simulator: `boto(account_id, region=..., attempts=...)`."""
    return lambda account_id=ADMIN, **options: Boto(client_of(sim, account_id, **options))


@pytest.fixture
def people() -> Callable[..., list[dict[str, str]]]:
    """Create the Accounts of CreateMembers: `people(3)`, or `people(3, first=100)`."""

    def make(count: int, first: int = 1) -> list[dict[str, str]]:
        ids = [f"{number:012d}" for number in range(first, first + count)]
        return [{"AccountId": name, "EmailAddress": f"account-{name}@example.com"} for name in ids]

    return make
