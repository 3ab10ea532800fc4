"""How the models look on the wire: names, members, and the types of their values."""

from types import NoneType
from typing import Any, get_args

from attrs import AttrsInstance, fields

#: The words in the API's names that are not just capitalised.
_SPELLING = {"api": "API", "ttps": "TTPs"}


def wire_name(attribute: str) -> str:
    """Return the API's name of an attribute: `graph_arn` -> `GraphArn`, `api_name` -> `APIName`."""
    return "".join(_SPELLING.get(word, word.capitalize()) for word in attribute.split("_"))


def document_members(model: type[AttrsInstance]) -> list[Any]:
    """Return the attributes of a model that are part of the document: all but the metadata of a response."""
    return [attribute for attribute in fields(model) if attribute.name != "response_metadata"]


def inner_type(optional: Any) -> Any:
    """Return the type that is not None of a union with None."""
    (inner,) = (part for part in get_args(optional) if part is not NoneType)
    return inner
