"""What all models share: open enums, the metadata of an answer, and masks for what must not be shown."""

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
    """

    request_id: str | None = None
    http_status: int = 200
    attempts: int = 1


@frozen(kw_only=True)
class Response:
    """The base of every answer.

    Attributes:
        response_metadata: how the answer came about; outside `==` and `repr`.
    """

    response_metadata: ResponseMetadata = field(default=ResponseMetadata(), eq=False, repr=False)


def masked(value: str | None) -> str:
    """Show that a sensitive member is there, and not what it is."""
    return "None" if value is None else "'***'"
