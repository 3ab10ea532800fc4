"""Detective in an aiohttp server: one client per app, problem responses, and streams for browsers.

    from detective_async.integrations import aiohttp_web as detective

    async def members(request):
        client = detective.get_client(request, region=request.match_info["region"])
        return await detective.stream_ndjson(request, client.iter_members(request.query.get("graph", "")))

    app = web.Application()
    app.router.add_get("/{region}/members", members)
    app.router.add_get("/health", detective.health)
    detective.setup(app)

All requests share the app's connection pool.
"""

from detective_async.integrations.aiohttp_web.lifecycle import CLIENT, FLEET, get_client, get_fleet, health, setup
from detective_async.integrations.aiohttp_web.middleware import problems
from detective_async.integrations.aiohttp_web.problem import ProblemError
from detective_async.integrations.aiohttp_web.streams import last_event_id, stream_events, stream_ndjson
from detective_async.integrations.web.encoding import to_json
from detective_async.integrations.web.server_events import ServerEvent

__all__ = [
    "CLIENT",
    "FLEET",
    "ProblemError",
    "ServerEvent",
    "get_client",
    "get_fleet",
    "health",
    "last_event_id",
    "problems",
    "setup",
    "stream_events",
    "stream_ndjson",
    "to_json",
]
