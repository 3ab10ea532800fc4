"""Profiles with roles: the AWS CLI assumes the role at the simulated STS, and uses it with the simulated Detective."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from detective_async.testing import DetectiveSimulator

pytestmark = pytest.mark.cli

SECURITY = "111122223333"
WORKLOAD = "444455556666"


@pytest.fixture
def profiles(sim: DetectiveSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DetectiveSimulator:
    """Write a profile with keys and two that assume a role with them, and set the endpoint variables."""
    role = sim.role(WORKLOAD, "Audit", trusted=[SECURITY], external_id="a-secret-word")
    keys = sim.account(SECURITY)
    (tmp_path / "config").write_text(
        "[profile audit]\n"
        f"role_arn = {role}\nsource_profile = security\nexternal_id = a-secret-word\nregion = eu-west-1\n"
        "[profile intruder]\n"
        f"role_arn = {role}\nsource_profile = security\nexternal_id = a-guess\nregion = eu-west-1\n"
    )
    (tmp_path / "credentials").write_text(
        f"[security]\naws_access_key_id = {keys.access_key_id}\naws_secret_access_key = {keys.secret_access_key}\n"
    )
    # The CLI caches the credentials of roles below the home directory.
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_DETECTIVE", sim.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sim.url)
    return sim


async def aws(*arguments: str) -> tuple[int, str, str]:
    """Run the AWS CLI."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "awscli", *arguments,
        env=environment | {"AWS_PAGER": ""},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_the_cli_assumes_a_role(profiles: DetectiveSimulator) -> None:
    """`aws` with a role's profile acts in the role's account; it caches the credentials for the next command."""
    status, out, err = await aws("detective", "create-graph", "--profile", "audit")
    assert (status, err) == (0, "")
    assert f":eu-west-1:{WORKLOAD}:graph:" in json.loads(out)["GraphArn"]
    status, out, _ = await aws("sts", "get-caller-identity", "--profile", "audit")
    assert json.loads(out)["Account"] == WORKLOAD
    assert [(one.operation, one.account_id) for one in profiles.requests] == [
        ("AssumeRole", SECURITY),
        ("CreateGraph", WORKLOAD),
        ("GetCallerIdentity", WORKLOAD),
    ]


async def test_the_cli_reports_a_denied_role(profiles: DetectiveSimulator) -> None:
    """A wrong external id is an AccessDenied of AssumeRole, and there is no request to Detective."""
    status, _, err = await aws("detective", "list-graphs", "--profile", "intruder")
    assert status != 0
    assert "AccessDenied" in err
    assert [one.operation for one in profiles.requests] == ["AssumeRole"]
