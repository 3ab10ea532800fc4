"""What all models share: open enums, and the metadata of an answer."""

from enum import StrEnum
from typing import Self

from attrs import field, frozen


class OpenEnum(StrEnum):
    """A string enum that takes values it does not know: they arrive as themselves and equal their string.

    `MemberStatus("ENABLED") is MemberStatus.ENABLED`, and `MemberStatus("ADDED_TOMORROW") == "ADDED_TOMORROW"`.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        # Enum hashes by name, and every name in this API is its value: so an unknown value hashes as its string too.
        member._name_ = value
        member._value_ = value
        return member

    def __repr__(self) -> str:
        known = self._name_ in type(self).__members__
        return f"{type(self).__name__}.{self._name_}" if known else f"{type(self).__name__}({self._value_!r})"


@frozen(kw_only=True)
class ResponseMetadata:
    """How an answer came about.

    Attributes:
        request_id: what AWS support asks for, or None where the answer had none.
        http_status: the HTTP status.
        attempts: how many attempts the call took, retries included.
        repeated: whether an earlier attempt may have been carried out already, for no answer to it came. CreateMembers
            then counts accounts as unprocessed that the earlier attempt made members, and DeleteMembers likewise.
    """

    request_id: str | None = None
    http_status: int = 200
    attempts: int = 1
    repeated: bool = False


@frozen(kw_only=True)
class Response:
    """The base of every answer.

    Attributes:
        response_metadata: how the answer came about; outside `==` and `repr`.
    """

    response_metadata: ResponseMetadata = field(default=ResponseMetadata(), eq=False, repr=False)
