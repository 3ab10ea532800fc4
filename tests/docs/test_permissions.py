"""The page on permissions: with its policies each job works, and without any one of their actions it does not."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fences import read_blocks

from detective_async.cli.permissions import NEEDS
from docs.checks import actions_of
from docs.pages import DOCS
from docs.permission_jobs import JOBS, NOT_SIMULATED, restricted

pytestmark = [pytest.mark.slow, pytest.mark.once]

PAGE = DOCS / "how-to" / "permissions.md"
#: Job of `whoami` -> the policies on the page that allow it.
POLICIES_OF = {
    "onboard": ("Onboard by invitation", "Administrator"),
    "onboard --organization": ("Onboard accounts of an organization", "Delegated administrator"),
    "coverage": ("Find out which accounts are not covered", "Administrator"),
    "inventory": ("Make an inventory", "Role in each administrator account"),
    "investigate": ("Investigate", "Administrator"),
    "teardown": ("Delete graphs", "Administrator"),
}


def read_policies() -> dict[str, dict[str, set[str]]]:
    """Return section -> heading of the policy -> the actions that it allows."""
    found: dict[str, dict[str, set[str]]] = defaultdict(dict)
    lines = PAGE.read_text().splitlines()
    for block in read_blocks(PAGE):
        above = lines[: block.line]
        section = next(line[3:] for line in reversed(above) if line.startswith("## "))
        heading = next(line[4:] for line in reversed(above) if line.startswith("### "))
        found[section][heading] = actions_of(block.text)
    return found


POLICIES = read_policies()


def single_actions() -> Iterator[tuple[str, str, str]]:
    """Yield each action of each policy."""
    for section, policies in POLICIES.items():
        for heading, allowed in policies.items():
            for action in sorted(allowed - NOT_SIMULATED):
                yield section, heading, action


#: The job works without it, and says what is missing.
ONLY_SAID = ("Find out which accounts are not covered", "Administrator", "detective:ListDatasourcePackages")
#: The response of a server names the role, and not what the server itself may not do.
NOT_NAMED = ("Run the example's web backend", "Server", "sts:AssumeRole")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the command a folder of its own, and no colours."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")


def test_each_job_has_its_policies() -> None:
    """There is a job for each section of the page, with the same callers."""
    assert {section: set(policies) for section, policies in POLICIES.items()} == {
        section: set(job.callers) for section, job in JOBS.items()
    }


@pytest.mark.parametrize("section", JOBS)
def test_a_job_works_with_its_policies(section: str) -> None:
    """Everything else is denied."""
    job = JOBS[section]
    with restricted(job, POLICIES[section]) as sim:
        result = job.run(sim)
    assert result.works, result.text


@pytest.mark.parametrize(("section", "heading", "action"), list(single_actions()))
def test_no_action_is_superfluous(section: str, heading: str, action: str) -> None:
    """Without it, the job fails, and says what is missing."""
    job, policies = JOBS[section], POLICIES[section]
    with restricted(job, {**policies, heading: policies[heading] - {action}}) as sim:
        result = job.run(sim)
    assert result.works == ((section, heading, action) == ONLY_SAID), result.text
    assert (action in result.text) == ((section, heading, action) != NOT_NAMED), result.text


@pytest.mark.parametrize("job", NEEDS)
def test_whoami_tries_the_same_permissions(job: str) -> None:
    """What `whoami` knows of a job is what the page says."""
    section, heading = POLICIES_OF[job]
    needs = NEEDS[job]
    assert {*needs.reads, *needs.changes, *needs.options} == POLICIES[section][heading]
