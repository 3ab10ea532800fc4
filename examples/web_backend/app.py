"""The backend, put together."""

from collections.abc import AsyncIterator

from aiohttp import web

from detective_async import DetectiveFleet, Timeouts
from detective_async.integrations.aiohttp_web import FLEET, health, setup
from web_backend import api_account, api_fleet, api_onboarding, pages
from web_backend.common import JOBS, SETTINGS, SURVEYS, query_of
from web_backend.guard import add_headers, guard
from web_backend.jobs import Jobs
from web_backend.settings import Settings
from web_backend.surveys import Surveys

#: More is a file that was pasted by mistake, or worse: 1,200 accounts are at most 95,000 characters.
_MAX_BODY = 256 * 1024


def make_app(settings: Settings) -> web.Application:
    """Make the app; sends nothing before it is asked.

    Raises:
        ParameterError: an account or a region is malformed.
        ConfigurationError: a setting makes no sense.
    """
    targets = settings.targets()
    fleet = DetectiveFleet(
        targets,
        region=settings.regions[0],
        credentials=settings.credentials,
        endpoint_url=settings.endpoint_url,
        timeouts=Timeouts(total=settings.call_timeout),
    )
    app = web.Application(client_max_size=_MAX_BODY, middlewares=[guard(settings.hosts)])
    setup(app, fleet, account_credentials=settings.role_of)
    app[SETTINGS] = settings

    async def background(app: web.Application) -> AsyncIterator[None]:
        app[SURVEYS] = Surveys(app[FLEET], len(targets), keep=settings.keep, linger=settings.linger)
        app[JOBS] = Jobs(settings.job_timeout)
        yield
        await app[SURVEYS].aclose()
        await app[JOBS].aclose()

    app.cleanup_ctx.append(background)
    app.on_response_prepare.append(add_headers)
    app.add_routes([*pages.ROUTES, *api_fleet.ROUTES, *api_account.ROUTES, *api_onboarding.ROUTES])
    app.router.add_get("/api/health", _health)
    return app


async def _health(request: web.Request) -> web.Response:
    query_of(request)
    return await health(request)
