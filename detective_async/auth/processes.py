"""Ends the credential processes of look-ups that were given up.

botocore waits for a profile's `credential_process` without a limit, in a thread that cannot be stopped. Each further
look-up would start one more.
"""

import contextlib
import subprocess
import threading
from contextvars import ContextVar
from typing import Any

#: Seconds between two looks at whether a process was given up. Its output ends its wait at once.
_INTERVAL = 0.25


class _Process(subprocess.Popen[bytes]):
    """A process whose output is not waited for any more when it was given up."""

    _given_up = False

    def communicate(self, input: Any = None, timeout: float | None = None) -> Any:  # noqa: A002, ARG002 - names of Popen
        """Wait for the process to end, and return its outputs."""
        while True:
            try:
                return super().communicate(input, _INTERVAL)
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
        for pipe in (self.stdout, self.stderr):
            if pipe is not None:
                pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(_INTERVAL)


class LookUp:
    """The processes that one look-up starts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: list[_Process] = []
        self._given_up = False

    def start(self, *arguments: Any, **options: Any) -> _Process:
        """Start a process, as `subprocess.Popen` does."""
        process = _Process(*arguments, **options)
        with self._lock:
            self._processes.append(process)
            given_up = self._given_up
        if given_up:
            process.give_up()
        return process

    def give_up(self) -> None:
        """Kill the processes, and those that are started from now on."""
        with self._lock:
            self._given_up = True
            processes = self._processes.copy()
        for process in processes:
            process.give_up()


#: The look-up that the current context belongs to; threads inherit it.
current_look_up: ContextVar[LookUp | None] = ContextVar("current_look_up", default=None)


def end_with_look_up(resolver: Any) -> None:
    """Let the credential processes of a botocore chain end with the look-up that has started them.

    Only those of this library's look-ups do: what the user's own session starts is left alone.
    """
    # Attributes of botocore; where they are missing, and for the coroutines of aiobotocore, nothing is done.
    for provider in getattr(resolver, "providers", ()):
        _replace_popen(provider)
        # Makes the providers of a role's source_profile.
        builder = getattr(provider, "_profile_provider_builder", None)
        make = getattr(builder, "_create_process_provider", None)
        if make is not None and not hasattr(make, "original"):
            builder._create_process_provider = _Making(make)


class _Making:
    """Makes providers of botocore whose processes end with their look-up."""

    def __init__(self, original: Any) -> None:
        self.original = original

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        provider = self.original(*arguments, **options)
        _replace_popen(provider)
        return provider


def _replace_popen(provider: Any) -> None:
    if getattr(provider, "_popen", None) is subprocess.Popen:
        provider._popen = _popen  # noqa: SLF001 - botocore has no other way


def _popen(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
    look_up = current_look_up.get()
    return subprocess.Popen(*arguments, **options) if look_up is None else look_up.start(*arguments, **options)
