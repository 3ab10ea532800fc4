"""The clients that people have, unmodified and over sockets, against one simulator."""
