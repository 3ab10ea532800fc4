"""The simulator for async code: it runs in the event loop of its caller."""

from types import TracebackType
from typing import Self

from detective_async.testing.controls import Controls


class DetectiveSimulator(Controls):
    """A stateful Amazon Detective for tests, over HTTP on this machine, with AWS Organizations and STS.

    Any AWS client works with it: give the client `url` as its endpoint, and the credentials of an `account`.
    The calling account follows from the access key of a request's signature, and the region from the signature.

    An invitation verifies if it was sent to the e-mail address with which `account()` registered its account; an
    account that is not registered when it is invited verifies with any address, unless one is given meanwhile.

    Args:
        host: the address to listen on; `localhost` stands for all addresses that it has, `0.0.0.0` for all of this
            machine in IPv4, and `::` for all in IPv6.
        port: the port to listen on; 0 for a free one.
        verification_delay: seconds of virtual time from an invitation to the end of its verification; also for the
            accounts of an organization, which then need no invitation.
        activation_delay: seconds of virtual time from a member's acceptance to the end of the check of its data
            volume; until then it is ACCEPTED_BUT_DISABLED without a reason.
        package_delay: seconds of virtual time from the start of a data source package until it is STARTED; also for
            those of a new graph, which are DISABLED until then.
        deletion_delay: seconds of virtual time from DeleteGraph until the graph is gone; until then ListGraphs has it,
            operations on it do not find it, and CreateGraph ends in a ConflictException.
        delegation_delay: seconds of virtual time from an organization's first EnableOrganizationAdminAccount until
            other regions can follow; until then they are refused with a ValidationException.
        read_lag: seconds of virtual time after which reading operations see what was written; see `set_read_lag`.
        seed: makes graph ids, investigation ids and the probabilities of faults repeatable.
        wall_clock: the time for checking signatures, in seconds since the epoch.
        remember: the maximum length of `requests`.
        control_token: lets whoever has it use the controls over HTTP; by default, nobody can.
        allowed_hosts: names that this machine has for others, such as `simulator`: the page and the controls refuse
            requests to other names than `localhost`.
    """

    async def __aenter__(self) -> Self:
        """Start listening."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop listening and close every connection; without an error, warn of faults that no request has matched."""
        await self.stop()
        if error is None:
            self._warn_of_unused_faults()

    async def start(self) -> None:
        """Start listening; the state is kept when the simulator is stopped and started again."""
        await self._listener.open()

    async def stop(self) -> None:
        """Stop listening and close every connection; stopping again has no effect."""
        await self._listener.close()

    async def advance(self, seconds: float) -> None:
        """Advance the virtual time, and complete what is due by then.

        Signatures are checked against the wall clock, which does not change: clients keep working.
        """
        self._advance(seconds)
