"""Tags of a graph."""

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio


async def test_tags_are_added_replaced_and_removed(boto: Any) -> None:
    """TagResource adds and replaces, UntagResource removes, and unknown keys do not matter."""
    client = boto()
    arn = (await client.create_graph(Tags={"a": "1", "b": "2"}))["GraphArn"]
    answer = await client.tag_resource(ResourceArn=arn, Tags={"b": "3", "c": ""})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    await client.untag_resource(ResourceArn=arn, TagKeys=["a", "unknown"])
    assert (await client.list_tags_for_resource(ResourceArn=arn))["Tags"] == {"b": "3", "c": ""}


async def test_creating_a_graph_again_leaves_its_tags_alone(boto: Any) -> None:
    """A repeated CreateGraph answers with the ARN, and that is all."""
    client = boto()
    arn = (await client.create_graph(Tags={"a": "1"}))["GraphArn"]
    assert (await client.create_graph(Tags={"a": "2"}))["GraphArn"] == arn
    assert (await client.list_tags_for_resource(ResourceArn=arn))["Tags"] == {"a": "1"}


async def test_a_graph_has_room_for_50_tags(boto: Any) -> None:
    """The 51st is refused, and none of its request is kept."""
    client = boto()
    arn = (await client.create_graph(Tags={f"key{number}": "x" for number in range(49)}))["GraphArn"]
    with pytest.raises(client.exceptions.ValidationException, match="50"):
        await client.tag_resource(ResourceArn=arn, Tags={"one": "", "two": ""})
    await client.tag_resource(ResourceArn=arn, Tags={"one": "", "key0": "y"})
    tags = (await client.list_tags_for_resource(ResourceArn=arn))["Tags"]
    assert (len(tags), tags["key0"]) == (50, "y")


async def test_tags_of_no_graph_are_not_found(boto: Any) -> None:
    """All three operations say so."""
    client = boto()
    arn = "arn:aws:detective:eu-west-1:111122223333:graph:" + "0" * 32
    for call in (
        client.list_tags_for_resource(ResourceArn=arn),
        client.tag_resource(ResourceArn=arn, Tags={"a": "b"}),
        client.untag_resource(ResourceArn=arn, TagKeys=["a"]),
    ):
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            await call
