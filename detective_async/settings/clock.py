"""Time, sleep and randomness in one object, so that tests can replace them."""

from asyncio import sleep
from collections.abc import Awaitable, Callable
from random import random
from time import monotonic, time
from time import sleep as blocking_sleep

from attrs import fields, frozen

from detective_async.errors import ConfigurationError
from detective_async.settings.arguments import attribute, shown


# attrs' own comparison and repr would double what the creation of the class costs at the start.
@frozen(eq=False, repr=False)
class Clock:
    """The sources of time, sleep and randomness.

    Args:
        time: returns seconds since the epoch, for signatures.
        monotonic: returns seconds that never decrease, for durations.
        sleep: waits for a number of seconds, between attempts.
        random: returns a number from 0 to less than 1, for the jitter of delays.

    Raises:
        ConfigurationError: one of them is not a function, or `sleep` blocks.
    """

    time: Callable[[], float] = time
    monotonic: Callable[[], float] = monotonic
    sleep: Callable[[float], Awaitable[None]] = sleep
    random: Callable[[], float] = random

    def __attrs_post_init__(self) -> None:
        check_clock(self)

    def __repr__(self) -> str:
        functions = [(one, getattr(self, one.name)) for one in fields(Clock)]
        replaced = [f"{one.name}={function!r}" for one, function in functions if function is not one.default]
        return f"Clock({', '.join(replaced)})"


def check_clock(clock: object) -> None:
    """Check that an object has a clock's functions; it need not be a `Clock`.

    Raises:
        ConfigurationError: it has not.
    """
    for function in fields(Clock):
        if not callable(attribute(clock, function.name)):
            problem = f"one whose {function.name} is not" if isinstance(clock, Clock) else shown(clock)
            raise ConfigurationError(f"clock: expected a Clock of four functions, got {problem}")
    if attribute(clock, "sleep") is blocking_sleep:
        raise ConfigurationError("clock: sleep must be a coroutine function, as asyncio.sleep is; time.sleep is not")
