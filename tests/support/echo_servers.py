"""Servers that quote the whole request in their responses."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from support.secret_values import ADDRESSES, SECRETS, USER_AND_PASSWORD
from support.wire_server import Request


def _quoted(request: Request) -> str:
    return f"{request.head}\n\n{request.body.decode()}"


def _document(request: Request, text: str, code: str, status: str) -> None:
    members = {"message": text, "ErrorCodeReason": text, "Resources": [text]}
    request.answer(json.dumps(members).encode(), status, f"x-amzn-errortype: {code}", "x-amzn-requestid: id-1")


ECHOES: tuple[Callable[[Request], None], ...] = (
    # As AWS does: the canonical request, or the problem in the body.
    lambda request: _document(request, _quoted(request), "SignatureDoesNotMatch", "403 Forbidden"),
    lambda request: _document(request, f"bad: {request.body.decode()}", "ValidationException", "400 Bad Request"),
    lambda request: _document(request, _quoted(request), "ServiceQuotaExceededException", "402 Payment Required"),
    lambda request: _document(request, _quoted(request), "InternalServerException", "500 Internal Server Error"),
    lambda request: _document(request, quote(_quoted(request)), "Oops", "400 Bad Request"),
    lambda request: _document(request, quote(_quoted(request), safe=""), "Oops", "400 Bad Request"),
    lambda request: _document(request, f"not allowed: {', '.join(ADDRESSES)}", "Oops", "400 Bad Request"),
    # In malformed successful responses, and in a gateway's page.
    lambda request: request.answer(_quoted(request).encode()),
    lambda request: request.answer(_misshapen(Status=[_quoted(request)])),
    lambda request: request.answer(_misshapen(InvitedTime=_quoted(request))),
    lambda request: request.answer(_quoted(request).encode(), "502 Bad Gateway", "content-type: text/html"),
    # In the status line and in headers.
    lambda request: request.answer(b"{}", f"400 {request.header('x-amz-security-token')}"),
    lambda request: _refused(request, f"x-amzn-errortype: {request.header('authorization')}"),
    lambda request: _refused(request, f"x-amzn-errortype: {request.header('x-amz-security-token')}"),
    lambda request: _refused(request, f"x-amzn-errortype: {SECRETS['access key id']}"),
    lambda request: _refused(request, f"x-amzn-requestid: {request.header('authorization')}"),
    lambda request: _refused(request, f"x-amz-retry-after: {request.header('authorization')}"),
    lambda request: request.answer(b"", "307 Temporary Redirect", f"location: http://{USER_AND_PASSWORD}@127.0.0.1:1/"),
    # In bytes that are not HTTP.
    lambda request: request.send(_quoted(request).encode()),
    lambda request: request.send(f"HTTP/1.1 200 OK\r\n{request.header('authorization')}\r\n\r\n".encode()),
    lambda request: request.send(
        f"HTTP/1.1 200 OK\r\ncontent-length: {request.header('x-amz-security-token')}\r\n\r\n".encode()
    ),
    lambda request: request.send(
        f"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{request.header('authorization')}\r\n".encode()
    ),
    lambda request: request.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}" + _quoted(request).encode()),
)


def _refused(request: Request, header: str) -> None:
    request.answer(b"{}", "400 Bad Request", header)


def _misshapen(**members: Any) -> bytes:
    return json.dumps({"Members": [members]}).encode()
