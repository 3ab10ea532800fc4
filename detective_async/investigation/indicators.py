"""An indicator as one flat row: what was observed, and from where."""

from typing import Any

from attrs import fields

from detective_async.api.models.indicators import Indicator
from detective_async.api.values import to_dict


def detail_of(indicator: Indicator) -> Any:
    """Return the member of the indicator's detail that is set; None if none is."""
    detail = indicator.indicator_detail
    members = () if detail is None else (getattr(detail, one.name) for one in fields(type(detail)))
    return next((one for one in members if one is not None), None)


def row_of(indicator: Indicator) -> dict[str, str]:
    """Return the type of an indicator, what was observed, and from where: empty if that does not apply."""
    detail = to_dict(detail_of(indicator)) or {}
    what, where = _described({name: value for name, value in detail.items() if value is not None})
    return {"type": str(indicator.indicator_type), "what": what, "where": where}


def _described(detail: dict[str, Any]) -> tuple[str, str]:
    address = str(detail.get("ip_address", ""))
    match detail:
        case {"tactic": _} | {"technique": _} | {"procedure": _} | {"api_name": _}:
            return _ttp(detail), address
        case {"starting_location": _} | {"starting_ip_address": _} | {"hourly_time_delta": _}:
            places = _between(detail, "location")
            hours = detail.get("hourly_time_delta")
            return places if hours is None else f"{places} in {hours} h".strip(), _between(detail, "ip_address")
        case {"location": what} | {"aso": what} | {"user_agent": what}:
            return f"{what}{_NEW.get(detail.get('is_new_for_entire_account'), '')}", address
        case {"reason": what} | {"type": what} | {"arn": what} | {"id": what}:
            arn = detail.get("arn", what)
            return f"{what}: {arn}" if arn != what else str(what), address
        case _:
            return "", address


#: Whether it is new for the whole account -> what is said of it.
_NEW: dict[Any, str] = {True: ", new for the whole account", False: ", new for the user or role"}


def _ttp(detail: dict[str, Any]) -> str:
    texts = [str(detail[name]) for name in ("tactic", "technique", "procedure") if name in detail]
    calls = [
        f"{detail[name]} {outcome}"
        for name, outcome in (("api_success_count", "succeeded"), ("api_failure_count", "failed"))
        if name in detail
    ]
    operation = str(detail.get("api_name", ""))
    if operation or calls:
        texts.append(f"{operation} ({', '.join(calls)})".strip() if calls else operation)
    return ": ".join(texts)


def _between(detail: dict[str, Any], member: str) -> str:
    ends = [str(detail[name]) for name in (f"starting_{member}", f"ending_{member}") if name in detail]
    return " to ".join(ends)
