"""The options of an integration, and the clients that it provides to requests."""

import inspect
import re
from collections.abc import Callable

from attrs import Factory, define, evolve, field

from detective_async.api.models.constraints import ACCOUNT_ID
from detective_async.auth import Credentials, CredentialsSource, as_provider
from detective_async.client.client import DetectiveClient
from detective_async.errors import ConfigurationError, ParameterError
from detective_async.events import is_plain_callable
from detective_async.integrations.web.deadline import Deadline
from detective_async.settings.arguments import seconds_problem, shown

#: Accounts whose credentials providers are cached, more than most organizations have; the oldest is evicted first.
_MAX_PROVIDERS = 16_384
#: A header's name, by RFC 9110.
_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)


@define(eq=False)
class AccountCredentials:
    """A cache of the credentials providers that the function `account_credentials` returned."""

    source: Callable[[str], CredentialsSource] = field(repr=False)
    _providers: dict[str, CredentialsSource] = field(init=False, repr=False, default=Factory(dict))

    def get(self, account_id: str) -> CredentialsSource:
        """Return an account's provider, the same one each time, so that a role is not assumed again per request.

        Plain `Credentials` are not cached: they cannot renew themselves, and the cache would save nothing.

        Raises:
            ConfigurationError: the function returned no credentials.
        """
        if account_id in self._providers:
            return self._providers[account_id]
        source = self.source(account_id)
        try:
            # None above all: to a client it means the credentials it has, which are those of a different account.
            as_provider(source)
        except ConfigurationError as error:
            if inspect.iscoroutine(source):
                # Python would warn that it was never awaited.
                source.close()
            raise ConfigurationError(f"account_credentials, called for {account_id}: {error}") from None
        if not isinstance(source, Credentials):
            self._providers[account_id] = source
            if len(self._providers) > _MAX_PROVIDERS:
                del self._providers[next(iter(self._providers))]
        return source


@define(eq=False, kw_only=True)
class State:
    """The options of an integration, and whether the server is shutting down (`closing`)."""

    accounts: AccountCredentials | None
    deadline: float | None
    deadline_header: str | None
    closing: bool = False

    @classmethod
    def of(
        cls,
        account_credentials: Callable[[str], CredentialsSource] | None,
        deadline: float | None,
        deadline_header: str | None,
    ) -> "State":
        """Make it from the arguments of users.

        Raises:
            ParameterError: one is malformed.
        """
        if deadline is not None and (problem := seconds_problem(deadline)):
            raise ParameterError("deadline", problem)
        if deadline_header is not None and not (isinstance(deadline_header, str) and _NAME.fullmatch(deadline_header)):
            raise ParameterError("deadline_header", f"expected the name of a header, got {shown(deadline_header)}")
        if account_credentials is not None and not is_plain_callable(account_credentials):
            raise ParameterError(
                "account_credentials",
                f"expected a plain callable that returns credentials, got {shown(account_credentials)}",
            )
        accounts = None if account_credentials is None else AccountCredentials(account_credentials)
        return cls(accounts=accounts, deadline=deadline, deadline_header=deadline_header)


def client_of_request(
    client: DetectiveClient,
    state: State,
    deadline: Deadline | None,
    *,
    account_id: str | None,
    region: str | None,
    credentials: CredentialsSource | None,
) -> DetectiveClient:
    """Return a client for a request; see `get_client` of the integrations."""
    if account_id is not None:
        ACCOUNT_ID(account_id, "account_id")
        if credentials is None:
            if state.accounts is None:
                # The server's own credentials belong to a different account.
                raise ConfigurationError(
                    "get_client: account_id needs credentials, or account_credentials where the integration is set up"
                )
            credentials = state.accounts.get(account_id)
    timeouts = None
    if deadline is not None:
        own, remaining = client._transport.timeouts, deadline.remaining()  # noqa: SLF001 - of our own class
        timeouts = evolve(own, total=remaining if own.total is None else min(own.total, remaining))
    return client.with_options(region=region, credentials=credentials, account_id=account_id, timeouts=timeouts)


def is_healthy(client: DetectiveClient | None, state: State | None) -> bool:
    """Return whether the server can work: not if it is shutting down, or if its client was closed or never opened."""
    closed = client is None or client._transport.pool.closed  # noqa: SLF001 - of our own class
    return state is not None and not state.closing and not closed
