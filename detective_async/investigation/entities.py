"""The users and roles that findings name, and why others cannot be investigated."""

import enum
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from attrs import field, frozen

from detective_async.api.models.base import TablesInNotebooks
from detective_async.api.models.investigations import EntityType
from detective_async.api.values import fields_to_dict, to_dict
from detective_async.errors import ParameterError, printable
from detective_async.settings.arguments import shown
from detective_async.settings.endpoints import check_region
from detective_async.settings.expressions import expression

#: Names and paths as the IAM user guide describes them ("IAM identifiers").
_NAME = r"[A-Za-z0-9_+=,.@-]{1,64}"
_PATH = r"/(?:[!-~]{1,510}/)?"
_ENTITY = expression(
    rf"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>[0-9]{{12}}):(?P<kind>user|role){_PATH}(?P<name>{_NAME})"
)
#: A session of a role has the role's name, and not its path (IAM user guide, "IAM identifiers").
_SESSION = expression(
    rf"arn:(?P<partition>aws[a-z-]*):sts::(?P<account>[0-9]{{12}}):assumed-role/(?P<name>{_NAME})/.*", re.DOTALL
)
#: What should be the ARN of a user or role.
_MALFORMED = expression(r"(?!arn:).*|arn:aws[a-z-]*:iam::[^:]*:(?:user|role)/.*", re.DOTALL)
_ROOT = expression(r"arn:aws[a-z-]*:iam::[0-9]{12}:root")
_FEDERATED = expression(r"arn:aws[a-z-]*:sts::[0-9]{12}:federated-user/.*", re.DOTALL)
_WHOLE_PATH = expression(_PATH)
_KINDS = {"user": EntityType.IAM_USER, "role": EntityType.IAM_ROLE}


class SkipReason(enum.StrEnum):
    """Why something that a finding names cannot be investigated: only IAM users and roles can, by their ARNs.

    Attributes:
        PATH_UNKNOWN: a user or a role whose name is known, but not its path, so that its ARN cannot be known.
        NAME_UNKNOWN: a user or a role whose name is not known.
        ROOT_USER: the root user of an account.
        FEDERATED_USER: a user of an identity provider, with temporary keys.
        OTHER_ACCOUNT: another account, of which the finding names no user or role.
        AWS_SERVICE: a service of AWS.
        INSTANCE_PROFILE: an instance's profile; the finding does not say which role is in it.
        OTHER_PRINCIPAL: a principal of another kind.
        OTHER_RESOURCE: a resource that is not a principal, such as an instance or a bucket.
        MALFORMED: what should be a user or a role is not one.
        NO_RESOURCE: the finding names nothing.
        UNKNOWN_FORMAT: it is not a finding of GuardDuty, or of Security Hub in ASFF.
    """

    PATH_UNKNOWN = "path unknown"
    NAME_UNKNOWN = "name unknown"
    ROOT_USER = "root user"
    FEDERATED_USER = "federated user"
    OTHER_ACCOUNT = "other account"
    AWS_SERVICE = "AWS service"
    INSTANCE_PROFILE = "instance profile"
    OTHER_PRINCIPAL = "other principal"
    OTHER_RESOURCE = "other resource"
    MALFORMED = "malformed"
    NO_RESOURCE = "no resource"
    UNKNOWN_FORMAT = "unknown format"


_EXPLANATIONS = {
    SkipReason.PATH_UNKNOWN: "the path is not known, which is a part of the ARN: pass the ARNs of the account's users "
    "and roles as known_arns, one for each name",
    SkipReason.NAME_UNKNOWN: "the name of the user or role is not known",
    SkipReason.ROOT_USER: "root users cannot be investigated",
    SkipReason.FEDERATED_USER: "federated users cannot be investigated",
    SkipReason.OTHER_ACCOUNT: "the user or role of the other account is not known",
    SkipReason.AWS_SERVICE: "services of AWS cannot be investigated",
    SkipReason.INSTANCE_PROFILE: "the role of the instance profile is not known: iam:GetInstanceProfile tells it",
    SkipReason.OTHER_PRINCIPAL: "only IAM users and roles can be investigated",
    SkipReason.OTHER_RESOURCE: "only IAM users and roles can be investigated",
    SkipReason.MALFORMED: "it is not the ARN or the name of an IAM user or role",
    SkipReason.NO_RESOURCE: "the finding names no resource",
    SkipReason.UNKNOWN_FORMAT: "it is not a finding of GuardDuty, or of Security Hub in its format ASFF",
}


@frozen(kw_only=True)
class FindingEntity:
    """An IAM user or role that findings name, with the time to investigate; `investigate` takes it as it is.

    Attributes:
        arn: its ARN.
        start: a day before the findings' first activity; None if they have no times.
        end: a day after the last activity, or now; together 3 hours to 30 days.
        region: the region of the findings, or what they have instead of one; None if they have nothing.
        findings: the ids of the findings that name it.
        note: what an investigation leaves out of the findings' activity, and why: what is longer than 30 days, in the
            future, more than a year old, or at a time that cannot be read. None if it is all there.
    """

    arn: str
    start: datetime | None = None
    end: datetime | None = None
    region: str | None = None
    findings: tuple[str, ...] = ()
    note: str | None = None

    @property
    def account_id(self) -> str:
        """The account of the user or role."""
        return self.arn.split(":")[4]

    def to_dict(self) -> dict[str, Any]:
        """Return the entity as plain data, ready for JSON."""
        return {**fields_to_dict(self), "account_id": self.account_id}


@frozen(kw_only=True)
class SkippedEntity:
    """Something in a finding that cannot be investigated.

    Attributes:
        reason: why not.
        what: what the finding has: an ARN, a name, a type of resource.
        finding: the id of the finding; None if it has none.
        account_id: the account; None if it is not known.
        entity_type: whether it is a user or a role; None if it is neither.
        name: the name of the user or role, without its path; None if it is not known.
        principal_id: its unique id, such as `AROA...`; None if it is not known.
        partition: the partition of AWS, as in ARNs.
    """

    reason: SkipReason
    what: str
    finding: str | None = None
    account_id: str | None = None
    entity_type: EntityType | None = None
    name: str | None = None
    principal_id: str | None = None
    partition: str = "aws"
    # The activity in the finding, for when the entity becomes known after all.
    _start: datetime | None = field(default=None, repr=False)
    _end: datetime | None = field(default=None, repr=False)
    _region: str | None = field(default=None, repr=False)
    _note: str | None = field(default=None, repr=False)
    # What a finding has before the name, although names have no paths.
    _path: str | None = field(default=None, repr=False, alias="path")

    @property
    def explanation(self) -> str:
        """The reason in words."""
        return _EXPLANATIONS[self.reason]

    def with_path(self, path: str) -> FindingEntity:
        """Return the entity, once its path is known.

        Args:
            path: such as `/` or `/security/`.

        Raises:
            ParameterError: the path is malformed, or this is no user or role with a name.
        """
        if not isinstance(path, str) or not _WHOLE_PATH.fullmatch(path):
            raise ParameterError("path", f"expected a path of IAM, such as / or /security/, got {path!r}")
        if self.reason is not SkipReason.PATH_UNKNOWN:
            raise ParameterError("path", f"this is no user or role whose path is unknown: {self.explanation}")
        kind = "user" if self.entity_type is EntityType.IAM_USER else "role"
        arn = f"arn:{self.partition}:iam::{self.account_id}:{kind}{path}{self.name}"
        return self.with_arn(arn)

    def with_arn(self, arn: str) -> FindingEntity:
        """Return the entity, once its ARN is known, with the times of the finding.

        Args:
            arn: the ARN of the user or role.

        Raises:
            ParameterError: it is not the ARN of an IAM user or role.
        """
        if not isinstance(arn, str) or not is_entity(arn):
            raise ParameterError("arn", f"expected the ARN of an IAM user or role, got {shown(arn)}")
        findings = () if self.finding is None else (self.finding,)
        return FindingEntity(
            arn=arn, start=self._start, end=self._end, region=self._region, findings=findings, note=self._note
        )

    def is_named_by(self, arn: str) -> bool:
        """Return whether an ARN, of which the `key` is the same, does not contradict the finding."""
        return self._path is None or arn.casefold().endswith(f"/{self._path}/{self.name}".casefold())

    @property
    def key(self) -> tuple[str | None, str | None, str | None]:
        """What identifies a user or role in AWS: account, kind, and name, in which case does not count."""
        return self.account_id, self.entity_type, self.name and self.name.casefold()

    def __str__(self) -> str:
        # A finding may contain anything.
        return printable(f"{self.what}: {self.explanation}")

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, ready for JSON."""
        return {
            "reason": self.reason.value,
            "explanation": self.explanation,
            "what": self.what,
            "finding": self.finding,
            "account_id": self.account_id,
            "entity_type": to_dict(self.entity_type),
            "name": self.name,
            "principal_id": self.principal_id,
        }


@frozen(kw_only=True)
class FindingEntities(TablesInNotebooks):
    """What findings name; iterating over it gives the entities that can be investigated.

    Attributes:
        entities: the users and roles that can be investigated; one more than once if its times are too far apart for
            one investigation, or its findings are from several regions.
        skipped: everything else, with the reason.
    """

    entities: tuple[FindingEntity, ...] = ()
    skipped: tuple[SkippedEntity, ...] = ()

    def __iter__(self) -> Iterator[FindingEntity]:
        """Iterate over the entities that can be investigated, so that `investigate` takes this as it is."""
        return iter(self.entities)

    @property
    def arns(self) -> tuple[str, ...]:
        """The ARNs of the users and roles, each once."""
        return tuple(dict.fromkeys(entity.arn for entity in self.entities))

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain data, ready for JSON."""
        return {
            "entities": [entity.to_dict() for entity in self.entities],
            "skipped": [one.to_dict() for one in self.skipped],
        }


def is_entity(arn: str) -> bool:
    """Return whether an ARN is that of an IAM user or role, and not a list of ARNs, which has the form of a path."""
    return _ENTITY.fullmatch(arn) is not None and "arn:" not in arn.removeprefix("arn:")


def key_of(arn: str) -> tuple[str | None, str | None, str | None]:
    """Return what identifies the user or role with this ARN, as `SkippedEntity.key`; of Nones if it is no such ARN."""
    found = _ENTITY.fullmatch(arn)
    return (found["account"], _KINDS[found["kind"]], found["name"].casefold()) if found else (None, None, None)


def explain_arn(arn: str) -> dict[str, Any]:
    """Return the attributes of a `SkippedEntity` for an ARN that is not that of an IAM user or role."""
    if session := _SESSION.fullmatch(arn):
        return {
            "reason": SkipReason.PATH_UNKNOWN,
            "account_id": session["account"],
            "entity_type": EntityType.IAM_ROLE,
            "name": session["name"],
            "partition": session["partition"],
        }
    if _ROOT.fullmatch(arn):
        return {"reason": SkipReason.ROOT_USER}
    if _FEDERATED.fullmatch(arn):
        return {"reason": SkipReason.FEDERATED_USER}
    return {"reason": SkipReason.MALFORMED if _MALFORMED.fullmatch(arn) else SkipReason.OTHER_RESOURCE}


def is_region(text: str) -> bool:
    """Return whether a text has the form of a region's name."""
    try:
        check_region(text, "region")
    except ParameterError:
        return False
    return True


def is_name(text: object) -> bool:
    """Return whether a value may be the name of a user or role."""
    return isinstance(text, str) and _WHOLE_NAME.fullmatch(text) is not None


_WHOLE_NAME = expression(_NAME)
