"""The simulator as a user meets it: a server to start, and the world behind it to arrange."""

import random
import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Literal, Self

from aiohttp import web

from detective_async.credentials import Credentials
from detective_async.testing.clock import Clock
from detective_async.testing.faults import Fault, FaultPlan, Throttle
from detective_async.testing.http import Front, Server
from detective_async.testing.membership import enroll_new
from detective_async.testing.records import RecordedRequest
from detective_async.testing.service import Service
from detective_async.testing.state import Organization
from detective_async.testing.world import InvestigationPlan, World

VolumeProblem = Literal["VOLUME_TOO_HIGH", "VOLUME_UNKNOWN"]

_ACCOUNT_ID = re.compile(r"\d{12}", re.ASCII)
# How long requests that are being answered may take to finish when the server stops, in seconds.
_SHUTDOWN = 0.2


class DetectiveSimulator:
    """A stateful Amazon Detective for tests, over HTTP on this machine.

    Any AWS client works against it: give it `url` as its endpoint, and the credentials of an `account`.
    The account comes from the access key that signed a request, the region from the signature.

    An invitation verifies if its e-mail address is that of the account's registration with `account()`; an account
    that was never registered verifies with any address.

    Args:
        host: the address to listen on.
        port: the port to listen on; 0 for a free one.
        verification_delay: seconds of virtual time from an invitation to the end of its verification.
        seed: makes graph ids, investigation ids and the faults' probabilities repeatable.
        wall_clock: the time that signatures are judged by, in seconds since the epoch.
        remember: how many requests `requests` holds at most.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        verification_delay: float = 0.0,
        seed: int = 0,
        wall_clock: Callable[[], float] = time.time,
        remember: int = 20_000,
    ) -> None:
        self._host = host
        self._port = port
        self._clock = Clock(wall_clock)
        self._world = World(random.Random(seed), timedelta(seconds=verification_delay))  # noqa: S311
        self._faults = FaultPlan(random.Random(seed))  # noqa: S311
        self._service = Service(self._world, self._clock, self._faults, deque(maxlen=remember))
        self._runner: web.ServerRunner | None = None
        self._url: str | None = None

    def __repr__(self) -> str:
        """Show where it listens, and how much is in it."""
        where = self._url or "not started"
        return f"<DetectiveSimulator {where} [{len(self._world.accounts)} accounts, {len(self._world.graphs)} graphs]>"

    async def __aenter__(self) -> Self:
        """Start to listen."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop listening and close every connection."""
        await self.stop()

    async def start(self) -> None:
        """Start to listen; its state is kept from one start to the next."""
        if self._runner is not None:
            raise RuntimeError("the simulator has been started already")
        runner = web.ServerRunner(Server(Front(self._service)), shutdown_timeout=_SHUTDOWN)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        port = runner.addresses[0][1]
        shown = f"[{self._host}]" if ":" in self._host else self._host
        self._url = f"http://{shown}:{port}"

    async def stop(self) -> None:
        """Stop listening and close every connection; doing so again changes nothing."""
        runner, self._runner, self._url = self._runner, None, None
        if runner is not None:
            await runner.cleanup()

    @property
    def url(self) -> str:
        """The endpoint to give to a client, such as `http://127.0.0.1:4580`."""
        if self._url is None:
            raise RuntimeError("the simulator is not running: use `async with`")
        return self._url

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return self._clock.now()

    @property
    def requests(self) -> list[RecordedRequest]:
        """What has arrived so far, the oldest first."""
        return list(self._service.requests)

    def forget_requests(self) -> None:
        """Empty `requests`."""
        self._service.requests.clear()

    def account(self, account_id: str, email: str | None = None) -> Credentials:
        """Make an account known and return its credentials, which are the same each time.

        Args:
            account_id: 12 digits.
            email: of its root user, which an invitation must name; `account-<id>@example.com` unless told once.
        """
        return self._world.register(_checked(account_id), email)

    def temporary_credentials(self, account_id: str, duration: float = 3600.0) -> Credentials:
        """Return new credentials of an account with a session token, which expire after so many virtual seconds."""
        return self._world.issue(_checked(account_id), self.now + timedelta(seconds=duration))

    async def advance(self, seconds: float) -> None:
        """Push the virtual time forward, and let happen what is due by then.

        Signatures are judged by the wall clock, which stays: clients go on working.
        """
        self._clock.advance(seconds)
        self._world.settle(self.now)

    def inject(self, fault: Fault) -> None:
        """Have something go wrong."""
        self._faults.add(fault)

    def throttle(
        self,
        count: int | None = 1,
        *,
        operation: str | None = None,
        account: str | None = None,
        region: str | None = None,
        retry_after_ms: int | str | None = None,
        probability: float = 1.0,
    ) -> None:
        """Refuse the next requests that match with TooManyRequestsException; see `Fault` and `Throttle`."""
        effect = Throttle(retry_after_ms)
        self.inject(Fault(effect, operation, account, region, count, probability))

    def clear_faults(self) -> None:
        """Have nothing go wrong any more."""
        self._faults.clear()

    @property
    def faults(self) -> list[Fault]:
        """The faults that may still strike."""
        return self._faults.pending()

    def set_volume(self, account_id: str, problem: VolumeProblem | None) -> None:
        """Keep an account from being enabled for its data volume, or with None let it be enabled again."""
        self.account(account_id)
        self._world.accounts[account_id].volume_problem = problem

    def organization(self, management_account: str, member_accounts: Iterable[str] = ()) -> None:
        """Put accounts in the organization of a management account; done again, it adds accounts.

        In a region where its Detective administrator has chosen so, new accounts become members at once.
        """
        world = self._world
        everyone = [management_account, *member_accounts]
        new = []
        for account_id in everyone:
            self.account(account_id)
            known = world.organization_of.get(account_id)
            if known is None:
                new.append(account_id)
            elif known.management_account != management_account:
                raise ValueError(f"account {account_id} is in the organization of {known.management_account}")
        found = world.organizations.setdefault(management_account, Organization(management_account, set()))
        found.accounts.update(new)
        world.organization_of.update(dict.fromkeys(new, found))
        for graph in list(world.graphs.values()):
            if graph.organization == management_account:
                enroll_new(world, graph, new, self.now)

    def close_region(self, region: str) -> None:
        """Treat a region as one that no account has opted in to."""
        self._world.closed_regions.add(region)

    def open_region(self, region: str) -> None:
        """Undo `close_region`."""
        self._world.closed_regions.discard(region)

    def investigations(
        self,
        *,
        duration: float = 0.0,
        outcome: Literal["SUCCESSFUL", "FAILED"] = "SUCCESSFUL",
        severity: Literal["INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"] = "HIGH",
    ) -> None:
        """Say how the investigations started from now on will go; `duration` in seconds of virtual time."""
        self._world.investigations = InvestigationPlan(timedelta(seconds=duration), outcome, severity)

    def snapshot(self) -> dict[str, Any]:
        """Return the graphs with their members' statuses, as plain data to look at or to compare."""
        return self._world.snapshot()


def _checked(account_id: str) -> str:
    if not isinstance(account_id, str) or not _ACCOUNT_ID.fullmatch(account_id):
        raise ValueError(f"an account id has 12 digits, got {account_id!r}")
    return account_id
