"""Graphs and their tags."""

import asyncio
from typing import Any

import pytest

from detective_async.testing import DetectiveSimulator


async def test_each_account_and_region_has_its_graph(sim: DetectiveSimulator, boto: Any) -> None:
    """A graph belongs to one account and region, and is listed there only, with the time of its creation."""
    clients = [
        boto(account, region=region) for account in ("1" * 12, "2" * 12) for region in ("eu-west-1", "us-east-1")
    ]
    before = sim.now
    arns = [response["GraphArn"] for response in await asyncio.gather(*(client.create_graph() for client in clients))]
    assert len(set(arns)) == 4
    after = sim.now
    await sim.advance(3600)
    for client, arn in zip(clients, arns, strict=True):
        assert (await client.create_graph())["GraphArn"] == arn
        (graph,) = (await client.list_graphs())["GraphList"]
        assert graph["Arn"] == arn
        assert int(before.timestamp()) <= graph["CreatedTime"].timestamp() <= after.timestamp()


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("us-isob-east-1", "aws-iso-b")],
)
async def test_an_arn_has_the_partition_of_its_region(boto: Any, region: Any, partition: Any) -> None:
    """A graph's ARN begins with the partition, and works in the path of the tag operations."""
    client = boto(region=region)
    arn = (await client.create_graph(Tags={"a": "b"}))["GraphArn"]
    assert arn.startswith(f"arn:{partition}:detective:{region}:111122223333:graph:")
    assert (await client.list_tags_for_resource(ResourceArn=arn))["Tags"] == {"a": "b"}


async def test_a_graph_has_at_most_50_tags(boto: Any) -> None:
    """The 51st tag is rejected with its whole request."""
    client = boto()
    arn = (await client.create_graph(Tags={f"key{number}": "x" for number in range(49)}))["GraphArn"]
    refused = await client.refused("ValidationException", "tag_resource", ResourceArn=arn, Tags={"one": "", "two": ""})
    assert "50" in refused["Error"]["Message"]
    await client.tag_resource(ResourceArn=arn, Tags={"one": "", "key0": "y"})
    tags = (await client.list_tags_for_resource(ResourceArn=arn))["Tags"]
    assert (len(tags), tags["key0"]) == (50, "y")


async def test_tags_are_added_replaced_and_removed(boto: Any) -> None:
    """TagResource adds and replaces, UntagResource ignores unknown keys, a repeated CreateGraph changes no tags.

    Every character that the API allows works in path and query.
    """
    client = boto()
    tags = {"+-=._:/,9": " ünï/?&=+%#\u2028", "a:b/c": "", "=": "==", "-": "\U0001f600"}
    arn = (await client.create_graph(Tags=tags))["GraphArn"]
    assert (await client.create_graph(Tags={"a": "2"}))["GraphArn"] == arn
    assert (await client.list_tags_for_resource(ResourceArn=arn))["Tags"] == tags
    for response in (
        await client.tag_resource(ResourceArn=arn, Tags={"-": "3", "c": "", "d": "4"}),
        await client.untag_resource(ResourceArn=arn, TagKeys=["d", "unknown", *list(tags)[:3]]),
    ):
        assert response.pop("ResponseMetadata")["HTTPStatusCode"] == 204
        assert response == {}
    assert (await client.list_tags_for_resource(ResourceArn=arn))["Tags"] == {"-": "3", "c": ""}


async def test_tags_of_a_missing_graph_are_not_found(boto: Any) -> None:
    """All three operations return ResourceNotFoundException."""
    client, on = boto(), {"ResourceArn": "arn:aws:detective:eu-west-1:111122223333:graph:" + "0" * 32}
    await client.refused("ResourceNotFoundException", "list_tags_for_resource", **on)
    await client.refused("ResourceNotFoundException", "tag_resource", **on, Tags={"a": "b"})
    await client.refused("ResourceNotFoundException", "untag_resource", **on, TagKeys=["a"])


async def test_tag_keys_have_the_characters_of_the_api(boto: Any) -> None:
    """Letters, digits and `+,-./:;<=_`, not beginning with `aws:`. Source: the API's model, TagKey."""
    client = boto()
    arn = (await client.create_graph(Tags={"aZ09+,-./:;<=_": ""}))["GraphArn"]
    for key in ("a b", "a@b", "aws:a", "\u00e4", "a*b"):
        await client.refused("ValidationException", "tag_resource", ResourceArn=arn, Tags={key: ""})
