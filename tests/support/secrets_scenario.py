"""Calls, faults and settings with secrets everywhere, whose texts are collected for a search.

Run as a program, it prints the texts.
"""

import asyncio
import copy
import functools
import json
import logging
import os
import pickle
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from attrs import asdict, define, field
from support.echo_servers import ECHOES
from support.fakes import FakeTime
from support.secret_search import texts_of
from support.secret_values import ACCOUNTS, ADDRESSES, KEYS, MESSAGE, PASSWORD, SECRETS, USER_AND_PASSWORD, parts_of
from support.simulator_pair import FAULTS
from support.wire_server import Request, serving

import detective_async
from detective_async import (
    Account,
    CreateMembersRequest,
    CreateMembersResponse,
    Credentials,
    DefaultCredentials,
    DetectiveClient,
    EnvironmentCredentials,
    MemberDetail,
    MemberStatus,
    RetryPolicy,
    StaticCredentials,
    Timeouts,
    UnprocessedAccount,
)
from detective_async.testing import DetectiveSimulator, Failure, Fault, Latency

PARTS = ("objects", "invalid_settings", "faults", "echoes", "no_responses", "proxies", "failing_providers")
ADMINISTRATOR = "111122223333"
ARN = f"arn:aws:detective:eu-west-1:{ADMINISTRATOR}:graph:" + "0a" * 16
EFFECTS = (*FAULTS, Failure(status=403, code="AccessDeniedException"))


# Without a `repr`: that of a client contains its hooks, and so would contain all texts.
@define(repr=False)
class SecretsScenario:
    """The collected texts, and the secrets that must not be in them."""

    folder: Path
    texts_by_part: dict[str, list[tuple[str, str]]] = field(factory=lambda: {part: [] for part in PARTS})
    texts: list[tuple[str, str]] = field(factory=list)
    secrets: dict[str, str] = field(factory=lambda: dict(SECRETS))
    errors: set[str] = field(factory=set)

    async def run(self) -> None:
        """Run all parts."""
        loop = asyncio.get_running_loop()
        # asyncio then logs every step with the arguments of its callback.
        loop.slow_callback_duration = 0
        for part in PARTS:
            self.texts = self.texts_by_part[part]
            await getattr(self, part)()

    def collect(self, where: str, *things: object) -> None:
        """Collect the `repr` and the string of objects."""
        self.texts += ((where, f"{thing!r}\n{thing!s}") for thing in things)

    def keep_secret(self, keys: Credentials) -> Credentials:
        """Add keys to the secrets."""
        for part in filter(None, parts_of(keys)):
            self.secrets[f"part {len(self.secrets)} of keys"] = part
        return keys

    def hook(self, event: Any) -> None:
        self.collect("an event", event, asdict(event))
        self.texts.append(("a pickled event", pickle.dumps(event).decode("utf-8", "backslashreplace")))

    async def collect_result(self, call: Awaitable[object]) -> None:
        """Collect the texts of a call's result or exception."""
        try:
            self.collect("a response", await call)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the texts of any exception are searched
            self.failed(error)

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Collect the texts of an exception."""
        try:
            yield
        except Exception as error:  # noqa: BLE001
            self.failed(error)

    def failed(self, error: BaseException) -> None:
        self.errors.add(type(error).__name__)
        self.texts += texts_of(error)

    @asynccontextmanager
    async def client(self, url: str, credentials: Any = KEYS, **options: Any) -> AsyncIterator[DetectiveClient]:
        """Open a client with a fake clock."""
        clock = FakeTime().clock(real_dates=True)
        settings = {"region": "eu-west-1", "endpoint_url": url, "clock": clock, "hooks": [self.hook], **options}
        async with DetectiveClient(credentials=credentials, **settings) as client:
            yield client
            self.collect("a client", client, vars(client))

    async def objects(self) -> None:
        """Collect the texts of all public objects that contain secrets."""
        client = DetectiveClient(region="eu-west-1", credentials=KEYS)
        derived = client.with_options(credentials=StaticCredentials(*parts_of(KEYS)))
        members = [
            MemberDetail(account_id="1", graph_arn="arn", status=MemberStatus.INVITED, email_address=address)
            for address in ADDRESSES
        ]
        unprocessed = [UnprocessedAccount(account_id="1", reason=f"{address} is not it") for address in ADDRESSES]
        response = CreateMembersResponse(members=members, unprocessed_accounts=unprocessed)
        self.collect(
            "an object",
            KEYS,
            StaticCredentials(*parts_of(KEYS)),
            EnvironmentCredentials(),
            DefaultCredentials("leaky"),
            client,
            derived,
            vars(client),
            vars(derived),
            client.iter_members(ARN),
            client.iter_members(ARN).pages(),
            CreateMembersRequest(ARN, ACCOUNTS, message=MESSAGE),
            response,
            response.response_metadata,
            [*ACCOUNTS, *members, *unprocessed],
            copy.deepcopy(response),
            detective_async.ServiceError("Oops", "no"),
        )

    async def invalid_settings(self) -> None:
        """Use invalid settings that contain secrets."""
        address = f"http://{USER_AND_PASSWORD}@127.0.0.1:1"
        for url in (address, address.replace("%2F", "/"), f"{address}x", address.replace("http", "ftp")):
            for fips in (False, True):
                with self.failing():
                    DetectiveClient(region="eu-west-1", credentials=KEYS, endpoint_url=url, use_fips=fips)
            with self.failing(), environment(AWS_ENDPOINT_URL=url):
                DetectiveClient(region="eu-west-1", credentials=KEYS)
        key_id, secret, token = SECRETS["access key id"], SECRETS["secret key"], SECRETS["session token"]
        local_time = datetime.now()  # noqa: DTZ005 - an invalid value
        invalid: list[Any] = [("", secret), (key_id, ""), (key_id, f"{secret}\n"), (key_id, secret, token, local_time)]
        for keys in invalid:
            with self.failing():
                Credentials(*keys)
        others: tuple[Any, ...] = ({"key": secret}, secret, SECRETS)
        for credentials in others:
            with self.failing():
                DetectiveClient(region="eu-west-1", credentials=credentials)
        for content in (f"[default]\n{SECRETS['secret key']}\n", f"[default\naws_secret_access_key={PASSWORD}\n"):
            config = self.folder / "bad-config"
            config.write_text(content)
            with self.failing(), environment(AWS_CONFIG_FILE=str(config)):
                DetectiveClient(region="eu-west-1")

    async def faults(self) -> None:
        """Make calls that contain secrets, with all faults of the simulator."""
        async with DetectiveSimulator() as sim:
            keys = self.keep_secret(sim.temporary_credentials(ADMINISTRATOR))
            for account in ACCOUNTS[1:]:
                sim.account(account.account_id, account.email_address)
            async with self.client(sim.url, keys) as client:
                arn = (await client.create_graph()).graph_arn
                await self.collect_result(client.create_members(arn, ACCOUNTS, message=MESSAGE))
                for effect in EFFECTS:
                    for count in (1, None):
                        sim.clear_faults()
                        sim.inject(Fault(effect, count=count))
                        other = client.with_options(credentials=StaticCredentials(*parts_of(keys)))
                        await self.collect_result(other.create_members(arn, ACCOUNTS, message=MESSAGE))
                        await self.collect_result(other.iter_members(arn, prefetch=1).collect())
                sim.clear_faults()
                for bad in (
                    Credentials(keys.access_key_id, SECRETS["secret key"], keys.session_token),
                    Credentials(keys.access_key_id, keys.secret_access_key, SECRETS["session token"]),
                    KEYS,
                    self.keep_secret(sim.temporary_credentials(ADMINISTRATOR, duration=0.0)),
                ):
                    await self.collect_result(client.with_options(credentials=bad).list_members(arn))
                await self.collect_result(client.create_members(arn, [Account("1", ADDRESSES[0])], message=MESSAGE))
                await self.collect_result(client.create_members(arn, [Account("1" * 12, "zaphod.b+leaky at home")]))
                await self.collect_result(client.create_members(arn, ACCOUNTS, message=MESSAGE * 100))
                sim.inject(Fault(Latency(60), count=None))
                await self.interruptions(client)

    async def interruptions(self, client: DetectiveClient) -> None:
        """Make calls that time out, are cancelled, or whose result is never retrieved."""
        for timeouts in (Timeouts(read=0.05), Timeouts(attempt=0.05), Timeouts(total=0.05)):
            short_timeout = client.with_options(timeouts=timeouts, retry=RetryPolicy(max_attempts=1))
            await self.collect_result(short_timeout.create_members(ARN, ACCOUNTS, message=MESSAGE))
        call = asyncio.create_task(client.create_members(ARN, ACCOUNTS, message=MESSAGE))
        await asyncio.sleep(0.05)
        self.collect("a task", call)
        call.cancel()
        await self.collect_result(call)
        with self.failing():
            async with asyncio.timeout(0.05):
                await client.create_members(ARN, ACCOUNTS, message=MESSAGE)
        with self.failing():
            async with asyncio.TaskGroup() as group:
                for timeouts in (Timeouts(total=0.05), Timeouts(total=0.06)):
                    group.create_task(client.with_options(timeouts=timeouts).delete_members(ARN, ["1" * 12]))
        # Its error is never retrieved, so asyncio logs it.
        forgotten = asyncio.create_task(client.with_options(timeouts=Timeouts(total=0.05)).list_graphs())
        await asyncio.wait([forgotten])

    async def echoes(self) -> None:
        """Make calls to servers that quote the request in their responses."""
        for echo in ECHOES:

            def react(request: Request, echo: Callable[[Request], None] = echo) -> None:
                self.secrets[f"signature {len(self.secrets)}"] = request.header("authorization").rpartition("=")[2]
                echo(request)

            async with serving(react) as server, self.client(server.url) as client:
                await self.collect_result(client.create_members(ARN, ACCOUNTS, message=MESSAGE))
                await self.collect_result(client.list_tags_for_resource(ARN))

    async def no_responses(self) -> None:
        """Make calls to hosts and ports without a server."""
        async with serving() as server:
            pass
        for url in (server.url, server.url.replace("http", "https"), "http://no-such-host.invalid"):
            async with self.client(url) as client:
                await self.collect_result(client.create_members(ARN, ACCOUNTS, message=MESSAGE))
        async with serving() as server:
            # A server that does not respond to a TLS handshake.
            url, timeouts = server.url.replace("http", "https"), Timeouts(connect=0.05)
            async with self.client(url, timeouts=timeouts) as client:
                await self.collect_result(client.create_members(ARN, ACCOUNTS, message=MESSAGE))
        client = DetectiveClient(region="eu-west-1", credentials=KEYS, endpoint_url=server.url)
        await self.collect_result(client.list_graphs())
        # Never closed: there is a warning when it is collected.
        del client

    async def proxies(self) -> None:
        """Make calls through proxies that require a password, or cannot be used."""
        async with serving(lambda request: request.answer(b"", "407 Proxy Authentication Required")) as server:
            address = server.url.replace("http://", f"http://{USER_AND_PASSWORD}@")
            nobody = f"http://{USER_AND_PASSWORD}@127.0.0.1:1"
            wrong = (address.replace("http:", "socks5:"), address.replace("%2F", "/"), f"{address}x")
            for proxy in (address, nobody, *wrong):
                with environment(HTTP_PROXY=proxy, HTTPS_PROXY=proxy):
                    for url in ("http://detective.example.com", "https://detective.example.com"):
                        async with self.client(url) as client:
                            await self.collect_result(client.create_members(ARN, ACCOUNTS, message=MESSAGE))

    async def failing_providers(self) -> None:
        """Use providers that fail with secrets in their messages."""
        secret = SECRETS["secret key"]
        for provider in (
            Vault(secret),
            functools.partial(_refuse, secret),
            functools.partial(_give_something_else, secret),
            EnvironmentCredentials(),
        ):
            async with self.client("http://127.0.0.1:1", provider) as client:
                with environment(AWS_SECRET_ACCESS_KEY=secret):
                    await self.collect_result(client.list_graphs())
        for script in (
            f"import sys; sys.exit('no: {secret}')",
            f"print('{secret}')",
            f'print(\'{{"Version": 1, "SecretAccessKey": "{secret}"}}\')',
            f'print(\'{{"Version": "{secret}"}}\')',
        ):
            program, config = self.folder / "process.py", self.folder / "config"
            program.write_text(script)
            config.write_text(f"[profile leaky]\ncredential_process = {sys.executable} {program}\n")
            with environment(AWS_CONFIG_FILE=str(config), AWS_SHARED_CREDENTIALS_FILE=os.devnull):
                async with self.client("http://127.0.0.1:1", DefaultCredentials("leaky")) as client:
                    await self.collect_result(client.list_graphs())


@dataclass
class Vault:
    """A provider whose `repr` contains its secret, as that of a dataclass does."""

    master_key: str

    async def get_credentials(self) -> Credentials:
        raise LookupError(f"no such entry: {self.master_key}")


async def _refuse(secret: str) -> Credentials:
    try:
        return {"a": KEYS}[secret]
    except KeyError as error:
        raise PermissionError(f"GET https://vault.example.com/?key={quote(secret, safe='')}: denied") from error


async def _give_something_else(secret: str) -> Any:
    return {"SecretAccessKey": secret, "expires": datetime.now(UTC) + timedelta(hours=1)}


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set environment variables temporarily."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def main(folder: str) -> None:
    """Write the texts to standard output and standard error, and the secrets to a file."""
    logging.basicConfig(level=logging.DEBUG)
    scenario = SecretsScenario(Path(folder))
    asyncio.run(scenario.run())
    for texts in scenario.texts_by_part.values():
        for where, text in texts:
            print(f"{where}: {text}")  # noqa: T201 - it is a program
    (scenario.folder / "secrets.json").write_text(json.dumps(scenario.secrets))


if __name__ == "__main__":
    main(sys.argv[1])
