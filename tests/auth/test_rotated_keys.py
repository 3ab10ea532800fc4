"""Keys that are exchanged in the shared file while a client runs: AWS does not know the old ones any more."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from aiobotocore.session import AioSession

from detective_async import (
    AssumeRole,
    AssumeRoleError,
    Credentials,
    DefaultCredentials,
    DetectiveClient,
    ServiceError,
    SessionCredentials,
    Timeouts,
)
from detective_async.auth import as_provider
from detective_async.testing import DetectiveSimulator

HUB, SPOKE = "111122223333", "444455556666"
OLD = Credentials("AKIAOLDOLDOLDOLDOLD7", "old-secret")


@pytest.fixture
def rotate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Credentials], None]:
    """A function that writes keys into the shared credentials file; it has old ones first."""
    path = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))

    def write(keys: Credentials) -> None:
        secret = keys.secret_access_key
        path.write_text(f"[default]\naws_access_key_id = {keys.access_key_id}\naws_secret_access_key = {secret}\n")

    write(OLD)
    return write


SOURCES: dict[str, Callable[[], Any]] = {
    "the chain": DefaultCredentials,
    "boto3": boto3.Session,
    "botocore": botocore.session.Session,
    "aiobotocore": AioSession,
}


@pytest.mark.parametrize("through_a_role", [False, True])
@pytest.mark.parametrize("source", SOURCES)
async def test_exchanged_keys_are_found(
    sim: DetectiveSimulator, rotate: Callable[[Credentials], None], source: str, through_a_role: bool
) -> None:
    """The call is repeated with them, also where a role's source are the keys; later calls use them at once."""
    keys = as_provider(SOURCES[source]())
    provider = AssumeRole(sim.role(SPOKE, "Audit", trusted=[HUB]), source=keys) if through_a_role else keys
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=provider) as client:
        # The old keys are cached from now on.
        assert (await keys.get_credentials()).access_key_id == OLD.access_key_id
        rotate(sim.account(HUB))
        responses = await asyncio.gather(*(client.list_graphs() for _ in range(5)))
        assert {response.response_metadata.attempts for response in responses} == {1 if through_a_role else 2}
        assert (await client.list_graphs()).response_metadata.attempts == 1


@pytest.mark.parametrize("source", SOURCES)
async def test_the_same_keys_are_looked_up_once(
    sim: DetectiveSimulator,
    rotate: Callable[[Credentials], None],
    monkeypatch: pytest.MonkeyPatch,
    source: str,
) -> None:
    """In a region that is not enabled every call is refused like that: the file is not read for each of them."""
    rotate(sim.account(HUB))
    sim.close_region("af-south-1")
    read = []
    load = botocore.credentials.SharedCredentialProvider.load

    def counted(self: Any) -> Any:
        read.append(1)
        return load(self)

    monkeypatch.setattr(botocore.credentials.SharedCredentialProvider, "load", counted)
    async with DetectiveClient(region="af-south-1", endpoint_url=sim.url, credentials=SOURCES[source]()) as client:
        for _ in range(3):
            calls = [client.list_graphs() for _ in range(10)]
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            assert {getattr(one, "code", None) for one in outcomes} == {"UnrecognizedClientException"}
        await client.with_options(region="eu-west-1").list_graphs()
    assert len(read) <= 2
    assert len(sim.requests) == 31


@pytest.mark.parametrize(
    "explicit",
    [
        lambda: SessionCredentials(boto3.Session(OLD.access_key_id, OLD.secret_access_key)),
        lambda: SessionCredentials(boto3.Session(OLD.access_key_id, OLD.secret_access_key).get_credentials()),
        lambda: OLD,
    ],
)
async def test_keys_that_were_given_are_not_replaced(
    sim: DetectiveSimulator, rotate: Callable[[Credentials], None], explicit: Callable[[], Any]
) -> None:
    """The shared file has the keys of somebody else."""
    rotate(sim.account(HUB))
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=explicit()) as client:
        with pytest.raises(ServiceError, match="UnrecognizedClientException"):
            await client.list_graphs()
    assert len(sim.requests) == 1


async def test_a_look_up_again_that_hangs(sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal is raised at the deadline, and not the deadline: a region that is not enabled is known as such."""

    async def hang(*_: object) -> bool:
        await asyncio.sleep(1e6)
        return True

    monkeypatch.setattr(SessionCredentials, "look_again", hang)
    session = boto3.Session(OLD.access_key_id, OLD.secret_access_key)
    async with DetectiveClient(
        region="eu-west-1", endpoint_url=sim.url, credentials=session, timeouts=Timeouts(total=3)
    ) as client:
        with pytest.raises(ServiceError, match="UnrecognizedClientException"):
            await client.list_graphs()


async def test_keys_in_the_environment_are_not_replaced(
    sim: DetectiveSimulator, rotate: Callable[[Credentials], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They go before the file, and are read for each call anyway."""
    rotate(sim.account(HUB))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", OLD.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", OLD.secret_access_key)
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url) as client:
        with pytest.raises(ServiceError, match="UnrecognizedClientException"):
            await client.list_graphs()


async def test_a_role_of_unknown_keys(sim: DetectiveSimulator, rotate: Callable[[Credentials], None]) -> None:
    """The keys of a role are its own: they are not looked for in the file."""
    rotate(OLD)
    role = AssumeRole(sim.role(SPOKE, "Audit", trusted=[HUB]))
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=role) as client:
        with pytest.raises(AssumeRoleError, match="InvalidClientTokenId"):
            await client.list_graphs()
