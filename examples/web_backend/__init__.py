"""A small backend on `detective_async.integrations.aiohttp_web`, with a page for operators.

    python examples/web_backend                         # on the simulator, with 40 simulated accounts
    python examples/web_backend --config fleet.json     # on AWS: see `settings`

It has no authentication: it listens on this machine only, unless `--host` says otherwise, and belongs behind a proxy
that authenticates and authorizes its users.

`app` makes the app from the routes: `api_fleet` streams what all accounts have, `api_everywhere` answers for one
account in all graphs and what has changed, `api_export` makes files, `api_account` passes on the pages of one account
and region, and `api_onboarding` makes members. `inputs` parses requests, and `guard` refuses those of other sites.

A `survey` reads all accounts once for any number of readers: `kinds` is what it reads in each, `matrix` makes the
coverage of it, `selection` what a request asks for, and `surveys` has the latest ones. `jobs` applies plans, `once`
does what is requested only once, and `feed` is the growing list that the streams follow. `page` has the files of the
page.

Streams can be told whole from cut off, and slow from stalled: NDJSON begins with `Begin`, says `Progress` each
second, and ends with `End` or `error`; server-sent events say `alive` after 5 seconds without an event, and end with
`end` or `error`.
Nothing takes for ever: an account that hangs is a failure after `target_timeout`, and so are all that are left after
`survey_timeout`.
"""
