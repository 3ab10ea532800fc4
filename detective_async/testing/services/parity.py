"""What is modelled of each operation, where that comes from, and what is missing: data beside the operations.

The page about parity in the documentation is generated from it.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from attrs import frozen

_F = TypeVar("_F", bound=Callable[..., Any])


@frozen
class Source:
    """Where something about AWS is said, or seen; without a URL, it is the API or inferred."""

    title: str
    url: str | None = None


_GUIDE = "https://docs.aws.amazon.com/detective/latest/userguide/"
_OLD_GUIDE = "https://docs.aws.amazon.com/detective/latest/adminguide/"
_TERRAFORM = "https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/detective/"

#: The page of the operation in the API reference; botocore's model has the same text.
API = Source("API")
INFERRED = Source("inferred")
INVITED = Source("user guide, invited accounts", f"{_GUIDE}accounts-invited-members.html")
REMOVED = Source("user guide, removing accounts", f"{_GUIDE}accounts-invited-remove.html")
NOT_ENABLED = Source("user guide, accounts not enabled", f"{_OLD_GUIDE}graph-admin-unblock-account.html")
ORGANIZATION_MEMBERS = Source("user guide, organization accounts", f"{_GUIDE}accounts-orgs-members.html")
TRANSITION = Source("user guide, transition to Organizations", f"{_OLD_GUIDE}accounts-orgs-transition.html")
RESTRICTIONS = Source("user guide, restrictions", f"{_OLD_GUIDE}accounts-restrictions-recommendations.html")
QUOTAS = Source("user guide, regions and quotas", f"{_GUIDE}regions-limitations.html")
SOURCE_DATA = Source("user guide, source data", f"{_GUIDE}detective-source-data-about.html")
RUNNING = Source("user guide, running an investigation", f"{_GUIDE}run-investigations.html")
COMMON_ERRORS = Source(
    "API, common errors", "https://docs.aws.amazon.com/detective/latest/APIReference/CommonErrors.html"
)
ORGANIZATIONS = Source(
    "API of AWS Organizations",
    "https://docs.aws.amazon.com/organizations/latest/APIReference/API_RegisterDelegatedAdministrator.html",
)
SRA = Source(
    "AWS's Security Reference Architecture samples",
    "https://github.com/aws-samples/aws-security-reference-architecture-examples",
)
SEEN_LIMIT = Source(
    "seen on AWS in 2020", "https://github.com/aws-samples/amazon-detective-multiaccount-scripts/issues/6"
)
SEEN_CLOSED_REGION = Source("seen on AWS in 2019", "https://github.com/epsagon/clear-lambda-storage/issues/9")
SIGNATURES = Source(
    "IAM user guide, signing errors",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html",
)
SCRIPT = Source(
    "AWS's script, which waits before it accepts",
    "https://github.com/aws-samples/amazon-detective-multiaccount-scripts",
)
TERRAFORM_ADMINISTRATOR = Source("Terraform's provider", f"{_TERRAFORM}organization_admin_account.go")
GUARDDUTY_REPORT = Source(
    "report on GuardDuty and Macie",
    "https://github.com/aws-samples/aws-secure-environment-accelerator/issues/778",
)
AUDIT_MANAGER_REPORT = Source(
    "report on Audit Manager", "https://github.com/awslabs/landing-zone-accelerator-on-aws/issues/370"
)


@frozen
class Fact:
    """One behaviour, and where it comes from."""

    text: str
    source: Source


@frozen
class Parity:
    """What is modelled of an operation, and what is not."""

    facts: tuple[Fact, ...]
    gaps: tuple[str, ...]


#: What all operations have in common.
COMMON = Parity(
    facts=(
        Fact("Paths, shapes, constraints and the HTTP statuses of errors are those of botocore's model.", API),
        Fact(
            "Signature Version 4 is checked, by botocore's canonicalisation; clocks may differ by 5 minutes.",
            SIGNATURES,
        ),
        Fact("Lists that are too long are refused in the words that were seen for CreateMembers.", INFERRED),
        Fact("`ErrorCode` is sent where the model has it, and only for what is wrong with the input.", INFERRED),
        Fact(
            "A region that is not opted in to, by any account or by one: UnrecognizedClientException.",
            SEEN_CLOSED_REGION,
        ),
        Fact(
            "A region whose name looks mistyped: InvalidSignatureException, with the region that may be meant. Other "
            "names that botocore does not know are accepted.",
            SIGNATURES,
        ),
        Fact("An account that is not activated: OptInRequired.", COMMON_ERRORS),
        Fact("A suspended or closed account: its keys are not accepted.", INFERRED),
        Fact("An account that is suspended stays a member, with its status.", INFERRED),
        Fact("Page tokens expire after 24 hours.", API),
        Fact("They are bound to their request, and nothing is skipped or repeated when members come and go.", INFERRED),
        Fact("Read lag, off by default: operations that read see changes later, as clients have to expect.", SCRIPT),
    ),
    gaps=(
        "Permissions: IAM policies, service control policies and session policies have no effect.",
        "Request rates are not limited; tests inject `Throttle`.",
        "Costs, trials and the data itself.",
    ),
)

_ENTRIES: dict[Callable[..., Any], Parity] = {}


def parity(*facts: Fact, gaps: tuple[str, ...] = ()) -> Callable[[_F], _F]:
    """Note what is modelled of the operation that a function carries out.

    `API` is for what is a sentence of the API reference; what follows from none is `INFERRED`.
    """
    entry = Parity(facts, gaps)

    def note(function: _F) -> _F:
        _ENTRIES[function] = entry
        return function

    return note


def parity_of(function: Callable[..., Any]) -> Parity | None:
    """Return what was noted about the operation that a function carries out."""
    return _ENTRIES.get(function)
