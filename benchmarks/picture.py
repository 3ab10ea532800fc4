"""The chart of README, drawn from the results of a run."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from contenders import BASELINE, CONTENDERS, OURS

#: Measurement, heading, and the figure that is drawn: a ratio to bare aiohttp.
_PANELS = (
    ("small-call", "A small call, 16 in flight: CPU time", "cpu_ratio_16"),
    ("page", "A page of 200 members: CPU time", "cpu_ratio_1"),
    ("stall", "The longest stall of the event loop", "wall_ratio"),
    ("start", "From the start of a process to its first response", "wall_ratio"),
)
_TITLE = "What detective-async costs, beside other clients"
_SUBTITLE = f"as a multiple of {BASELINE.name}'s; less is better; the scale is logarithmic"

_WIDTH, _MARGIN = 640, 18
_BARS, _BARS_END = 160, 566
_HEAD, _HEADING, _ROW, _BAR, _FOOT = 66, 36, 25, 17, 64
#: The scale begins below 1, so that the baseline has a bar too.
_LEAST = 0.5
_TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

# Light colours, and dark ones if the reader's system asks for them. The background is drawn too, since a page may be
# dark on a system that is not.
_STYLE = """
    text { font: 16px -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; fill: #1f2328 }
    .title { font-size: 20px; font-weight: 600 }
    .heading, .ours { font-weight: 600 }
    .small { font-size: 14px; fill: #59636e }
    .number { paint-order: stroke; stroke: #ffffff; stroke-width: 5px }
    .ground { fill: #ffffff; stroke: #d1d9e0 }
    .line { stroke: #d1d9e0 }
    .one { stroke: #59636e; stroke-dasharray: 3 3 }
    .bar { fill: #9aa4af }
    .bar.ours { fill: #0969da }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc }
      .small { fill: #a5aeb8 }
      .number { stroke: #0d1117 }
      .ground { fill: #0d1117; stroke: #3d444d }
      .line { stroke: #2b3138 }
      .one { stroke: #9198a1 }
      .bar { fill: #6b7480 }
      .bar.ours { fill: #4493f8 }
    }
  """


@dataclass(frozen=True)
class Panel:
    """One group of bars.

    Attributes:
        heading: the heading.
        ratios: contender -> multiple of bare aiohttp's figure.
    """

    heading: str
    ratios: Mapping[str, float]


def draw(results: Mapping[str, Any]) -> str:
    """Return the chart of a run's results as SVG; equal results give equal charts."""
    panels = _panels(results)
    height = _HEAD + sum(_HEADING + _ROW * len(panel.ratios) for panel in panels) + _FOOT
    most = max(ratio for panel in panels for ratio in panel.ratios.values())
    ticks = [tick for tick in _TICKS if tick <= most]
    quick = "; a quick one, not to be quoted" if results["quick"] else ""
    size = f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title description">',
        f'<title id="title">{escape(_TITLE)}</title>',
        f'<desc id="description">{escape(_in_words(panels))}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="ground" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="6"/>',
        _text(_MARGIN, 32, _TITLE, "title"),
        _text(_MARGIN, 55, _SUBTITLE, "small"),
        *_bars(panels, most, ticks),
        *(_text(_place(tick, most), height - _FOOT + 22, f"{tick}x", "small", anchor="middle") for tick in ticks),
        _text(_MARGIN, height - 14, f"Medians of a run on {results['date']}, with {results['python']}{quick}", "small"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _panels(results: Mapping[str, Any]) -> list[Panel]:
    measured = results["measurements"]
    drawn = {one.name for one in CONTENDERS}
    return [
        Panel(
            heading, {who: one[figure]["median"] for who, one in measured[name]["contenders"].items() if who in drawn}
        )
        for name, heading, figure in _PANELS
    ]


def _in_words(panels: Sequence[Panel]) -> str:
    sentences = [
        f"{panel.heading}: {', '.join(f'{who} {multiple(ratio)}x' for who, ratio in panel.ratios.items())}."
        for panel in panels
    ]
    return f"Bars, {_SUBTITLE}. {' '.join(sentences)}"


def _bars(panels: Sequence[Panel], most: float, ticks: Sequence[int]) -> Iterator[str]:
    y = _HEAD
    for panel in panels:
        yield _text(_MARGIN, y + 26, panel.heading, "heading")
        y += _HEADING
        yield from _lines(ticks, most, y, y + _ROW * len(panel.ratios))
        for who, ratio in panel.ratios.items():
            ours = " ours" if who == OURS.name else ""
            end = _place(ratio, most)
            yield _text(_BARS - 10, y + 16, who, f"name{ours}", anchor="end")
            yield (
                f'<rect class="bar{ours}" x="{_BARS}" y="{y + 2}" width="{end - _BARS:.1f}" height="{_BAR}" rx="2"/>'
            )
            yield _text(end + 8, y + 16, f"{multiple(ratio)}x", f"number{ours}")
            y += _ROW


def _lines(ticks: Sequence[int], most: float, top: int, bottom: int) -> Iterator[str]:
    for tick in ticks:
        x = _place(tick, most)
        kind = "one" if tick == 1 else "line"
        yield f'<line class="{kind}" x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}"/>'


def _place(ratio: float, most: float) -> float:
    """Return the x coordinate of a ratio on the scale."""
    share = math.log(max(ratio, _LEAST) / _LEAST) / math.log(most / _LEAST)
    return _BARS + share * (_BARS_END - _BARS)


def multiple(ratio: float) -> str:
    """Return a ratio for readers."""
    return f"{ratio:.{0 if ratio >= 10 else 2}f}"


def _text(x: float, y: float, text: str, kind: str, *, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
