"""The time, the waiting and the chance that the library depends on, in one place so that a test can replace them."""

from asyncio import sleep
from collections.abc import Awaitable, Callable
from random import random
from time import monotonic, time

from attrs import frozen


@frozen
class Clock:
    """What the library asks of time and chance.

    Args:
        time: seconds since the epoch; dates the signatures.
        monotonic: seconds that never go back; measures how long things took.
        sleep: waits that many seconds; between attempts.
        random: a number from 0 up to, but not, 1; spreads the waits.
    """

    time: Callable[[], float] = time
    monotonic: Callable[[], float] = monotonic
    sleep: Callable[[float], Awaitable[None]] = sleep
    random: Callable[[], float] = random
