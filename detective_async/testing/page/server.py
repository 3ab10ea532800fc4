"""Answers what is asked of the page; none of it is recorded or struck by faults."""

import json
import uuid
from functools import cache
from importlib import resources

from aiohttp import web

from detective_async.testing.page.guard import is_ours
from detective_async.testing.page.query import Query
from detective_async.testing.page.view import describe
from detective_async.testing.problems import Problem
from detective_async.testing.service import Service

_HOME = "/_simulator"
_JSON = "application/json"
# Path under the page's own -> the file, and its type.
_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
_HEADERS = {
    "Cache-Control": "no-store",
    # Only what comes with the page may run, be loaded or be asked; and text never becomes markup.
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

    def __init__(self, service: Service) -> None:
        self._service = service

    def answer(self, http: web.BaseRequest) -> web.Response | None:
        """Answer a request, or return None if it is for the service."""
        # Nearly every request is for the service: it must not wait long for this.
        if not http.raw_path.startswith(_HOME):
            return None
        path, _, query = http.raw_path.removeprefix(_HOME).partition("?")
        if path and not path.startswith("/"):
            return None
        try:
            return self._answer(http, path, query)
        except Problem as problem:
            return _refuse(problem)

    def _answer(self, http: web.BaseRequest, path: str, query: str) -> web.Response:
        local = http.get_extra_info("sockname", ("",))[0]
        if not is_ours(http.headers.getall("Host", []), local):
            raise Problem("ForbiddenException", "The page is shown at localhost or by address only", status=403)
        if http.method not in ("GET", "HEAD"):
            raise Problem("MethodNotAllowedException", "The page can only be read: GET or HEAD", status=405)
        if path == "":
            return web.Response(status=308, headers={**_HEADERS, "Location": f"{_HOME}/"})
        if path == "/state.json":
            state = describe(self._service, Query.parse(query))
            body = json.dumps(state, separators=(",", ":")).encode()
            return web.Response(body=body, headers={**_HEADERS, "Content-Type": _JSON})
        if path not in _FILES:
            raise Problem("NotFoundException", "The page has no such part", status=404)
        name, kind = _FILES[path]
        return web.Response(body=_read(name), headers={**_HEADERS, "Content-Type": kind})


def _refuse(problem: Problem) -> web.Response:
    headers = {
        **_HEADERS,
        "Content-Type": _JSON,
        "x-amzn-ErrorType": problem.code,
        "x-amzn-RequestId": str(uuid.uuid4()),
    }
    if problem.status == 405:  # noqa: PLR2004
        headers["Allow"] = "GET, HEAD"
    return web.Response(status=problem.status, body=json.dumps(problem.body()).encode(), headers=headers)


@cache
def _read(name: str) -> bytes:
    return resources.files("detective_async.testing.page").joinpath(name).read_bytes()
