"""How long to wait for what."""

from attrs import fields, frozen

from detective_async.errors import ConfigurationError


@frozen(kw_only=True)
class Timeouts:
    """How long to wait for what, in seconds; None waits without end.

    Args:
        connect: for a new connection, TLS included; `ConnectError` after that.
        read: for the next piece of an answer; `AttemptTimeout` after that.
        attempt: for one attempt, from its first byte to the answer's last; `AttemptTimeout` after that.
        total: for the whole call, with credentials, retries and the waits between them; `DeadlineExceeded` after that.

    Raises:
        ConfigurationError: a value is not a positive number.
    """

    connect: float | None = 5.0
    read: float | None = 30.0
    attempt: float | None = 60.0
    total: float | None = 300.0

    def __attrs_post_init__(self) -> None:
        for attribute in fields(Timeouts):
            value = getattr(self, attribute.name)
            if value is None:
                continue
            if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
                raise ConfigurationError(
                    f"timeouts: {attribute.name} must be a positive number of seconds, got {value!r}"
                )
