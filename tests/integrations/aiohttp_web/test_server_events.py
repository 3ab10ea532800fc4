"""Server-sent events, as a browser parses them."""

import json
import re
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from detective_async.integrations.aiohttp_web import ServerEvent
from detective_async.integrations.web.json_bytes import dump_json
from detective_async.integrations.web.server_events import COMMENT, encode_event, encode_retry


@define
class Browser:
    """A parser like `EventSource`, by the standard's section "Interpreting an event stream"."""

    events: list[tuple[str, str, str]] = field(factory=list)
    last_id: str = ""
    retry: int | None = None

    def read(self, stream: bytes) -> "Browser":
        """Parse a whole stream."""
        text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
        lines = re.split("\r\n|\r|\n", text)
        # An incomplete last line, and an event without an empty line at its end, are discarded.
        data, kind = "", ""
        for line in lines[:-1]:
            if not line:
                if data:
                    self.events.append((kind or "message", data.removesuffix("\n"), self.last_id))
                data, kind = "", ""
            elif not line.startswith(":"):
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                match name:
                    case "event":
                        kind = value
                    case "data":
                        data += f"{value}\n"
                    case "id" if "\0" not in value:
                        self.last_id = value
                    case "retry" if value.isascii() and value.isdigit():
                        self.retry = int(value)
        return self


#: All of Unicode, with frequent special characters.
texts = st.text(st.characters(exclude_categories=()) | st.sampled_from("\0\r\n\t :\ufeff\x85\u2028\ud800\udfff"))


def is_a_line(text: str | None) -> bool:
    return text is None or not (set(text) & set("\0\r\n") or any("\ud800" <= letter <= "\udfff" for letter in text))


@given(st.lists(st.tuples(texts, st.none() | texts, st.none() | texts)))
def test_roundtrip(items: list[tuple[str, str | None, str | None]]) -> None:
    """Data, name and id arrive unchanged, or the event is refused when created."""
    stream, expected, last_id = b"", [], ""
    for data, name, event_id in items:
        if not is_a_line(name) or not is_a_line(event_id):
            with pytest.raises(ValueError, match=f"^{'id' if is_a_line(name) else 'event'}: expected one line of text"):
                ServerEvent(data, event=name, id=event_id)
            continue
        event = ServerEvent(data, event=name, id=event_id)
        stream += encode_event(dump_json(event.data), event=event.event, event_id=event.id) + COMMENT
        last_id = last_id if event_id is None else event_id
        expected.append((name or "message", data, last_id))
    read = Browser().read(stream)
    found: list[tuple[str, Any, str]] = [(name, json.loads(data), last) for name, data, last in read.events]
    assert found == expected
    assert read.last_id == last_id


@pytest.mark.parametrize(("seconds", "milliseconds"), [(0, 0), (0.0015, 2), (3, 3000), (0.25, 250)])
def test_retry(seconds: float, milliseconds: int) -> None:
    """Seconds become milliseconds."""
    read = Browser().read(encode_retry(seconds))
    assert (read.retry, read.events) == (milliseconds, [])


def test_field_order() -> None:
    """The fields have their usual order."""
    assert encode_event(b"{}", event="end", event_id="7") == b"id: 7\nevent: end\ndata: {}\n\n"
    assert encode_event(b"{}") == b"data: {}\n\n"
    assert encode_event(b"{}", event_id="") == b"id: \ndata: {}\n\n"


@pytest.mark.parametrize("text", ["a\nb", "a\r", "\0", "\ud800"])
@pytest.mark.parametrize("member", ["event", "id"])
def test_a_name_or_id_is_one_line(member: str, text: str) -> None:
    """Anything else would end the line, or cannot be encoded: it is refused."""
    with pytest.raises(ValueError, match=f"^{member}: expected one line of text"):
        ServerEvent(None, **{member: text})
