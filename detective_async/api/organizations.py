"""The part of AWS Organizations that lists accounts: JSON 1.1, with the operation in a header. Performs no I/O."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from attrs import Factory, frozen

from detective_async.api.models.base import ResponseMetadata
from detective_async.api.service import EncodedRequest, Service, ServiceOperation
from detective_async.api.wire.json import MismatchError, dump, load
from detective_async.errors import DecodeError, ServiceError
from detective_async.settings.endpoints import resolve_organizations

ResponseT = TypeVar("ResponseT")

_TARGET = "AWSOrganizationsV20161128"


@frozen
class Action(ServiceOperation[ResponseT]):
    """An operation of AWS Organizations.

    Attributes:
        name: the API's name.
        repeatable: whether sending a request twice has the same effect as once.
    """

    name: str
    repeatable: bool = True


@frozen
class AccountsPage:
    """A page of ListAccounts.

    Attributes:
        accounts: the accounts, with the members of the API that are texts.
        next_token: the token of the next page; None on the last page.
    """

    accounts: list[dict[str, str]] = Factory(list)
    next_token: str | None = None


LIST_ACCOUNTS: Action[AccountsPage] = Action("ListAccounts")


def _encode(action: Action[Any], members: Mapping[str, object]) -> EncodedRequest:
    return EncodedRequest(
        "POST", "/", "", dump(members), "application/x-amz-json-1.1", target=f"{_TARGET}.{action.name}"
    )


def _decode(action: Action[Any], body: bytes | None, metadata: ResponseMetadata) -> AccountsPage:
    try:
        return _page(load(body or b""))
    except MismatchError as error:
        problem = str(error)
    # Outside of the handler, so that it is not chained to an exception that refers to the body.
    raise DecodeError(
        f"{problem} @ $",
        operation=action.name,
        status=metadata.http_status,
        request_id=metadata.request_id,
        attempts=metadata.attempts,
    )


def _page(document: object) -> AccountsPage:
    accounts = document.get("Accounts") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(accounts, list):
        raise MismatchError("the response contains no accounts")
    found = [_texts(account) for account in accounts if isinstance(account, dict)]
    if len(found) != len(accounts) or not all("Id" in account for account in found):
        raise MismatchError("the response contains an account without an id")
    token = document.get("NextToken")
    return AccountsPage(found, token if isinstance(token, str) and token else None)


def _texts(account: dict[Any, Any]) -> dict[str, str]:
    return {name: value for name, value in account.items() if isinstance(value, str)}


def _read_error(
    operation: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    request_id: str | None,
    attempts: int,
    secrets: Iterable[str | None],
) -> ServiceError:
    # Imported on first use, as for Detective, whose errors have the same form.
    from detective_async.api.wire.error_responses import decode_error  # noqa: PLC0415

    return decode_error(operation, status, headers, body, request_id=request_id, attempts=attempts, secrets=secrets)


def _secrets(_: object) -> Iterable[str]:
    return ()


ORGANIZATIONS = Service(
    name="organizations",
    settings_name="organizations",
    resolve=resolve_organizations,
    encode=_encode,
    decode=_decode,
    read_error=_read_error,
    secrets=_secrets,
)
