"""The documentation: every example in it is run, every file and every output that it shows is the real one."""
