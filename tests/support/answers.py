"""Answers with what AWS always sends, and nothing else."""

from detective_async import MemberDetail, MemberStatus

MEMBER = MemberDetail(account_id="444455556666", graph_arn="arn", status=MemberStatus.INVITED)
#: The same as AWS sends it.
MEMBER_JSON = {"AccountId": "444455556666", "GraphArn": "arn", "Status": "INVITED"}
