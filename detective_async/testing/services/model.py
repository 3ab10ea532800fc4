"""botocore's models of Amazon Detective, of AWS Organizations and of STS.

The simulator takes its operations, shapes and error statuses from botocore and not from the client's own models:
otherwise a mistake in those would be repeated by the server, and no test would show it.
"""

from functools import cache
from typing import Any

import botocore.loaders
import botocore.model

DETECTIVE = "detective"
ORGANIZATIONS = "organizations"
STS = "sts"

# botocore ships no types. A shape is a subclass of botocore.model.Shape.
Shape = Any
OperationModel = Any


@cache
def service_model(name: str = DETECTIVE) -> Any:
    """Return botocore's model of a service."""
    description = botocore.loaders.Loader().load_service_model(name, "service-2")
    return botocore.model.ServiceModel(description, name)


@cache
def error_statuses() -> dict[str, int]:
    """Return the HTTP status of each error that Detective's API documents."""
    return {shape.name: int(shape.metadata["error"]["httpStatusCode"]) for shape in service_model().error_shapes}
