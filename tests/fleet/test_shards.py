"""Shards: each target is in exactly one, and their sizes are balanced."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.hypothesis_profiles import examples

from detective_async import Credentials, DetectiveClient, DetectiveFleet, Target
from fleet.counting_server import REGIONS, accounts, places

KEYS = Credentials("a", "b")


async def name(_client: DetectiveClient, target: Target) -> str:
    return str(target)


async def names(fleet: DetectiveFleet) -> list[str]:
    async with fleet:
        return sorted([outcome.result() async for outcome in fleet.run(name)])


def listed(fleet: DetectiveFleet) -> list[str]:
    return [str(target) for target in fleet._targets]


@settings(max_examples=examples(40))
@given(count=st.integers(1, 40), shards=st.integers(1, 50))
def test_partition(count: int, shards: int) -> None:
    """No target is missing or duplicated, and sizes differ by at most one."""
    targets = places(count, ["eu-west-1"])
    fleet = DetectiveFleet(targets)
    parts = [listed(fleet.shard(index, shards)) for index in range(shards)]
    assert sorted(one for part in parts for one in part) == sorted(map(str, targets))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert parts == [listed(DetectiveFleet(list(targets)).shard(index, shards)) for index in range(shards)]
    for index, size in enumerate(sizes):
        assert repr(fleet.shard(index, shards)) == f"<DetectiveFleet [targets: {size}, open]>"


@settings(max_examples=examples(20))
@given(first=st.integers(1, 5), second=st.integers(1, 5))
def test_shards_of_shards(first: int, second: int) -> None:
    """Shards can be sharded again."""
    fleet = DetectiveFleet.assume_role("Audit", accounts(7), REGIONS, source=KEYS)
    parts = [listed(fleet.shard(one, first).shard(two, second)) for one in range(first) for two in range(second)]
    assert sorted(one for part in parts for one in part) == sorted(listed(fleet))


async def test_run_of_each_shard() -> None:
    """A shard works on its targets, repeatedly, with its own settings and connections."""
    fleet = DetectiveFleet(places(5), concurrency=3, concurrency_per_target=2, region="eu-west-1")
    shards = [fleet.shard(index, 4) for index in range(4)]
    assert [await names(shard) for shard in shards] == [sorted(listed(shard)) for shard in shards]
    for shard in shards:
        assert (shard._concurrency, shard._concurrency_per_target) == (3, 2)
        assert shard._client.region == "eu-west-1"
    assert sorted(map(str, places(5))) == await names(fleet)
    assert [len(await names(DetectiveFleet(places(1)).shard(index, 5))) for index in range(5)] == [1, 1, 1, 0, 0]


async def test_shard_of_an_iterator() -> None:
    """The count is unknown; only one shard can be used, as it consumes the iterator."""
    fleet = DetectiveFleet(iter(places(5)))
    one, other = fleet.shard(1, 4), fleet.shard(2, 4)
    assert repr(one) == "<DetectiveFleet [targets: unknown, open]>"
    assert await names(one) == sorted(map(str, places(5)[1::4]))
    for late in (one, other, fleet):
        with pytest.raises(RuntimeError, match=r"were taken already|is closed"):
            await names(late)
