"""What a test may do to the simulated world, and see of it."""

import os
import random
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, TypedDict

from detective_async.auth import Credentials
from detective_async.testing import environment, organizations, seed_files
from detective_async.testing.clock import Clock
from detective_async.testing.datasources import PackageState, set_package
from detective_async.testing.faults import Fault, FaultPlan, Throttle
from detective_async.testing.listener import Listener
from detective_async.testing.records import RecordedRequest
from detective_async.testing.seed import build, describe
from detective_async.testing.service import Service
from detective_async.testing.state import Role
from detective_async.testing.world import InvestigationPlan, World

VolumeProblem = Literal["VOLUME_TOO_HIGH", "VOLUME_UNKNOWN"]

_ACCOUNT_ID = re.compile(r"\d{12}", re.ASCII)
_ROLE_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_PATH = re.compile(r"/([!-~]+/)?", re.ASCII)
_MAX_SESSION = range(3600, 43200 + 1)


class Settings(TypedDict, total=False):
    """How a simulator is made; see `Controls`."""

    host: str
    port: int
    verification_delay: float
    seed: int
    wall_clock: Callable[[], float]
    remember: int


class Controls:
    """The world of a simulator: what is in it, what goes wrong in it, and what has been asked of it.

    Each method and property here is done at once and without waiting. How a simulator is started, how it is stopped
    and how its time passes is what its two kinds differ in.

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
        self._seed = seed
        self._clock = Clock(wall_clock)
        self._faults = FaultPlan(random.Random(seed))  # noqa: S311
        world = World(random.Random(seed), timedelta(seconds=verification_delay))  # noqa: S311
        self._service = Service(world, self._clock, self._faults, deque(maxlen=remember))
        self._listener = Listener(self._service, host, port)

    def __repr__(self) -> str:
        """Show where it listens, and how much is in it."""
        where = self._listener.url or "not started"
        counts = f"{len(self._world.accounts)} accounts, {len(self._world.graphs)} graphs"
        return f"<{type(self).__name__} {where} [{counts}]>"

    @property
    def url(self) -> str:
        """The endpoint to give to a client, such as `http://127.0.0.1:4580`; for Detective and for STS."""
        if self._listener.url is None:
            raise RuntimeError("the simulator is not running: use it in a `with` statement")
        return self._listener.url

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

    @property
    def accounts(self) -> list[str]:
        """The ids of the accounts that are known, in the order in which they became so."""
        return list(self._world.accounts)

    def temporary_credentials(self, account_id: str, duration: float = 3600.0) -> Credentials:
        """Return new credentials of an account with a session token, which expire after so many virtual seconds."""
        return self._world.issue(_checked(account_id), self._clock.now() + timedelta(seconds=duration))

    def environment(self, account_id: str, *, region: str = "us-east-1") -> dict[str, str]:
        """Return the environment variables with which any AWS client finds this simulator, as this account."""
        return environment.variables(self.url, self.account(account_id), region)

    def role(
        self,
        account_id: str,
        name: str,
        *,
        trusted: Iterable[str],
        external_id: str | None = None,
        max_session_duration: int = 3600,
        path: str = "/",
    ) -> str:
        """Make a role in an account, or make it anew, and return its ARN.

        Args:
            account_id: whose role it is.
            name: such as `SecurityAudit`.
            trusted: the ids of the accounts that may assume it; its own is not among them unless it is named.
            external_id: what they must give as ExternalId.
            max_session_duration: the longest DurationSeconds, from 3600 to 43200.
            path: such as `/security/`.
        """
        accounts = frozenset(_checked(one) for one in trusted)
        if not _ROLE_NAME.fullmatch(name):
            raise ValueError(f"a role's name has at most 64 letters, digits and any of _+=,.@-, got {name!r}")
        if not _PATH.fullmatch(path):
            raise ValueError(f"a role's path begins and ends with a slash, got {path!r}")
        if external_id is not None and not _EXTERNAL_ID.fullmatch(external_id):
            raise ValueError("an external id has 2 to 1224 letters, digits and any of _+=,.@:/-")
        if max_session_duration not in _MAX_SESSION:
            raise ValueError(f"max_session_duration must be from 3600 to 43200, got {max_session_duration!r}")
        self.account(account_id)
        role = Role(account_id, name, path, accounts, external_id, max_session_duration)
        self._world.roles[account_id, name] = role
        return f"arn:aws:iam::{account_id}:role{path}{name}"

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

    def set_package(self, graph_arn: str, package: str, state: PackageState) -> None:
        """Put a data source package of a graph in a state that no operation leads to, such as STOPPED."""
        set_package(self._world, graph_arn, package, state, self._clock.now())

    def organization(self, management_account: str, member_accounts: Iterable[str] = ()) -> None:
        """Put accounts in the organization of a management account; done again, it adds accounts.

        In a region where its Detective administrator has chosen so, new accounts become members at once.
        """
        members = list(member_accounts)
        for account_id in (management_account, *members):
            self.account(account_id)
        organizations.gather(self._world, management_account, members, self._clock.now())

    def leave_organization(self, *account_ids: str) -> None:
        """Take accounts out of their organization: they are no longer members of its graphs."""
        organizations.release(self._world, account_ids)

    def deregister_administrator(self, management_account: str) -> None:
        """Take the delegated administrator of an organization back, as AWS Organizations can; its graphs go."""
        organizations.deregister(self._world, management_account)

    def set_verification_delay(self, seconds: float) -> None:
        """Say how long the verification of the invitations sent from now on will take, in virtual time."""
        self._world.verification_delay = timedelta(seconds=seconds)

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

    def load(self, source: str | os.PathLike[str] | Mapping[str, Any]) -> None:
        """Put another world in the place of this one; faults, requests and the port stay.

        Args:
            source: a TOML or JSON file, or what `dump` returned; `detective_async.testing.seed` tells what is in it.

        Raises:
            SeedError: something in it is not right, and nothing has changed; the message tells what would be right.
            OSError: the file cannot be read.
        """
        if isinstance(source, Mapping):
            self._load(source)
            return
        content = seed_files.read(source)
        with seed_files.naming(source):
            self._load(content)

    def dump(self) -> dict[str, Any]:
        """Return the world as plain data; keys of sessions are no part of it."""
        self._world.settle(self._clock.now())
        return describe(self._world, self._clock.now())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what `dump` returns to a file, TOML or JSON by its ending; the file is never seen half written."""
        seed_files.write(path, self.dump())

    def _load(self, content: Mapping[str, Any]) -> None:
        built = build(content, now=self._clock.now(), seed=self._seed, delay=self._world.verification_delay)
        self._service.world = built.world
        self._advance(built.ahead)

    def _advance(self, seconds: float) -> None:
        self._clock.advance(seconds)
        self._world.settle(self._clock.now())

    @property
    def _world(self) -> World:
        return self._service.world


def _checked(account_id: str) -> str:
    if not isinstance(account_id, str) or not _ACCOUNT_ID.fullmatch(account_id):
        raise ValueError(f"an account id has 12 digits, got {account_id!r}")
    return account_id
