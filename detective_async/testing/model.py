"""botocore's descriptions of Amazon Detective and of STS: the one place that reads them.

The simulator takes its operations, shapes and error statuses from here and not from the client's own models, so that
a mistake in those cannot hide behind the same mistake in the server.
"""

from functools import cache
from typing import Any

import botocore.loaders
import botocore.model

SERVICE = "detective"
STS = "sts"

# botocore ships no types. A shape is a botocore.model.Shape, whatever it is made of.
Shape = Any
OperationModel = Any


@cache
def service(name: str = SERVICE) -> Any:
    """Return botocore's model of a whole service."""
    description = botocore.loaders.Loader().load_service_model(name, "service-2")
    return botocore.model.ServiceModel(description, name)


@cache
def error_statuses() -> dict[str, int]:
    """Return the HTTP status of each error that the API documents."""
    return {shape.name: int(shape.metadata["error"]["httpStatusCode"]) for shape in service().error_shapes}
