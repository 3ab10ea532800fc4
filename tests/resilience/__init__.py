"""The client over real sockets that misbehave, in a time that passes only when nothing else can happen."""
