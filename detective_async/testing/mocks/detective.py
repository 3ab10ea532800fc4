"""Clients and fleets whose answers come from rules, and what they were asked."""

import warnings
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from attrs import frozen

from detective_async.auth import Credentials
from detective_async.client.client import ClientOptions, DetectiveClient
from detective_async.fleet import DetectiveFleet
from detective_async.testing.mocks.operations import MockedOperation, RequestT, check_operation
from detective_async.testing.mocks.rules import MockRule
from detective_async.testing.mocks.transport import MockTransport

_ACCOUNT = "111122223333"
_REGION = "us-east-1"

Owner = TypeVar("Owner", DetectiveClient, DetectiveFleet)


@frozen
class MockedCall:
    """A call that a mocked client was asked for.

    Attributes:
        operation: the API's name.
        request: the request, such as a `ListMembersRequest`; None if the operation has none.
        account_id: the account; None if it is not known.
        region: the region.
    """

    operation: str
    request: Any
    account_id: str | None
    region: str


class UnexpectedCall(AssertionError):
    """A mocked client was asked for a call that no rule answers; the message lists the rules."""


class UnusedRuleWarning(UserWarning):
    """A rule that has answered no call: the test shows less than it seems to."""


class MockDetective:
    """Answers calls by rules, without a server.

        with MockDetective(mock(ListGraphs, returns=ListGraphsResponse())) as detective:
            client = detective.client(region="eu-west-1")
            print(await client.iter_graphs().collect(), len(detective.asked(ListGraphs)))

    The first rule that applies to a call answers it, in the order in which they are given, until it is used up. A call
    that none applies to raises `UnexpectedCall`; so does the end of the `with` statement, if the code under test has
    caught it. A rule that has answered no call is an `UnusedRuleWarning` there. Requests are validated as usual.
    Nothing is sent, so there are no signatures, retries, limits and events.
    """

    def __init__(self, *rules: MockRule) -> None:
        """Create a mock.

        Args:
            *rules: made by `mock`.
        """
        for rule in rules:
            if not isinstance(rule, MockRule):
                raise TypeError(f"rules: must be made by mock(...), got {rule!r}")
        self._rules = rules
        # How many calls each rule has answered.
        self._used = [0] * len(rules)
        self._calls: list[MockedCall] = []
        self._unexpected: list[str] = []

    def __repr__(self) -> str:
        """Show the number of rules and calls."""
        return f"<MockDetective [rules: {len(self._rules)}, calls: {len(self._calls)}]>"

    def __enter__(self) -> Self:
        """Return the mock itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Raise `UnexpectedCall` if there was a call that no rule answered; errors of the block come first.

        Otherwise, warn of rules that have answered no call.
        """
        if error is not None:
            return
        if self._unexpected:
            raise UnexpectedCall(self._unexpected[0])
        for rule in self.unused:
            warnings.warn(f"no call has used the rule {rule!r}", UnusedRuleWarning, stacklevel=2)

    def client(self, **options: Unpack[ClientOptions]) -> DetectiveClient:
        """Create a client.

        Args:
            **options: as for `DetectiveClient`; by default, account 111122223333 in us-east-1.
        """
        options.setdefault("region", _REGION)
        options.setdefault("credentials", Credentials("AKIAMOCKMOCKMOCKMOCK", "mock", account_id=_ACCOUNT))
        return self.attach(DetectiveClient(**options))

    def attach(self, owner: Owner) -> Owner:
        """Let a client or fleet that was made already be answered by the rules, and return it.

        So are clients that are derived from it from now on, as by `with_options`; a fleet's shards need an `attach` of
        their own.
        """
        if not isinstance(owner, DetectiveClient | DetectiveFleet):
            raise TypeError(f"owner: must be a DetectiveClient or a DetectiveFleet, got {owner!r}")
        client = owner.client if isinstance(owner, DetectiveFleet) else owner
        client._transport = MockTransport.of(client._transport, self._answer)  # noqa: SLF001 - of our own class
        if isinstance(owner, DetectiveFleet):
            owner._patient_client = client._patient()  # noqa: SLF001 - of our own class
        return owner

    @property
    def calls(self) -> list[MockedCall]:
        """All calls, in order."""
        return list(self._calls)

    def asked(self, operation: MockedOperation[RequestT, Any]) -> list[RequestT]:
        """Return the requests of an operation, in order."""
        check_operation(operation)
        return [call.request for call in self._calls if call.operation == operation.name]

    @property
    def unused(self) -> list[MockRule]:
        """The rules that have answered no call."""
        return [rule for rule, used in zip(self._rules, self._used, strict=True) if not used]

    def _answer(self, operation: str, request: Any, account_id: str | None, region: str, host: str) -> Any:
        self._calls.append(MockedCall(operation, request, account_id, region))
        for number, rule in enumerate(self._rules):
            used = self._used[number]
            if used != rule.times and rule.matches(operation, request, account_id, region):
                self._used[number] += 1
                return rule.answer(request, host, used)
        account = f" of {account_id}" if account_id else " of an account that is not known"
        rules = "".join(
            f"\n  {rule!r}; {_usage(used, rule.times)}" for rule, used in zip(self._rules, self._used, strict=True)
        )
        rules = rules or "\n  none"
        message = f"no rule answers {operation}{account} in {region}: {request!r}\nThe rules are:{rules}"
        self._unexpected.append(message)
        raise UnexpectedCall(message)


def _usage(used: int, times: int | None) -> str:
    if times is not None:
        return f"used for {used} of {times} {'call' if times == 1 else 'calls'}"
    return f"used for {used} {'call' if used == 1 else 'calls'}, and may be for any number"
