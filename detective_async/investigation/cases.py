"""What is to be investigated: one case for each entity and scope, and its state."""

import enum
from collections.abc import Iterable
from datetime import UTC, datetime

from attrs import define, field

from detective_async.api.models.constraints import AwareDatetime, list_if_iterable
from detective_async.api.models.investigations import InvestigationDetail
from detective_async.client.client import DetectiveClient
from detective_async.errors import DetectiveError, ParameterError
from detective_async.investigation.entities import FindingEntity, SkipReason, explain_arn, is_entity, is_region
from detective_async.investigation.scope import Scope, is_recent, requested
from detective_async.settings.arguments import shown, type_name
from detective_async.settings.endpoints import partition_of

#: The characters of a malformed ARN in its error.
_LONGEST_SHOWN = 200


class Phase(enum.Enum):
    """How far a case has come."""

    WAITING = enum.auto()
    STARTING = enum.auto()
    # Its start got no response, so that its id has to be found.
    LOST = enum.auto()
    RUNNING = enum.auto()
    SETTLED = enum.auto()


@define(eq=False)
class Case:
    """One entity and scope to investigate.

    Attributes:
        scope: the wanted one; once there is an investigation, its own.
        region: that of the findings; None if there is none.
        findings: the ids of the findings that name it.
        note: what of their activity is not in the scope, and why.
        problem: why it cannot be investigated.
        detail: the investigation as it was last seen; with its id only, before it was.
        reused: whether it had been started before.
        error: why it was lost, or could not be started yet.
        search_until: when the search for it ends, by the monotonic clock.
    """

    entity: str
    scope: Scope
    region: str | None = None
    problem: ParameterError | None = None
    findings: tuple[str, ...] = ()
    note: str | None = None
    phase: Phase = field(init=False, default=Phase.WAITING)
    detail: InvestigationDetail | None = field(init=False, default=None)
    reused: bool = field(init=False, default=False)
    error: DetectiveError | None = field(init=False, default=None)
    search_until: float = field(init=False, default=0.0)

    @property
    def partition(self) -> str:
        """The partition of the entity's account, if it is an ARN."""
        return self.entity.split(":")[1]

    @property
    def investigation_id(self) -> str | None:
        """Its id, once it is known."""
        return None if self.detail is None else self.detail.investigation_id


def make_cases(
    client: DetectiveClient,
    entity_arns: Iterable[str | FindingEntity],
    start: datetime | None,
    end: datetime | None,
    *,
    region: str | None,
) -> list[Case]:
    """Return the cases; raises a `ParameterError` for what cannot be one.

    Args:
        client: a client, for its clock.
        entity_arns: ARNs, and entities of findings.
        start: the start of the activity, or None.
        end: its end, or None.
        region: where all are investigated; None for the region of each finding.
    """
    entities = list_if_iterable(entity_arns)
    if not isinstance(entities, list):
        raise ParameterError("entity_arns", f"expected ARNs to iterate over, got {shown(entities)}")
    now = present_time(client)
    default = requested(start, end, now)
    cases = []
    for index, entity in enumerate(entities):
        if isinstance(entity, FindingEntity):
            cases.append(_case_of(entity, start, end, now))
        elif isinstance(entity, str):
            cases.append(Case(str(entity), default, problem=None if is_entity(entity) else malformed(entity)))
        else:
            raise ParameterError(
                f"entity_arns[{index}]", f"expected an ARN, or an entity of a finding, got {type_name(entity)}"
            )
    for case in cases:
        case.problem = case.problem or _other_partition(case, region or case.region)
    return cases


def _other_partition(case: Case, region: str | None) -> ParameterError | None:
    """Return the error for an entity whose account is in another partition than the graph."""
    if region is None or not is_region(region) or (partition := partition_of(region)) == case.partition:
        return None
    problem = f"{case.entity} is of the partition {case.partition}, and {region} of {partition}: use its own regions"
    return ParameterError("entity_arns", problem)


def _case_of(entity: FindingEntity, start: datetime | None, end: datetime | None, now: datetime) -> Case:
    """Return the case of an entity of a finding; with a problem if its time contradicts the one that was asked for."""
    for name, moment in (("start", entity.start), ("end", entity.end)):
        if moment is not None:
            AwareDatetime()(moment, name)
    problem = None if is_entity(entity.arn) else malformed(entity.arn)
    end_moves = end is None and is_recent(entity.end, now)
    try:
        scope = requested(start or entity.start, end or entity.end, now, end_moves=end_moves)
    except ParameterError as error:
        scope, problem = Scope(entity.start or now, entity.end or now), problem or error
    # A time that was asked for is investigated as it is.
    note = entity.note if start is None and end is None else None
    return Case(entity.arn, scope, entity.region, problem, entity.findings, note)


def distinct(cases: Iterable[Case]) -> list[Case]:
    """Return new cases for those of one region, each entity and scope once."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        known = found.setdefault(case.entity, [])
        if not any(one.scope.is_like(case.scope) for one in known):
            known.append(Case(case.entity, case.scope, case.region, case.problem, case.findings, case.note))
    return [case for known in found.values() for case in known]


def present_time(client: DetectiveClient) -> datetime:
    """Return the time of the client's clock, in whole seconds."""
    moment = datetime.fromtimestamp(client._transport.clock.time(), UTC)  # noqa: SLF001 - of our own class
    return moment.replace(microsecond=0)


def malformed(arn: str) -> ParameterError:
    """Return the error for something that is not the ARN of a user or role, with what to do."""
    reason = explain_arn(arn)["reason"]
    problem = f"{arn[:_LONGEST_SHOWN]!r} is not the ARN of an IAM user or role ({reason}); {_remedy(arn)}"
    return ParameterError("entity_arns", problem)


def _remedy(arn: str) -> str:
    found = explain_arn(arn)
    match found["reason"]:
        case SkipReason.PATH_UNKNOWN:
            # A session has the role's name, and not its path.
            return f"the role's own ARN is what `aws iam get-role --role-name {found['name']}` shows"
        case SkipReason.MALFORMED:
            return "expected the whole ARN, such as arn:aws:iam::111122223333:role/Deploy, as IAM shows it"
        case _:
            return "only IAM users and roles can be investigated"
