"""What requests say of where they come from: the user agent, and the trace of a Lambda function, as in botocore."""

import logging
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.handlers import add_recursion_detection_header
from botocore.useragent import UserAgentString
from support.wire_server import Request, serving

from detective_async import AssumeRole, ConfigurationError, Credentials, DetectiveClient, DetectiveFleet, Target
from detective_async.http.user_agent import USER_AGENT

KEYS = Credentials("a", "b")
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


async def sent(**options: Any) -> Request:
    """Return a request of a client that is derived from a new one."""
    async with (
        serving(Request.answer) as server,
        DetectiveClient(region="eu-west-1", credentials=KEYS, endpoint_url=server.url, **options) as client,
    ):
        await client.with_options(region="eu-west-2").list_graphs()
    return server.requests[0]


@pytest.mark.parametrize(
    "app_id",
    ["inventory-job", "with space/and(more)", "caf\u00e9\r\nHost: x", "a#b,c~`|^_+*'&%$!.", "x" * 50, "x" * 51, ""],
)
@pytest.mark.parametrize("from_file", [False, True])
async def test_the_name_of_the_application(
    app_id: str, from_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It comes from the environment or the profile; what may not be in it becomes a hyphen; a long one is warned of."""
    caplog.set_level(logging.WARNING)
    if not from_file:
        monkeypatch.setenv("AWS_SDK_UA_APP_ID", app_id)
    else:
        (tmp_path / "config").write_text(f"[default]\nsdk_ua_app_id = {app_id.splitlines()[0] if app_id else ''}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    config = Config(
        user_agent_appid=botocore.session.Session().get_config_variable("user_agent_appid"),
        user_agent_extra="my-tool/1.0 (x)",
    )
    theirs = UserAgentString.from_environment().with_client_config(config).to_string()
    ours = (await sent(user_agent_suffix="my-tool/1.0 (x)")).header("user-agent")
    assert ours.removeprefix(USER_AGENT).split() == theirs[theirs.index(" app/" if app_id else " my-tool") :].split()
    warnings = [one.getMessage() for one in caplog.records if one.name == "detective_async"]
    assert [("AWS_SDK_UA_APP_ID" in one, "50 characters" in one) for one in warnings] == [(True, True)] * (
        len(app_id) > 50
    )


@pytest.mark.parametrize("suffix", ["", " ", "a ", "\u00e9", "a\nb", "a\r\nHost: x", "a\tb", "a\x7f", b"a", 5])
def test_a_suffix_that_no_header_can_have(suffix: object) -> None:
    """It is refused when the client is made."""
    with pytest.raises(ConfigurationError, match="user_agent_suffix: expected printable ASCII"):
        DetectiveClient(region="eu-west-1", credentials=KEYS, user_agent_suffix=suffix)  # type: ignore[arg-type]


async def test_the_suffix_of_a_fleet() -> None:
    """All its requests have it, those to STS too."""
    role = AssumeRole("arn:aws:iam::111122223333:role/Audit", source=KEYS)
    async with (
        serving(Request.answer) as server,
        DetectiveFleet(
            [Target("111122223333", "eu-west-1", one) for one in (KEYS, role)],
            endpoint_url=server.url,
            user_agent_suffix="my-tool/1.0",
        ) as fleet,
    ):
        async for _ in fleet.run(lambda client, _: client.list_graphs()):
            pass
    assert {one.header("user-agent") for one in server.requests} == {f"{USER_AGENT} my-tool/1.0"}
    assert any(b"AssumeRole" in one.body for one in server.requests)


@pytest.mark.parametrize("function", [None, "", "inventory"])
@pytest.mark.parametrize("trace", [None, "", TRACE, "a b\r\nx: y\u00e9%41{}[]\"',", "Root=1;Lineage=a:1|b/2~"])
async def test_the_trace_of_a_lambda_function(
    function: str | None, trace: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The header is that of botocore, and is not signed."""
    if function is not None:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", function)
    if trace is not None:
        monkeypatch.setenv("_X_AMZN_TRACE_ID", trace)
    expected: dict[str, str] = {}
    add_recursion_detection_header({"headers": expected})
    request = await sent()
    assert request.header("x-amzn-trace-id") == expected.get("X-Amzn-Trace-Id", "")
    assert "trace" not in request.header("authorization")


async def test_each_invocation_has_its_own_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client at module level outlives an invocation."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "inventory")
    traces = ["Root=1", "Root=2"]
    async with (
        serving(Request.answer) as server,
        DetectiveClient(region="eu-west-1", credentials=KEYS, endpoint_url=server.url) as client,
    ):
        for trace in traces:
            monkeypatch.setenv("_X_AMZN_TRACE_ID", trace)
            await client.list_graphs()
    assert [one.header("x-amzn-trace-id") for one in server.requests] == traces


async def test_a_trace_that_is_no_text_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Environments may have bytes that are no UTF-8."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "inventory")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=\udcff")
    async with (
        serving(Request.answer) as server,
        DetectiveClient(region="eu-west-1", credentials=KEYS, endpoint_url=server.url) as client,
    ):
        await client.list_graphs()
    assert server.requests[0].header("x-amzn-trace-id") == "Root=%FF"
