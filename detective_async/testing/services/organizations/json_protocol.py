"""The JSON protocol 1.1, used by AWS Organizations: the header X-Amz-Target names the operation, bodies are JSON."""

import json
from datetime import datetime
from functools import cache
from typing import Any

from attrs import frozen

from detective_async.testing.services.errors import ApiError, ErrorResponse
from detective_async.testing.services.json_body import read_object
from detective_async.testing.services.model import ORGANIZATIONS, service_model
from detective_async.testing.services.organizations import OPERATIONS
from detective_async.testing.services.rendering import Render, renderer
from detective_async.testing.services.validation import Check, checker, validation_error

_CLIENT_ERROR = 400
_SERVER_FAULT = 500
# Detective's name of an error -> the name in AWS Organizations.
_CODES = {
    "InternalServerException": "ServiceException",
    "ResourceNotFoundException": "AccountNotFoundException",
    "ValidationException": "InvalidInputException",
}
# A part of the message about a violated constraint -> the Reason that comes with it; the first that is found.
_REASONS = {
    "nextToken": "INVALID_PAGINATION_TOKEN",
    "must not be null": "INPUT_REQUIRED",
    "value less than or equal": "MAX_VALUE_EXCEEDED",
    "value greater than or equal": "MIN_VALUE_EXCEEDED",
    "length less than or equal": "MAX_LENGTH_EXCEEDED",
    "length greater than or equal": "MIN_LENGTH_EXCEEDED",
    "service principal": "UNRECOGNIZED_SERVICE_PRINCIPAL",
}


@frozen
class Operation:
    """One operation of AWS Organizations, compiled from botocore's model."""

    name: str
    # None without input.
    check: Check | None
    render: Render
    status: int = 200

    def read(self, _path: str, _query: str, body: bytes) -> dict[str, Any]:
        """Return the validated input, by member; a ValidationException names the invalid members."""
        violations: list[str] = []
        try:
            members = read_object(body)
            checked: dict[str, Any] = self.check(members, "", violations) if self.check else {}
        except ApiError as error:
            # A body that is no JSON object, or a member of another type.
            raise ApiError("SerializationException", error.message) from None
        if violations:
            raise validation_error(violations)
        return checked

    def write(self, output: dict[str, Any] | None, _request_id: str) -> bytes:
        """Return the body of a successful response."""
        return json.dumps(self.render(output or {}), separators=(",", ":")).encode()


def find_operation(method: str, _path: str, _query: str, _body: bytes, target: str) -> Operation | ApiError:
    """Return the operation of a request, or the error if there is none."""
    prefix, _, name = target.rpartition(".")
    operation = operations().get(name)
    if operation is None or prefix != service_model(ORGANIZATIONS).metadata["targetPrefix"] or method != "POST":
        return ApiError("UnknownOperationException", f"The simulator has no operation {target[:200]}", status=400)
    return operation


def error_response(error: ApiError, _request_id: str) -> ErrorResponse:
    """Encode an error: all of the client's mistakes have the status 400, and only modelled errors spell `Message`."""
    code = _CODES.get(error.code, error.code)
    status = error.status if error.status >= _SERVER_FAULT else _CLIENT_ERROR
    modelled = code in service_model(ORGANIZATIONS).shape_names
    members = {"__type": code, "Message" if modelled else "message": error.message}
    if code == "InvalidInputException":
        members["Reason"] = next(
            (reason for words, reason in _REASONS.items() if words in error.message), "INVALID_PATTERN"
        )
    return ErrorResponse(code, status, {"x-amzn-ErrorType": code}, json.dumps(members).encode())


@cache
def operations() -> dict[str, Operation]:
    """Return the simulated operations of AWS Organizations, by name."""
    return {name: _compile(name) for name in OPERATIONS}


def _compile(name: str) -> Operation:
    model = service_model(ORGANIZATIONS).operation_model(name)
    render = renderer(model.output_shape, datetime.timestamp)
    assert render is not None  # noqa: S101  the outputs of all of these are structures
    return Operation(name, checker(model.input_shape) if model.input_shape else None, render)
