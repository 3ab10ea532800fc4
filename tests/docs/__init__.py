"""The documentation: every example is run, and every file and output on its pages is checked."""
