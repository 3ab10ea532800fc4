"""Integrations: `aiohttp_web` for aiohttp servers, `opentelemetry`, and `progress`, a progress bar that rich draws.

`opentelemetry` and `progress` need what `pip` installs with the extra of the same name. This module imports nothing.
"""
