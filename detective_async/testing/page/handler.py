"""Answers the requests for the page; they are not recorded, and faults do not apply to them."""

import json
import uuid
from collections.abc import Collection
from functools import cache
from pathlib import Path

from aiohttp import web

from detective_async.testing.page.host_check import is_local
from detective_async.testing.page.view import Selection, describe
from detective_async.testing.server.backend import Backend
from detective_async.testing.services.errors import ApiError

_HOME = "/_simulator"
_JSON = "application/json"
_STATIC = Path(__file__).with_name("static")
_TYPES = {
    # The licences of the libraries.
    "": "text/plain; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS = {
    "Cache-Control": "no-store",
    # Only the page's own files may run, be loaded or be requested, and text can never become markup.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Page:
    """The page of one simulator."""

    def __init__(self, backend: Backend, hosts: Collection[str] = ()) -> None:
        self._backend = backend
        # Names of this machine that the Host header may have, in addition to its addresses and `localhost`.
        self._hosts = hosts

    def respond(self, http: web.BaseRequest) -> web.Response | None:
        """Respond to a request, or return None if it is not for the page."""
        # The fast path for requests to the services, which are nearly all.
        if not http.raw_path.startswith(_HOME):
            return _point_to_page(http) if http.raw_path == "/" else None
        path, _, query = http.raw_path.removeprefix(_HOME).partition("?")
        if path and not path.startswith("/"):
            return None
        try:
            return self._respond(http, path, query)
        except ApiError as error:
            return _error_response(error)

    def _respond(self, http: web.BaseRequest, path: str, query: str) -> web.Response:
        address = http.get_extra_info("sockname", ("",))[0]
        if not is_local(http.headers.getall("Host", []), address, self._hosts):
            message = "The page is available at localhost, an address of this machine, or an allowed host"
            raise ApiError("ForbiddenException", message, status=403)
        if http.method not in ("GET", "HEAD"):
            raise ApiError("MethodNotAllowedException", "The page is read-only: use GET or HEAD", status=405)
        if path == "":
            return web.Response(status=308, headers={**_HEADERS, "Location": f"{_HOME}/"})
        if path == "/state.json":
            state = describe(self._backend, Selection.parse(query))
            body = json.dumps(state, separators=(",", ":")).encode()
            return web.Response(body=body, headers={**_HEADERS, "Content-Type": _JSON})
        file = _files().get(path)
        if file is None:
            raise ApiError("NotFoundException", "The page has no such file", status=404)
        return web.Response(body=_read(file), headers={**_HEADERS, "Content-Type": _TYPES[file.suffix]})


def _point_to_page(http: web.BaseRequest) -> web.Response | None:
    """Redirect who looks at `/` to the page; the services at this path have signed requests, or parameters."""
    if http.method not in ("GET", "HEAD") or "Authorization" in http.headers:
        return None
    headers = {**_HEADERS, "Location": f"{_HOME}/", "Content-Type": "text/plain; charset=utf-8"}
    return web.Response(status=307, headers=headers, body=f"The page of this simulator is at {_HOME}/\n".encode())


def _error_response(error: ApiError) -> web.Response:
    headers = {**_HEADERS, "Content-Type": _JSON, "x-amzn-ErrorType": error.code, "x-amzn-RequestId": str(uuid.uuid4())}
    if error.status == 405:  # noqa: PLR2004
        headers["Allow"] = "GET, HEAD"
    return web.Response(status=error.status, body=json.dumps(error.body()).encode(), headers=headers)


@cache
def _files() -> dict[str, Path]:
    """Return the page's files by the path below the page's own; nothing else can be asked for, whatever a path says."""
    found = (file for file in _STATIC.rglob("*") if file.is_file() and file.suffix in _TYPES)
    files = {f"/{file.relative_to(_STATIC).as_posix()}": file for file in found}
    return {"/": files.pop("/index.html"), **files}


@cache
def _read(file: Path) -> bytes:
    return file.read_bytes()
