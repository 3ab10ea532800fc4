"""Answers the requests for the controls; they are not recorded, and faults do not apply to them."""

import hmac
import inspect
import json
import logging
import re
from collections.abc import Collection
from functools import cached_property
from typing import Any

from aiohttp import web
from attrs import define

from detective_async.testing.checks import Check, CheckError, did_you_mean
from detective_async.testing.page.host_check import is_allowed_origin, is_local
from detective_async.testing.remote import openapi
from detective_async.testing.remote.routes import PREFIX, ROUTES, Route
from detective_async.testing.seed.schema import SeedError
from detective_async.testing.server.http import read_body
from detective_async.testing.services.errors import ApiError
from detective_async.testing.services.json_body import read_object
from detective_async.testing.world.errors import NotAllowedError

_LOGGER = logging.getLogger(__name__)

# Bytes of a request's body: a large world has some.
_MAX_BODY = 64 * 2**20
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_BEARER = re.compile(r"bearer +([!-~]+) *", re.ASCII | re.IGNORECASE)
_TOKEN = re.compile(r"[!-~]+", re.ASCII)
_BY_NAME = {route.control: route for route in ROUTES}


def checked_token(token: object) -> str | None:
    """Check a token, which has to fit into a header."""
    if token is None:
        return None
    if not isinstance(token, str):
        raise TypeError(f"control_token: must be text, got {type(token).__name__}")
    if not _TOKEN.fullmatch(token):
        raise ValueError("control_token: must be letters, digits and signs of ASCII, without blanks")
    return token


class RefusedError(Exception):
    """A request that is refused: the status, a code, and a message for people."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers


@define(slots=False)
class Remote:
    """The controls of one simulator over HTTP.

    Args:
        simulator: has the controls, and is only used in its own event loop.
        token: that requests must have; None turns the controls off.
        hosts: names of this machine that the Host header may have, in addition to its addresses and `localhost`.
    """

    simulator: Any
    token: str | None
    hosts: Collection[str]

    def matches(self, http: web.BaseRequest) -> bool:
        """Return whether a request is for the controls, or for their document."""
        path = http.raw_path
        # The fast path for requests to the services, which are nearly all.
        return path.startswith("/_simulator/") and (path.startswith(PREFIX) or path.partition("?")[0] == openapi.PATH)

    async def respond(self, http: web.BaseRequest) -> web.Response:
        """Answer such a request."""
        try:
            return await self._respond(http)
        except RefusedError as error:
            refused = error
        except Exception:
            _LOGGER.exception("the simulator failed to answer %s %s", http.method, http.raw_path)
            refused = RefusedError(500, "InternalFailure", "The simulator failed; the traceback is in its log")
        body = json.dumps({"code": refused.code, "message": str(refused)}).encode()
        headers = {**_HEADERS, **refused.headers, "Content-Type": "application/json"}
        return web.Response(status=refused.status, headers=headers, body=body)

    async def _respond(self, http: web.BaseRequest) -> web.Response:
        self._check_origin(http)
        path = http.raw_path.partition("?")[0]
        if path == openapi.PATH:
            _check_method(http, "GET", "HEAD")
            return _json(self._document)
        self._check_token(http)
        route = _BY_NAME.get(path.removeprefix(PREFIX))
        if route is None:
            hint = did_you_mean(path.removeprefix(PREFIX)[:200], _BY_NAME)
            raise RefusedError(404, "NotFound", f"There is no control {path[:200]}{hint}")
        _check_method(http, route.method)
        # A control without parameters needs no body; what is in one must not be ignored.
        given = await self._read(http, route) if route.parameters or http.can_read_body else {}
        return await self._carry_out(route, given)

    def _check_origin(self, http: web.BaseRequest) -> None:
        address = http.get_extra_info("sockname", ("",))[0]
        hosts = http.headers.getall("Host", [])
        if not is_local(hosts, address, self.hosts):
            raise RefusedError(
                403, "Forbidden", "The Host header must be localhost, an address of this machine or an allowed host"
            )
        if not is_allowed_origin(http.headers.getall("Origin", []), hosts[0]):
            raise RefusedError(403, "Forbidden", "A page of another origin must not use the controls")

    def _check_token(self, http: web.BaseRequest) -> None:
        if self.token is None:
            raise RefusedError(404, "NotFound", "The control over HTTP is off: start the simulator with a token")
        given = http.headers.getall("Authorization", [])
        match = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
        if match is None or not hmac.compare_digest(match[1].encode(), self.token.encode()):
            message = "The header Authorization must be 'Bearer', a space, and the token of the simulator"
            raise RefusedError(401, "Unauthorized", message, **{"WWW-Authenticate": "Bearer"})

    async def _read(self, http: web.BaseRequest, route: Route) -> dict[str, Any]:
        # A form of another page cannot have this type, for which browsers ask the server first.
        if http.content_type != "application/json":
            raise RefusedError(415, "UnsupportedMediaType", "The Content-Type must be application/json")
        try:
            content = read_object(await read_body(http, _MAX_BODY))
            found: dict[str, Any] = self._checks[route.control](content, "")
        except ApiError as error:
            raise RefusedError(error.status, error.code, error.message) from None
        except CheckError as error:
            raise RefusedError(400, "InvalidRequest", str(error)) from None
        except NotAllowedError as error:
            raise RefusedError(409, "NotAllowed", str(error)) from None
        return found

    async def _carry_out(self, route: Route, given: dict[str, Any]) -> web.Response:
        control = inspect.getattr_static(type(self.simulator), route.control)
        try:
            if isinstance(control, property):
                result = getattr(self.simulator, route.control)
            else:
                result = route.call(getattr(self.simulator, route.control), given)
                if inspect.isawaitable(result):
                    result = await result
        except (NotAllowedError, SeedError) as error:
            raise RefusedError(409, "NotAllowed", str(error)) from None
        if route.result is None:
            return web.Response(status=204, headers=_HEADERS)
        return _json(route.write(result))

    @cached_property
    def _checks(self) -> dict[str, Check]:
        return {route.control: openapi.parameters_of(type(self.simulator), route) for route in ROUTES}

    @cached_property
    def _document(self) -> dict[str, Any]:
        return openapi.document(type(self.simulator))


def _check_method(http: web.BaseRequest, *allowed: str) -> None:
    if http.method not in allowed:
        names = ", ".join(allowed)
        raise RefusedError(405, "MethodNotAllowed", f"Use {names}", Allow=names)


def _json(value: Any) -> web.Response:
    body = json.dumps(value, separators=(",", ":")).encode()
    return web.Response(body=body, headers={**_HEADERS, "Content-Type": "application/json"})
