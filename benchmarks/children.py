"""The processes of a run: started, spoken to in lines of JSON, and ended with it whatever happens."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import Any, Self

_HERE = Path(__file__).parent
#: Seconds after which a process that does not answer is taken to hang.
_PATIENCE = 300.0
_TIME_TO_LEAVE = 5.0


class ChildError(Exception):
    """A process did not do what it was asked."""


class Child:
    """A process that answers every line with a line.

    Args:
        name: what to call it when something goes wrong.
        script: a script of this folder.
        arguments: for the script.
    """

    def __init__(self, name: str, script: str, *arguments: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, str(_HERE / script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(os.environ),
            # Ctrl-C is for this process, which ends the others.
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the process: politely, unless the run has failed."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if kind is None:
                process.stdin.close()
                process.wait(_TIME_TO_LEAVE)
        except (OSError, subprocess.TimeoutExpired):
            pass
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def ask(self, question: Mapping[str, object]) -> dict[str, Any]:
        """Send a line and wait for the answer.

        Raises:
            ChildError: the process ended, or hangs.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise ChildError(f"{self.name}: the process has ended; what it said is above") from None
        return self.listen()

    def listen(self) -> dict[str, Any]:
        """Wait for a line.

        Raises:
            ChildError: the process ended, or hangs.
        """
        assert self._process.stdout is not None
        alarm = Timer(_PATIENCE, self._process.kill)
        alarm.daemon = True
        alarm.start()
        try:
            line = self._process.stdout.readline()
        finally:
            alarm.cancel()
        if not line:
            raise ChildError(f"{self.name}: no answer; what the process said, if anything, is above")
        answer: dict[str, Any] = json.loads(line)
        return answer


def environment(of: Mapping[str, str]) -> dict[str, str]:
    """Keep what belongs to the machine's owner out of it: AWS settings and files, and proxies."""
    kept = {
        name: value for name, value in of.items() if not name.startswith("AWS_") and not name.lower().endswith("_proxy")
    }
    return kept | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
