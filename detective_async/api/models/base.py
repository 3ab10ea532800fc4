"""The base classes of models: open enums, and responses with their metadata."""

from enum import StrEnum
from typing import Self

from attrs import field, frozen


class OpenEnum(StrEnum):
    """A string enum that accepts unknown values: they become members that equal their string.

    `MemberStatus("ENABLED") is MemberStatus.ENABLED`, and `MemberStatus("ADDED_TOMORROW") == "ADDED_TOMORROW"`.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        # Enum hashes the name, and in this API every name is the value: so an unknown value has its string's hash, too.
        member._name_ = value
        member._value_ = value
        return member

    def __repr__(self) -> str:
        known = self._name_ in type(self).__members__
        return f"{type(self).__name__}.{self._name_}" if known else f"{type(self).__name__}({self._value_!r})"


@frozen(kw_only=True)
class ResponseMetadata:
    """The metadata of a response.

    Attributes:
        request_id: the request id for AWS support; None if the response has none.
        http_status: the HTTP status.
        attempts: the number of attempts of the call, including retries.
        repeated: whether an earlier attempt got no response and may have been carried out, too. CreateMembers then
            lists accounts as unprocessed that the earlier attempt made members, and DeleteMembers those it removed.
    """

    request_id: str | None = None
    http_status: int = 200
    attempts: int = 1
    repeated: bool = False


class TablesInNotebooks:
    """Shows an attrs object in a notebook: as tables of its items, masked as in `repr`."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        # Imported on first use: other programs need no HTML.
        from detective_async.api.html import tables_of  # noqa: PLC0415

        return tables_of(self)


# Comparison and repr are those of the subclasses.
@frozen(kw_only=True, eq=False, repr=False)
class Response(TablesInNotebooks):
    """The base class of all responses.

    Attributes:
        response_metadata: the response's metadata; not part of `==` and `repr`.
    """

    response_metadata: ResponseMetadata = field(default=ResponseMetadata(), eq=False, repr=False)
