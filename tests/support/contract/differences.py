"""All differences between a model of the API and this library, as one line each."""

from support.contract.api import Json
from support.contract.differences_of_calls import differences_of_calls
from support.contract.differences_of_operations import differences_of_operations
from support.contract.differences_of_shapes import differences_of_shapes

import detective_async
from detective_async.api.detective import DETECTIVE

#: The traits of the model that need no support in this library. Other traits change the form of members on the wire
#: (`idempotencyToken`, `jsonvalue`, `streaming`, ...), so they are reported.
_KNOWN_TRAITS = {
    "operation": {"name", "http", "input", "output", "errors", "documentation", "documentationUrl", "deprecated"},
    "http": {"method", "requestUri", "responseCode"},
    "shape": {
        "type", "members", "required", "member", "key", "value", "min", "max", "pattern", "enum", "sensitive", "box",
        "documentation", "timestampFormat", "exception", "error", "deprecated", "deprecatedMessage", "deprecatedSince",
    },
    "member": {
        "shape", "documentation", "location", "locationName", "box",
        "deprecated", "deprecatedMessage", "deprecatedSince",
    },
    "error": {"httpStatusCode"},
}  # fmt: skip
#: The metadata that determines endpoints, signatures and the protocol.
_METADATA = {
    "apiVersion": "2018-10-26",
    "endpointPrefix": "api.detective",
    "protocol": "rest-json",
    "signatureVersion": "v4",
    "signingName": DETECTIVE.name,
}


def differences(model: Json) -> list[str]:
    """Compare a whole service model with this library."""
    return [
        *_differences_of_metadata(model),
        *_unknown_traits(model),
        *differences_of_operations(model),
        *differences_of_shapes(model),
        *differences_of_calls(model),
        *_not_exported(model),
    ]


def _differences_of_metadata(model: Json) -> list[str]:
    metadata = model["metadata"]
    return [
        f"metadata: AWS says {name} = {metadata.get(name)!r}, the library is built for {expected!r}"
        for name, expected in _METADATA.items()
        if metadata.get(name) != expected
    ]


def _unknown_traits(model: Json) -> list[str]:
    found: list[str] = []

    def look(kind: str, where: str, part: Json) -> None:
        found.extend(
            f"{where}: AWS says {trait} = {part[trait]!r}, a trait that nothing here knows"
            for trait in sorted(part.keys() - _KNOWN_TRAITS[kind])
        )

    for name, operation in model["operations"].items():
        look("operation", name, operation)
        look("http", name, operation["http"])
    for name, shape in model["shapes"].items():
        look("shape", name, shape)
        look("error", name, shape.get("error", {}))
        for member_name, member in shape.get("members", {}).items():
            look("member", f"{name}.{member_name}", member)
    return found


def _not_exported(model: Json) -> list[str]:
    named = [n for n, s in model["shapes"].items() if s["type"] == "structure" or "enum" in s]
    return [f"{name}: not in detective_async.__all__" for name in named if name not in detective_async.__all__]
