"""The credentials of accounts, as the app gives them."""

from collections.abc import Callable

from attrs import Factory, define, field

from detective_async.auth import Credentials, CredentialsSource

#: The accounts whose providers are kept, more than an organization has as a rule; the first one goes first.
_MOST = 16_384


@define(eq=False)
class Accounts:
    """What knows how to get the credentials of accounts.

    Attributes:
        ask: gives whatever a client takes as `credentials`, for an account id.
    """

    ask: Callable[[str], CredentialsSource] = field(repr=False)
    _kept: dict[str, CredentialsSource] = field(init=False, repr=False, default=Factory(dict))

    def credentials(self, account_id: str) -> CredentialsSource:
        """Give an account's, the same each time, so that a role is not assumed anew for each request.

        Plain `Credentials` are asked for each time: they cannot renew themselves, and there is nothing to save.
        """
        if account_id in self._kept:
            return self._kept[account_id]
        source = self.ask(account_id)
        if not isinstance(source, Credentials):
            self._kept[account_id] = source
            if len(self._kept) > _MOST:
                del self._kept[next(iter(self._kept))]
        return source
