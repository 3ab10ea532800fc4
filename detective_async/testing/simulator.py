"""The simulator for async code: it runs in the event loop that it is started in."""

from types import TracebackType
from typing import Self

from detective_async.testing.controls import Controls


class DetectiveSimulator(Controls):
    """A stateful Amazon Detective for tests, over HTTP on this machine, with an STS beside it.

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
        await self._listener.open()

    async def stop(self) -> None:
        """Stop listening and close every connection; doing so again changes nothing."""
        await self._listener.close()

    async def advance(self, seconds: float) -> None:
        """Push the virtual time forward, and let happen what is due by then.

        Signatures are judged by the wall clock, which stays: clients go on working.
        """
        self._advance(seconds)
