"""The controls of a simulator: methods and properties by which tests change and inspect the simulated world."""

import contextlib
import difflib
import functools
import os
import random
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, ParamSpec, TypedDict

from detective_async.auth.credentials import Credentials
from detective_async.testing import checks, environment
from detective_async.testing.checks import checked
from detective_async.testing.faults import CALLER, Fault, FaultPlan, Throttle, UnusedFaultWarning, caller
from detective_async.testing.names import check_account, check_lagging_operation, check_region
from detective_async.testing.page import Page
from detective_async.testing.page.host_check import checked_hosts
from detective_async.testing.remote import Remote, checked_token
from detective_async.testing.seed import files as seed_files
from detective_async.testing.seed import schema
from detective_async.testing.seed.dumping import describe
from detective_async.testing.seed.loading import build
from detective_async.testing.server.backend import Backend
from detective_async.testing.server.http import Handler
from detective_async.testing.server.listener import Listener
from detective_async.testing.server.requests import RecordedRequest, RequestLog
from detective_async.testing.world import membership, organizations
from detective_async.testing.world.clock import Clock
from detective_async.testing.world.entities import Role
from detective_async.testing.world.errors import NotAllowedError
from detective_async.testing.world.world import Delays, InvestigationPlan, World

P = ParamSpec("P")

AccountState = Literal["PENDING_ACTIVATION", "ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"]
PackageState = Literal["STARTED", "STOPPED", "DISABLED"]
VolumeProblem = Literal["VOLUME_TOO_HIGH", "VOLUME_UNKNOWN"]

# Before every virtual time.
_BEGINNING = datetime.fromtimestamp(0, UTC)


class Settings(TypedDict, total=False):
    """The arguments of a simulator; see `DetectiveSimulator`."""

    host: str
    port: int
    verification_delay: float
    activation_delay: float
    package_delay: float
    deletion_delay: float
    delegation_delay: float
    read_lag: float
    seed: int
    wall_clock: Callable[[], float]
    remember: int
    control_token: str | None
    allowed_hosts: Iterable[str]


def unknown_setting(names: Iterable[str]) -> str | None:
    """Return what is wrong with the names of arguments, if one is not that of a simulator's argument."""
    known = sorted(Settings.__optional_keys__)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            return f"has no argument {name!r}; {f'did you mean {near[0]!r}?' if near else ', '.join(known)}"
    return None


def _names_checked(create: Callable[P, None]) -> Callable[P, None]:
    """Wrap a constructor, so that the error for an unknown argument names the class and the nearest argument."""

    @functools.wraps(create)
    def wrapper(*args: P.args, **settings: P.kwargs) -> None:
        problem = unknown_setting(settings)
        if problem is not None:
            raise TypeError(f"{type(args[0]).__name__} {problem}")
        create(*args, **settings)

    return wrapper


class Controls:
    """What `DetectiveSimulator` and `SimulatorThread` have in common: everything but starting, stopping and advancing.

    No method waits or does I/O on the network.
    """

    @_names_checked
    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        verification_delay: float = 0.0,
        activation_delay: float = 0.0,
        package_delay: float = 0.0,
        deletion_delay: float = 0.0,
        delegation_delay: float = 0.0,
        read_lag: float = 0.0,
        seed: int = 0,
        wall_clock: Callable[[], float] = time.time,
        remember: int = 20_000,
        control_token: str | None = None,
        allowed_hosts: Iterable[str] = (),
    ) -> None:
        checks.check_number(remember, "remember", "a number of requests, zero or more", 0, sys.maxsize, whole=True)
        if not callable(wall_clock):
            raise TypeError(f"wall_clock: must be a function, such as time.time, got {wall_clock!r}")
        checked(_host, host, "host")
        port = checked(_port, port, "port")
        seed = checked(_seed, seed, "seed")
        self._seed = seed
        self._clock = Clock(wall_clock)
        self._faults = FaultPlan(random.Random(seed))  # noqa: S311
        given = {
            "verification_delay": verification_delay,
            "activation_delay": activation_delay,
            "package_delay": package_delay,
            "deletion_delay": deletion_delay,
            "delegation_delay": delegation_delay,
        }
        delays = Delays(**{name.removesuffix("_delay"): _seconds(value, name) for name, value in given.items()})
        world = World(random.Random(seed), delays)  # noqa: S311
        world.set_read_lag(_BEGINNING, _seconds(read_lag, "read_lag"))
        self._backend = Backend(world, self._clock, self._faults, RequestLog(remember))
        hosts = checked_hosts(allowed_hosts)
        remote = Remote(self, checked_token(control_token), hosts)
        self._listener = Listener(Handler(self._backend, Page(self._backend, hosts).respond, remote), host, port)
        # With the virtual time of the baseline. An empty world has none.
        self._baseline: tuple[World, datetime | None] = (world.copy(), None)

    def __repr__(self) -> str:
        """Show the URL, and the number of accounts and graphs."""
        where = self._listener.url or "not started"
        counts = f"{len(self._world.accounts)} accounts, {len(self._world.graphs)} graphs"
        return f"<{type(self).__name__} {where} [{counts}]>"

    @property
    def url(self) -> str:
        """The endpoint URL for clients, such as `http://127.0.0.1:4580`; for all simulated services."""
        if self._listener.url is None:
            raise RuntimeError("the simulator is not running: use it in a `with` statement, or call `start`")
        return self._listener.url

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return self._clock.now()

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests that have been received, the oldest first: the last ones, up to `remember` of them or 16 MiB."""
        return list(self._backend.requests)

    def forget_requests(self) -> None:
        """Clear `requests`."""
        self._backend.requests.clear()

    def reset(self) -> None:
        """Return to the baseline: by default, an empty world with the settings of the start, at the real time.

        There are no faults and no recorded requests then. See `set_baseline`. The URL stays, and so do all keys that
        have not expired, so that clients which were made before still work; but accounts that were registered later
        than the baseline, and the roles in them, are no more. Requests that still wait because of a `Latency` are
        carried out in the world before.
        """
        world, moment = self._baseline
        before = self._world
        self._backend.world = world.copy()
        if moment is None:
            self._clock.follow_wall()
        else:
            self._clock.set(moment)
        self._world.keep_keys(before, self._clock.now(), self._clock.ahead)
        self._faults.clear()
        self._faults.random.seed(self._seed)
        # Another log: a request of the world before that is still waiting is recorded in that world's log.
        self._backend.requests = RequestLog(self._backend.requests.most)

    def set_baseline(self) -> None:
        """Let `reset` return to the world and the time of this moment, which is expensive to build, for example.

        However long ago that was in real time: what was pending then is pending again.
        """
        now = self._clock.now()
        self._world.complete_due(now)
        self._baseline = (self._world.copy(), now)

    def account(self, account_id: str, email: str | None = None, *, name: str | None = None) -> Credentials:
        """Register an account if necessary, and return its credentials, which are always the same.

        Args:
            account_id: 12 digits.
            email: of its root user, to which an invitation must be sent; by default `account-<id>@example.com`. An
                invitation that is being verified is compared with it only if it is given, or was registered before.
            name: in AWS Organizations; by default `account-<id>`.
        """
        check_account(account_id, "account_id")
        if email is not None:
            checked(schema.check_email, email, "email")
        if name is not None:
            checked(schema.check_account_name, name, "name")
        # A verification that is due does not depend on how the account is registered from now on.
        self._world.complete_due(self._clock.now())
        return self._world.register(account_id, email, name)

    @property
    def accounts(self) -> list[str]:
        """The ids of the registered accounts, in the order of their registration."""
        return list(self._world.accounts)

    def temporary_credentials(self, account_id: str, duration: float = 3600.0) -> Credentials:
        """Return new credentials of an account, with a session token; `duration` is in seconds of virtual time."""
        check_account(account_id, "account_id")
        expires_at = self._clock.now() + _seconds(duration, "duration")
        self.account(account_id)
        return self._world.issue(account_id, expires_at, self._clock.ahead)

    def environment(self, account_id: str, *, region: str = "us-east-1") -> dict[str, str]:
        """Return the environment variables that point any AWS client to this simulator, with this account's keys."""
        check_account(account_id, "account_id")
        check_region(region, "region")
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
        """Create or replace a role in an account, and return its ARN.

        Args:
            account_id: the account that has the role.
            name: such as `SecurityAudit`.
            trusted: the ids of the accounts that may assume it; this does not include the role's own account.
            external_id: the ExternalId that they must give.
            max_session_duration: the maximum of DurationSeconds, from 3600 to 43200.
            path: such as `/security/`.
        """
        accounts = _list(trusted, "trusted")
        checked(schema.check_path, path, "role.path")
        duration = checked(schema.check_session_duration, max_session_duration, "role.max_session_duration")
        given = {"account": account_id, "name": name, "trusted": accounts, "external_id": external_id}
        checked(schema.check_role, given, "role")
        self.account(account_id)
        self._world.add_role(Role(account_id, name, path, frozenset(accounts), external_id, duration))
        return f"arn:aws:iam::{account_id}:role{path}{name}"

    def inject(self, fault: Fault) -> None:
        """Add a fault, which applies to the next requests that match."""
        if not isinstance(fault, Fault):
            raise TypeError(f"fault: must be a Fault, such as Fault(Failure()), got {fault!r}")
        self._faults.add(fault, CALLER.get() or caller())

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
        """Answer the next requests that match with TooManyRequestsException; see `Fault` and `Throttle`."""
        effect = Throttle(retry_after_ms)
        self.inject(Fault(effect, operation, account, region, count, probability))

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    @property
    def faults(self) -> list[Fault]:
        """The faults that may still apply to a request."""
        return self._faults.pending()

    @property
    def unused_faults(self) -> list[Fault]:
        """The faults with a count that no request has matched yet.

        A simulator that is used in a `with` statement or as a fixture warns of them at the end (`UnusedFaultWarning`).
        """
        return self._faults.unused()

    def _warn_of_unused_faults(self) -> None:
        for fault, where in self._faults.take_unused():
            warnings.warn(f"no request has matched {fault}, injected at {where}", UnusedFaultWarning, stacklevel=3)

    def set_volume(self, account_id: str, problem: VolumeProblem | None) -> None:
        """Set the reason why an account cannot be enabled.

        With None, it can be enabled again: by StartMonitoringMember, or by itself within an hour of virtual time.
        """
        if problem is not None:
            checked(schema.check_volume_problem, problem, "problem")
        self.account(account_id)
        with self._change() as now:
            self._world.accounts[account_id].volume_problem = problem
            membership.schedule_pass(self._world, now)

    def set_volume_limit(self, size: int) -> None:
        """Set how much data a graph takes in, in bytes a day; by default 10 TB, as in AWS.

        Accounts that would exceed it are disabled with VOLUME_TOO_HIGH, and enabled once there is room: by
        StartMonitoringMember, or by themselves within an hour of virtual time, in the order of their invitations. An
        account contributes 1 to 11 GB a day, which depends on its id; ListMembers shows it. While a graph takes in more
        than the limit, CreateMembers ends in a ServiceQuotaExceededException.
        """
        limit = checked(schema.check_volume_limit, size, "size")
        with self._change() as now:
            self._world.volume_limit = limit
            membership.schedule_pass(self._world, now)

    def set_package(self, graph_arn: str, package: str, state: PackageState) -> None:
        """Set the ingest state of a data source package, also to those that no operation leads to, such as STOPPED."""
        checked(_text, graph_arn, "graph_arn")
        checked(schema.check_package, package, "package")
        checked(schema.check_package_state, state, "state")
        graph = self._world.graphs.get(graph_arn)
        if graph is None:
            raise NotAllowedError(f"there is no behavior graph {graph_arn!r}")
        with self._change() as now:
            # Where it takes time to start a package, this does not.
            graph.set_package(package, state, now)

    def organization(self, management_account: str, member_accounts: Iterable[str] = ()) -> None:
        """Add accounts to the organization of a management account, which is created at the first call.

        In a region where its Detective administrator has set AutoEnable, new accounts become members at once.
        """
        members = _list(member_accounts, "member_accounts")
        check_account(management_account, "management_account")
        for account_id in members:
            check_account(account_id, "member_accounts")
        with self._change() as now:
            organizations.add_accounts(self._world, management_account, members, now)

    def set_account_state(self, account_id: str, state: AccountState) -> None:
        """Set the state of an account; accounts are active at first.

        AWS Organizations shows it. Other accounts than active ones cannot call anything, nor can their roles be
        assumed; their invitations fail the verification, and they cannot be enabled as accounts of an organization.
        Closed ones are removed from the graphs that they are members of, except in AWS GovCloud (US).
        """
        checked(schema.check_account_state, state, "state")
        self.account(account_id)
        with self._change() as now:
            organizations.set_state(self._world, account_id, state, now)

    def leave_organization(self, *account_ids: str) -> None:
        """Remove accounts from their organization: they are no longer members of its graphs."""
        for account_id in account_ids:
            check_account(account_id, "account_ids")
        with self._change() as now:
            organizations.remove_accounts(self._world, account_ids, now)

    def deregister_administrator(self, management_account: str) -> None:
        """Deregister the delegated administrator of an organization, as AWS Organizations can; deletes its graphs."""
        check_account(management_account, "management_account")
        with self._change() as now:
            organizations.deregister_administrator(self._world, management_account, now)

    def set_verification_delay(self, seconds: float) -> None:
        """Set the delay of later verifications, in seconds of virtual time; see `verification_delay`."""
        self._world.delays.verification = _seconds(seconds, "seconds")

    def set_activation_delay(self, seconds: float) -> None:
        """Set the delay of later activations, in seconds of virtual time; see `activation_delay`."""
        self._world.delays.activation = _seconds(seconds, "seconds")

    def set_package_delay(self, seconds: float) -> None:
        """Set the delay of later starts of packages, in seconds of virtual time; see `package_delay`."""
        self._world.delays.package = _seconds(seconds, "seconds")

    def set_deletion_delay(self, seconds: float) -> None:
        """Set the delay of later deletions of graphs, in seconds of virtual time; see `deletion_delay`."""
        self._world.delays.deletion = _seconds(seconds, "seconds")

    def set_delegation_delay(self, seconds: float) -> None:
        """Set the delay of later delegations, in seconds of virtual time; see `delegation_delay`."""
        self._world.delays.delegation = _seconds(seconds, "seconds")

    def set_read_lag(self, seconds: float, operations: Iterable[str] | None = None) -> None:
        """Let operations that read see what is written from now on only after so many seconds of virtual time.

        A new graph is not listed until then, and a member that has accepted is still INVITED. What the controls change
        is seen as late, but not what `load` does. The answers to an invitation that is not seen yet end in a
        ResourceNotFoundException.

        Args:
            seconds: 0 for no lag.
            operations: such as `["ListGraphs", "ListMembers"]`; by default all that read, AcceptInvitation and
                RejectInvitation.
        """
        names = None
        if operations is not None:
            names = [operations] if isinstance(operations, str) else _list(operations, "operations")
            for name in names:
                check_lagging_operation(name, "operations")
        self._world.set_read_lag(self._clock.now(), _seconds(seconds, "seconds"), names)

    def close_region(self, region: str, account_id: str | None = None) -> None:
        """Treat a region as one that an account, by default every one, has not opted in to."""
        self._closed_regions(region, account_id).add(region)

    def open_region(self, region: str, account_id: str | None = None) -> None:
        """Undo `close_region` with the same arguments."""
        self._closed_regions(region, account_id).discard(region)

    def _closed_regions(self, region: str, account_id: str | None) -> set[str]:
        check_region(region, "region")
        if account_id is None:
            return self._world.closed_regions
        self.account(account_id)
        return self._world.accounts[account_id].closed_regions

    def investigations(
        self,
        *,
        duration: float = 0.0,
        outcome: Literal["SUCCESSFUL", "FAILED"] = "SUCCESSFUL",
        severity: Literal["INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"] = "HIGH",
    ) -> None:
        """Set the result of later investigations, and their duration in seconds of virtual time."""
        checked(schema.check_outcome, outcome, "outcome")
        checked(schema.check_severity, severity, "severity")
        self._world.investigations = InvestigationPlan(_seconds(duration, "duration"), outcome, severity)

    def snapshot(self) -> dict[str, Any]:
        """Return the graphs with their members' statuses as plain data, for assertions and comparisons."""
        self._world.complete_due(self._clock.now())
        return self._world.snapshot()

    def load(self, source: str | os.PathLike[str] | Mapping[str, Any]) -> None:
        """Replace the world; faults, requests and the port are kept.

        Args:
            source: a TOML or JSON file, or the return value of `dump`; `detective_async.testing.seed` has the format.

        Raises:
            SeedError: the seed is invalid, and nothing has changed; the message says what is allowed.
            OSError: the file cannot be read.
        """
        if isinstance(source, Mapping):
            self._load(source)
            return
        content = seed_files.read(source)
        with seed_files.errors_name(source):
            self._load(content)

    def dump(self) -> dict[str, Any]:
        """Return the world as plain data, without temporary credentials."""
        self._world.complete_due(self._clock.now())
        return describe(self._world, self._clock.now())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what `dump` returns to a file, TOML or JSON by its extension; the file is replaced atomically."""
        seed_files.write(path, self.dump())

    def _load(self, content: Mapping[str, Any]) -> None:
        world, seconds = build(content, now=self._clock.now(), seed=self._seed, before=self._world)
        self._clock.advance(seconds)
        self._backend.world = world
        self._world.complete_due(self._clock.now())

    def _advance(self, seconds: float) -> None:
        self._clock.advance(checked(checks.seconds, seconds, "seconds"))
        self._world.complete_due(self._clock.now())

    @contextlib.contextmanager
    def _change(self) -> Iterator[datetime]:
        """Enclose a change of what clients can read; yield the virtual time, at which everything due has been done."""
        now = self._clock.now()
        self._world.complete_due(now)
        yield now
        self._world.record(now)

    @property
    def _world(self) -> World:
        return self._backend.world


_text = checks.text(r"[\s\S]*", "text")
_host = checks.text(r"[\s\S]+", "an address to listen on, such as 127.0.0.1")
_port = checks.integer(0, 65535)
_seed = checks.integer(-(2**63), 2**63)


def _seconds(value: float, where: str) -> timedelta:
    return timedelta(seconds=checked(checks.seconds, value, where))


def _list(values: Iterable[str], where: str) -> list[str]:
    # Neither the letters of a string nor the keys of a mapping are what is meant.
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise TypeError(f"{where}: must be a list, got {values!r}")
    return list(values)
