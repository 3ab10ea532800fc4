"""A program from its start to its first response: boto3."""

import boto3

for graph in boto3.client("detective").list_graphs()["GraphList"]:
    print(graph["Arn"], graph["CreatedTime"], flush=True)
