"""Checks for the parts of the pages that are not run: files, policies, and `pip install` and `make` commands."""

import ast
import configparser
import json
import re
import shlex
import tomllib
from codeop import CommandCompiler
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detective_async.api.operations import OPERATIONS
from docs.pages import DOCS

_ROOT = DOCS.parent
#: Of other services than Detective.
_OTHER_ACTIONS = frozenset(
    {
        "sts:AssumeRole",
        # What delegating an administrator needs, by AWS's Service Authorization Reference.
        "iam:CreateServiceLinkedRole",
        "organizations:EnableAWSServiceAccess",
        "organizations:ListAccounts",
        "organizations:RegisterDelegatedAdministrator",
    }
)


def is_only_checked(command: str) -> bool:
    """Return whether a command is not run; check that its packages or its make target exist."""
    words = shlex.split(command, comments=True)
    if words[:2] == ["pip", "install"]:
        for requirement in words[2:]:
            check_requirement(requirement)
        return True
    if words[0] == "make":
        assert f"\n{words[1]}:" in (_ROOT / "Makefile").read_text(), command
        return True
    return False


def check_requirement(requirement: str) -> None:
    """Fail if a requirement is neither a package of the tests nor this package with an existing extra."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())
    parts = re.fullmatch(r"([\w-]+)(?:\[([\w,-]+)\])?", requirement)
    assert parts, requirement
    if parts[1] != "detective-async":
        assert any(re.match(rf"{parts[1]}\b", str(one)) for one in project["dependency-groups"]["test"]), requirement
        return
    extras = set(parts[2].split(",")) if parts[2] else set()
    assert extras <= project["project"]["optional-dependencies"].keys(), requirement


def check_syntax(name: str, text: str) -> None:
    """Fail if the syntax of a file does not match its name."""
    match Path(name).suffix:
        case ".py":
            ast.parse(text)
        case ".json":
            json.loads(text)
        case ".toml":
            tomllib.loads(text)
        case ".csv":
            assert len({line.count(",") for line in text.splitlines()}) == 1, text
        case "" if name == "config":
            configparser.ConfigParser(interpolation=None).read_string(text)
        case _:
            raise AssertionError(f"there is no check for files like {name}")


def actions_of(text: str) -> set[str]:
    """Return the actions that an IAM policy allows; fail if the policy or an action is invalid."""
    policy: Mapping[str, Any] = json.loads(text)
    assert policy["Version"] == "2012-10-17"
    allowed: set[str] = set()
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        actions = statement["Action"]
        allowed.update([actions] if isinstance(actions, str) else actions)
    for action in allowed:
        assert _is_action(action), action
    return allowed


def _is_action(action: str) -> bool:
    """Return whether an action exists."""
    service, _, name = action.partition(":")
    return action in _OTHER_ACTIONS or (service == "detective" and name in map(action_of, OPERATIONS))


def action_of(operation: str) -> str:
    """Return the name of the action that allows an operation."""
    return "ListOrganizationAdminAccount" if operation == "ListOrganizationAdminAccounts" else operation


def refused_by_console(text: str) -> str | None:
    """Return the first line that `python -m asyncio` refuses if a text is pasted into it; None if there is none."""
    compiler = CommandCompiler()
    compiler.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    waiting: list[str] = []
    for line in [*text.splitlines(), ""]:
        waiting.append(line)
        try:
            code = compiler("\n".join(waiting), "<console>", "single")
        except SyntaxError:
            return line
        if code is not None:
            waiting.clear()
    return None
