"""Where a client's settings come from: arguments, the environment, the shared config file."""
