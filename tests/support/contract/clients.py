"""boto3's client and ours at the same server."""

import asyncio
from collections.abc import Mapping
from typing import Any

from botocore import xform_name
from support.contract.api import SERVICE_MODEL, our_method
from support.contract.conversion import our_arguments
from support.contract.server import Captured, Reply, Server
from support.contract.strategies import smallest_request

from detective_async import DetectiveClient

REGION = "eu-west-1"
ACCESS_KEY_ID = "AKIDEXAMPLE"
SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SESSION_TOKEN = "FwoGZXIvYXdzEBYaD/+=with all that tokens hold=="


class Pair:
    """boto3's client and ours.

    Args:
        server: where both send to.
        boto: boto3's client.
        client: ours.
        runner: the loop that our client lives on; it runs during calls only.
    """

    # No attrs class, because hypothesis would print all its attributes for each failing example.
    def __init__(self, server: Server, boto: Any, client: DetectiveClient, runner: asyncio.Runner) -> None:
        self.server = server
        self.boto = boto
        self._client = client
        self._runner = runner

    def call_boto(self, operation: str, members: Mapping[str, Any] | None = None) -> Any:
        """Call boto3's client, by default with the smallest request."""
        shape = SERVICE_MODEL.operation_model(operation).input_shape
        members = smallest_request(shape) if members is None else members
        return getattr(self.boto, xform_name(operation))(**members)

    def call_ours(self, operation: str, members: Mapping[str, Any] | None = None, *, enums: bool = False) -> Any:
        """Call our client, by default with the smallest request.

        Args:
            operation: the API's name.
            members: as boto3 takes them.
            enums: whether to pass enum members; otherwise their strings.
        """
        shape = SERVICE_MODEL.operation_model(operation).input_shape
        members = smallest_request(shape) if members is None else members
        arguments = our_arguments(shape, members, enums=enums)
        return self._runner.run(getattr(self._client, our_method(operation))(**arguments))

    def captured(self) -> Captured:
        """Return the one request since the last call of this method."""
        (captured,) = self.server.captured
        self.server.captured.clear()
        return captured

    def answer(self, reply: Reply) -> None:
        """Set the response to all following requests."""
        self.server.reply = reply
        self.server.captured.clear()
