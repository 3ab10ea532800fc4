"""Calls as spans and metrics of OpenTelemetry; needs the extra `opentelemetry`.

    hook = OpenTelemetryHook()
    async with DetectiveClient(region="eu-west-1", hooks=[hook]) as detective:
        await detective.list_graphs()

OpenTelemetry's own providers decide where traces and metrics go. Without providers the hook has no effect.
"""

try:
    from detective_async.integrations.opentelemetry.hook import OpenTelemetryHook
except ModuleNotFoundError as error:
    raise ImportError(
        'opentelemetry-api is not installed: pip install "detective-async[opentelemetry]"', name=error.name
    ) from None

__all__ = ["OpenTelemetryHook"]
