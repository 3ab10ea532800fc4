"""Routes for the files of the page, which are read from the disk once."""

from functools import cache
from pathlib import Path

from aiohttp import web

from web_backend.common import read_query

_FOLDER = Path(__file__).parent / "page"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@cache
def _read(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()


async def _show(request: web.Request) -> web.Response:
    read_query(request)
    name = request.path.removeprefix("/") or "index.html"
    return web.Response(body=_read(name), headers={"Content-Type": _TYPES[Path(name).suffix]})


ROUTES = [
    web.get("/", _show),
    *(web.get(f"/{file.name}", _show) for file in sorted(_FOLDER.iterdir()) if file.name != "index.html"),
]
