"""Which authorities a new client trusts, and how strictly it checks certificates: as botocore does."""

import ipaddress
import ssl
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import trustme
from attrs import evolve
from botocore.httpsession import create_urllib3_context
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.certificates import Certificates
from support.wire_server import Request, serving

from detective_async import ConfigurationError, ConnectError, Credentials, DetectiveClient, RetryPolicy
from detective_async.http.environment import ssl_context


def test_checks_are_those_of_botocore(certificates: Certificates) -> None:
    """With a bundle and without one: flags, versions, ciphers. Unlike botocore's, ours checks the name itself."""
    theirs = create_urllib3_context()
    system = ssl_context(None)
    if system is True:
        # aiohttp's own context.
        assert sys.version_info < (3, 13)
        system = aiohttp.connector._SSL_CONTEXT_VERIFIED
    for ours in (ssl_context(str(certificates.bundle)), system):
        assert isinstance(ours, ssl.SSLContext)
        assert ours.verify_flags == theirs.verify_flags
        assert (ours.verify_mode, ours.check_hostname) == (theirs.verify_mode, True)
        # Some builds of Python leave the lowest version to OpenSSL's own configuration.
        assert ours.minimum_version == theirs.minimum_version
        assert ours.minimum_version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.MINIMUM_SUPPORTED)
        assert ours.maximum_version == theirs.maximum_version
        assert ours.get_ciphers() == theirs.get_ciphers()


@pytest.mark.parametrize("is_new", [True, False])
def test_the_systems_authorities(is_new: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Since Python 3.13, aiohttp's own context checks more than botocore's: then it is not used."""
    monkeypatch.setattr("detective_async.http.environment._HAS_ADDED_CHECKS", is_new)
    context = ssl_context(None)
    assert context is ssl_context(None)
    if is_new:
        assert isinstance(context, ssl.SSLContext)
        assert context.cert_store_stats()["x509_ca"] == ssl.create_default_context().cert_store_stats()["x509_ca"]
    else:
        assert context is True


def test_an_unchanged_bundle_is_loaded_once(certificates: Certificates) -> None:
    """A context costs some milliseconds and a megabyte."""
    assert ssl_context(str(certificates.bundle)) is ssl_context(str(certificates.bundle))


@pytest.mark.parametrize("content", [None, b"", b"nonsense", b"\xff\x00"])
async def test_a_bundle_that_cannot_be_used(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder, an empty file and other files are refused, and the error says where it may come from."""
    bundle = tmp_path / "bundle.pem"
    if content is None:
        bundle.mkdir()
    else:
        bundle.write_bytes(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with pytest.raises(ConfigurationError, match="REQUESTS_CA_BUNDLE") as caught:
        DetectiveClient(region="eu-west-1", credentials=Credentials("a", "b"))
    assert str(bundle) in str(caught.value)
    assert ("a folder" in str(caught.value)) == (content is None)
    # A session of the caller's does not use it.
    async with aiohttp.ClientSession() as session:
        DetectiveClient(region="eu-west-1", credentials=Credentials("a", "b"), session=session)


async def list_graphs(tls: ssl.SSLContext, *, later: bool = False) -> None:
    """Call a server with a new client, whose own endpoint may have no TLS."""
    async with (
        serving(Request.answer, tls) as server,
        DetectiveClient(
            region="eu-west-1",
            credentials=Credentials("a", "b"),
            endpoint_url="http://127.0.0.1:1" if later else server.url,
            retry=RetryPolicy(max_attempts=1),
        ) as client,
    ):
        # As the transport to STS has another endpoint.
        endpoint = client._transport.endpoint._replace(url=server.url, host=server.url.partition("//")[2])
        client._transport = evolve(client._transport, endpoint=endpoint)
        await client.list_graphs()


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
async def test_a_bundle_that_was_replaced(variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new client trusts the new authority and no longer the old one, in whatever way the file was replaced."""
    old, new = trustme.CA(), trustme.CA()
    old_server, new_server = (server_context(one.issue_cert("127.0.0.1")) for one in (old, new))
    bundle = tmp_path / "bundle.pem"
    monkeypatch.setenv(variable, str(bundle))

    async def check(trusted: ssl.SSLContext, other: ssl.SSLContext) -> None:
        await list_graphs(trusted)
        with pytest.raises(ConnectError, match="cannot trust 127"):
            await list_graphs(other)

    old.cert_pem.write_to_path(bundle)
    await check(old_server, new_server)
    # In place, to the same size and times if that is possible.
    bundle.write_bytes(new.cert_pem.bytes())
    await check(new_server, old_server)
    (tmp_path / "next").write_bytes(old.cert_pem.bytes())
    (tmp_path / "next").replace(bundle)
    await check(old_server, new_server)


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
async def test_a_bundle_is_loaded_on_demand(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If the endpoint has no TLS, by the first connection with TLS, which is as strict."""
    authority = trustme.CA()
    trusted, other = (server_context(one.issue_cert("127.0.0.1")) for one in (authority, trustme.CA()))
    bundle = tmp_path / "bundle.pem"
    monkeypatch.setenv(variable, str(bundle))
    with pytest.raises(ConfigurationError, match="cannot be used: No such file"):
        await list_graphs(trusted, later=True)
    bundle.write_text("nonsense")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        await list_graphs(trusted, later=True)
    bundle.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    with pytest.raises(ConnectError, match="cannot trust 127"):
        await list_graphs(trusted, later=True)
    assert "cannot be used" in caplog.text
    assert "no server is trusted" in caplog.text
    authority.cert_pem.write_to_path(bundle)
    await list_graphs(trusted, later=True)
    with pytest.raises(ConnectError, match="cannot trust 127"):
        await list_graphs(other, later=True)


@pytest.mark.parametrize("is_new", [True, False])
def test_the_systems_authorities_on_demand(is_new: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is loaded where there is no TLS, and where aiohttp has loaded them already."""
    monkeypatch.setattr("detective_async.http.environment._HAS_ADDED_CHECKS", is_new)
    context = ssl_context(None, on_demand=True)
    if is_new:
        assert isinstance(context, ssl.SSLContext)
        assert context.cert_store_stats()["x509_ca"] == 0
        connection = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
        assert connection.context is ssl_context(None)
        # What an open client has loaded is kept.
        monkeypatch.setattr("detective_async.http.environment._loaded", None)
        another = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
        assert another.context is connection.context
    else:
        assert context is True


async def test_certificates_without_key_identifiers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of TLS-inspecting proxies often have none, which Python's own context refuses since 3.13."""
    server = server_without_key_identifiers(tmp_path / "bundle.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "bundle.pem"))
    await list_graphs(server)


def server_without_key_identifiers(bundle: Path) -> ssl.SSLContext:
    """Write the certificate of an authority, and return the context of a server for 127.0.0.1."""
    now = datetime.now(UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Corporate CA")])
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    extensions: list[tuple[x509.Name, x509.ExtensionType]] = [
        (issuer, x509.BasicConstraints(ca=True, path_length=None)),
        (subject, names),
    ]
    certificates = [
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(extension, critical=False)
        .sign(keys[0], hashes.SHA256())
        for key, (name, extension) in zip(keys, extensions, strict=True)
    ]
    bundle.write_bytes(certificates[0].public_bytes(Encoding.PEM))
    chain = bundle.with_name("server.pem")
    chain.write_bytes(
        keys[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificates[1].public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context
