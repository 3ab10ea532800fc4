"""No secret is in logs, reprs, exceptions, pickles, events and warnings, with all kinds of errors."""

import asyncio
import gc
import io
import json
import logging
import os
import re
import subprocess
import sys
import warnings
from base64 import b64encode
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from pathlib import Path
from urllib.parse import quote

import pytest
from support.secret_search import Listener, find, texts_of
from support.secret_values import SECRETS
from support.secrets_scenario import PARTS, SecretsScenario

import detective_async
from detective_async import ServiceError

SIGNATURE = re.compile("Signature(=|%3D)[0-9a-f]{8}", re.IGNORECASE)


@pytest.fixture(scope="module")
def finished_scenario(tmp_path_factory: pytest.TempPathFactory) -> SecretsScenario:
    """Run the scenario once, with all loggers at DEBUG."""
    scenario, printed = SecretsScenario(tmp_path_factory.mktemp("scenario")), io.StringIO()
    root, listener = logging.getLogger(), Listener(lambda where, text: scenario.texts.append((where, text)))
    level = root.level
    with ExitStack() as stack:
        stack.callback(root.removeHandler, listener)
        stack.callback(root.setLevel, level)
        root.addHandler(listener)
        root.setLevel(logging.DEBUG)
        for redirect in (redirect_stdout, redirect_stderr):
            stack.enter_context(redirect(printed))
        warned = stack.enter_context(warnings.catch_warnings(record=True))
        warnings.simplefilter("always")
        asyncio.run(scenario.run(), debug=True)
        gc.collect()
    scenario.collect("a warning", *warned)
    scenario.collect("what was printed", printed.getvalue())
    return scenario


@pytest.mark.parametrize("part", PARTS)
def test_no_text_contains_a_secret(finished_scenario: SecretsScenario, part: str) -> None:
    """No secret and no signature is in any collected text, in any form."""
    texts = finished_scenario.texts_by_part[part]
    assert find(texts, finished_scenario.secrets) == []
    assert [text for _, text in texts if SIGNATURE.search(text)] == []


def test_the_scenario_is_complete(finished_scenario: SecretsScenario) -> None:
    """All kinds of errors were raised, and loggers, hooks and warnings were used."""
    assert finished_scenario.errors >= {
        "AccessDeniedException",
        "AttemptTimeout",
        "CancelledError",
        "ConfigurationError",
        "ConnectError",
        "ConnectionLost",
        "CredentialsError",
        "DeadlineExceeded",
        "DecodeError",
        "ExceptionGroup",
        "InternalServerException",
        "ParameterError",
        "ServiceError",
        "ServiceQuotaExceededException",
        "TimeoutError",
        "TooManyRequestsException",
        "ValidationException",
    }
    sources = {where for texts in finished_scenario.texts_by_part.values() for where, _ in texts}
    assert sources >= {"the log of asyncio", "an event", "a warning", "a pickle", "a client"}
    everything = "\n".join(text for texts in finished_scenario.texts_by_part.values() for _, text in texts)
    for expected in ("unclosed DetectiveClient", "Task exception was never retrieved", "CreateMembersResponse("):
        assert expected in everything


def test_a_program_with_all_debugging_on_shows_no_secret(tmp_path: Path) -> None:
    """The scenario in its own process, with development mode and asyncio's debug mode."""
    tests, package = Path(__file__).parents[1], Path(detective_async.__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-X", "dev", "-m", "support.secrets_scenario", str(tmp_path)],
        env={**os.environ, "PYTHONASYNCIODEBUG": "1", "PYTHONPATH": f"{tests}{os.pathsep}{package}"},
        capture_output=True,
        text=True,
        check=True,
    )
    secrets = json.loads((tmp_path / "secrets.json").read_text())
    assert "DEBUG:asyncio:" in run.stderr
    assert find([("standard output", run.stdout), ("standard error", run.stderr)], secrets) == []


FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "in a repr": repr,
    "in the repr of bytes": lambda secret: repr(secret.encode()),
    "in JSON": json.dumps,
    "in JSON in JSON": lambda secret: json.dumps(json.dumps({"message": secret})),
    "percent-encoded": lambda secret: quote(secret, safe=""),
    "in a path": quote,
    "in base64": lambda secret: b64encode(secret.encode()).decode(),
    "in base64 with more": lambda secret: b64encode(f"user:{secret}\n".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SECRETS)
def test_the_search_finds_a_secret(name: str, form: str) -> None:
    """Each secret is found in each form, and not where it is masked."""
    text = f"before {FORMS[form](SECRETS[name])} after"
    assert f"{name} in a log" in {found.partition(":")[0] for found in find([("a log", text)], SECRETS)}
    assert find([("a log", "before *** after")], SECRETS) == []


def test_the_search_finds_a_part_of_a_long_secret() -> None:
    """A text with half a token shows a secret."""
    text = f"token {SECRETS['session token'][:60]}***"
    assert [found.partition(":")[0] for found in find([("a log", text)], SECRETS)] != []


def _raise(error: BaseException, **chained: BaseException | bool) -> BaseException:
    for attribute, value in chained.items():
        setattr(error, attribute, value)
    return error


@pytest.mark.parametrize(
    "error",
    [
        ValueError("hunter-zwei"),
        _raise(ValueError("no"), __cause__=KeyError("hunter-zwei")),
        _raise(ValueError("no"), __context__=KeyError("hunter-zwei"), __suppress_context__=True),
        _raise(ValueError("no"), __cause__=_raise(KeyError("no"), __context__=OSError("hunter-zwei"))),
        ExceptionGroup("no", [ValueError("no"), ExceptionGroup("no", [KeyError("hunter-zwei")])]),
        _raise(ValueError("no"), password="hunter-zwei"),  # type: ignore[arg-type]
        ServiceError("no", "hunter-zwei"),
        asyncio.CancelledError("hunter-zwei"),
    ],
    ids=repr,
)
def test_the_search_goes_into_exceptions(error: BaseException) -> None:
    """Causes, suppressed contexts, members of groups, and attributes are searched."""
    assert find(texts_of(error), SECRETS) != []


def test_the_search_looks_into_pickles() -> None:
    """The pickle and the unpickled object are searched."""
    found = {text.partition(":")[0] for text in find(texts_of(ServiceError("no", "hunter-zwei")), SECRETS)}
    assert found >= {"part of the password in a pickle", "part of the password in an unpickled error"}


def test_the_search_listens_to_loggers() -> None:
    """Messages, arguments, fields and tracebacks of records are searched."""
    heard: list[tuple[str, str]] = []
    listener = Listener(lambda where, text: heard.append((where, text)))
    for secret in ({"msg": "hunter-zwei"}, {"args": ("hunter-zwei",), "msg": "%.0s"}):
        listener.handle(logging.makeLogRecord(secret))
    error = ValueError("hunter-zwei")
    listener.handle(logging.makeLogRecord({"msg": "no", "exc_info": (ValueError, error, None)}))
    listener.handle(logging.makeLogRecord({"msg": "no", "account": "hunter-zwei"}))
    assert [bool(find([text], SECRETS)) for text in heard[:6]] == [True, True, False, False, True, False]
    assert find(heard[6:-3], SECRETS) != []
    assert [bool(find([text], SECRETS)) for text in heard[-3:]] == [False, False, True]
