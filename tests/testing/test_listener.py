"""Where a simulator listens, and the URL that it gives."""

import errno
import http.client
import ipaddress
import socket
from typing import Any, Self

import pytest

from detective_async.testing import DetectiveSimulator, SimulatorThread
from detective_async.testing.server import listener


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def status_of(host: str, port: int, path: str = "/_simulator/") -> int:
    connection = http.client.HTTPConnection(host, port, timeout=60)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def port_of(sim: Any) -> int:
    return int(sim.url.rpartition(":")[2])


@needs_ipv6
def test_localhost_is_both_addresses_on_one_port() -> None:
    """A client may take either for `localhost`, whatever the resolver of this machine says."""
    for _ in range(3):
        with SimulatorThread(host="localhost") as sim:
            assert sim.url == f"http://localhost:{port_of(sim)}"
            assert [status_of(host, port_of(sim)) for host in ("127.0.0.1", "::1", "localhost")] == [200] * 3


@needs_ipv6
def test_a_port_that_is_free_at_one_address_only_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one is tried, with nothing left open; a port that was asked for is refused."""
    bound, tried = listener._bound, []

    def occupied(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
        tried.append(address)
        if tried == ["127.0.0.1", "::1"]:
            raise OSError(errno.EADDRINUSE, "in use")
        return bound(family, address, port)

    monkeypatch.setattr(listener, "_bound", occupied)
    with SimulatorThread(host="localhost") as sim:
        assert tried == ["127.0.0.1", "::1"] * 2
        port = port_of(sim)
        with pytest.raises(OSError, match=f"in use: address 127.0.0.1, port {port}") as caught:
            SimulatorThread(host="localhost", port=port).start()
    assert caught.value.errno == errno.EADDRINUSE
    with SimulatorThread(host="localhost", port=port):
        pass


@pytest.mark.parametrize("number", [errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT])
def test_an_address_that_the_machine_lacks_is_left_out(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """`localhost` where there is no IPv6; but if no address is there, the error says so."""
    bound = listener._bound

    def without_ipv6(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(number, "no IPv6")
        return bound(family, address, port)

    monkeypatch.setattr(listener, "_bound", without_ipv6)
    with SimulatorThread(host="localhost") as sim:
        assert status_of("127.0.0.1", port_of(sim)) == 200
    with pytest.raises(OSError, match="no IPv6"):
        SimulatorThread(host="::1").start()


def test_another_error_of_an_address_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was bound before is closed: the same port can be used at once."""
    bound, sockets = listener._bound, []

    def forbidden(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EACCES, "forbidden")
        sockets.append(bound(family, address, port))
        return sockets[-1]

    monkeypatch.setattr(listener, "_bound", forbidden)
    with pytest.raises(PermissionError, match="forbidden"):
        SimulatorThread(host="localhost").start()
    assert [one.fileno() for one in sockets] == [-1]


def test_all_addresses_have_a_url_that_others_can_use() -> None:
    """0.0.0.0 is no address to connect to: the URL has one of this machine, at which the page can be opened."""
    with SimulatorThread(host="0.0.0.0") as sim:  # noqa: S104
        host = sim.url[7:].rpartition(":")[0]
        assert not ipaddress.ip_address(host).is_unspecified
        assert sim.environment("111122223333")["NO_PROXY"].split(",")[-1] == host
        assert [status_of(one, port_of(sim)) for one in (host, "127.0.0.1")] == [200, 200]


@needs_ipv6
def test_all_addresses_of_ipv6() -> None:
    """:: likewise in IPv6, in brackets, and beside a simulator at the same port of IPv4."""
    with SimulatorThread(host="0.0.0.0") as old, SimulatorThread(host="::", port=port_of(old)) as new:  # noqa: S104
        assert port_of(old) == port_of(new)
        host = new.url[7:].rpartition(":")[0]
        assert host.startswith("[")
        assert not ipaddress.ip_address(host.strip("[]")).is_unspecified
        assert status_of("::1", port_of(new)) == 200


@pytest.mark.parametrize("host", ["0", "0.0"])
def test_short_forms_stand_for_all_addresses(host: str) -> None:
    """As for other programs; a name does not."""
    with SimulatorThread(host=host) as sim:
        assert sim.url.split(":")[1].strip("/") not in (host, "0.0.0.0")  # noqa: S104
        assert status_of("127.0.0.1", port_of(sim)) == 200
    assert not listener.is_unspecified("simulator")


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")])  # noqa: S104
@pytest.mark.parametrize("address", [None, "unspecified"])
def test_a_machine_without_a_network_has_its_loopback_address(
    monkeypatch: pytest.MonkeyPatch, family: socket.AddressFamily, host: str, address: str | None
) -> None:
    """If no route leads elsewhere, or none with an address."""

    class NoRoute:
        def __init__(self, *_: object) -> None:
            pass

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def connect(self, _: object) -> None:
            if address is None:
                raise OSError(errno.ENETUNREACH, "unreachable")

        def getsockname(self) -> tuple[str, int]:
            return host, 0

    monkeypatch.setattr(socket, "socket", NoRoute)
    assert listener._reachable(host, family) == ("127.0.0.1" if family == socket.AF_INET else "::1")


def test_a_failed_start_can_be_repeated() -> None:
    """In a thread too: after the error, the simulator is not started, and its controls work."""
    with SimulatorThread() as other:
        sim = SimulatorThread(port=port_of(other))
        with pytest.raises(OSError, match="in use"):
            sim.start()
        assert sim.accounts == []
    with sim:
        assert status_of("127.0.0.1", port_of(sim)) == 200


async def test_the_root_points_to_the_page(raw: Any) -> None:
    """For whoever opens the URL that was printed; signed requests and those with parameters are for the services."""
    host = {"Host": raw.sim.url[7:]}
    for method in ("GET", "HEAD"):
        reply = await raw.send(method, "/", host)
        assert (reply.status, reply.headers["location"]) == (307, "/_simulator/")
    assert b"/_simulator/" in (await raw.send("GET", "/", host)).body
    assert raw.sim.requests == []
    assert (await raw.send("POST", "/", host)).status == 403
    assert (await raw.send("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", host)).status == 403
    assert (await raw.ask("GET", "/", service="sts")).status == 400
    assert len(raw.sim.requests) == 3


async def test_a_name_is_resolved() -> None:
    """Any name that the resolver knows; one that it does not know is an error of the network."""
    with pytest.raises(OSError, match=r"."):
        await DetectiveSimulator(host="no-such-host.invalid").start()
