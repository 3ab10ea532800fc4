"""Valid and invalid certificates of a test authority."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from attrs import frozen


@frozen
class Certificates:
    """The certificates of servers.

    Attributes:
        bundle: the file with the trusted authority.
        good: for 127.0.0.1, by that authority.
        unknown_authority: for 127.0.0.1, by another one.
        other_name: for another host.
        expired: for 127.0.0.1, until yesterday.
    """

    bundle: Path
    good: ssl.SSLContext
    unknown_authority: ssl.SSLContext
    other_name: ssl.SSLContext
    expired: ssl.SSLContext


def make_certificates(folder: Path) -> Certificates:
    """Make an authority, certificates, and the bundle file."""
    authority, other = trustme.CA(), trustme.CA()
    bundle = folder / "authority.pem"
    authority.cert_pem.write_to_path(bundle)
    return Certificates(
        bundle,
        good=_context(authority.issue_cert("127.0.0.1")),
        unknown_authority=_context(other.issue_cert("127.0.0.1")),
        other_name=_context(authority.issue_cert("detective.example.com")),
        expired=_context(authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) - timedelta(days=1))),
    )


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context
