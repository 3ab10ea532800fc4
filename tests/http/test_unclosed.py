"""Connections that nobody closes: the parts that run in a forked process and at the end of the interpreter."""

import asyncio
import errno
import os
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable
from unittest.mock import Mock

import pytest
from support.server_thread import server_thread
from support.strict_mode import warnings_in

from detective_async import ClientClosed, Credentials, DetectiveClient
from detective_async.http import unclosed
from detective_async.http.descriptors import is_exhausted
from detective_async.http.unclosed import Origin, close_socket

KEYS = Credentials("a", "b")


def transport_of(sock: object, *, closing: bool = False) -> Mock:
    return Mock(spec=["_sock", "is_closing", "pause_reading"], _sock=sock, is_closing=lambda: closing)


@pytest.mark.parametrize(
    ("closing", "forked", "closed_loop", "closes"),
    [
        (False, False, False, True),
        (False, True, False, True),
        (True, False, False, False),
        (True, False, True, True),
        (True, True, False, True),
    ],
)
def test_sockets_that_are_closed(closing: bool, forked: bool, closed_loop: bool, closes: bool) -> None:
    """All but those that the event loop will close; after a fork, nothing of the event loop is touched."""
    sock = Mock()
    transport = transport_of(sock, closing=closing)
    close_socket(transport, Mock(is_closed=lambda: closed_loop), forked=forked)
    assert sock.close.called is closes
    assert (transport._sock is None) is closes
    assert transport.pause_reading.called is (closes and not forked)


def test_transports_without_a_socket() -> None:
    """Those of other event loops, and those that are closed."""
    for transport in (object(), None, transport_of(None)):
        close_socket(transport, Mock(), forked=False)


def _opened() -> Origin:
    origin = Origin("DetectiveClient", "program.py", 7)
    origin.opened = True
    return origin


@pytest.mark.parametrize(("leave", "warns"), [(unclosed._forget_after_fork, False), (unclosed._abandon_at_exit, True)])
def test_what_is_registered_is_abandoned(
    leave: Callable[[], None], warns: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the end, but for event loops that run, with one warning for each client, which is printed and not raised."""
    origin = _opened()
    idle, another, running = (
        Mock(loop=Mock(is_running=lambda value=value: value), origin=origin) for value in (False, False, True)
    )
    monkeypatch.setattr(unclosed, "registered", {idle, another, running})
    issued = Mock(side_effect=ResourceWarning("unclosed"))
    monkeypatch.setattr(warnings, "warn_explicit", issued)
    leave()
    assert idle.abandon.called
    assert another.abandon.called
    assert running.abandon.called is not warns
    assert issued.call_count == warns
    assert not origin.opened
    assert capsys.readouterr().err == "ResourceWarning: unclosed\n" * warns


def test_a_program_without_a_console(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is printed elsewhere at its end."""
    left = Mock(loop=Mock(is_running=lambda: False), origin=_opened())
    monkeypatch.setattr(unclosed, "registered", {left})
    monkeypatch.setattr(warnings, "warn_explicit", Mock(side_effect=ResourceWarning))
    monkeypatch.setattr(sys, "stderr", None)
    unclosed._abandon_at_exit()
    assert capsys.readouterr().out == ""


PROGRAM = """
import asyncio, sys
from detective_async import Credentials, DetectiveClient
client = DetectiveClient(region="eu-west-1", credentials=Credentials("a", "b"), endpoint_url=sys.argv[1])
asyncio.run(client.list_graphs())
asyncio.run(client.list_graphs())
"""


@pytest.mark.slow
@pytest.mark.parametrize("filters", ["error", "always", None])
def test_a_program_with_a_client_at_module_level(filters: str | None) -> None:
    """At its end there is a warning for who wants to see it, and nothing else."""
    options = () if filters is None else ("-W", filters)
    with server_thread() as server:
        run = subprocess.run(
            [sys.executable, "-P", *options, "-c", PROGRAM, server.url], capture_output=True, text=True, check=False
        )
    expected = "ResourceWarning: unclosed DetectiveClient, made at <string>:4: use `async with`, or await its aclose()"
    assert run.returncode == 0
    # Python 3.13 adds the line of the program.
    first = warnings_in(run.stderr).partition("\n")[0]
    assert first == {"always": f"<string>:4: {expected}", "error": expected, None: ""}[filters]
    assert "Traceback" not in run.stderr


async def test_a_call_that_waits_while_the_client_is_closed() -> None:
    """It raises when its turn comes, and sends nothing."""
    with server_thread(lambda _: None) as server:
        client = DetectiveClient(region="eu-west-1", credentials=KEYS, endpoint_url=server.url)
        client._transport.pool._max_requests = 1
        calls = [asyncio.create_task(client.list_graphs()) for _ in range(2)]
        while not server.requests:  # noqa: ASYNC110 - of another thread
            await asyncio.sleep(0.001)
        await client.aclose()
        calls[0].cancel()
        with pytest.raises(ClientClosed):
            await calls[1]
        await asyncio.gather(*calls, return_exceptions=True)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("error", "another", "exhausted"),
    [
        (OSError(errno.EMFILE, "too many"), None, True),
        (OSError(errno.ENFILE, "too many"), None, True),
        (socket.gaierror(socket.EAI_NONAME, "no name"), OSError(errno.EMFILE, "too many"), True),
        (socket.gaierror(socket.EAI_NONAME, "no name"), OSError(errno.EACCES, "no"), False),
        (ConnectionRefusedError(errno.ECONNREFUSED, "no"), None, False),
    ],
)
def test_too_many_open_files(
    error: OSError, another: OSError | None, exhausted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the error does not tell, a socket is opened to see."""
    before = len(os.listdir("/dev/fd"))  # noqa: PTH208 - counted only
    if another is not None:
        monkeypatch.setattr(socket, "socket", Mock(side_effect=another))
    assert is_exhausted(error) is exhausted
    assert len(os.listdir("/dev/fd")) == before  # noqa: PTH208
