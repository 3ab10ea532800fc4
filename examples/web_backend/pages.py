"""Routes for the files of the page, which are read from the disk once."""

from functools import cache
from importlib import resources
from pathlib import Path

from aiohttp import web

from web_backend.common import read_query

_PAGE = Path(__file__).parent / "page"
#: The libraries that the page is made with, which the package has for the simulator's page.
_PARTS = Path(str(resources.files("detective_async.testing.page"))) / "static" / "parts"
_TYPES = {
    # The licences of the libraries.
    "": "text/plain; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
#: Path -> file. Nothing else can be asked for, whatever a path says.
_FILES = {
    "/": _PAGE / "index.html",
    **{f"/{file.name}": file for file in sorted(_PAGE.iterdir()) if file.name != "index.html"},
    **{
        f"/parts/{file.relative_to(_PARTS).as_posix()}": file
        for file in sorted(_PARTS.rglob("*"))
        if file.is_file() and file.suffix in _TYPES
    },
}


@cache
def _read(path: str) -> bytes:
    return _FILES[path].read_bytes()


async def _show(request: web.Request) -> web.Response:
    read_query(request)
    content_type = _TYPES[_FILES[request.path].suffix]
    return web.Response(body=_read(request.path), headers={"Content-Type": content_type})


ROUTES = [web.get(path, _show) for path in _FILES]
