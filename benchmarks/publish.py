"""Put the figures of results/latest.json where they are read: the tables here, the chart, and two rows of README.

Usage: `python benchmarks/publish.py`, after `run.py --json benchmarks/results/latest.json`.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contenders import AIOBOTOCORE, BOTO3, OURS
from picture import draw, multiple
from run import show

_HERE = Path(__file__).parent
RESULTS = _HERE / "results" / "latest.json"
_TABLES = re.compile(r"(?<=<!-- tables: written by publish.py -->\n\n).*?(?=\n\n<!-- end of the tables -->)", re.DOTALL)
_DATE = re.compile(r"(?<=one run of the benchmark, of )[\d-]+")
#: The beginning of a row of README, the measurement, and the figure.
_ROWS = (
    ("| CPU time of a page of 200 members, bare aiohttp = 1 |", "page", "cpu_ratio_1"),
    ("| CPU time of a small call with 16 in flight, bare aiohttp = 1 |", "small-call", "cpu_ratio_16"),
)


def published(results: Mapping[str, Any]) -> dict[Path, str]:
    """Return the text of each file that has figures, with those of the results."""
    tables, readme = _HERE / "README.md", _HERE.parent / "README.md"
    text = _DATE.sub(results["date"], readme.read_text(encoding="utf-8"))
    for beginning, measurement, figure in _ROWS:
        contenders = results["measurements"][measurement]["contenders"]
        cells = [multiple(contenders[one.name][figure]["median"]) for one in (OURS, AIOBOTOCORE, BOTO3)]
        row = f"{beginning} {' | '.join(cells)} |"
        text = re.sub(rf"^{re.escape(beginning)}.*$", row, text, flags=re.MULTILINE)
    return {
        readme: text,
        # As a function: what is written may have backslashes.
        tables: _TABLES.sub(lambda _: show(results), tables.read_text(encoding="utf-8")),
        _HERE / "results" / "latest.svg": draw(results),
    }


def main() -> None:
    """Write the files."""
    for path, text in published(json.loads(RESULTS.read_text(encoding="utf-8"))).items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
