"""boto3: one client, reused; synchronous, and therefore called without an event loop."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial

import boto3
from botocore.config import Config
from workloads import (
    ACCESS_KEY_ID,
    GRAPH_ARN,
    LIST_GRAPHS,
    LIST_MEMBERS,
    MAX_ATTEMPTS,
    PAGE,
    REGION,
    SECRET_ACCESS_KEY,
    SESSION_TOKEN,
)

from contenders import Calls


@contextmanager
def open_calls(url: str) -> Iterator[Calls]:
    """Open one client and keep it."""
    with closing(
        boto3.client(
            "detective",
            region_name=REGION,
            endpoint_url=url,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
            aws_session_token=SESSION_TOKEN,
            config=Config(retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS}),
        )
    ) as client:
        yield {
            LIST_GRAPHS.name: client.list_graphs,
            LIST_MEMBERS.name: partial(client.list_members, GraphArn=GRAPH_ARN, MaxResults=PAGE),
        }
