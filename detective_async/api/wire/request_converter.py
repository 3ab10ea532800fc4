"""Makes the documents of requests with cattrs.

Imported when it is first needed: requests of texts and numbers do without, and importing it takes longer than a call.
"""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import cache
from typing import Any

from attrs import AttrsInstance, fields, has
from cattrs import Converter
from cattrs.gen import make_dict_unstructure_fn, override

from detective_async.api.wire.names import wire_name


def unstructure_fn(model: type[AttrsInstance], omit: Collection[str] = ()) -> Callable[[Any], dict[str, Any]]:
    """Return the function that makes the document of a request, without the omitted attributes and those at default."""
    overrides: dict[str, Any] = {
        a.name: override(omit=True) if a.name in omit else override(rename=wire_name(a.name)) for a in fields(model)
    }
    return make_dict_unstructure_fn(model, _requests(), _cattrs_omit_if_default=True, **overrides)


@cache
def _requests() -> Converter:
    converter = Converter()
    converter.register_unstructure_hook(datetime, _timestamp_text)
    # Plain strings also where a user's are of a subclass, which not every JSON library writes.
    converter.register_unstructure_hook(str, str.__str__)
    converter.register_unstructure_hook_factory(has, unstructure_fn)
    return converter


def _timestamp_text(moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    # A literal format, because strftime pads years below 1000 on some platforms only.
    text = moment.replace(tzinfo=None).isoformat(timespec="microseconds" if moment.microsecond else "seconds")
    return f"{text}Z"
