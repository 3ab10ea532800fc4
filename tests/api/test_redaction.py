"""Redaction of e-mail addresses, keys and known secrets."""

import signal

import pytest

from detective_async import Account, CreateMembersRequest, Credentials, UnprocessedAccount
from detective_async.api.redaction import mask, mask_addresses, mask_keys, sensitive_values

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SLASHED = "/JalrXUtnFEMIxK7MDENGxbPxRfiCYzEXAMPLEK3"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl"
TOKEN = "IQoJb3JpZ2luX2VjEAAaCXVzLWVhc3QtMSJHMEUCIQD+example/token=="
ARN = "arn:aws:detective:eu-west-1:111122223333:graph:" + "0a" * 16


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Account is already a member", "Account is already a member"),
        ("Value 'root@example.com' at 'accounts.1.emailAddress'", "Value '***' at 'accounts.1.emailAddress'"),
        ("(a.b+c@example.co.uk), <d@e>", "(***), <***>"),
        ("?email=root%40example.com&x=1", "?email=***&x=1".replace("&x=1", "")),
        ("@ is no address, nor is @home or me@", "@ is no address, nor is @home or me@"),
    ],
)
def test_addresses_are_masked(text: str, shown: str) -> None:
    """The rest of the sentence is kept."""
    assert mask_addresses(text).startswith(shown)


@pytest.mark.parametrize(
    "text", [SECRET, TOKEN, f"key={SECRET}", f'{{"SecretAccessKey": "{SECRET}"}}', "me@example.com"]
)
def test_text_in_the_form_of_keys_is_masked(text: str) -> None:
    """`mask_keys` is for texts of unknown origin."""
    shown = mask_keys(f"the tool printed {text} and left")
    assert SECRET not in shown
    assert TOKEN not in shown
    assert SLASHED not in shown
    assert not any(part in shown for part in JWT.split("."))
    assert "me@" not in shown
    assert "***" in shown
    assert shown.startswith("the tool printed")
    assert shown.endswith("and left")


@pytest.mark.parametrize(
    "text",
    [
        "/home/somebody/.aws/sso/cache/0123456789abcdef0123456789abcdef01234567.json does not exist",
        "Connect timeout on endpoint URL: http://169.254.169.254/latest/api/token",
        f"no such graph: {ARN}",
        "the vault is sealed",
    ],
)
def test_paths_urls_and_arns_are_kept(text: str) -> None:
    """They have no form of keys."""
    assert mask_keys(text) == text


def test_known_secrets_are_masked_in_any_form() -> None:
    """Plain and percent-encoded; secrets that could be part of any word are not masked."""
    assert mask(f"token {TOKEN}, {TOKEN.replace('=', '%3D').replace('/', '%2F').replace('+', '%2B')}", [TOKEN]) == (
        "token ***, ***"
    )
    assert mask("a bad idea", ["a", None, ""]) == "a bad idea"


def test_masking_is_linear_in_the_length_of_the_text() -> None:
    """A search that is not linear would take an hour for a megabyte; the alarm ends it."""

    def give_up(_number: int, _frame: object) -> None:
        pytest.fail("masking a long text takes far too long")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    try:
        text = "x" * 500_000 + "@"
        assert len(mask_keys(text + text)) <= 2 * len(text)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_the_sensitive_members_of_a_request_are_found() -> None:
    """Including nested ones."""
    request = CreateMembersRequest(ARN, [Account("444455556666", "root@example.com")], message="Come in")
    assert sorted(sensitive_values(request)) == ["Come in", "root@example.com"]
    assert sensitive_values(CreateMembersRequest(ARN, [])) == []
    assert sensitive_values(None) == []


def test_reprs_are_masked() -> None:
    """Keys show the end of their id, and reasons no addresses."""
    assert repr(Credentials("AKIAIOSFODNN7EXAMPLE", SECRET, TOKEN)) == (
        "Credentials(access_key_id='***MPLE', expires_at=None)"
    )
    assert repr(UnprocessedAccount(account_id="444455556666", reason="root@example.com is not theirs")) == (
        "UnprocessedAccount(account_id='444455556666', reason='*** is not theirs')"
    )
    assert repr(UnprocessedAccount()) == "UnprocessedAccount(account_id=None, reason=None)"
