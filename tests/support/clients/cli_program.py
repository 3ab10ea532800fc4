"""Runs AWS CLI commands that arrive on standard input, in one process: a line of JSON for each, and one for its result.

Importing the AWS CLI takes longer than a command. Its own entry point runs each, with a new session.
"""

import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper

from awscli.clidriver import main


def run(arguments: list[str], environment: dict[str, str]) -> dict[str, object]:
    """Run `aws` with these arguments; the environment is added to this process's, to which the AWS CLI adds too."""
    os.environ.update(environment)
    sys.argv = ["aws", *arguments]
    out, err = (TextIOWrapper(BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main()
        except SystemExit as error:
            code = error.code
    written = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return {"returncode": code, "stdout": written[0], "stderr": written[1]}


for line in sys.stdin:
    sys.stdout.write(json.dumps(run(**json.loads(line))) + "\n")
    sys.stdout.flush()
