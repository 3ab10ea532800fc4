"""What an operator has to be told of accounts that do not let the backend in."""

from aiohttp import web
from aiohttp.typedefs import Handler

from detective_async import AssumeRoleError
from detective_async.integrations.aiohttp_web import ProblemError

_REFUSED = frozenset({"AccessDenied", "AccessDeniedException"})


def told(error: Exception) -> Exception:
    """Give an error as it is to be told: of a role that may not be assumed it says which, for that can be mended."""
    if not isinstance(error, AssumeRoleError) or error.code not in _REFUSED:
        return error
    text = f"{error.role_arn} is not there, or does not trust this backend."
    return ProblemError(403, "Account closed to us", text, code=error.code, request_id=error.request_id)


@web.middleware
async def tell(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Have refused roles answered with 403 and their names, and not as if the server were broken."""
    try:
        return await handler(request)
    except AssumeRoleError as error:
        better = told(error)
        if better is error:
            raise
        raise better from error
