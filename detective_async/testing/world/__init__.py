"""The state behind the simulated services, and the rules by which it changes. It does no I/O."""
