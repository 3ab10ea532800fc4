"""`detective-async`, and `python -m detective_async`, which is the same."""

import os
import sys
from importlib import import_module


def main() -> int:
    """Run the command, and return its exit code; Ctrl-C while its modules are imported ends the process at once."""
    # Not `signal`, during whose own imports there would be no handler.
    signal = import_module("_signal")
    # Background jobs of scripts ignore it.
    is_handled = signal.getsignal(signal.SIGINT) == signal.default_int_handler
    try:
        if is_handled:
            signal.signal(signal.SIGINT, _end)
        from detective_async.cli import main as command  # noqa: PLC0415 - after the handler

        if is_handled:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return command()
    except KeyboardInterrupt:
        # Before the handler, or between it and that of the command.
        return _end()


def _end(*_: object) -> int:
    # No exception: imports may lose it.
    os.write(2, b"detective-async: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
