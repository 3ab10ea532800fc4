"""The API's names of attributes."""

#: The words of the API's names that are not simply capitalised.
_SPELLING = {"api": "API", "ttps": "TTPs"}


def wire_name(attribute: str) -> str:
    """Give the API's name of an attribute: `graph_arn` -> `GraphArn`, `api_name` -> `APIName`."""
    return "".join(_SPELLING.get(word, word.capitalize()) for word in attribute.split("_"))
