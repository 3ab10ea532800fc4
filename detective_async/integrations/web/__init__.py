"""What the integrations with web servers share: problems, records of streams, and the clients of requests.

It imports no web framework. Each integration connects it to one: `aiohttp_web` and `asgi`.
"""
