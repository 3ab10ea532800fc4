"""botocore's description of Amazon Detective: the one place that reads it.

The simulator takes its operations, shapes and error statuses from here and not from the client's own models, so that
a mistake in those cannot hide behind the same mistake in the server.
"""

from functools import cache
from typing import Any

import botocore.loaders
import botocore.model

SERVICE = "detective"

# botocore ships no types. A shape is a botocore.model.Shape, whatever it is made of.
Shape = Any
OperationModel = Any


@cache
def service() -> Any:
    """Return botocore's model of the whole service."""
    description = botocore.loaders.Loader().load_service_model(SERVICE, "service-2")
    return botocore.model.ServiceModel(description, SERVICE)


@cache
def error_statuses() -> dict[str, int]:
    """Return the HTTP status of each error that the API documents."""
    return {shape.name: int(shape.metadata["error"]["httpStatusCode"]) for shape in service().error_shapes}
