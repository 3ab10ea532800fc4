"""The controls over HTTP, for programs in other languages: each control has a route, and all need a token.

`routes` is the table of them, from which the requests are checked, the controls called, and the OpenAPI document made.
"""
