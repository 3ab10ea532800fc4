"""The chart in README: bars in proportion, and a description for screen readers."""

import math
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from picture import draw

pytestmark = pytest.mark.once

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def results() -> dict[str, Any]:
    """Four measurements of three contenders, with powers of two as figures."""
    ratios = {"bare aiohttp": 1.0, "detective-async": 2.0, "aiobotocore": 32.0}
    names = ("cpu_ratio_1", "cpu_ratio_16", "wall_ratio")
    figures = {who: {name: {"median": ratio} for name in names} for who, ratio in ratios.items()}
    # A way of using a client, which the chart leaves out.
    figures["detective-async, role"] = figures["bare aiohttp"]
    measurements = {name: {"contenders": figures} for name in ("small-call", "page", "stall", "start")}
    return {"date": "2026-01-02", "python": "CPython 3.11.7", "quick": False, "measurements": measurements}


def test_bars_are_in_proportion(results: dict[str, Any]) -> None:
    """On the logarithmic scale, five times as many doublings are five times as far from 1."""
    bars = [float(bar.get("width", "")) for bar in ET.fromstring(draw(results)).iter(f"{SVG}rect")][1:]  # noqa: S314 - our own
    bare, ours, theirs = bars[:3]
    assert bars == [bare, ours, theirs] * 4
    assert math.isclose(theirs - bare, 5 * (ours - bare), abs_tol=1)


def test_the_bar_of_detective_async_has_another_colour(results: dict[str, Any]) -> None:
    """It is the only one in each group."""
    picture = ET.fromstring(draw(results))  # noqa: S314 - our own
    assert [bar.get("class") for bar in picture.iter(f"{SVG}rect")][1:] == ["bar", "bar ours", "bar"] * 4


def test_the_figures_are_printed_and_described(results: dict[str, Any]) -> None:
    """They stand beside the bars, and in the description for screen readers."""
    picture = ET.fromstring(draw(results))  # noqa: S314 - our own
    texts = [text.text for text in picture.iter(f"{SVG}text")]
    assert texts.count("2.00x") == texts.count("32x") == 4
    description = picture.findtext(f"{SVG}desc") or ""
    assert (
        "A small call, 16 in flight: CPU time: bare aiohttp 1.00x, detective-async 2.00x, aiobotocore 32x."
        in description
    )
    assert picture.get("role") == "img"
    assert picture.get("aria-labelledby") == "title description"


def test_a_quick_run_is_marked(results: dict[str, Any]) -> None:
    """Its chart says that it is not to be quoted."""
    assert "not to be quoted" not in draw(results)
    assert "not to be quoted" in draw({**results, "quick": True})
