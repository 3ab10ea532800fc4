"""Makes the app from settings and routes."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from detective_async import DetectiveFleet, Timeouts
from detective_async.integrations.aiohttp_web import FLEET, health, setup
from web_backend import api_account, api_everywhere, api_export, api_fleet, api_onboarding, pages
from web_backend.changes import Changes
from web_backend.common import CHANGES, CLOSING, JOBS, ONCE, SETTINGS, SURVEYS, read_query
from web_backend.guard import add_headers, guard
from web_backend.jobs import Jobs
from web_backend.once import Once
from web_backend.settings import Settings
from web_backend.survey import SurveyPlan
from web_backend.surveys import Surveys

#: Far more than a list of 1,200 accounts, which has at most 95,000 characters.
_MAX_BODY = 256 * 1024


def make_app(settings: Settings) -> web.Application:
    """Make the app; nothing is sent to AWS before the first request.

    Raises:
        ParameterError: an account or a region is malformed.
        ConfigurationError: a setting is invalid.
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
    setup(app, fleet, account_credentials=settings.credentials_for)
    app[SETTINGS] = settings

    async def background(app: web.Application) -> AsyncIterator[None]:
        app[CLOSING] = asyncio.Event()
        app[CHANGES] = Changes([(target.account_id, target.region) for target in targets])
        plan = SurveyPlan(
            targets=targets,
            accounts={*settings.accounts, *settings.names},
            keep=settings.keep,
            linger=settings.linger,
            target_timeout=settings.target_timeout,
            survey_timeout=settings.survey_timeout,
            listener=app[CHANGES].see,
        )
        app[SURVEYS] = Surveys(app[FLEET], plan)
        app[JOBS] = Jobs(settings.job_timeout, app[SURVEYS].outdate)
        app[ONCE] = Once()
        yield
        await app[SURVEYS].aclose()
        await app[JOBS].aclose()
        await app[ONCE].aclose()

    async def close(app: web.Application) -> None:
        app[CLOSING].set()

    app.cleanup_ctx.append(background)
    app.on_shutdown.append(close)
    app.on_response_prepare.append(add_headers)
    for routes in (pages, api_fleet, api_everywhere, api_export, api_account, api_onboarding):
        app.add_routes(routes.ROUTES)
    app.router.add_get("/api/health", _health)
    return app


async def _health(request: web.Request) -> web.Response:
    read_query(request)
    return await health(request)
