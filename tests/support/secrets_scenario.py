"""Everything that can go wrong, with secrets in all places, told to whoever looks for them in what it brings forth.

Run as a program, it prints all of it, and writes the secrets to the file that it is given.
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
    RetryPolicy,
    StaticCredentials,
    Timeouts,
    UnprocessedAccount,
)
from detective_async.testing import (
    ClockSkew,
    DetectiveSimulator,
    Drip,
    Drop,
    Failure,
    Fault,
    Garbage,
    Gzip,
    Latency,
    Throttle,
    Truncate,
)

CHAPTERS = ("objects", "senseless_settings", "faults", "echoes", "no_answers", "proxies", "failing_providers")
ADMINISTRATOR = "111122223333"
ARN = f"arn:aws:detective:eu-west-1:{ADMINISTRATOR}:graph:" + "0a" * 16
EFFECTS = (
    Throttle(),
    Throttle(retry_after_ms=5),
    Failure(),
    Failure(status=403, code="AccessDeniedException"),
    Garbage(),
    Garbage(status=502),
    Truncate(),
    Gzip(),
    Drop("before"),
    Drop("during"),
    Drop("after"),
    Drip(0.001),
    ClockSkew(3600),
    ClockSkew(-3600),
)


# Without a repr: a client shows its hooks, and would show all that was ever said.
@define(repr=False)
class Story:
    """What has been said, and what should not have been."""

    folder: Path
    chapters: dict[str, list[tuple[str, str]]] = field(factory=lambda: {chapter: [] for chapter in CHAPTERS})
    texts: list[tuple[str, str]] = field(factory=list)
    secrets: dict[str, str] = field(factory=lambda: dict(SECRETS))
    errors: set[str] = field(factory=set)

    async def tell(self) -> None:
        """Tell it from beginning to end."""
        loop = asyncio.get_running_loop()
        # asyncio then logs every single step, with the arguments of its callback.
        loop.slow_callback_duration = 0
        for chapter in CHAPTERS:
            self.texts = self.chapters[chapter]
            await getattr(self, chapter)()

    def see(self, where: str, *things: object) -> None:
        """Take down how things show themselves."""
        self.texts += ((where, f"{thing!r}\n{thing!s}") for thing in things)

    def keep_secret(self, keys: Credentials) -> Credentials:
        """Look for these keys too."""
        self.secrets[f"id {len(self.secrets)}"] = keys.access_key_id
        self.secrets[f"key {len(self.secrets)}"] = keys.secret_access_key
        if keys.session_token:
            self.secrets[f"token {len(self.secrets)}"] = keys.session_token
        return keys

    def hook(self, event: Any) -> None:
        self.see("an event", event, asdict(event))
        self.texts.append(("a pickled event", pickle.dumps(event).decode("utf-8", "backslashreplace")))

    async def result_of(self, call: Awaitable[object]) -> None:
        """Take down what comes of a call, good or bad."""
        try:
            self.see("an answer", await call)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it is, it is looked at
            self.failed(error)

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Take down what is raised."""
        try:
            yield
        except Exception as error:  # noqa: BLE001
            self.failed(error)

    def failed(self, error: BaseException) -> None:
        self.errors.add(type(error).__name__)
        self.texts += texts_of(error)

    @asynccontextmanager
    async def client(self, url: str, credentials: Any = KEYS, **options: Any) -> AsyncIterator[DetectiveClient]:
        """Open a client that takes no time to wait."""
        clock = FakeTime().clock(real_dates=True)
        settings = {"region": "eu-west-1", "endpoint_url": url, "clock": clock, "hooks": [self.hook], **options}
        async with DetectiveClient(credentials=credentials, **settings) as client:
            yield client
            self.see("a client", client, vars(client))

    async def objects(self) -> None:
        """Show every public object that has secrets in it."""
        client = DetectiveClient(region="eu-west-1", credentials=KEYS)
        derived = client.with_options(credentials=StaticCredentials(*parts_of(KEYS)))
        response = CreateMembersResponse(
            members=[MemberDetail(account_id="1", email_address=address) for address in ADDRESSES],
            unprocessed_accounts=[
                UnprocessedAccount(account_id="1", reason=f"{address} is not it") for address in ADDRESSES
            ],
        )
        self.see(
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
            [*ACCOUNTS, *response.members, *response.unprocessed_accounts],
            copy.deepcopy(response),
            detective_async.ServiceError("Oops", "no"),
        )

    async def senseless_settings(self) -> None:
        """Make settings that are refused, each with a secret in it."""
        address = f"http://{USER_AND_PASSWORD}@127.0.0.1:1"
        for url in (address, address.replace("%2F", "/"), f"{address}x", address.replace("http", "ftp")):
            for fips in (False, True):
                with self.failing():
                    DetectiveClient(region="eu-west-1", credentials=KEYS, endpoint_url=url, use_fips=fips)
            with self.failing(), environment(AWS_ENDPOINT_URL=url):
                DetectiveClient(region="eu-west-1", credentials=KEYS)
        key_id, secret, token = SECRETS["access key id"], SECRETS["secret key"], SECRETS["session token"]
        nonsense: list[Any] = [
            ("", secret),
            (key_id, ""),
            (key_id, f"{secret}\n"),
            (key_id, secret, token, datetime.now()),  # noqa: DTZ005 - that is what is wrong with it
        ]
        for keys in nonsense:
            with self.failing():
                Credentials(*keys)
        others: tuple[Any, ...] = ({"key": SECRETS["secret key"]}, SECRETS["secret key"], SECRETS)
        for credentials in others:
            with self.failing():
                DetectiveClient(region="eu-west-1", credentials=credentials)
        for content in (f"[default]\n{SECRETS['secret key']}\n", f"[default\naws_secret_access_key={PASSWORD}\n"):
            config = self.folder / "bad-config"
            config.write_text(content)
            with self.failing(), environment(AWS_CONFIG_FILE=str(config)):
                DetectiveClient(region="eu-west-1")

    async def faults(self) -> None:
        """Have the simulator do its worst to calls with secrets in them."""
        async with DetectiveSimulator() as sim:
            keys = self.keep_secret(sim.temporary_credentials(ADMINISTRATOR))
            for account in ACCOUNTS[1:]:
                sim.account(account.account_id, account.email_address)
            async with self.client(sim.url, keys) as client:
                arn = (await client.create_graph()).graph_arn or ""
                await self.result_of(client.create_members(arn, ACCOUNTS, message=MESSAGE))
                for effect in EFFECTS:
                    for count in (1, None):
                        sim.clear_faults()
                        sim.inject(Fault(effect, count=count))
                        other = client.with_options(credentials=StaticCredentials(*parts_of(keys)))
                        await self.result_of(other.create_members(arn, ACCOUNTS, message=MESSAGE))
                        await self.result_of(other.iter_members(arn, prefetch=1).collect())
                sim.clear_faults()
                for bad in (
                    Credentials(keys.access_key_id, SECRETS["secret key"], keys.session_token),
                    Credentials(keys.access_key_id, keys.secret_access_key, SECRETS["session token"]),
                    KEYS,
                    self.keep_secret(sim.temporary_credentials(ADMINISTRATOR, duration=0.0)),
                ):
                    await self.result_of(client.with_options(credentials=bad).list_members(arn))
                await self.result_of(client.create_members(arn, [Account("1", ADDRESSES[0])], message=MESSAGE))
                await self.result_of(client.create_members(arn, [Account("1" * 12, "zaphod.b+leaky at home")]))
                await self.result_of(client.create_members(arn, ACCOUNTS, message=MESSAGE * 100))
                sim.inject(Fault(Latency(60), count=None))
                await self.given_up(client)

    async def given_up(self, client: DetectiveClient) -> None:
        """Time out, cancel, and forget."""
        for timeouts in (Timeouts(read=0.05), Timeouts(attempt=0.05), Timeouts(total=0.05)):
            hasty = client.with_options(timeouts=timeouts, retry=RetryPolicy(max_attempts=1))
            await self.result_of(hasty.create_members(ARN, ACCOUNTS, message=MESSAGE))
        call = asyncio.create_task(client.create_members(ARN, ACCOUNTS, message=MESSAGE))
        await asyncio.sleep(0.05)
        self.see("a task", call)
        call.cancel()
        await self.result_of(call)
        with self.failing():
            async with asyncio.timeout(0.05):
                await client.create_members(ARN, ACCOUNTS, message=MESSAGE)
        with self.failing():
            async with asyncio.TaskGroup() as group:
                for timeouts in (Timeouts(total=0.05), Timeouts(total=0.06)):
                    group.create_task(client.with_options(timeouts=timeouts).delete_members(ARN, ["1" * 12]))
        # Nobody asks what became of it: asyncio logs its error.
        forgotten = asyncio.create_task(client.with_options(timeouts=Timeouts(total=0.05)).list_graphs())
        await asyncio.wait([forgotten])

    async def echoes(self) -> None:
        """Have a server quote the request wherever it can."""
        for echo in ECHOES:

            def react(request: Request, echo: Callable[[Request], None] = echo) -> None:
                self.secrets[f"signature {len(self.secrets)}"] = request.header("authorization").rpartition("=")[2]
                echo(request)

            async with serving(react) as server, self.client(server.url) as client:
                await self.result_of(client.create_members(ARN, ACCOUNTS, message=MESSAGE))
                await self.result_of(client.list_tags_for_resource(ARN))

    async def no_answers(self) -> None:
        """Send requests to where nobody is."""
        async with serving() as server:
            pass
        for url in (server.url, server.url.replace("http", "https"), "http://no-such-host.invalid"):
            async with self.client(url) as client:
                await self.result_of(client.create_members(ARN, ACCOUNTS, message=MESSAGE))
        async with serving() as server:
            # One that has nothing to say to a TLS handshake.
            url, timeouts = server.url.replace("http", "https"), Timeouts(connect=0.05)
            async with self.client(url, timeouts=timeouts) as client:
                await self.result_of(client.create_members(ARN, ACCOUNTS, message=MESSAGE))
        client = DetectiveClient(region="eu-west-1", credentials=KEYS, endpoint_url=server.url)
        await self.result_of(client.list_graphs())
        # Never closed: aiohttp says so when it is collected.
        del client

    async def proxies(self) -> None:
        """Go through proxies that want a password, and more."""
        async with serving(lambda request: request.answer(b"", "407 Proxy Authentication Required")) as server:
            address = server.url.replace("http://", f"http://{USER_AND_PASSWORD}@")
            nobody = f"http://{USER_AND_PASSWORD}@127.0.0.1:1"
            wrong = (address.replace("http:", "socks5:"), address.replace("%2F", "/"), f"{address}x")
            for proxy in (address, nobody, *wrong):
                with environment(HTTP_PROXY=proxy, HTTPS_PROXY=proxy):
                    for url in ("http://detective.example.com", "https://detective.example.com"):
                        async with self.client(url) as client:
                            await self.result_of(client.create_members(ARN, ACCOUNTS, message=MESSAGE))

    async def failing_providers(self) -> None:
        """Ask for credentials those that have none, and say too much."""
        secret = SECRETS["secret key"]
        for provider in (
            Vault(secret),
            functools.partial(_refuse, secret),
            functools.partial(_give_something_else, secret),
            EnvironmentCredentials(),
        ):
            async with self.client("http://127.0.0.1:1", provider) as client:
                with environment(AWS_SECRET_ACCESS_KEY=secret):
                    await self.result_of(client.list_graphs())
        for script in (
            f"import sys; sys.exit('no: {secret}')",
            f"print('{secret}')",
            f'print(\'{{"Version": 1, "SecretAccessKey": "{secret}"}}\')',
            f'print(\'{{"Version": "{secret}"}}\')',
        ):
            program = self.folder / "process.py"
            program.write_text(script)
            config = self.folder / "config"
            config.write_text(f"[profile leaky]\ncredential_process = {sys.executable} {program}\n")
            with environment(AWS_CONFIG_FILE=str(config), AWS_SHARED_CREDENTIALS_FILE=os.devnull):
                async with self.client("http://127.0.0.1:1", DefaultCredentials("leaky")) as client:
                    await self.result_of(client.list_graphs())


@dataclass
class Vault:
    """A provider whose `repr` is what most people's would be."""

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
    """Set environment variables for a while."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def main(folder: str) -> None:
    """Tell the story to standard output and standard error, and its secrets to a file."""
    logging.basicConfig(level=logging.DEBUG)
    story = Story(Path(folder))
    asyncio.run(story.tell())
    for texts in story.chapters.values():
        for where, text in texts:
            print(f"{where}: {text}")  # noqa: T201 - it is a program
    (story.folder / "secrets.json").write_text(json.dumps(story.secrets))


if __name__ == "__main__":
    main(sys.argv[1])
