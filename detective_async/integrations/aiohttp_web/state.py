"""The state that `setup` keeps in the app."""

from collections.abc import Callable

from aiohttp import web
from attrs import Factory, define, field

from detective_async.auth import Credentials, CredentialsSource

#: Accounts whose credentials providers are cached, more than most organizations have; the oldest is evicted first.
_MAX_PROVIDERS = 16_384


@define(eq=False)
class AccountCredentials:
    """A cache of the credentials providers that the `account_credentials` of `setup` returned."""

    source: Callable[[str], CredentialsSource] = field(repr=False)
    _providers: dict[str, CredentialsSource] = field(init=False, repr=False, default=Factory(dict))

    def get(self, account_id: str) -> CredentialsSource:
        """Return an account's provider, the same one each time, so that a role is not assumed again per request.

        Plain `Credentials` are not cached: they cannot renew themselves, and the cache would save nothing.
        """
        if account_id in self._providers:
            return self._providers[account_id]
        source = self.source(account_id)
        if not isinstance(source, Credentials):
            self._providers[account_id] = source
            if len(self._providers) > _MAX_PROVIDERS:
                del self._providers[next(iter(self._providers))]
        return source


@define(eq=False, kw_only=True)
class State:
    """The options of `setup`, and whether the server is shutting down (`closing`)."""

    accounts: AccountCredentials | None
    deadline: float | None
    deadline_header: str | None
    closing: bool = False


STATE = web.AppKey("STATE", State)
