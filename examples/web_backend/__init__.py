"""A small backend on `detective_async.integrations.aiohttp_web`, with the page that an operator looks at.

    python examples/web_backend                         # on the simulator, with a made-up world of 40 accounts
    python examples/web_backend --config fleet.json     # on AWS: see `settings`

It has no login of its own: it listens on this machine alone unless told otherwise, and belongs behind something that
knows who may do what.

`app` puts it together; `api_fleet`, `api_account` and `api_onboarding` are the routes, `inputs` reads what they are
given, `surveys` looks into all accounts at once for any number of watchers, `jobs` carries plans out, `feed` is what
both tell their news by. `page` holds the page's own files.
"""
