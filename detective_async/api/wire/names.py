"""The names of attributes on the wire."""

#: The words in the API's names that are not just capitalised.
_SPELLING = {"api": "API", "ttps": "TTPs"}


def wire_name(attribute: str) -> str:
    """Return the API's name of an attribute: `graph_arn` -> `GraphArn`, `api_name` -> `APIName`."""
    return "".join(_SPELLING.get(word, word.capitalize()) for word in attribute.split("_"))
