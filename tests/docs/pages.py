"""The pages of the documentation, and their order."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
#: Its pages build on each other, in the order of the table of contents.
TUTORIAL = DOCS / "tutorial" / "index.md"
#: The simulated world of all how-tos.
WORLD = DOCS / "how-to" / "world.toml"
#: Its code blocks are alternatives for different clients: see `test_moving`.
MOVING = DOCS / "how-to" / "move-from-boto3.md"

#: File on a page that is not run -> the package that is not installed with the tests, because it is large.
NOT_RUN = {"table.py": "pandas", "views.py": "django"}

_TOCTREE = re.compile(r"```\{toctree\}\n(.*?)```", re.DOTALL)


def contents(page: Path) -> list[Path]:
    """Return the pages in the tables of contents of a page."""
    names = [line for body in _TOCTREE.findall(page.read_text()) for line in body.split("\n") if line]
    return [page.parent / f"{name}.md" for name in names if not name.startswith(":")]


def readings() -> dict[str, list[Path]]:
    """Return the pages that are run together: those of the tutorial, and each other page alone."""
    tutorial = [TUTORIAL, *contents(TUTORIAL)]
    others = [page for page in PAGES if page not in tutorial and page != MOVING]
    return {"tutorial": tutorial, **{page.relative_to(DOCS).as_posix(): [page] for page in others}}
