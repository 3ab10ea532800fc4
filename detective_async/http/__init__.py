"""How a request travels: the retry loop, one exchange, the connection pool."""
