"""Mistakes in the arguments of constructors: a DetectiveError says what is wanted, before anything is sent."""

import functools
import pickle
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import aiohttp
import boto3
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from detective_async import (
    AssumeRole,
    Clock,
    ConfigurationError,
    Credentials,
    CredentialsError,
    DetectiveClient,
    DetectiveError,
    DetectiveFleet,
    RetryPolicy,
    SessionCredentials,
    StaticCredentials,
    Target,
    Timeouts,
)
from detective_async.client.client import ClientOptions
from detective_async.events import is_plain_callable
from detective_async.settings.arguments import shown
from detective_async.testing import DetectiveSimulator

KEYS = StaticCredentials("AKIA", "hunter2hunter2")
ROLE = "arn:aws:iam::111122223333:role/Audit"


class AsyncCall:
    async def __call__(self, event: object) -> None: ...


class AsyncStart:
    def __call__(self, event: object) -> None: ...

    async def on_start(self, start: object) -> None: ...


class PlainCall:
    def __call__(self, event: object) -> None: ...


async def async_function(event: object) -> None: ...


async def async_generator(event: object) -> AsyncIterator[object]:
    yield event


#: One argument of a client -> what the error says about it.
MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"region": 1}, "region: expected a region, such as eu-west-1, got 1$"),
    ({"region": ["eu-west-1"]}, "region: expected a region, such as eu-west-1, got a list$"),
    ({"region": "Ireland"}, "region: expected a region, such as eu-west-1, got 'Ireland'$"),
    ({"region": "ireland"}, "such as eu-west-1, got 'ireland'$"),
    ({"region": "eu-west-1a"}, "such as eu-west-1, got 'eu-west-1a'$"),
    ({"region": "eu_west_1"}, "such as eu-west-1, got 'eu_west_1'$"),
    ({"region": "EU-WEST-1"}, "such as eu-west-1, got 'EU-WEST-1'$"),
    ({"region": " eu-west-1"}, "such as eu-west-1, got ' eu-west-1'$"),
    ({"region": "fips-us-east-1"}, "use_fips=True"),
    ({"region": "x" * 100}, "region: expected a region, such as eu-west-1, got a str$"),
    ({"endpoint_url": 8080}, "endpoint_url: expected a URL as a string, .*, got 8080"),
    ({"endpoint_url": b"http://localhost"}, "endpoint_url: expected .* got a bytes"),
    ({"endpoint_url": "localhost:8080"}, "must start with http://"),
    ({"session": 5}, "session: expected an aiohttp.ClientSession, got 5"),
    ({"session": boto3.Session()}, "got a Session; pass a session of boto3 as credentials"),
    ({"retry": 5}, "retry: expected a RetryPolicy, .*, got 5"),
    ({"retry": None}, r"RetryPolicy\(max_attempts=1\) for no retries, got None"),
    ({"timeouts": 5}, r"timeouts: expected Timeouts, such as Timeouts\(total=30\), got 5"),
    ({"timeouts": aiohttp.ClientTimeout()}, "timeouts: .* got a ClientTimeout"),
    ({"hooks": 1}, "hooks: expected plain callables .* got 1"),
    ({"hooks": None}, "hooks: expected plain callables .* got None"),
    ({"hooks": "print"}, "hooks: expected plain callables .* got 'p'"),
    ({"hooks": async_function}, "hooks: expected plain callables .* got async_function"),
    ({"hooks": [async_generator]}, "hooks: expected plain callables .* got async_generator"),
    ({"hooks": [functools.partial(async_function)]}, "hooks: expected plain callables .* got a partial"),
    ({"hooks": [AsyncCall()]}, "hooks: expected plain callables .* got an AsyncCall"),
    ({"hooks": AsyncStart()}, "hooks: expected plain callables .* got an AsyncStart"),
    ({"hooks": [AsyncStart]}, "instances instead of classes.* got AsyncStart"),
    ({"hooks": PlainCall}, "instances instead of classes.* got PlainCall"),
    ({"hooks": AsyncMock()}, "hooks: expected plain callables .* got an AsyncMock"),
    ({"use_fips": "yes"}, "use_fips: expected True, False or None, got 'yes'"),
    ({"use_dualstack": 1}, "use_dualstack: expected True, False or None, got 1"),
    ({"profile": "x" * 100_000}, r"^profile 'x{300} \[\.\.\.\]' is in neither .* file$"),
    ({"profile": 5}, "profile: expected the name of a profile, got 5"),
    ({"clock": 1.5}, "clock: expected a Clock of four functions, got 1.5"),
    ({"clock": time}, "clock: expected a Clock of four functions, got a module"),
    ({"credentials": "AKIAIOSFODNN7EXAMPLE"}, r"got a str: pass Credentials\(access_key_id, secret_access_key\)"),
    ({"credentials": ROLE}, r"got a str: pass AssumeRole\(role_arn\)"),
    ({"credentials": {"AccessKeyId": "AKIA"}}, "credentials must be Credentials, a provider .* got a dict"),
    ({"region_name": "eu-west-1"}, r"has no region_name, as boto3 has; use region"),
    ({"aws_access_key_id": "AKIA"}, r"use credentials=Credentials\(access_key_id, secret_access_key\)"),
    ({"aws_secret_access_key": "hunter2hunter2"}, r"use credentials=Credentials\("),
    ({"aws_session_token": "hunter2hunter2"}, r"use credentials=Credentials\(.*session_token\)"),
    ({"profile_name": "x"}, "use profile"),
    ({"verify": False}, "use AWS_CA_BUNDLE"),
    ({"config": None}, r"use retry=RetryPolicy\(...\)"),
]


@pytest.mark.parametrize(("mistake", "problem"), MISTAKES)
def test_mistakes_are_refused_in_words(mistake: dict[str, Any], problem: str) -> None:
    """By a client and by a fleet: what was given and what is wanted, but no secret."""
    options: dict[str, Any] = {"region": "eu-west-1", "credentials": KEYS} | mistake
    makers: list[Callable[[], object]] = [
        lambda: DetectiveClient(**options),
        lambda: DetectiveFleet([Target("111122223333", "eu-west-1")], **options),
        lambda: DetectiveFleet.assume_role("Audit", ["111122223333"], ["eu-west-1"], **options),
    ]
    for make in makers:
        with pytest.raises(ConfigurationError, match=problem) as caught:
            make()
        assert "hunter2" not in str(caught.value)
        if " has no " in str(caught.value):
            assert str(caught.value).startswith("DetectiveClient() " if make is makers[0] else "DetectiveFleet() ")
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"region": 1}, "region: expected a region, such as eu-west-1, got 1$"),
        ({"region": "Ireland"}, "region: expected a region, such as eu-west-1, got 'Ireland'$"),
        ({"retry": 5}, "retry: expected a RetryPolicy"),
        ({"timeouts": 0}, "timeouts: expected Timeouts"),
        ({"credentials": ROLE}, "pass AssumeRole"),
        *(
            ({"account_id": value}, f"account_id must be 12 digits, got {value!r}")
            for value in (5, "", "1" * 11, "a" * 12)
        ),
        ({"region_name": "eu-west-1"}, r"with_options\(\) has no region_name, as boto3 has; use region"),
    ],
)
def test_with_options_refuses_the_same(options: dict[str, Any], problem: str) -> None:
    """Before a derived client is made."""
    client = DetectiveClient(region="eu-west-1", credentials=KEYS)
    with pytest.raises(ConfigurationError, match=problem):
        client.with_options(**options)


def test_unknown_keywords_are_pythons_own_error() -> None:
    """Only boto3's names have a message of their own."""
    with pytest.raises(TypeError, match=r"DetectiveClient\(\) got an unexpected keyword argument 'colour'"):
        DetectiveClient(colour="red")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"with_options\(\) got an unexpected keyword argument 'endpoint_url'"):
        DetectiveClient(region="eu-west-1").with_options(endpoint_url="http://localhost")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("keyword", "hint"),
    [
        ("max_attempts", "; use retry=RetryPolicy(max_attempts=...)"),
        ("connect", "; use timeouts=Timeouts(connect=...)"),
        ("timeout", "; did you mean timeouts?"),
        ("endpoint", "; did you mean endpoint_url?"),
        ("regoin", "; did you mean region?"),
        ("colour", ""),
    ],
)
def test_a_misspelt_keyword(keyword: str, hint: str) -> None:
    """The error says which argument may be meant, or whose it is, for clients and for fleets."""
    wrong: dict[str, Any] = {keyword: 3}
    for make in (DetectiveClient, functools.partial(DetectiveFleet, [Target("111122223333", "eu-west-1")])):
        with pytest.raises(TypeError) as caught:
            make(**wrong)
        assert str(caught.value).endswith(f"() got an unexpected keyword argument {keyword!r}{hint}")


def test_a_misspelt_keyword_of_with_options() -> None:
    """Only its own arguments may be meant."""
    client = DetectiveClient(region="eu-west-1", credentials=KEYS)
    for keyword, hint in (("regoin", "; did you mean region?"), ("endpoint", "")):
        wrong: dict[str, Any] = {keyword: None}
        with pytest.raises(TypeError) as caught:
            client.with_options(**wrong)
        assert str(caught.value) == f"with_options() got an unexpected keyword argument {keyword!r}{hint}"


@pytest.mark.parametrize("region", ["xx-place-1", "ap-southeast-12", "us-gov-west-1", "mars-1"])
def test_regions_of_tomorrow(region: str) -> None:
    """A region that this release does not know has its endpoint; a server of another maker has any name."""
    assert DetectiveClient(region=region, credentials=KEYS).endpoint_url.startswith("https://api.detective.")
    assert DetectiveClient(region="local", credentials=KEYS, endpoint_url="http://localhost").region == "local"


async def test_one_hook_may_stand_for_a_list(sim: DetectiveSimulator) -> None:
    """Also one that can be iterated over; classes whose instances are not callable only look like hooks."""

    class Recorder(list[object]):
        __call__ = list.append

    recorder = Recorder()
    keys = sim.account("111122223333")
    several: list[Any] = [recorder, [recorder], [dict.fromkeys([1]).get, recorder]]
    for hooks in several:
        async with DetectiveClient(region="eu-west-1", credentials=keys, endpoint_url=sim.url, hooks=hooks) as client:
            await client.list_graphs()
    assert len(recorder) == 6


@pytest.mark.parametrize(
    ("make", "kind", "problem"),
    [
        (lambda: Timeouts(total=10**400), ConfigurationError, "total must be a positive number .* got an int"),
        (lambda: Timeouts(total=-(10**5000)), ConfigurationError, "total must be a positive number .* got an int"),
        (lambda: Timeouts(read=float("nan")), ConfigurationError, "read must be .* or None for no limit; got nan"),
        (lambda: Timeouts(connect=True), ConfigurationError, "connect must be .* got True"),
        (lambda: Timeouts(attempt=Decimal(5)), ConfigurationError, "attempt must be .* got a Decimal"),  # type: ignore[arg-type]
        (lambda: RetryPolicy(5), ConfigurationError, "retry mode 5 does not exist"),  # type: ignore[arg-type]
        (lambda: RetryPolicy([]), ConfigurationError, "retry mode a list does not exist"),  # type: ignore[arg-type]
        (lambda: RetryPolicy(max_attempts=-(10**5000)), ConfigurationError, "at least 1, got an int"),
        (lambda: RetryPolicy(max_attempts=10**5000), ConfigurationError, "at least 1, got an int"),
        (lambda: Clock(time=5), ConfigurationError, "a Clock of four functions, got one whose time is not"),  # type: ignore[arg-type]
        (lambda: Clock(sleep=time.sleep), ConfigurationError, "sleep must be a coroutine function"),  # type: ignore[arg-type]
        (lambda: Credentials("a", "b", 5), CredentialsError, "session_token must be a string or None, got an int"),  # type: ignore[arg-type]
        (lambda: Credentials("a", "b", b"c"), CredentialsError, "session_token must be .* got a bytes"),  # type: ignore[arg-type]
        (lambda: Credentials("a", "b", expires_at="2030-01-01"), CredentialsError, "a datetime or None, got a str"),  # type: ignore[arg-type]
        (lambda: Credentials("a", "b", expires_at=1e9), CredentialsError, "expires_at must be a datetime"),  # type: ignore[arg-type]
        (lambda: Credentials("a", "b", account_id=10**5000), CredentialsError, "12 digits, got an int"),  # type: ignore[arg-type]
        (lambda: Credentials("a", "b\udc80"), CredentialsError, "secret_access_key .* contains a control character"),
        (lambda: AssumeRole(ROLE, source=ROLE), ConfigurationError, r"got a str: pass AssumeRole\(role_arn\)"),  # type: ignore[arg-type]
        (lambda: AssumeRole(ROLE, duration=-(10**5000)), DetectiveError, "duration: must be 900 to 43200, got an int"),
        (lambda: DetectiveFleet([Target("1" * 12, "x-1")], concurrency="5"), DetectiveError, "expected a whole number"),  # type: ignore[arg-type]
    ],
)
def test_values_that_are_no_settings(make: Callable[[], object], kind: type[DetectiveError], problem: str) -> None:
    """Numbers that no float can hold, wrong types, and times without a zone."""
    with pytest.raises(kind, match=problem):
        make()


def test_infinity_is_no_limit() -> None:
    """As None is."""
    assert Timeouts(total=float("inf")).total == float("inf")


def test_what_is_shown_of_a_value() -> None:
    """Short plain values, and the type of all others, whose `repr` may raise."""
    assert shown("it's") == '"it\'s"'
    assert shown(datetime(2026, 1, 1, tzinfo=UTC)) == "a datetime"
    assert shown(10**5000) == "an int"


class Broken:
    """An object of which everything that one may ask raises."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    def __hash__(self) -> int:
        raise TypeError("no hash")

    def __getattr__(self, name: str) -> object:
        raise RuntimeError("no attributes")


class BrokenCall(Broken):
    """A callable whose method cannot be asked for."""

    @property
    def __call__(self) -> object:
        raise RuntimeError("no call")

    on_start = None


@pytest.mark.parametrize("name", ClientOptions.__annotations__)
def test_objects_that_raise_are_refused_too(name: str) -> None:
    """Their `repr` is not asked for, and what they raise when asked for an attribute is not passed on."""
    options: dict[str, Any] = {"region": "eu-west-1", "credentials": KEYS, name: Broken()}
    with pytest.raises(ConfigurationError, match="Broken"):
        DetectiveClient(**options)


@pytest.mark.parametrize("value", [Broken(), BrokenCall()], ids=["object", "callable"])
def test_callbacks_that_raise_when_asked_for_an_attribute(value: object) -> None:
    """They are no callbacks, and no sources of a role's or a session's credentials."""
    assert not is_plain_callable(value)
    with pytest.raises(ConfigurationError, match=r"^SessionCredentials takes .* got a Broken"):
        SessionCredentials(value)


def test_a_hook_that_raises_when_asked_for_an_attribute() -> None:
    """It is refused by its class, since each call would ask it for `on_start`."""

    class Hook(Broken):
        def __call__(self, event: object) -> None: ...

    with pytest.raises(ConfigurationError, match=r"^hooks: .* got Hook, which raises when asked for on_start"):
        DetectiveClient(region="eu-west-1", credentials=KEYS, hooks=Hook())


_JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=80),
    st.text("http:/[]@.%é \n?#0-", max_size=30).map(lambda text: "http://" + text),
    st.binary(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.sampled_from(
        [
            print,
            int,
            object(),
            Broken,
            10**5000,
            Decimal(1),
            MappingProxyType({}),
            Path("x"),
            SimpleNamespace(),
        ]
    ),
)
_NAMES = st.sampled_from([*ClientOptions.__annotations__, "account_id", "colour", "region_name"])


@example({"endpoint_url": "http://[]"})
@example({"endpoint_url": "http://" + "\u3002" * 3})
@given(st.dictionaries(_NAMES, _JUNK, max_size=3))
def test_any_argument_is_taken_or_refused(options: dict[str, Any]) -> None:
    """Whatever is passed: no exception from inside; TypeError is left to keywords that do not exist."""
    keywords: dict[str, Any] = {"region": "eu-west-1", "credentials": KEYS}
    client = DetectiveClient(region="eu-west-1", credentials=KEYS, endpoint_url="http://localhost")
    for make in (
        lambda: repr(DetectiveClient(**keywords | options)),
        lambda: client.with_options(**options),
        lambda: DetectiveFleet([Target("1" * 12, "eu-west-1")], **keywords | options),
    ):
        try:
            make()
        except (DetectiveError, TypeError) as error:
            refused = error
        else:
            continue
        assert isinstance(refused, DetectiveError) or "unexpected keyword argument" in str(refused)
        assert len(str(refused)) < 1_000
