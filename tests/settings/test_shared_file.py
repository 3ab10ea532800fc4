"""The form of the shared files: read as botocore reads it, whose parser is the reference here."""

from pathlib import Path

import botocore.exceptions
import pytest
from botocore.configloader import load_config
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from detective_async.settings.shared_file import SharedFileError, parse_shared_file

LINES = [
    "[default]",
    "[ default ]",
    "[DEFAULT]",
    "  [profile a]",
    '[profile "a b"]',
    "[profile a b]",
    "[profile 'a]",
    "[profile]",
    "[services a] # x",
    "[]",
    "[",
    "[]]",
    "detective =",
    "  endpoint_url = http://a:1",
    "    url : x",
    "\tx=1",
    "Region: x = y ; z",
    "region=",
    "a b",
    "=",
    "# x",
    " ; x",
    "",
    "  ",
    "\x0b",
    "\ufeff[default]",
    "\u00a0k=v",
    "\x1ck=v\x85",
]
TEXTS = st.lists(st.sampled_from(LINES) | st.text("[]=:#; \tak\"'\x1c\x85", max_size=8), max_size=12).map("\n".join)


def nested(value: str) -> object:
    """Read a value as botocore does, which makes a mapping of the lines below a key."""
    if not value.startswith("\n"):
        return value
    pairs = (line.split("=", 1) for line in value.splitlines() if line.strip())
    return {key.strip(): below.strip() for key, below in pairs}


@example("[DEFAULT]\na = 1\n[default]\nb = 2\n[services x]\nc=\n  d = 3\n\n  # e\n  f = 4\n")
@example("[default]\na = 1\n  b\n   c\n  d\n e = 5\nf = 6")
@example("[DEFAULT]\n[DEFAULT]\na = 1\n[default]\na = 2")
@example("[DEFAULT]\na = 1\n[DEFAULT]\na = 1")
@example("[profile 'a]\nb = 1\n[profile a b]\nb = 2\n[profile 'c d']\nb = 3\n[profile]\nb = 4")
@example("[s]\na =\n  b = 1\n\n  c\nd = 2")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS)
def test_every_text_is_read_as_by_botocore(tmp_path: Path, text: str) -> None:
    """The same profiles and services with the same values, or an error where botocore has one."""
    file = tmp_path / "config"
    file.write_bytes(text.encode())
    try:
        reference = load_config(str(file))
    except botocore.exceptions.ConfigParseError:
        with pytest.raises(SharedFileError):
            parse_shared_file(text)
        return
    expected = {
        name if name == "default" else f"{kind} {name}": keys
        for kind, of_kind in (("profile", "profiles"), ("services", "services"))
        for name, keys in reference[of_kind].items()
    }
    found = parse_shared_file(text)
    read = {name: {key: nested(value) for key, value in keys.items()} for name, keys in found.items()}
    assert expected == {
        name: keys for name, keys in read.items() if name == "default" or name.startswith(("profile ", "services "))
    }


def test_a_quote_that_is_not_closed() -> None:
    """Such a section has no name, so nothing can refer to it; the others are read."""
    assert dict(parse_shared_file("[profile 'a]\nb = 1\n[profile 'c d']\nb = 2\n")["profile c d"]) == {"b": "2"}
    assert list(parse_shared_file("[profile 'a]\nb = 1\n")) == []
