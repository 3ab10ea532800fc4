"""The API's model of the installed botocore."""

import copy
from functools import cache
from typing import Any

from attrs import AttrsInstance, fields
from botocore.loaders import Loader
from botocore.model import ServiceModel

import detective_async
from detective_async.api.wire import wire_name
from detective_async.client.client import DetectiveClient

Json = dict[str, Any]


@cache
def _loaded() -> Json:
    model: Json = Loader().load_service_model("detective", "service-2")
    return model


def load_model() -> Json:
    """Return a copy that the caller may change."""
    return copy.deepcopy(_loaded())


SERVICE_MODEL = ServiceModel(load_model(), "detective")
OPERATION_NAMES: list[str] = list(SERVICE_MODEL.operation_names)


def our_class(shape_name: str) -> type[AttrsInstance]:
    """Return the exported class of a structure."""
    cls: type[AttrsInstance] = getattr(detective_async, shape_name)
    return cls


def our_method(operation: str) -> str:
    """Return the name of the client's method for an operation."""
    return next(name for name in dir(DetectiveClient) if wire_name(name) == operation)


def our_attributes(cls: type[AttrsInstance]) -> dict[str, str]:
    """Return wire name -> attribute, for the attributes on the wire."""
    return {wire_name(a.name): a.name for a in fields(cls) if a.name != "response_metadata"}
