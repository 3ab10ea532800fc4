"""Detective under ASGI (Starlette, FastAPI and others): one client per app, problem responses, streams, deadlines.

    from detective_async.integrations import asgi as detective

    async def members(request):
        client = detective.get_client(request, region=request.path_params["region"])
        return detective.stream_ndjson(client.iter_members(request.query_params.get("graph", "")))

    app = Starlette(routes=[Route("/{region}/members", members), Route("/health", detective.health)])
    app.add_middleware(detective.DetectiveMiddleware)

All requests share the app's connection pool. No framework is imported: where a `request` is asked for, pass one of
Starlette or FastAPI, or the scope. Responses are ASGI applications, which Starlette sends as they are. The server must
run on asyncio.
"""

from detective_async.integrations.asgi.middleware import DetectiveMiddleware
from detective_async.integrations.asgi.problem import ProblemError
from detective_async.integrations.asgi.requests import get_client, get_fleet, health, last_event_id
from detective_async.integrations.asgi.streams import stream_events, stream_ndjson
from detective_async.integrations.web.encoding import to_json
from detective_async.integrations.web.server_events import ServerEvent

__all__ = [
    "DetectiveMiddleware",
    "ProblemError",
    "ServerEvent",
    "get_client",
    "get_fleet",
    "health",
    "last_event_id",
    "stream_events",
    "stream_ndjson",
    "to_json",
]
