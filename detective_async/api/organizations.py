"""The part of AWS Organizations that lists accounts: JSON 1.1, with the operation in a header. Performs no I/O."""

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import Factory, frozen

from detective_async.api.actions import Action, malformed
from detective_async.api.models.base import ResponseMetadata
from detective_async.api.service import EncodedRequest, Service
from detective_async.api.wire.error_responses import decode_error
from detective_async.api.wire.json import MismatchError, dump, load
from detective_async.settings.endpoints import resolve_organizations

_TARGET = "AWSOrganizationsV20161128"


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
        "POST",
        "/",
        "",
        dump(members),
        content_type="application/x-amz-json-1.1",
        target=f"{_TARGET}.{action.name}",
    )


def _decode(action: Action[Any], body: bytes | None, metadata: ResponseMetadata) -> AccountsPage:
    try:
        return _page(load(body or b""))
    except MismatchError as error:
        problem = str(error)
    # Outside of the handler, so that it is not chained to an exception that refers to the body.
    raise malformed(problem, action, metadata)


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


def _secrets(_: object) -> Iterable[str]:
    return ()


ORGANIZATIONS = Service(
    name="organizations",
    settings_name="organizations",
    resolve=resolve_organizations,
    encode=_encode,
    decode=_decode,
    read_error=decode_error,
    secrets=_secrets,
)
