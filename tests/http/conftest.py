"""What the tests of this folder share."""

import pytest
from support.certificates import Certificates, make_certificates

# They are no test modules, and yet where most of the asserts are.
pytest.register_assert_rewrite("support.fault_matrix", "support.fault_trial")


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def certificates(_made: Certificates, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """Certificates, whose authority clients find in the environment."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(_made.bundle))
    return _made
