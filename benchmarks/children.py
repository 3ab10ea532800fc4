"""The child processes of a run: they are asked and answer in lines of JSON, and never outlive the run."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import Any, Self

from world import KEYS

_HERE = Path(__file__).parent
#: Seconds after which a process that does not answer is killed.
_ANSWER_TIMEOUT = 300.0
_EXIT_TIMEOUT = 5.0


class ChildError(Exception):
    """A child process ended, or does not answer."""


class Child:
    """A process that answers every line with a line.

    Args:
        name: the name of the process in error messages.
        script: a script in this folder.
        arguments: the arguments of the script.
        under: a command that runs the process, with its arguments.
    """

    def __init__(self, name: str, script: str, *arguments: str, under: Sequence[str] = ()) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [*under, sys.executable, str(_HERE / script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(os.environ),
            # Ctrl-C reaches only this process, which ends its children.
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the process: by closing its stdin, or by killing it if the run has failed."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if kind is None:
                process.stdin.close()
                process.wait(_EXIT_TIMEOUT)
        except (OSError, subprocess.TimeoutExpired):
            pass
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def ask(self, question: Mapping[str, object]) -> dict[str, Any]:
        """Send a line and wait for the answer.

        Raises:
            ChildError: the process ended, or does not answer.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise ChildError(f"{self.name}: the process has ended; its error output is above") from None
        return self.read()

    def read(self) -> dict[str, Any]:
        """Wait for a line.

        Raises:
            ChildError: the process ended, or does not answer.
        """
        assert self._process.stdout is not None
        timer = Timer(_ANSWER_TIMEOUT, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            raise ChildError(f"{self.name}: the process ended without an answer; its error output, if any, is above")
        answer: dict[str, Any] = json.loads(line)
        return answer


def environment(of: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with the benchmark's keys, and without the developer's own settings that clients read."""
    # Without compiled sources, what is measured of a start is the compiler.
    kept = {
        name: value
        for name, value in of.items()
        if not name.startswith(("AWS_", "PYTHONDONTWRITEBYTECODE", "REQUESTS_CA_BUNDLE"))
        and not name.lower().endswith("_proxy")
    }
    return kept | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": KEYS.access_key_id,
        "AWS_SECRET_ACCESS_KEY": KEYS.secret_access_key,
        "AWS_SESSION_TOKEN": KEYS.session_token,
    }
