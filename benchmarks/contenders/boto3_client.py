"""boto3: one client that is reused; it is synchronous, so it is called without an event loop."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial

import boto3
from botocore.config import Config
from workloads import GRAPH_ARN, LIST_GRAPHS, LIST_MEMBERS
from world import KEYS, MAX_ATTEMPTS, MOST_IN_FLIGHT, PAGE, REGION

from contenders import Calls


@contextmanager
def open_client(url: str) -> Iterator[Calls]:
    """Open one client and keep it."""
    with closing(
        boto3.client(
            "detective",
            region_name=REGION,
            endpoint_url=url,
            aws_access_key_id=KEYS.access_key_id,
            aws_secret_access_key=KEYS.secret_access_key,
            aws_session_token=KEYS.session_token,
            config=Config(
                max_pool_connections=MOST_IN_FLIGHT, retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS}
            ),
        )
    ) as client:
        yield {
            LIST_GRAPHS.name: client.list_graphs,
            LIST_MEMBERS.name: partial(client.list_members, GraphArn=GRAPH_ARN, MaxResults=PAGE),
        }
