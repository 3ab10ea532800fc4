"""Ends the credential processes of look-ups that were given up.

botocore waits for a profile's `credential_process` without a limit, in a thread that cannot be stopped; aiobotocore
leaves it running when it is cancelled. Each further look-up would start one more.
"""

import asyncio
import contextlib
import subprocess
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

#: Seconds between two looks at whether a process was given up. Its output ends its wait at once.
_INTERVAL = 0.25


class _Process(subprocess.Popen[bytes]):
    """A process whose output is not waited for any more when it was given up."""

    _given_up = False

    # Without Popen's parameters: botocore gives none.
    def communicate(self) -> Any:  # type: ignore[override]
        """Wait for the process to end, and return its outputs."""
        while True:
            try:
                return super().communicate(timeout=_INTERVAL)
            except subprocess.TimeoutExpired:
                # It was killed, but programs that it has started hold its pipes.
                if self._given_up:
                    self._close()
                    raise

    def give_up(self) -> None:
        """Kill the process, from any thread; one that has ended is left alone."""
        self._given_up = True
        self.kill()

    def _close(self) -> None:
        for pipe in filter(None, (self.stdout, self.stderr)):
            pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(_INTERVAL)


class _AsyncioProcess:
    """A process that a coroutine of aiobotocore waits for."""

    def __init__(self, process: Any) -> None:
        self._process = process

    def give_up(self) -> None:
        """Kill the process, and close its pipes, which programs that it has started may hold."""
        self._process._transport.close()  # noqa: SLF001 - asyncio has no other way


class LookUp:
    """The processes that one look-up starts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: list[_Process | _AsyncioProcess] = []
        self._given_up = False

    def add(self, process: _Process | _AsyncioProcess) -> None:
        """Note a process that was started; it ends at once if the look-up was given up meanwhile."""
        with self._lock:
            self._processes.append(process)
            given_up = self._given_up
        if given_up:
            process.give_up()

    def give_up(self) -> None:
        """Kill the processes, and those that are started from now on."""
        with self._lock:
            self._given_up = True
            processes = self._processes.copy()
        for process in processes:
            process.give_up()


#: The look-up that the current context belongs to; threads inherit it.
_current: ContextVar[LookUp | None] = ContextVar("_current", default=None)


@contextlib.contextmanager
def one_look_up() -> Iterator[None]:
    """Kill the processes that are started in this context and its threads, if it is cancelled."""
    look_up = LookUp()
    outer = _current.get()
    _current.set(look_up)
    try:
        yield
    except asyncio.CancelledError:
        look_up.give_up()
        raise
    finally:
        # Not reset by a token: a coroutine that an event loop left behind may be closed in another context.
        _current.set(outer)


def end_with_look_up(chain: Any) -> None:
    """Let the credential processes of a chain of botocore end with the look-up that has started them.

    Only those of this library's look-ups do: what the user's own session starts is left alone.
    """
    # Attributes of botocore and aiobotocore; where they are missing, nothing is done.
    for provider in getattr(chain, "providers", ()):
        _replace_popen(provider)
        # Makes the providers of a role's source_profile.
        builder: Any = getattr(provider, "_profile_provider_builder", None)
        make = getattr(builder, "_create_process_provider", None)
        if make is not None and not isinstance(make, _ProcessProviderFactory):
            builder._create_process_provider = _ProcessProviderFactory(make)  # noqa: SLF001 - botocore has no other way


class _ProcessProviderFactory:
    """Makes providers of botocore whose processes end with their look-up."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        provider = self._original(*arguments, **options)
        _replace_popen(provider)
        return provider


def _replace_popen(provider: Any) -> None:
    # Not one of the user's own.
    for original, ours in ((subprocess.Popen, _popen), (asyncio.create_subprocess_exec, _create_subprocess_exec)):
        if getattr(provider, "_popen", None) is original:
            provider._popen = ours  # noqa: SLF001 - botocore has no other way


def _popen(*arguments: Any, **options: Any) -> Any:
    look_up = _current.get()
    if look_up is None:
        return subprocess.Popen(*arguments, **options)  # noqa: S603 - the user's command, as for botocore
    process = _Process(*arguments, **options)
    look_up.add(process)
    return process


async def _create_subprocess_exec(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(*arguments, **options)
    if (look_up := _current.get()) is not None:
        look_up.add(_AsyncioProcess(process))
    return process
