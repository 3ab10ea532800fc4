"""A client's settings, from arguments, the environment and the shared config file."""
