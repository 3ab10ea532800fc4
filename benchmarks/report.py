"""From nanoseconds to figures: medians, spreads, ratios within each round, and the table."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

#: contender -> one figure a round.
Rounds = Mapping[str, Sequence[float]]


def spread(figures: Sequence[float]) -> dict[str, Any]:
    """Give the median and the extremes of a figure, and the figure of every round."""
    rounded = [round(figure, 3) for figure in figures]
    return {"median": round(median(figures), 3), "min": min(rounded), "max": max(rounded), "rounds": rounded}


def summarise(cpu: Rounds, wall: Rounds, baseline: str) -> dict[str, dict[str, Any]]:
    """Give every contender's figures for one workload.

    Args:
        cpu: microseconds of CPU a call.
        wall: microseconds of wall time a call.
        baseline: whom the ratios refer to: the same round's figure, so that what slowed a round down cancels out.
    """
    return {
        name: {
            "cpu_us": spread(cpu[name]),
            "cpu_ratio": spread(_ratios(cpu[name], cpu[baseline])),
            "wall_us": spread(wall[name]),
            "wall_ratio": spread(_ratios(wall[name], wall[baseline])),
        }
        for name in cpu
    }


def tables(results: Mapping[str, Any]) -> str:
    """Give the tables of a run, in Markdown."""
    return "\n\n".join(_table(name, workload, results["absent"]) for name, workload in results["workloads"].items())


def machine(results: Mapping[str, Any]) -> str:
    """Say what ran, and on what."""
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    return f"{results['python']} on {results['machine']}.\n{versions}."


def _ratios(figures: Sequence[float], baseline: Sequence[float]) -> list[float]:
    return [figure / of for figure, of in zip(figures, baseline, strict=True)]


def _table(name: str, workload: Mapping[str, Any], absent: Mapping[str, str]) -> str:
    header = ["", "CPU a call, us", "CPU / bare aiohttp", "wall a call, us", "wall / bare aiohttp"]
    rows = [
        [
            contender,
            _cell(figures["cpu_us"], 0),
            _cell(figures["cpu_ratio"], 2),
            _cell(figures["wall_us"], 0),
            _cell(figures["wall_ratio"], 2),
        ]
        for contender, figures in workload["contenders"].items()
    ]
    rows += [[contender, "absent", "", "", ""] for contender in absent]
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [_line(header, widths), _line(["-" * width for width in widths], widths)]
    lines += [_line(row, widths) for row in rows]
    title = f"**{name}** ({workload['title']}; {workload['answer_bytes']:,} bytes; {workload['calls']} calls a round)"
    return "\n".join([title, "", *lines])


def _cell(figures: Mapping[str, float], digits: int) -> str:
    return f"{figures['median']:,.{digits}f} ({figures['min']:,.{digits}f}-{figures['max']:,.{digits}f})"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
