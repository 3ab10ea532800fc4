"""The controls over HTTP, for programs in other languages: each control has a route, and all need a token.

`routes` is the table of them, from which the requests are checked, the controls called, and the OpenAPI document made.
"""

from detective_async.testing.remote.handler import Remote, checked_token

__all__ = ["Remote", "checked_token"]
