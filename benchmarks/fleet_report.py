"""The tables of a job of many targets, in Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

_HEADER = ["", "wall, s", "CPU, s", "wall / floor", "most memory, MB", "at once", "connections"]


def show(results: Mapping[str, Any]) -> str:
    """Give the results of a run."""
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    return "\n\n".join(
        [
            f"{results['python']} on {results['machine']}.\n{versions}.",
            *(_section(targets, measured, results) for targets, measured in results["targets"].items()),
            *(f"{name} is absent: {why}" for name, why in results["absent"].items()),
        ]
    )


def show_check(took: Mapping[str, Any]) -> str:
    """Give what one time of the job took."""
    seen = took["seen"]
    return (
        f"{took['targets']:,} targets, {sum(seen['calls'].values()):,} calls: {took['wall_ns'] / 1e9:.2f} s, "
        f"of CPU {took['cpu_ns'] / 1e9:.2f} s; at most {seen['most_in_flight']} requests at once, "
        f"{seen['most_for_a_target']} for one target; at most {took['most_bytes'] / 1e6:.0f} MB of memory, "
        f"{took['imported_bytes'] / 1e6:.0f} of these imports"
    )


def _section(targets: str, measured: Mapping[str, Any], results: Mapping[str, Any]) -> str:
    contenders = measured["contenders"]
    calls = sum(next(iter(contenders.values()))["calls"].values())
    floor = next(iter(contenders.values()))["floor_s"]
    title = (
        f"**{int(targets):,} targets** ({measured['accounts']} accounts in 20 regions; {results['members']} members in "
        f"each; {calls:,} calls of {results['latency_ms']} ms, {results['concurrency']} at once: "
        f"{measured['latency_alone_s']:.2f} s; the floor is {floor['median']:.2f} s; rounds: {results['rounds']})"
    )
    rows = [
        [
            name,
            _cell(figures["wall_s"], 2),
            _cell(figures["cpu_s"], 2),
            _cell(figures["wall_to_floor"], 2),
            f"{_cell(figures['most_mb'], 0)}; {figures['imported_mb']:.0f} of imports",
            str(figures["most_in_flight"]),
            f"{figures['connections']:,}",
        ]
        for name, figures in contenders.items()
    ]
    return f"{title}\n\n{_table(_HEADER, rows)}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in lines
    )


def _cell(figures: Mapping[str, float], digits: int) -> str:
    return f"{figures['median']:,.{digits}f} ({figures['min']:,.{digits}f}-{figures['max']:,.{digits}f})"
