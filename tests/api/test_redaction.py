"""Redaction of e-mail addresses, keys and known secrets."""

import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from detective_async import Account, CreateMembersRequest, Credentials, UnprocessedAccount
from detective_async.api.redaction import MAX_TEXT, mask, mask_addresses, mask_keys, sensitive_values

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SLASHED = "/JalrXUtnFEMIxK7MDENGxbPxRfiCYzEXAMPLEK3"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl"
TOKEN = "IQoJb3JpZ2luX2VjEAAaCXVzLWVhc3QtMSJHMEUCIQD+example/token=="
#: A secret key that begins with a slash and has others.
SLASHES = "/JalrXUtnFEMI/K7MDENG+bPxRfiCYE3AMPLEKEY"
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


#: How texts of tools and of servers escape the characters of keys.
ESCAPES: dict[str, Callable[[str], str]] = {
    "URL": lambda text: quote(text, safe=""),
    "URL, in lower case": lambda text: text.replace("/", "%2f").replace("+", "%2b").replace("=", "%3d"),
    "URL, twice": lambda text: quote(quote(text, safe=""), safe=""),
    "JSON": lambda text: text.replace("/", "\\/"),
    "JSON, in hexadecimal digits": lambda text: text.replace("/", "\\u002f").replace("+", "\\u002B"),
    "JSON, twice": lambda text: json.dumps(text.replace("/", "\\/"))[1:-1],
    "Python": lambda text: text.replace("/", "\\x2f"),
    "HTML": lambda text: text.replace("/", "&#47;").replace("+", "&#43;"),
    "HTML, in hexadecimal digits": lambda text: text.replace("/", "&#x2F;").replace("=", "&#x3d;"),
    "HTML, by names": lambda text: text.replace("/", "&sol;").replace("+", "&plus;").replace("=", "&equals;"),
    "HTML, twice": lambda text: html.escape(text.replace("/", "&#x2f;")),
}


@pytest.mark.parametrize("escaped", ESCAPES.values(), ids=ESCAPES)
@pytest.mark.parametrize("secret", [SECRET, SLASHES, TOKEN])
def test_escaped_secrets_are_masked(escaped: Callable[[str], str], secret: str) -> None:
    """Whether they are known or have the form of keys; what surrounds them is kept as it was."""
    text = f'<p>"{escaped(secret)}" &amp; a\\nb'
    assert mask(text, [secret]) == '<p>"***" &amp; a\\nb'
    assert mask_keys(text) == '<p>"***" &amp; a\\nb'


@pytest.mark.parametrize(
    "escaped", ["%c3%a9t%C3%a9/", "%25c3%25a9t%25C3%25A9%252f", "\\u00E9t&#233;\\/", "&#xe9;t\\xe9/"]
)
def test_secrets_that_are_not_ascii_are_masked_in_any_form(escaped: str) -> None:
    """As characters, and as the bytes of URLs."""
    assert mask(f"on {escaped}.", ["été/"]) == "on ***."


def test_an_unknown_escape_is_text() -> None:
    """It is neither decoded nor masked."""
    text = f"&nbsp;%zz\\q\\u12&#x;&#99999999;{'a' * 12}"
    assert mask_keys(text) == mask(text, [SECRET]) == text


@pytest.mark.parametrize("at", ["&#64;", "&commat;", "\\u0040", "%2540"])
def test_escaped_addresses_are_masked(at: str) -> None:
    """Like those with `@`."""
    assert mask_keys(f"for root{at}example.com, no") == mask(f"for root{at}example.com, no", []) == "for ***, no"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"the key is.{SECRET} or", "the key is.*** or"),
        (f"got...{SECRET}", "got...***"),
        (f"got...{SLASHES}", "got...***"),
        (f"~{SECRET}.", "~***."),
        (f"aws.secret={SECRET}", "aws.secret=***"),
        (f"aws.token={TOKEN.rstrip('=') * 2}", "aws.token=***"),
        (f"no key {SLASHES}.", "no key ***."),
        (f"no key {SLASHES}...", "no key ***..."),
        (f"{SLASHES}=", "***="),
        (f"{SLASHES}- no key", "***- no key"),
        (f"x.y={SLASHES}", "x.y=***"),
    ],
)
def test_keys_beside_punctuation_are_masked(text: str, shown: str) -> None:
    """Only the key."""
    assert mask_keys(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        f"{SLASHES}.json",
        f"..{SLASHES}",
        f"~{SLASHES}",
        f"/.{SECRET}.json",
        f"/~{SECRET} is a directory",
        "https://example.com/~somebody/Year2010/Papers/of/the/Conference.pdf",
        f"com.example.{SECRET.replace('/', '')}",
        "com.example.NoDigitsInThisNameOfFortyCharactersWithin",
        f"A.{SECRET.lower()}",
    ],
)
def test_paths_and_names_beside_punctuation_are_kept(text: str) -> None:
    """They are not as long as a key, have not all of its characters, or begin or end as paths do."""
    assert mask_keys(text) == text


@pytest.mark.parametrize("secret", [SECRET, SLASHES])
@pytest.mark.parametrize("escaped", ESCAPES.values(), ids=ESCAPES)
def test_a_password_in_a_url_is_masked_whole(secret: str, escaped: Callable[[str], str]) -> None:
    """Its end and the host have the form of an e-mail address, which is masked as well."""
    assert mask_keys(f"http://u:{escaped(secret)}@host/") == "http://u:***/"
    assert mask(f"http://u:{escaped(secret)}@host/", [secret]) == "http://u:***/"


@pytest.mark.exhaustive
@pytest.mark.parametrize("before", [*range(32_768 - 1_900, 32_768 - 300, 200), *range(32_768 - 300, 32_768 + 2, 7)])
@pytest.mark.parametrize("escape", ["JSON, twice", "HTML", "HTML, twice"])
def test_no_part_of_an_escaped_secret_is_shown_where_a_text_is_cut(before: int, escape: str) -> None:
    """Not where reading ends, and an escape may end as a word does."""
    filler = f"{SECRET} " * 1_000
    text = filler[: before - before % 41] + "." * (before % 41)
    secret = "b0/A" * 150
    for shown in (
        mask_keys(f"{text} {ESCAPES[escape](SECRET)} {filler}"),
        mask(f"{text} {ESCAPES[escape](secret)} {filler}", [SECRET, secret]),
    ):
        assert shown.endswith(" [...]")
        assert not any(part in shown for part in (SECRET[:6], secret[:2]))


def test_secrets_that_overlap_are_masked_whole() -> None:
    """Whichever is searched for first, and if one overlaps with itself."""
    assert mask("to ababab.", ["abab"]) == "to ***."
    assert mask("to abcdefgh.", ["abcdef", "cdefgh"]) == mask("to abcdefgh.", ["cdefgh", "abcdef"]) == "to ***."


def test_what_surrounds_an_address_or_a_secret_is_masked_as_if_it_were_not_there() -> None:
    """A key after an address; an address around a secret that has characters that no address has."""
    assert mask_keys(f"to u@h.={'a' * 40}, no") == "to ******, no"
    assert mask("to xp=w/y@h, no", ["p=w/"]) == "to ***, no"


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
        "%2F",
        "\\/",
        "&#47;",
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


@pytest.mark.exhaustive
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
