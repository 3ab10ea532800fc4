"""Decides about outcomes that say something of a region only beside those of other regions."""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from attrs import evolve, frozen

from detective_async.auth import Credentials, CredentialsSource
from detective_async.client.assume_role import AssumeRole
from detective_async.client.regions import UNKNOWN_KEYS, has_detective
from detective_async.errors import HostNotFound, ServiceError
from detective_async.fleet.outcomes import Outcome, OutcomeKind
from detective_async.settings.endpoints import needs_no_opt_in

T = TypeVar("T")

#: Outcomes that wait for a decision. A run whose resolver knows no names would otherwise keep all of its targets.
_MAX_HELD = 10_000
#: The most access keys that are remembered as accepted by a region; the oldest are forgotten first.
_MAX_KEYS = 65_536
#: The error codes that the service sends only to who has signed with keys that it knows.
_KNOWN_KEYS = frozenset(
    {
        "AccessDeniedException",
        "ConflictException",
        "ResourceNotFoundException",
        "ServiceQuotaExceededException",
        "ValidationException",
    }
)
#: What is waited for where a host does not exist: a response, which shows that the resolver knows names of AWS. Other
#: outcomes wait for a region that accepts the keys which another one refused.
_A_RESPONSE = "a response"


@frozen
class _Refusal:
    """What is known of an error: whose keys the service does not know, and in which region."""

    keys: Hashable
    region: str


class UndecidedOutcomes:
    """The outcomes of one run that are failures, or mean that a region is not available to an account.

    A host that does not exist is no region without Detective if the resolver knows no names of AWS at all: in a network
    whose way out is a proxy, with a private DNS, or offline. Access keys that the service does not know are no closed
    region if they do not exist. So these outcomes are held until another region has shown which it is, in the same run:
    its host has responded, or it has accepted the account's keys. Then the region is unavailable. Without that, they
    are failures, but for the keys of a role that no region has accepted: see `_is_closed_role`. A region that botocore
    lists has Detective, so that its host exists: it is a failure if the resolver does not know it.

    Args:
        publish: called with the outcomes that were held, once they are decided.
        credentials: those of targets that have none of their own.
        own_host: returns the host that a region has if Detective is available there; None if that is not known.

    Attributes:
        responding_hosts: the hosts that have responded in this run.
    """

    def __init__(
        self,
        publish: Callable[[Outcome[Any]], object],
        credentials: CredentialsSource | None,
        own_host: Callable[[str], str | None],
    ) -> None:
        self.responding_hosts: set[str] = set()
        self._publish = publish
        self._credentials = credentials
        self._own_host = own_host
        #: What is waited for -> the outcomes, the oldest first.
        self._held: dict[Hashable, deque[Outcome[Any]]] = {}
        self._count = 0
        #: Evidence that contradicts itself: a host that is not found, and exists; accepted keys that are unknown.
        self._unreliable: set[Hashable] = set()
        #: Keys that were refused by a region that needs no opt-in: it cannot be closed, so they may not exist.
        self._refused_without_opt_in: set[Hashable] = set()
        #: Keys -> the regions that have accepted them, as bits: there may be many accounts, and few regions.
        self._accepted: dict[Hashable, int] = {}
        self._bits: dict[str, int] = {}
        self._refusals: WeakKeyDictionary[ServiceError, _Refusal] = WeakKeyDictionary()

    def note_response(self, host: str) -> None:
        """Record that a host has responded."""
        self.responding_hosts.add(host)
        self._release(_A_RESPONSE)

    def note_keys(
        self, region: str, account_id: str | None, credentials: Credentials, error: ServiceError | None
    ) -> None:
        """Record what a response says of the keys with which the request was signed.

        Args:
            region: where the request was sent.
            account_id: the account that was called, by what the client was told.
            credentials: the keys.
            error: the response, if it is not a success.
        """
        # The keys of a role are replaced during a run, and do not cease to exist; others can be deleted one by one.
        keys = (credentials.session_token and account_id) or credentials.access_key_id
        if error is not None and error.code == UNKNOWN_KEYS:
            self._refusals[error] = _Refusal(keys, region)
        elif error is None or error.code in _KNOWN_KEYS:
            accepted, bit = self._accepted.get(keys, 0), self._bit(region)
            if not accepted & bit:
                self._accepted[keys] = accepted | bit
                if len(self._accepted) > _MAX_KEYS:
                    del self._accepted[next(iter(self._accepted))]
                self._release(keys, region)

    async def checked(self, outcome: Outcome[T]) -> Outcome[T]:
        """Note if the resolver does not know a host that exists, and return the outcome."""
        if self._missing_host(outcome) is not None and await has_detective(outcome.target.region):
            self._unreliable.add(_A_RESPONSE)
        return outcome

    def decide(self, outcome: Outcome[Any]) -> Outcome[Any] | None:
        """Return the outcome with its kind; None if it is held."""
        error = outcome.error
        if isinstance(error, HostNotFound):
            return self._decide_on_host(outcome, error)
        if not isinstance(error, ServiceError):
            return outcome
        # Errors with this code that are not known here are of clients of the work's own.
        refusal = self._refusals.get(error)
        if refusal is None or refusal.region != outcome.target.region:
            return outcome
        accepted, bit = self._accepted.get(refusal.keys, 0), self._bit(refusal.region)
        if accepted & bit:
            # They were deleted in the meantime, and that is what other regions may mean, too.
            self._unreliable.add(refusal.keys)
        if needs_no_opt_in(refusal.region):
            self._refused_without_opt_in.add(refusal.keys)
        return self._judged(outcome, error, refusal.keys, known=accepted != 0)

    def publish_rest(self) -> None:
        """Publish what is still held when the run has ended."""
        while self._held:
            self._publish_oldest()

    def _missing_host(self, outcome: Outcome[Any]) -> str | None:
        """Return the region's own host, if that does not exist by what the resolver knows."""
        host = outcome.error.host if isinstance(outcome.error, HostNotFound) else None
        return host if host is not None and host == self._own_host(outcome.target.region) else None

    def _decide_on_host(self, outcome: Outcome[Any], error: HostNotFound) -> Outcome[Any] | None:
        host = self._missing_host(outcome)
        if host is None:
            return outcome
        if host in self.responding_hosts:
            # The host exists, so the resolver fails: in the rest of this run, a missing host is a failure.
            self._unreliable.add(_A_RESPONSE)
        return self._judged(outcome, error, _A_RESPONSE, known=bool(self.responding_hosts))

    def _judged(
        self, outcome: Outcome[Any], error: Exception, awaited: Hashable, *, known: bool
    ) -> Outcome[Any] | None:
        if awaited in self._unreliable:
            return outcome
        if known:
            return _unavailable(outcome)
        # Its frames take four times the memory of the outcome, and say nothing that the error does not.
        error.__traceback__ = None
        self._held.setdefault(awaited, deque()).append(outcome)
        self._count += 1
        if self._count > _MAX_HELD:
            self._publish_oldest()
        return None

    def _release(self, awaited: Hashable, region: str | None = None) -> None:
        """Publish the outcomes that wait for something, after it has come from a region."""
        held = self._held.pop(awaited, ())
        self._count -= len(held)
        for outcome in held:
            self._publish(outcome if outcome.target.region == region else _unavailable(outcome))

    def _publish_oldest(self) -> None:
        awaited, held = next(iter(self._held.items()))
        outcome = held.popleft()
        self._count -= 1
        if not held:
            del self._held[awaited]
        self._publish(_unavailable(outcome) if self._is_closed_role(awaited, outcome) else outcome)

    def _is_closed_role(self, awaited: Hashable, outcome: Outcome[Any]) -> bool:
        """Return whether keys that no region has accepted exist for all that, so that the region is not opted in to.

        STS has just made them for a role, and all regions that refuse them are ones that have to be opted in to.
        """
        source = self._credentials if outcome.target.credentials is None else outcome.target.credentials
        # Another STS may be the global one, whose tokens such regions do not know.
        is_role = isinstance(source, AssumeRole) and source.endpoint_url is None
        return is_role and awaited != _A_RESPONSE and awaited not in self._refused_without_opt_in

    def _bit(self, region: str) -> int:
        return self._bits.setdefault(region, 1 << len(self._bits))


def _unavailable(outcome: Outcome[Any]) -> Outcome[Any]:
    return evolve(outcome, kind=OutcomeKind.REGION_UNAVAILABLE)
