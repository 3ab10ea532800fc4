"""`detective-async`, and `python -m detective_async`, which is the same."""

import sys


def main() -> int:
    """Run the command, and return its exit code; a Ctrl-C while its modules are imported is no traceback."""
    try:
        from detective_async.cli import main as command  # noqa: PLC0415 - after `try`

        return command()
    except KeyboardInterrupt:
        # Before the command handles signals.
        sys.stderr.write("detective-async: interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
