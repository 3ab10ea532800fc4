"""Terraform with its AWS provider, unmodified: it creates, imports, repairs and destroys what Detective has."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.terraform import PROVIDER, Terraform, running_providers

from detective_async.testing import SimulatorThread

pytestmark = [
    pytest.mark.once,
    pytest.mark.cli,
    pytest.mark.skipif(PROVIDER is None, reason="Terraform with its AWS provider is not installed"),
]

ADMIN, MEMBER, OUTSIDER = "111122223333", "444455556666", "777788889999"
REGION = "eu-west-1"
IMPORT = """
import {{
  to = aws_detective_graph.this
  id = "{arn}"
}}
"""
_SUMMARY = re.compile(r"^(?:Plan: |Apply complete! Resources: |Destroy complete! Resources: )(.*)\.$", re.MULTILINE)


@pytest.fixture
def sim() -> Iterator[SimulatorThread]:
    with SimulatorThread() as simulator:
        yield simulator


def keys_of(sim: SimulatorThread, account_id: str) -> dict[str, str]:
    keys = sim.account(account_id)
    return {"id": ADMIN, "key": keys.access_key_id, "secret": keys.secret_access_key}


@pytest.fixture
def terraform(sim: SimulatorThread, tmp_path: Path) -> Iterator[Terraform]:
    role = sim.role(MEMBER, "DetectiveOnboarding", trusted=[ADMIN], external_id="of-our-own")
    variables = {
        "url": sim.url,
        "administrator": keys_of(sim, ADMIN),
        "member": {"id": MEMBER, "email": f"account-{MEMBER}@example.com", "role": role},
    }
    with running_providers() as providers:
        yield Terraform(tmp_path, variables, providers)


def completed(terraform: Terraform, command: str, *arguments: str, **more: Any) -> str:
    """Run a command that must succeed, and return its summary."""
    done = terraform.run(command, *arguments, **more)
    assert done.code == 0, done.out
    (summary,) = _SUMMARY.findall(done.out)[-1:]
    return str(summary)


def assert_no_changes(terraform: Terraform) -> None:
    done = terraform.run("plan", "-detailed-exitcode")
    assert done.code == 0, done.out
    assert "No changes. Your infrastructure matches the configuration." in done.out


def test_terraform_manages_a_graph_to_its_end(sim: SimulatorThread, terraform: Terraform, client_of: Any) -> None:
    """Import, apply, repaired drift, an empty plan, an account outside of an organization, destroy."""
    sim.organization(ADMIN)
    client = client_of(sim, ADMIN, region=REGION)
    arn = client.create_graph(Tags={"stage": "test", "team": "secops"})["GraphArn"]

    summary = completed(terraform, "apply", "-auto-approve", more=IMPORT.format(arn=arn))
    assert summary == "1 imported, 4 added, 0 changed, 0 destroyed"
    tags = {"stage": "test", "team": "secops"}
    (graph,) = sim.snapshot().values()
    assert (graph["members"], graph["tags"]) == ({MEMBER: "ENABLED"}, tags)
    (accepted,) = [request for request in sim.requests if request.operation == "AcceptInvitation"]
    assert accepted.account_id == MEMBER
    assert "AssumeRole" in {request.operation for request in sim.requests}
    (administrator,) = client.list_organization_admin_accounts()["Administrators"]
    assert administrator["AccountId"] == ADMIN
    assert client.describe_organization_configuration(GraphArn=arn)["AutoEnable"] is True

    # Somebody changes everything by hand.
    client.untag_resource(ResourceArn=arn, TagKeys=["team"])
    client.tag_resource(ResourceArn=arn, Tags={"stage": "production", "more": "tags"})
    client.delete_members(GraphArn=arn, AccountIds=[MEMBER])
    client.update_organization_configuration(GraphArn=arn, AutoEnable=False)
    assert completed(terraform, "apply", "-auto-approve") == "2 added, 2 changed, 0 destroyed"
    (graph,) = sim.snapshot().values()
    assert (graph["members"], graph["tags"]) == ({MEMBER: "ENABLED"}, tags)
    assert client.describe_organization_configuration(GraphArn=arn)["AutoEnable"] is True
    assert_no_changes(terraform)

    # The provider takes the words for an account outside of any organization for "there is none", and drops it.
    target = "-target=aws_detective_organization_admin_account.this"
    outside = terraform.run("plan", "-detailed-exitcode", target, administrator=keys_of(sim, OUTSIDER))
    assert outside.code == 2, outside.out
    assert "aws_detective_organization_admin_account.this will be created" in outside.out

    assert completed(terraform, "destroy", "-auto-approve") == "5 destroyed"
    assert sim.snapshot() == {}
    assert client.list_organization_admin_accounts()["Administrators"] == []
