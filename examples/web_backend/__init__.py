"""A small backend on `detective_async.integrations.aiohttp_web`, with a page for operators.

    python examples/web_backend                         # on the simulator, with 40 simulated accounts
    python examples/web_backend --config fleet.json     # on AWS: see `settings`

It has no authentication: it listens on this machine only, unless `--host` says otherwise, and belongs behind a proxy
that authenticates and authorizes its users.

`app` makes the app from the routes in `api_fleet`, `api_account` and `api_onboarding`. `inputs` parses requests,
`surveys` reads all accounts at once for any number of readers, `jobs` applies plans, and `feed` streams the results of
both. `page` has the files of the page.
"""
