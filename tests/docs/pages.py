"""Where the pages are, and which of them are read together."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
#: One walk, in the order of its table of contents.
TUTORIAL = DOCS / "tutorial" / "index.md"
#: The world of all how-tos; each page says so.
WORLD = DOCS / "how-to" / "world.toml"
#: Its pieces take a client of each kind and not one after the other: see `test_moving`.
MOVING = DOCS / "how-to" / "move-from-boto3.md"

_TOCTREE = re.compile(r"```\{toctree\}\n(.*?)```", re.DOTALL)


def contents(page: Path) -> list[Path]:
    """Return the pages that a page lists in its tables of contents."""
    names = [line for body in _TOCTREE.findall(page.read_text()) for line in body.split("\n") if line]
    return [page.parent / f"{name}.md" for name in names if not name.startswith(":")]


def readings() -> dict[str, list[Path]]:
    """Return what is read from its beginning to its end: the tutorial as a whole, and each other page."""
    tutorial = [TUTORIAL, *contents(TUTORIAL)]
    others = [page for page in PAGES if page not in tutorial and page != MOVING]
    return {"tutorial": tutorial, **{page.relative_to(DOCS).as_posix(): [page] for page in others}}
