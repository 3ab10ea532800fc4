"""The options that subcommands have in common, and what they make: clients, regions, and whom to ask."""

import asyncio
import contextlib
import logging
import math
import os
import re
import select
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
from attrs import field, frozen

from detective_async.cli import signals
from detective_async.cli.exits import CommandError, did_you_mean
from detective_async.errors import printable

if TYPE_CHECKING:
    from detective_async.auth import CredentialsProvider
    from detective_async.client.client import DetectiveClient

T = TypeVar("T")
Decorated = TypeVar("Decorated", bound=Callable[..., object])

FORMATS = ("table", "json", "ndjson", "csv")
ALL = "all"
#: The region whose list of regions is used for `all`, if none is configured.
_FALLBACK_REGION = "us-east-1"
_ROLE_NAME = re.compile(r"(?!/|arn:)([!-~]+/)?[\w+=,.@-]{1,64}", re.ASCII)
#: Seconds in which a host was not reached, before that is said.
SAY_AFTER = 5.0
_LEVELS = (logging.WARNING, logging.INFO)
#: Seconds after which the wait for an answer begins anew.
_WAIT = 0.1
#: Profiles that are named where another one was asked for.
_NAMED_PROFILES = 10


class Command(click.Command):
    """A subcommand, whose help ends with an example."""

    def __init__(self, *args: Any, example: str = "", **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.epilog = "\b\nExample:\n" + "\n".join(f"  {line}" for line in example.splitlines())


class _Text(click.types.StringParamType):
    """Text that is not empty: that of a shell's variable that is not set would be taken for what is not given."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(value, param, ctx) or self.fail("must not be empty", param, ctx)


class _File(_Text):
    """The name of a file, which shells complete."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:  # noqa: ARG002
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only while completing

        return [CompletionItem(incomplete, type="file")]


TEXT, FILE = _Text(), _File()


@frozen(kw_only=True)
class Job:
    """What the common options say.

    Attributes:
        regions: the regions as they were given; empty for the configured one.
        profile: the profile of the shared files, or None.
        role_name: the role to assume, or None to work with the caller's own credentials.
        external_id: the external id that the role's trust policy requires, or None.
        account: the account to assume the role in, or None.
        endpoint_url: where to send Detective's requests, or None.
        output: the format of the results.
        quiet: whether to write errors only.
        show_all: whether tables have all rows.
    """

    regions: tuple[str, ...] = ()
    profile: str | None = None
    role_name: str | None = None
    external_id: str | None = None
    account: str | None = None
    endpoint_url: str | None = None
    output: str = "table"
    quiet: bool = False
    show_all: bool = False
    # The provider of the caller's own credentials, so that they are looked up once.
    _own: "list[CredentialsProvider]" = field(init=False, factory=list, repr=False, eq=False)
    # When connections have failed.
    _failed_at: list[float] = field(init=False, factory=list, repr=False, eq=False)

    def say(self, text: str, *, always: bool = False) -> None:
        """Write lines for people to standard error, unless they want none; what a question is about, always."""
        if always or not self.quiet:
            # Where it cannot be written, the results matter more.
            with contextlib.suppress(OSError):
                sys.stderr.write("".join(f"{printable(line)}\n" for line in text.splitlines()))
                sys.stderr.flush()

    def hook(self, event: object) -> None:
        """Say once, where there is no bar for it, that a host has not been reached for some seconds."""
        from detective_async.events import RetryEvent  # noqa: PLC0415 - not needed for --help

        if not isinstance(event, RetryEvent) or event.error_code != "ConnectError" or sys.stderr.isatty():
            return
        self._failed_at.append(time.monotonic())
        if self._failed_at[-1] - self._failed_at[0] >= SAY_AFTER:
            # Never again.
            self._failed_at[:] = [math.inf]
            self.say(f"{event.operation} in {event.region}: no connection; trying again")

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine function to its end, if there are credentials.

        Raises:
            CredentialsError: there are none; otherwise each region would say so.
        """
        return signals.run(self._checked(work))

    async def _checked(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if given := [name for name in self.regions if name != ALL]:
            # In a thread: botocore reads files.
            for text in await asyncio.to_thread(_unknown_regions, given):
                self.say(text)
        await self.own_credentials().get_credentials()
        return await work()

    @contextlib.asynccontextmanager
    async def client(
        self, *, region: str | None = None, credentials: "CredentialsProvider | None" = None
    ) -> "AsyncIterator[DetectiveClient]":
        """Open a client of the account to work in, for one region; others are derived from it.

        Raises:
            ConfigurationError: a setting is malformed.
            CommandError: no region is given or configured.
        """
        from detective_async.client.client import DetectiveClient  # noqa: PLC0415 - not needed for --help

        async with DetectiveClient(
            region=region or self.first_region(),
            credentials=credentials or self.credentials(),
            endpoint_url=self.endpoint_url,
            profile=self.profile,
            hooks=self.hook,
        ) as client:
            # A job has many calls, each of which should succeed; a policy would count more than the environment.
            yield client._patient()  # noqa: SLF001 - of our own package

    def first_region(self) -> str:
        """Return the region that calls begin with.

        Raises:
            CommandError: none is given or configured.
        """
        if self.regions and self.regions[0] != ALL:
            return self.regions[0]
        configured = self.configured_region()
        if configured is None and not self.regions:
            raise CommandError("no region: name some with --regions, or set AWS_REGION")
        return configured or _FALLBACK_REGION

    async def region_names(self) -> list[str]:
        """Return the regions to work in.

        Raises:
            CommandError: no region is given or configured, or the configured one is none.
            ConfigurationError: they are `all`, and botocore knows none.
        """
        if self.regions == (ALL,):
            from detective_async.client.regions import detective_regions  # noqa: PLC0415 - not needed for --help
            from detective_async.settings.endpoints import partition_of  # noqa: PLC0415

            return await detective_regions(partition_of(self.first_region()))
        if self.regions:
            return list(self.regions)
        from detective_async.errors import ParameterError  # noqa: PLC0415 - not needed for --help
        from detective_async.settings.endpoints import check_region  # noqa: PLC0415

        region = self.first_region()
        try:
            check_region(region, "region")
        except ParameterError as error:
            raise CommandError(f"the configured region (AWS_REGION, or the profile's): {error.problem}") from None
        return [region]

    def credentials(self) -> "CredentialsProvider":
        """Return the credentials of the account to work in: the caller's own, or those of the role in `account`."""
        if self.role_name is None or self.account is None:
            return self.own_credentials()
        return self.role_in(self.account)

    def own_credentials(self) -> "CredentialsProvider":
        """Return the caller's own credentials, as of the AWS CLI."""
        from detective_async.auth import DefaultCredentials  # noqa: PLC0415 - not needed for --help

        if not self._own:
            self._own.append(DefaultCredentials(self.profile, region=self.configured_region()))
        return self._own[0]

    def role_in(self, account_id: str) -> "CredentialsProvider":
        """Return the credentials of the role in an account.

        Raises:
            ParameterError: the role's name is malformed.
        """
        from detective_async.client.assume_role import AssumeRole  # noqa: PLC0415 - not needed for --help
        from detective_async.settings.endpoints import home_region, needs_no_opt_in, partition_of  # noqa: PLC0415

        first = self.first_region()
        partition = partition_of(first)
        configured = self.configured_region()
        if configured is None or partition_of(configured) != partition:
            # An account may not have opted in to the region to work in.
            configured = first if needs_no_opt_in(first) else home_region(first)
        return AssumeRole(
            f"arn:{partition}:iam::{account_id}:role/{self.role_name}",
            source=self.own_credentials(),
            external_id=self.external_id,
            region=configured,
        )

    def configured_region(self) -> str | None:
        """Return the region of the environment or the profile; None if there is none."""
        from detective_async.settings.config import read_settings  # noqa: PLC0415 - not needed for --help

        return read_settings(self.profile).region


def _unknown_regions(names: Sequence[str]) -> list[str]:
    """Return a warning for each region that botocore does not know, in any partition: most likely a typing error."""
    from botocore.session import Session  # noqa: PLC0415 - not needed for --help

    known = [name for partition in Session().get_data("partitions")["partitions"] for name in partition["regions"]]
    # No error: regions that are newer than botocore's release must be of use.
    return [
        f"warning: {name} is no region that botocore knows{did_you_mean(name, known)}"
        for name in names
        if name not in known
    ]


def _check_profile(profile: str | None) -> None:
    """Check that the profile exists, and that its settings can be read.

    Raises:
        CommandError: they cannot; with what may have been meant.
    """
    from detective_async.errors import ConfigurationError  # noqa: PLC0415 - not needed for --help
    from detective_async.settings.config import read_settings  # noqa: PLC0415

    try:
        read_settings(profile)
    except ConfigurationError as error:
        raise CommandError(f"{error}{_other_profiles(profile)}") from None


def _other_profiles(profile: str | None) -> str:
    """Return where a profile was looked for, and which there are; nothing if it exists, and something else is wrong."""
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - only for errors
    from botocore.session import Session  # noqa: PLC0415

    wanted = profile or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or ""
    try:
        # Without the profile, whose absence would be an error.
        session = Session(profile="default")
        names = session.full_config["profiles"]
        files = [session.get_config_variable(name) for name in ("config_file", "credentials_file")]
    except BotoCoreError:
        return ""
    if not wanted or wanted in names:
        return ""
    meant = did_you_mean(wanted, names)
    there = f"; there are: {', '.join(sorted(names)[:_NAMED_PROFILES]) or 'none'}"
    return f" ({' and '.join(map(str, files))}){meant or there}"


def _split(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    """Read lists of regions, with commas between or in several options."""
    names = [name.strip() for value in values for name in value.split(",")]
    if values and not all(names):
        raise click.BadParameter("expected regions with a comma between, such as eu-west-1,us-east-1")
    if ALL in names and len(names) > 1:
        raise click.BadParameter(f"{ALL} stands alone")
    if names and names != [ALL]:
        from detective_async.errors import ParameterError  # noqa: PLC0415 - not needed for --help
        from detective_async.settings.endpoints import check_region  # noqa: PLC0415

        for name in names:
            try:
                check_region(name, "region")
            except ParameterError as error:
                raise click.BadParameter(f"{error.problem} (or {ALL})") from None
        if repeated := next((name for index, name in enumerate(names) if name in names[:index]), None):
            raise click.BadParameter(f"{repeated} is there twice")
    return tuple(names)


def check_account(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Check an account id."""
    if value is not None and not (len(value) == 12 and value.isascii() and value.isdigit()):  # noqa: PLR2004
        raise click.BadParameter("expected an account id of 12 digits")
    return value


def check_accounts(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    """Check account ids, with commas between or in several options."""
    names = dict.fromkeys(name.strip() for value in values for name in value.split(","))
    for name in names:
        check_account(context, parameter, name)
    return tuple(names)


def _check_role(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Check the name of a role."""
    if value is not None and not _ROLE_NAME.fullmatch(value):
        raise click.BadParameter("expected a role's name, with its path if it has one (path/NAME)")
    return value


def _verbosity(_context: click.Context, _parameter: click.Parameter, count: int) -> None:
    """Let the library's log lines go to standard error."""
    if not count:
        return
    logger = logging.getLogger("detective_async")
    handler = logging.StreamHandler()
    handler.setFormatter(_LogFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(_LEVELS[1] if count == 1 else logging.DEBUG)


class _LogFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def complete_regions(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[Any]:
    """Complete the last region of a list."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only while completing

    from detective_async.client.regions import detective_regions  # noqa: PLC0415

    before, comma, last = incomplete.rpartition(",")
    names = [name for partition in ("aws", "aws-us-gov") for name in asyncio.run(detective_regions(partition))]
    found = [name for name in ([*names] if comma else [ALL, *names]) if name.startswith(last)]
    return [CompletionItem(f"{before}{comma}{name}") for name in found]


_WHERE = (
    click.option(
        "--regions",
        metavar="REGION,...",
        multiple=True,
        callback=_split,
        shell_complete=complete_regions,
        help="The regions with commas between, or `all`; default: the configured one.",
    ),
    click.option("--profile", metavar="NAME", type=TEXT, help="The profile whose credentials and settings to use."),
    click.option(
        "--role-name",
        metavar="NAME",
        callback=_check_role,
        help="The role to assume in the accounts that the job works in.",
    ),
    click.option(
        "--external-id", metavar="ID", type=TEXT, help="The external id that the role's trust policy requires."
    ),
    click.option(
        "--endpoint-url", metavar="URL", type=TEXT, help="Send Detective's requests to this URL, such as a simulator's."
    ),
)
_HOW = (
    click.option("--quiet", "-q", is_flag=True, help="Write errors only to standard error, and no progress."),
    click.option(
        "--verbose",
        "-v",
        count=True,
        expose_value=False,
        callback=_verbosity,
        help="Write the library's log lines to standard error; -vv for more.",
    ),
)
account_option = click.option(
    "--account",
    metavar="ID",
    callback=check_account,
    help="The account to work in, by --role-name; default: the caller's own.",
)
yes_option = click.option("--yes", "-y", is_flag=True, help="Do what the plan shows without a question.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Show the plan, and change nothing.")


def timeout_option(default: float, help_: str) -> Callable[[Decorated], Decorated]:
    """Make the option for a time limit."""
    return click.option(
        "--timeout",
        type=click.FloatRange(0, min_open=True),
        callback=_check_number,
        default=default,
        show_default=True,
        metavar="SECONDS",
        help=help_,
    )


def _check_number(_context: click.Context, _parameter: click.Parameter, value: float) -> float:
    if math.isnan(value):
        raise click.BadParameter("expected a number")
    return value


def common_options(formats: Sequence[str] = FORMATS, default: str = "table") -> Callable[[Decorated], Decorated]:
    """Add the options that all subcommands have to a click command's function; `job_of` reads them."""
    output = click.option(
        "--output",
        "-o",
        type=click.Choice(list(formats)),
        default=default,
        show_default=True,
        help="The format of the results on standard output.",
    )
    show_all = click.option("--all", "show_all", is_flag=True, help="Show all rows in tables, not only what is wrong.")

    def decorate(function: Decorated) -> Decorated:
        for option in reversed((*_WHERE, output, show_all, *_HOW)):
            function = option(function)
        return function

    return decorate


def job_of(options: dict[str, Any], *, members_have_role: bool = False) -> Job:
    """Take the common options out of a subcommand's.

    Args:
        options: the subcommand's, by name.
        members_have_role: whether the job assumes the role in accounts of a list, and not only in `account`.

    Raises:
        click.UsageError: they contradict each other.
    """
    names = ("regions", "profile", "role_name", "external_id", "account", "endpoint_url", "output", "quiet", "show_all")
    job = Job(**{name: options.pop(name) for name in names if name in options})
    if job.account is not None and job.role_name is None:
        raise click.UsageError("--account needs --role-name: the role to assume there")
    if job.role_name is not None and job.account is None and not members_have_role:
        raise click.UsageError("--role-name needs --account: where to assume the role; without both, it is your own")
    if job.external_id is not None and job.role_name is None:
        raise click.UsageError("--external-id needs --role-name: the role that requires it")
    _check_profile(job.profile)
    return job


def confirm(question: str, *, yes: bool) -> None:
    """Ask for a yes on the terminal.

    Raises:
        CommandError: the answer is no, or there is no terminal to ask on.
    """
    if yes:
        return
    if ask(f"{question} [y/N] ", "add --yes to do it").strip().lower() not in {"y", "yes"}:
        raise CommandError("not confirmed: nothing was done")


def ask(question: str, otherwise: str) -> str:
    """Ask on the terminal, and return the answer.

    Args:
        question: the question, printable.
        otherwise: what to do where there is no terminal.

    Raises:
        CommandError: there is no terminal to ask on.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise CommandError(f"not confirmed, and there is no terminal to ask on: nothing was done; {otherwise}")
    with signals.at_once():
        sys.stderr.write(question)
        sys.stderr.flush()
        # A signal just before a wait is handled after it only, so none may be long; on Windows, files have no `select`.
        while os.name == "posix" and not select.select([sys.stdin], [], [], _WAIT)[0]:
            pass
        return sys.stdin.readline()
