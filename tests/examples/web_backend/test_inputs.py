"""Reading requests: parsed values, or an error that names the parameter."""

from datetime import UTC, datetime
from typing import Any

import pytest
from web_backend import inputs
from web_backend.settings import Settings

from detective_async import ParameterError

READERS = {
    "number": inputs.integer(1, 200),
    "account": inputs.account_id,
    "when": inputs.timestamp,
    "words": inputs.text,
}


def test_valid_values() -> None:
    """They are parsed; parameters that were not given are None."""
    given = [("number", "7"), ("when", "2026-03-01T12:00:00+02:00")]
    assert inputs.values(given, READERS) == {
        "number": 7,
        "account": None,
        "when": datetime(2026, 3, 1, 10, tzinfo=UTC),
        "words": None,
    }


@pytest.mark.parametrize(
    ("given", "parameter", "problem"),
    [
        ([("nmuber", "7")], "'nmuber'", "is not a parameter of this request"),
        ([("number", "7"), ("number", "7")], "number", "repeated"),
        ([("account", "111122223333")], "number", "required"),
        ([("number", "0")], "number", "from 1 to 200"),
        ([("number", "201")], "number", "from 1 to 200"),
        ([("number", "1e2")], "number", "whole number"),
        ([("number", "\u0667")], "number", "whole number"),
        ([("number", "9" * 10)], "number", "whole number"),
        ([("number", 7)], "number", "whole number"),
        ([("number", "7"), ("account", "11112222333")], "account", "12 digits"),
        ([("number", "7"), ("account", "\u0661" * 12)], "account", "12 digits"),
        ([("number", "7"), ("account", 111122223333)], "account", "12 digits"),
        ([("number", "7"), ("account", "9" * 10_000)], "account", "12 digits"),
        ([("number", "7"), ("when", "2026-03-01T12:00:00")], "when", "zone"),
        ([("number", "7"), ("when", "yesterday")], "when", "zone"),
        ([("number", "7"), ("when", None)], "when", "zone"),
        ([("number", "7"), ("when", "0001-01-01T00:00:00+14:00")], "when", "zone"),
        ([("number", "7"), ("when", "1969-01-01T00:00:00Z")], "when", "1970"),
        ([("number", "7"), ("words", " \n")], "words", "expected text"),
        ([("number", "7"), ("words", ["a"])], "words", "expected text"),
    ],
)
def test_invalid_values(given: list[tuple[str, Any]], parameter: str, problem: str) -> None:
    """The error names the parameter and the expected value, and does not quote a long value in full."""
    with pytest.raises(ParameterError, match=problem) as raised:
        inputs.values(given, READERS, "number")
    assert raised.value.parameter == parameter
    assert len(str(raised.value)) < 200


def test_account_ids_with_dashes() -> None:
    """They may have those of AWS's console, in whole ids and in parts; the values have none."""
    assert inputs.account_id("4444-5555-6666", "account") == "444455556666"
    assert inputs.part_of_id("44-5555-", "account") == "445555"
    for wrong in ("444-45555-6666", "4444-55556666", "4444--5555-6666", "-444455556666", "4444\u20135555\u20136666"):
        with pytest.raises(ParameterError):
            inputs.account_id(wrong, "account")
    for wrong in ("", "-", "44a", "4" * 15):
        with pytest.raises(ParameterError):
            inputs.part_of_id(wrong, "account")


@pytest.mark.parametrize("value", [[], "eu-west-1", None, ["eu-west-1"] * 2, ["eu-west-1", "x"], ["a", "b", "c"]])
def test_invalid_lists(value: Any) -> None:
    """A list must have at least one item, not too many, no repetitions, and only valid ones."""
    with pytest.raises(ParameterError) as raised:
        inputs.list_of(inputs.region, 2)(value, "regions")
    assert raised.value.parameter.startswith("regions")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"1", b'"x"', b'{"a":NaN}', b"\xff", b"[" * 2000])
def test_invalid_bodies(body: bytes) -> None:
    """Anything but a JSON object is refused."""
    with pytest.raises(ParameterError) as raised:
        inputs.json_object(body)
    assert raised.value.parameter == "body"


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 2}', b'{"a": 1, "b": 2, "a": 1}'])
def test_a_name_that_is_repeated_in_a_body(body: bytes) -> None:
    """It is refused as in a query: the last one does not win."""
    with pytest.raises(ParameterError, match="must not be repeated"):
        inputs.values(inputs.json_object(body), {"a": lambda value, _: value, "b": lambda value, _: value})


def test_accounts_of_the_settings_may_have_dashes() -> None:
    """As those of the names may."""
    settings = Settings(accounts=["1111-2222-3333"], regions=["eu-west-1"], names={"1111-2222-3333": "one"})
    assert settings.accounts == tuple(settings.names) == ("111122223333",)
