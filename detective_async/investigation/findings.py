"""Reads the JSON of findings: GuardDuty's, and Security Hub's in ASFF.

Sources of what is assumed, by name: the API references of GuardDuty (Finding, AccessKeyDetails, LambdaDetails, Actor,
User, ResourceV2) and Security Hub (AwsSecurityFinding, Resource, AwsIamAccessKeyDetails, AwsIamRoleDetails,
AwsIamUserDetails), which botocore's models contain; "CloudTrail userIdentity element" for the kinds of principals; and
findings that people have published. GuardDuty's API and EventBridge have the same members, once as `AccessKeyDetails`
and once as `accessKeyDetails`; ASFF has one spelling.

GuardDuty has the name of a user or role, and never its path. A name is unique in its account (IAM user guide, "IAM
identifiers"), so an ARN from elsewhere in the findings, or from the caller, tells the path. Otherwise it is not known,
and no ARN is made up: an investigation of a wrong one would find nothing, which looks like innocence.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import define, evolve, field, frozen

from detective_async.api.models.constraints import ACCOUNT_ID, AwareDatetime, list_if_iterable
from detective_async.api.models.investigations import EntityType
from detective_async.errors import ParameterError
from detective_async.investigation import scope
from detective_async.investigation.entities import (
    FindingEntities,
    FindingEntity,
    SkippedEntity,
    SkipReason,
    explain_arn,
    is_entity,
    is_name,
    key_of,
)
from detective_async.settings.arguments import shown
from detective_async.settings.expressions import expression

_USERS = frozenset({"iamuser"})
_ROLES = frozenset({"assumedrole", "role"})
#: The kinds of principals in CloudTrail, whose words GuardDuty uses, in lower case -> why they are skipped.
_SKIPPED_PRINCIPALS = {
    "root": SkipReason.ROOT_USER,
    "federateduser": SkipReason.FEDERATED_USER,
    "samluser": SkipReason.FEDERATED_USER,
    "webidentityuser": SkipReason.FEDERATED_USER,
    "identitycenteruser": SkipReason.FEDERATED_USER,
    "directory": SkipReason.FEDERATED_USER,
    "awsaccount": SkipReason.OTHER_ACCOUNT,
    "awsservice": SkipReason.AWS_SERVICE,
}
_PARTITION = expression(r"aws[a-z-]{0,20}")
#: The note where nothing says what to investigate.
_NO_TIMES = "its findings have no times, so the last day is investigated"
#: What is quoted of a finding is cut after so many characters.
_LONGEST = 200


def entities_of(finding: Any, *, known_arns: Iterable[str] = (), now: datetime | None = None) -> FindingEntities:
    """Find the IAM users and roles that findings name, as ARNs with their paths; and say why the rest is skipped.

    GuardDuty names users and roles without their paths, so their ARNs are not known from its findings alone: they are
    skipped as `PATH_UNKNOWN`, unless another finding or `known_arns` has the ARN, and only one. No ARN is made up.

    Args:
        finding: the parsed JSON of a finding of GuardDuty or of Security Hub (ASFF): alone, in a list, in an event of
            EventBridge, or in a response of GetFindings. Any other JSON is skipped as `UNKNOWN_FORMAT`.
        known_arns: ARNs of users and roles, such as IAM's ListRoles and ListUsers return them: they tell the paths.
        now: the end of the scopes of what is still going on; None for the present time.

    Raises:
        ParameterError: `finding` is text that was not parsed, `known_arns` is no collection of strings, or `now` has no
            time zone.
    """
    if isinstance(finding, str | bytes | bytearray):
        raise ParameterError("finding", "expected parsed JSON, got text: use json.loads")
    now = datetime.now(UTC) if now is None else now
    AwareDatetime()(now, "now")
    known = list_if_iterable(known_arns)
    if not isinstance(known, list):
        raise ParameterError("known_arns", f"expected ARNs to iterate over, got {shown(known)}")
    found: list[FindingEntity | SkippedEntity] = []
    for one in _findings_in(finding):
        found += _Reader(one, now).read()
    arns: dict[tuple[str | None, str | None, str | None], set[str]] = {}
    for arn in (*known, *(one.arn for one in found if isinstance(one, FindingEntity))):
        if isinstance(arn, str) and is_entity(whole := arn.strip()):
            arns.setdefault(key_of(whole), set()).add(whole)
    resolved = [_resolved(one, arns) if isinstance(one, SkippedEntity) else one for one in found]
    return FindingEntities(
        entities=tuple(_joined(one for one in resolved if isinstance(one, FindingEntity))),
        skipped=tuple(dict.fromkeys(one for one in resolved if isinstance(one, SkippedEntity))),
    )


def _resolved(
    skipped: SkippedEntity, arns: Mapping[tuple[str | None, str | None, str | None], Collection[str]]
) -> FindingEntity | SkippedEntity:
    """Return the entity, if only its path was unknown and an ARN tells it; two, as of a deleted role, tell nothing."""
    candidates = arns.get(skipped.key, ()) if skipped.reason is SkipReason.PATH_UNKNOWN else ()
    named = [arn for arn in candidates if skipped.is_named_by(arn)]
    return skipped.with_arn(named[0]) if len(named) == 1 else skipped


def _joined(entities: Iterable[FindingEntity]) -> Iterator[FindingEntity]:
    """Yield each entity once in each region, with the times of all its findings; more often if they are too far apart.

    Each region has a graph of its own.
    """
    groups: dict[tuple[str, str | None], list[FindingEntity]] = {}
    for one in entities:
        groups.setdefault((one.arn, one.region), []).append(one)
    for (arn, region), found in groups.items():
        timed = {one: scope.Scope(one.start, one.end) for one in found if one.start and one.end}
        scopes = scope.joined(list(timed.values()))
        if not scopes:
            note = "; ".join(filter(None, (_note_of(found), _NO_TIMES)))
            yield FindingEntity(arn=arn, region=region, findings=_findings_of(found), note=note)
        for whole in scopes:
            # Those without a time are with the last one.
            part = [one for one in found if (whole.includes(timed[one]) if one in timed else whole == scopes[-1])]
            yield FindingEntity(
                arn=arn,
                start=whole.start,
                end=whole.end,
                region=region,
                findings=_findings_of(part),
                note=_note_of(part),
            )


def _findings_of(entities: Iterable[FindingEntity]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(finding for one in entities for finding in one.findings))


def _note_of(entities: Iterable[FindingEntity]) -> str | None:
    return "; ".join(dict.fromkeys(one.note for one in entities if one.note is not None)) or None


def _findings_in(value: Any) -> Iterator[Any]:
    """Yield the findings in lists, in events of EventBridge, and in responses of GetFindings."""
    # Not recursive: JSON may be nested as deeply as its parser allows.
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list | tuple):
            waiting += reversed(one)
        elif isinstance(one, Mapping) and isinstance(one.get("detail"), Mapping | list):
            waiting.append(one["detail"])
        elif isinstance(one, Mapping) and isinstance(found := _get(one, "findings"), list):
            waiting += reversed(found)
        else:
            yield one


@frozen
class _Principal:
    """A user or role as a finding describes it; what is missing or malformed is None."""

    kind: Any
    name: Any
    principal_id: Any
    account_id: str | None


@define
class _Reader:
    """Reads one finding."""

    finding: Any
    now: datetime
    _found: list[FindingEntity | SkippedEntity] = field(init=False, factory=list)
    _has_bad_time: bool = field(init=False, default=False)

    def read(self) -> list[FindingEntity | SkippedEntity]:
        """Return all that the finding names."""
        # Events, and findings in OCSF, have `resources`.
        if isinstance(self.finding, Mapping) and isinstance(self.finding.get("Resources"), list):
            self._read_asff()
        elif isinstance(_get(self.finding, "resource"), Mapping):
            self._read_guardduty()
        else:
            self._skip(SkipReason.UNKNOWN_FORMAT, _described(self.finding))
            return self._found
        if not self._found:
            self._skip(SkipReason.NO_RESOURCE, _text(_get(self.finding, "type")) or "a finding")
        times = self._times()
        notes = ["a time of its findings cannot be read, and is ignored"] if self._has_bad_time else []
        start, end = None, None
        if times is not None:
            span = scope.around(*times, self.now)
            start, end = span.start, span.end
            notes += scope.left_out(*times, span, self.now)
        note = "; ".join(notes) or None
        return [evolve(one, start=start, end=end, region=self._region, note=note) for one in self._found]

    def _read_guardduty(self) -> None:
        resource = _get(self.finding, "resource")
        is_read = False
        if isinstance(keys := _get(resource, "accessKeyDetails"), Mapping):
            is_read = True
            self._add_principal(_access_key(keys, self._account_id))
        if isinstance(role := _get(resource, "lambdaDetails", "role"), str):
            is_read = True
            self._add_arn(role)
        if isinstance(profile := _get(resource, "instanceDetails", "iamInstanceProfile", "arn"), str):
            is_read = True
            self._skip(SkipReason.INSTANCE_PROFILE, profile)
        sequence = _get(self.finding, "service", "detection", "sequence")
        if isinstance(sequence, Mapping):
            is_read = True
            self._read_actors(sequence)
            for one in _list(_get(sequence, "resources")):
                self._read_resource_of_sequence(one)
        if not is_read and (kind := _text(_get(resource, "resourceType"))):
            self._skip(SkipReason.OTHER_RESOURCE, kind)

    def _read_resource_of_sequence(self, resource: Any) -> None:
        if isinstance(key := _get(resource, "data", "accessKey"), Mapping):
            self._add_principal(_access_key(key, _account(_get(resource, "accountId")) or self._account_id))
            return
        kind, uid = _text(_get(resource, "resourceType")), _text(_get(resource, "uid"))
        is_profile = kind == "IAM_INSTANCE_PROFILE"
        self._skip(
            SkipReason.INSTANCE_PROFILE if is_profile else SkipReason.OTHER_RESOURCE, uid or kind or "a resource"
        )

    def _read_actors(self, sequence: Any) -> None:
        """Read who has acted in an attack sequence, which GuardDuty and ASFF describe in the same words."""
        for actor in _list(_get(sequence, "actors")):
            if isinstance(user := _get(actor, "user"), Mapping):
                # Not the account in `user`, in which the activity took place: it need not be the user's own.
                principal = _Principal(_get(user, "type"), _get(user, "name"), _get(user, "uid"), self._account_id)
                self._add_principal(principal)

    def _read_asff(self) -> None:
        for resource in _list(_get(self.finding, "Resources")):
            kind = _text(_get(resource, "Type"))
            # Older findings have AWSIAMAccessKey.
            match kind.casefold():
                case "awsiamaccesskey":
                    self._read_access_key(_get(resource, "Details", "AwsIamAccessKey"))
                case "awsiamrole":
                    self._read_asff_entity(resource, EntityType.IAM_ROLE)
                case "awsiamuser":
                    self._read_asff_entity(resource, EntityType.IAM_USER)
                case _:
                    self._read_other_resource(resource, kind)
        self._read_actors(_get(self.finding, "Detection", "Sequence"))

    def _read_access_key(self, details: Any) -> None:
        issuer = _get(details, "SessionContext", "SessionIssuer", "Arn")
        # The API reference calls it "the ARN of the session"; in CloudTrail it is that of the role, with its path.
        if isinstance(issuer, str) and is_entity(issuer):
            self._add_arn(issuer)
            return
        self._add_principal(
            _Principal(
                _get(details, "PrincipalType"),
                # Findings from before PrincipalName was added have UserName.
                _get(details, "PrincipalName") or _get(details, "UserName"),
                _get(details, "PrincipalId"),
                _account(_get(details, "AccountId")) or self._account_id,
            )
        )

    def _read_asff_entity(self, resource: Any, kind: EntityType) -> None:
        is_role = kind is EntityType.IAM_ROLE
        details = _get(resource, "Details", "AwsIamRole" if is_role else "AwsIamUser")
        what = _text(_get(resource, "Id"))
        path, name = _get(details, "Path"), _get(details, "RoleName" if is_role else "UserName")
        if is_entity(what):
            self._add_arn(what)
        elif isinstance(path, str) and is_entity(arn := self._arn(kind, path, name)):
            self._add_arn(arn)
        elif what.startswith("arn:"):
            self._add_arn(what)
        else:
            principal_id = _get(details, "RoleId" if is_role else "UserId")
            self._add_principal(
                _Principal("Role" if is_role else "IAMUser", name or what, principal_id, self._account_id)
            )

    def _read_other_resource(self, resource: Any, kind: str) -> None:
        what = _text(_get(resource, "Id"))
        role = _get(resource, "Details", "AwsLambdaFunction", "Role")
        profile = _get(resource, "Details", "AwsEc2Instance", "IamInstanceProfileArn")
        if is_entity(what) or explain_arn(what)["reason"] is SkipReason.PATH_UNKNOWN:
            self._add_arn(what)
        elif isinstance(role, str):
            self._add_arn(role)
        elif isinstance(profile, str):
            self._skip(SkipReason.INSTANCE_PROFILE, profile)
        else:
            self._skip(SkipReason.OTHER_RESOURCE, f"{kind} {what}".strip() or "a resource")

    def _add_arn(self, arn: str) -> None:
        if is_entity(arn):
            self._found.append(FindingEntity(arn=arn, findings=() if self._id is None else (self._id,)))
        else:
            skipped = SkippedEntity(what=arn[:_LONGEST], finding=self._id, **explain_arn(arn))
            self._found.append(skipped)

    def _add_principal(self, principal: _Principal) -> None:
        kind = _text(principal.kind)
        principal_id = principal.principal_id if isinstance(principal.principal_id, str) else None
        what = f"{kind or 'principal'} {_text(principal.name) or _text(principal_id)}".strip()
        lower = kind.casefold()
        if lower not in _USERS | _ROLES:
            # Some findings have no kind: the prefix of the principal's id says it as well (IAM user guide, "IAM
            # identifiers").
            prefix = "" if kind or principal_id is None else principal_id[:4]
            if prefix not in {"AIDA", "AROA"}:
                self._skip(_SKIPPED_PRINCIPALS.get(lower, SkipReason.OTHER_PRINCIPAL), what)
                return
            lower = "iamuser" if prefix == "AIDA" else "role"
        # GuardDuty's names have no path (API reference, "UserName"). If there is one, it is not trusted: only an ARN
        # that has the same one tells which user or role it is.
        path, _, name = _text(principal.name).rpartition("/")
        is_named = is_name(name) and principal.account_id is not None
        self._found.append(
            SkippedEntity(
                reason=SkipReason.PATH_UNKNOWN if is_named else SkipReason.NAME_UNKNOWN,
                what=what,
                finding=self._id,
                account_id=principal.account_id,
                entity_type=EntityType.IAM_USER if lower in _USERS else EntityType.IAM_ROLE,
                name=name if is_named else None,
                principal_id=principal_id,
                partition=self._partition,
                path=path.strip("/") or None,
            )
        )

    def _skip(self, reason: SkipReason, what: str) -> None:
        self._found.append(SkippedEntity(reason=reason, what=what[:_LONGEST], finding=self._id))

    def _arn(self, kind: EntityType, path: str, name: Any) -> str:
        resource = "role" if kind is EntityType.IAM_ROLE else "user"
        return f"arn:{self._partition}:iam::{self._account_id}:{resource}{path}{name}"

    def _times(self) -> tuple[datetime, datetime] | None:
        """Return the times of the first and the last activity; of the finding itself, if it has no others."""
        service = _get(self.finding, "service")
        firsts = (
            _get(service, "eventFirstSeen"),
            _get(self.finding, "FirstObservedAt"),
            _get(self.finding, "ProductFields", "aws/guardduty/service/eventFirstSeen"),
            _get(self.finding, "createdAt"),
        )
        lasts = (
            _get(service, "eventLastSeen"),
            _get(self.finding, "LastObservedAt"),
            _get(self.finding, "ProductFields", "aws/guardduty/service/eventLastSeen"),
            _get(self.finding, "updatedAt"),
        )
        self._has_bad_time = any(value not in (None, "") and _moment(value) is None for value in (*firsts, *lasts))
        first = next((moment for value in firsts if (moment := _moment(value))), None)
        last = next((moment for value in lasts if (moment := _moment(value))), first)
        first = first or last
        return None if first is None or last is None else (min(first, last), max(first, last))

    @property
    def _id(self) -> str | None:
        return _text(_get(self.finding, "arn")) or _text(_get(self.finding, "id")) or None

    @property
    def _region(self) -> str | None:
        """The region of the finding, or that of its ARN or its product's; also if it is none, as others are guesses."""
        named = [_text(_get(self.finding, "region"))]
        for arn in (self._id, _get(self.finding, "ProductArn")):
            named += _text(arn).split(":")[3:4]
        # People write it in capital letters.
        return next(filter(None, named), "").lower() or None

    @property
    def _account_id(self) -> str | None:
        return _account(_get(self.finding, "accountId")) or _account(_get(self.finding, "AwsAccountId"))

    @property
    def _partition(self) -> str:
        """The partition that GuardDuty names, or that of the ARNs of the finding or its product, or AWS's first one."""
        named = [_text(_get(self.finding, "partition"))]
        named += [
            _text(arn).removeprefix("arn:").partition(":")[0] for arn in (self._id, _get(self.finding, "ProductArn"))
        ]
        return next((one for one in named if _PARTITION.fullmatch(one)), "aws")


def _access_key(details: Any, account_id: str | None) -> _Principal:
    return _Principal(_get(details, "userType"), _get(details, "userName"), _get(details, "principalId"), account_id)


def _get(value: Any, *names: str) -> Any:
    """Return a nested member, whether its names begin with capital letters or not; None if there is none.

    Texts have no blanks around them: people edit files.
    """
    for name in names:
        if not isinstance(value, Mapping):
            return None
        other = f"{name[0].swapcase()}{name[1:]}"
        value = value.get(name) if value.get(name) is not None else value.get(other)
    return value.strip() if isinstance(value, str) else value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def _account(value: Any) -> str | None:
    try:
        ACCOUNT_ID(value, "account id")
    except ParameterError:
        return None
    return str(value)


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _described(value: Any) -> str:
    """Return what JSON that is not a finding looks like."""
    if not isinstance(value, Mapping):
        return "null" if value is None else shown(value)
    if "class_uid" in value:
        return "a finding in OCSF, the format of the newer Security Hub"
    kind = _text(value.get("detail-type"))
    if kind:
        return f"an event {kind}"
    malformed = next(
        (name for name in ("Resources", "resource", "Findings", "findings", "detail") if name in value), None
    )
    return (
        "an object without Resources or resource" if malformed is None else f"an object whose {malformed} is malformed"
    )
