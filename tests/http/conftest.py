"""Fixtures for the tests of http/."""

import pytest
from support.certificates import Certificates, make_certificates

# They are not test modules, but contain most of the assertions.
pytest.register_assert_rewrite("support.fault_matrix", "support.proxied_call")


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def certificates(_made: Certificates, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """Certificates; the environment names their authority."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(_made.bundle))
    return _made
