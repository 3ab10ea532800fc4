"""Amazon Detective. To add an operation: write a function with its name in the module of its area."""

from collections.abc import Callable
from typing import Any

from botocore import xform_name

from detective_async.testing.services.call import Call
from detective_async.testing.services.detective import (
    datasources,
    graphs,
    investigations,
    invitations,
    members,
    organization,
    tags,
)
from detective_async.testing.services.model import service_model

_AREAS = (datasources, graphs, investigations, invitations, members, organization, tags)
_FUNCTIONS = {name: function for area in _AREAS for name, function in vars(area).items()}

#: `create_graph` carries out CreateGraph, and so on. A newer botocore may have operations that are not here.
OPERATIONS: dict[str, Callable[[Call], dict[str, Any] | None]] = {
    name: _FUNCTIONS[function]
    for name in service_model().operation_names
    if (function := xform_name(name)) in _FUNCTIONS
}
