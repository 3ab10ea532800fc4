"""A simulated world to try all subcommands on: an organization with a few mistakes in it."""

from typing import Any

ADMINISTRATOR = "111122223333"
MANAGEMENT = "999988887777"
ROLE = "DetectiveOnboarding"
REGIONS = ("eu-west-1", "us-east-1", "ap-southeast-2")
#: A region that the accounts have not opted in to.
CLOSED = "me-south-1"
ACCOUNTS = tuple(f"{number:012}" for number in range(100_000_000_001, 100_000_000_041))
#: An account that is suspended, and is no member.
SUSPENDED = ACCOUNTS[-1]

#: What is wrong with the membership of some accounts, in every region that has a graph.
_MISTAKES: dict[str, dict[str, str]] = {
    ACCOUNTS[3]: {"status": "VERIFICATION_FAILED"},
    ACCOUNTS[8]: {"status": "INVITED"},
    ACCOUNTS[17]: {"status": "ACCEPTED_BUT_DISABLED", "disabled_reason": "VOLUME_TOO_HIGH"},
}
#: Accounts that have not been invited yet.
_NOT_MEMBERS = frozenset(ACCOUNTS[30:])

HINTS = f"""\
A world of {len(ACCOUNTS)} accounts: account {ADMINISTRATOR} administers graphs in {REGIONS[0]} and {REGIONS[1]},
{MANAGEMENT} manages the organization, every account has the role {ROLE}.
In another terminal, evaluate the commands above, and try:
  detective-async whoami --regions {",".join(REGIONS)}
  detective-async coverage --regions {",".join(REGIONS)}
  detective-async onboard --organization --regions {",".join(REGIONS)} --dry-run
  detective-async inventory --regions {REGIONS[0]} --output csv
  detective-async investigate arn:aws:iam::{ACCOUNTS[0]}:role/Deploy --regions {REGIONS[0]}
  detective-async teardown --regions {REGIONS[1]} --dry-run"""


def demo_world() -> dict[str, Any]:
    """Return the world as a seed."""
    invited = {"invitation_type": "INVITATION"}
    members = [{"account": one, **_MISTAKES.get(one, {}), **invited} for one in ACCOUNTS if one not in _NOT_MEMBERS]
    # It may list the accounts, and its graphs are those of the organization.
    administrators = {region: {"account": ADMINISTRATOR} for region in REGIONS[:2]}
    delegated = {"delegated": ADMINISTRATOR, "administrators": administrators}
    graph = {"administrator": ADMINISTRATOR, "members": members, "tags": {"team": "secops"}}
    return {
        "closed_regions": [CLOSED],
        "accounts": [
            {"id": ADMINISTRATOR, "name": "security"},
            *({"id": one, "name": f"workload-{number}"} for number, one in enumerate(ACCOUNTS[:-1], start=1)),
            {"id": SUSPENDED, "name": "closed-down", "state": "SUSPENDED"},
        ],
        "roles": [
            {"account": one, "name": ROLE, "trusted": [ADMINISTRATOR]} for one in (ADMINISTRATOR, MANAGEMENT, *ACCOUNTS)
        ],
        "organizations": [{"management_account": MANAGEMENT, "accounts": [ADMINISTRATOR, *ACCOUNTS], **delegated}],
        "graphs": [
            {
                **graph,
                "region": REGIONS[0],
                "investigations": [{"entity_arn": f"arn:aws:iam::{ACCOUNTS[0]}:role/Deploy", "severity": "CRITICAL"}],
            },
            {**graph, "region": REGIONS[1]},
        ],
    }
