"""Redaction of e-mail addresses, keys and known secrets."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from detective_async import Account, CreateMembersRequest, Credentials, UnprocessedAccount
from detective_async.api.redaction import MAX_TEXT, mask, mask_addresses, mask_keys, sensitive_values

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


#: What masked keys and tokens before the expressions became linear.
_BEFORE = re.compile(
    r"(?<![\w/+=.~-])(?!/)[\w/+=%-]{40,}"
    r"|(?<![\w/+=.~-])(?=\S*[a-z])(?=\S*[A-Z])(?=\S*\d)/[A-Za-z0-9/+]{39}(?![\w/+=.-])"
    r"|eyJ[\w-]{5,}\.[\w-]+\.[\w-]+"
)
_PIECES = st.sampled_from(
    [
        "eyJ",
        "eyJaaaaa",
        "a",
        "B1",
        "/",
        "+",
        "%",
        ".",
        "~",
        "-",
        " ",
        "'",
        "é",
        "a" * 39,
        "A1b" * 13,
        "/" + "A" * 39,
        ".c.d",
    ]
)


@example([SLASHED])
@example(["'", "/" + "A" * 39, "'", "b1"])
@example(["~", "eyJaaaaa", ".c.d"])
@given(st.lists(_PIECES, max_size=14))
def test_nothing_is_shown_that_was_masked_before(pieces: list[str]) -> None:
    """Compared with the expressions of the first release, on short texts."""
    text = "".join(pieces)
    before = iter(_BEFORE.sub("", text))
    assert all(character in before for character in mask_keys(text).replace("***", ""))


def test_a_web_token_with_a_long_first_part_is_masked_whole() -> None:
    """Its first part alone has the form of a key."""
    token = f"eyJ{'a' * 60}.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl"
    assert mask_keys(f"the vault said {token}, and left") == "the vault said ***, and left"
    assert mask_keys(f"{'a' * 60}.tar.gz of {JWT}") == "***.tar.gz of ***"
    assert mask_keys(f"{'a' * 60}.eyJzdWIiOiJz.c2ln.bmF0") == "***.***"


@pytest.mark.parametrize("before", [*range(MAX_TEXT - 50, MAX_TEXT + 2, 13), *range(32_768 - 300, 32_768 + 2, 7)])
@pytest.mark.parametrize("secret", [SECRET, JWT, TOKEN, "somebody@example.com"])
def test_no_part_of_a_secret_is_shown_where_a_text_is_cut(before: int, secret: str) -> None:
    """Neither where the message ends, nor where reading ends; whatever is masked, and so becomes shorter, in front."""
    for filler in ("lorem ipsum ", f"{SECRET} "):
        text = (filler * 4_000)[: before - before % len(filler)] + "." * (before % len(filler) - 1)
        for shown in (
            mask_keys(f"{text} {secret} {filler * 99}"),
            mask(f"{text} {secret} {filler * 99}", [SECRET, secret]),
        ):
            assert len(shown) <= MAX_TEXT + len(" [...]")
            assert shown.endswith(" [...]") or len(text) < MAX_TEXT or SECRET in filler
            assert not any(secret[:length] in shown for length in (6, 12, 24))


def test_a_text_without_a_separator_is_not_read() -> None:
    """There is no place at which it could be cut without cutting a key in two."""
    assert mask_keys("x" * 40_000) == "*** [...]"


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
