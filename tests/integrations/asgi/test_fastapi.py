"""The class of the documentation that sends the integration's responses in FastAPI."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import BackgroundTasks, FastAPI
from integrations.aiohttp_web.site import idle_client
from integrations.asgi.site import serving
from support.fences import read_blocks
from support.wire_server import until

from detective_async.integrations.asgi import DetectiveMiddleware, stream_ndjson

_PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "fastapi.md"


async def test_background_tasks_of_a_stream() -> None:
    """They run when the stream is complete."""
    [block] = [block for block in read_blocks(_PAGE) if "class Wrapped" in block.text]
    page: dict[str, Any] = {}
    exec(compile(block.text, str(_PAGE), "exec"), page)  # noqa: S102 - of the documentation
    done: list[str] = []
    app = FastAPI()
    app.add_middleware(DetectiveMiddleware, idle_client())

    async def items() -> AsyncIterator[str]:
        yield "a"
        done.append("stream")

    @app.get("/", response_model=None)
    async def stream(tasks: BackgroundTasks) -> Any:
        tasks.add_task(done.append, "task")
        return page["Wrapped"](stream_ndjson(items()))

    async with serving(app) as site:
        assert (await site.get("/")).body == b'"a"\n'
        await until(lambda: done == ["stream", "task"], "the task has run")
