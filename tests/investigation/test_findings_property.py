"""entities_of takes any JSON."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.hypothesis_profiles import examples

from detective_async.investigation import SkipReason, entities_of
from detective_async.investigation.entities import is_entity
from investigation.findings import (
    ROLE,
    USER,
    access_key,
    asff,
    event,
    guardduty,
    pascal,
    resource,
    sequence,
)

NOW = datetime(2026, 3, 20, tzinfo=UTC)
MODELS = [
    guardduty(access_key()),
    guardduty({"lambdaDetails": {"role": ROLE}}),
    guardduty({"instanceDetails": {"iamInstanceProfile": {"arn": "arn:aws:iam::1:instance-profile/x"}}}),
    guardduty(service=sequence({"user": {"name": "x", "type": "IAMUser", "uid": "AIDAX"}}, resources=[{"uid": "y"}])),
    pascal(guardduty(access_key("IAMUser", "Alice"))),
    asff(
        resource("AwsIamRole", ROLE),
        resource("AwsIamUser", "x", AwsIamUser={"Path": "/people/", "UserName": "Alice"}),
        resource("AwsIamAccessKey", "x", AwsIamAccessKey={"SessionContext": {"SessionIssuer": {"Arn": USER}}}),
    ),
    event({"findings": [asff(resource("AwsLambdaFunction", "x", AwsLambdaFunction={"Role": ROLE}))]}),
]
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from([ROLE, USER, "/"])
)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """Draw a finding in which some values are replaced by any other JSON."""

    def copy(value: Any) -> Any:
        if draw(st.integers(0, 11)) == 0:
            return draw(JSON)
        if isinstance(value, dict):
            return {name: copy(item) for name, item in value.items()}
        return [copy(item) for item in value] if isinstance(value, list) else value

    return copy(draw(st.sampled_from(MODELS)))


@settings(max_examples=examples(300))
@given(st.lists(damaged() | JSON, max_size=3))
def test_any_json(findings: list[Any]) -> None:
    """It never raises; ARNs are those of users and roles with sensible scopes, and all else has a reason."""
    found = entities_of(findings, now=NOW)
    text = json.dumps(findings, ensure_ascii=False)
    for entity in found.entities:
        assert is_entity(entity.arn)
        # No name or path is made up.
        assert all(json.dumps(part, ensure_ascii=False)[1:-1] in text for part in entity.arn.split("/")[1:])
        assert (entity.start is None) == (entity.end is None)
        if entity.start is not None and entity.end is not None:
            assert timedelta(hours=3) <= entity.end - entity.start <= timedelta(days=30)
            assert entity.end <= NOW
    for skipped in found.skipped:
        assert isinstance(skipped.reason, SkipReason)
        assert len(skipped.what) <= 220
    json.dumps(found.to_dict())
    if not found.entities and not found.skipped:
        assert all(isinstance(one, list | dict) for one in findings)


def test_deeply_nested_json() -> None:
    """It is read without recursion."""
    value: Any = asff(resource("AwsIamRole", ROLE))
    for _ in range(5_000):
        value = event({"findings": [[value]]})
    assert entities_of(value, now=NOW).arns == (ROLE,)
