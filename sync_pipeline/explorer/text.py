"""Text from stores, made safe to look at: what is invisible or turns the reading direction is shown as a mark."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from markupsafe import Markup, escape

from sync_pipeline.exact_json import dumps
from sync_pipeline.redaction import marked
from sync_pipeline.steps.preview.paths import told

_CODE = re.compile(r"`([^`]+)`")
_EMPHASIS = re.compile(r"\*([^*\s][^*]*)\*")
LONGEST = 240  # characters of a cell
_STEPS = ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h"), (86_400 * 60, 86_400, "d"))


def visible(value: Any) -> Any:
    """A text with marks in place of what cannot be seen; markup of ours stays as it is."""
    return marked(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def short(value: Any, longest: int = LONGEST) -> str:
    """The beginning of a text, on one line."""
    said = " ".join(str(value)[: longest * 4].split())
    return said if len(said) <= longest and len(str(value)) <= longest * 4 else f"{said[:longest]}…"


def ended(value: str) -> str:
    """A text that may be a sentence already, with one full stop at its end, so that another sentence can follow."""
    said = value.rstrip()
    return said if said.endswith((".", "…", "!", "?", ".”")) else f"{said}."


def closing(reason: str | None, records: int) -> str:
    """Why a queue ended of which nothing was done, from the reason of its lines."""
    if reason is None or reason.startswith("Cancelled by "):
        return "cancelled"
    if "promoted by another plan" in reason:
        return f"closed: another plan promoted {'its record' if records == 1 else 'records of it'}"
    return "closed: its records had changed"


def number(value: int | None) -> str:
    """12,345; a dash where there is no number."""
    return "–" if value is None else f"{value:,}"


def ago(value: datetime | None) -> str:
    """How long ago: 4 min, 31 h, 12 d; then the date."""
    if value is None:
        return "never"
    seconds = max(0, (datetime.now(UTC) - value).total_seconds())
    for limit, unit, name in _STEPS:
        if seconds < limit:
            return f"{int(seconds // unit)} {name}"
    return value.strftime("%Y-%m-%d")


def span(seconds: float | None) -> str:
    """How long: 52 s, 4 min, 3 h."""
    if seconds is None:
        return ""
    return next((f"{max(1, round(seconds / unit))} {name}" for limit, unit, name in _STEPS if seconds < limit), "long")


def rate(per_minute: float) -> str:
    """How fast, by the second where it is quick: 920/s, 40/min."""
    return f"{per_minute / 60:,.0f}/s" if per_minute >= 600 else f"{per_minute:,.0f}/min"


def moment(value: datetime | None) -> str:
    """A time in full, in UTC."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if value else ""


def compact(value: Any, longest: int = LONGEST) -> str:
    """The beginning of a value as JSON, with every digit; a moment as pages show one."""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return value.isoformat()
    return short(dumps(value), longest)


def differing(sides: Mapping[str, Any], field: str) -> dict[str, Any]:
    """What differs in a field, as `paths` compares it: {before, after, paths, more}."""
    return {"paths": [], "more": 0, **told(field, sides)}


def label(field: str) -> str:
    """A field's name as words: List price."""
    return field.removesuffix("_id").replace("_", " ").capitalize()


def plain(value: Any, longest: int = LONGEST) -> str:
    """A JSON value of a payload in few words: the name of what it refers to, how many a list has."""
    if value is None or value == "" or value is False or value in ([], {}):
        return ""
    if value is True:
        return "yes"
    if isinstance(value, str):
        return short(value, longest)
    if isinstance(value, Mapping):
        named = value.get("name") or value.get("display_name")
        return short(named if isinstance(named, str) else dumps(value), longest)
    if isinstance(value, list):
        if len(value) == 2 and isinstance(value[0], int) and isinstance(value[1], str):  # Odoo: [id, name]
            return short(value[1], longest)
        return short(", ".join(filter(None, (plain(one, longest) for one in value[:20]))), longest)
    return short(value, longest)


def prose(words: str, inline: bool = False) -> Markup:
    """Words of ours as HTML: paragraphs, `code` and *emphasis*. `inline`: without the paragraphs."""
    said = _CODE.sub(r"<code>\1</code>", str(escape(words)))
    said = _EMPHASIS.sub(r"<em>\1</em>", said)
    said = said if inline else "".join(f"<p>{part}</p>" for part in said.split("\n\n"))
    return Markup(said)  # noqa: S704 - it was escaped


def breaks(path: str) -> Markup:
    """A path that a line may break at its slashes and dots."""
    return Markup(re.sub(r"(?<=.)([/.\[{])", r"<wbr>\1", str(escape(path))))  # noqa: S704 - it was escaped
