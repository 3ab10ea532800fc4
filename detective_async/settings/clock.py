"""Time, sleep and randomness in one object, so that tests can replace them."""

from asyncio import sleep
from collections.abc import Awaitable, Callable
from random import random
from time import monotonic, time

from attrs import frozen


@frozen
class Clock:
    """The sources of time, sleep and randomness.

    Args:
        time: returns seconds since the epoch, for signatures.
        monotonic: returns seconds that never decrease, for durations.
        sleep: waits for a number of seconds, between attempts.
        random: returns a number from 0 to less than 1, for the jitter of delays.
    """

    time: Callable[[], float] = time
    monotonic: Callable[[], float] = monotonic
    sleep: Callable[[float], Awaitable[None]] = sleep
    random: Callable[[], float] = random
