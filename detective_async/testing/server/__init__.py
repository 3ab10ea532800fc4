"""The HTTP server: `listener` opens the port, `http` reads and writes, `backend` checks and answers each request."""
