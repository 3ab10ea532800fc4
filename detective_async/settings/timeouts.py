"""The timeouts of a call."""

from functools import lru_cache

from attrs import evolve, fields, frozen

from detective_async.errors import ConfigurationError
from detective_async.settings.arguments import is_positive, shown


@frozen(kw_only=True)
class Timeouts:
    """The timeouts of a call, in seconds; None disables one.

    Args:
        connect: for a new connection, including TLS; raises `ConnectError`. If the program blocked the event loop, so
            that this ends late by a tenth (0.05 s at least, 0.25 s at most), it is given once more.
        read: for the next part of a response; raises `AttemptTimeout`.
        attempt: for one attempt, from its first byte to the last byte of the response; raises `AttemptTimeout`.
        total: for the whole call, including credentials, retries and delays; raises `DeadlineExceeded`.
        credentials: for one look-up of credentials (a role, a process, a coroutine function, a person who types a
            code), after which it is given up and a new one is started by the next call; raises `CredentialsError`. As
            clients that share credentials wait for the same look-up, the value of the client that was made with
            `DetectiveClient(...)` counts, and not that of one derived with `with_options`, whatever the source.

    Raises:
        ConfigurationError: a value is not a positive number.
    """

    connect: float | None = 5.0
    read: float | None = 30.0
    attempt: float | None = 60.0
    total: float | None = 300.0
    credentials: float | None = 60.0

    def __attrs_post_init__(self) -> None:
        for attribute in fields(Timeouts):
            value = getattr(self, attribute.name)
            if value is None:
                continue
            if not is_positive(value):
                raise ConfigurationError(
                    f"timeouts: {attribute.name} must be a positive number of seconds, or None for no limit; "
                    f"got {shown(value)}"
                )


#: Seconds for a connection and for a response, where a host has left several calls in a row without any response.
_SHORT_CONNECT, _SHORT_READ = 2.0, 10.0


@lru_cache(maxsize=16)
def shortened(timeouts: Timeouts) -> Timeouts:
    """Return timeouts for an attempt that will most likely get no response: as before, or shorter."""
    return evolve(
        timeouts,
        connect=_shorter(timeouts.connect, _SHORT_CONNECT),
        read=_shorter(timeouts.read, _SHORT_READ),
        attempt=_shorter(timeouts.attempt, _SHORT_CONNECT + _SHORT_READ),
    )


def _shorter(seconds: float | None, bound: float) -> float:
    return bound if seconds is None else min(seconds, bound)
