"""Compare an answer with the documented one, except for values that differ in each run.

Random ids, times, hashes and tokens match if they are of one kind; shared counters and measurements match if both are
numbers. Everything else must be equal: names of fields, types, texts, counts.
"""

from __future__ import annotations

import json
import re
from typing import Any

from sync_pipeline.api.examples import MORE

KINDS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?"), "<moment>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<hash>"),
    (re.compile(r"sp_\d+_(…|[\w-]{20,})"), "<token>"),
)
COUNTERS = {
    "activity_id", "batch_id", "decision_id", "log_id", "quarantine_id", "request_id", "rule_id", "run_id", "syncLogId",
}  # fmt: skip
MEASURED = {"items_per_minute", "itemsPerMin", "eta_seconds", "etaSeconds", "seconds"}
_METRIC = re.compile(r"(\w+(?:\{[^}]*\})?) (\S+)")


def canonical(text: str) -> str:
    """The text with ids, times, hashes and tokens replaced by their kind."""
    for pattern, kind in KINDS:
        text = pattern.sub(kind, text)
    return text


def same(name: str, shown: Any, actual: Any, loose: frozenset[str] = frozenset()) -> bool:
    """Whether two scalar values of the field `name` match."""
    if isinstance(shown, str) and isinstance(actual, str):
        return name in loose or canonical(shown) == canonical(actual)
    if name in COUNTERS | MEASURED | loose and _number(shown) and _number(actual):
        return True
    return type(shown) is type(actual) and (name in loose or bool(shown == actual))


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def differences(shown: Any, actual: Any, place: str = "", *, loose: frozenset[str] = frozenset()) -> list[str]:
    """Where two JSON values differ. Parts marked as omitted must exist, in the stated number."""
    if isinstance(shown, dict) and isinstance(actual, dict):
        marked = {name for name in shown if name == MORE}
        rest = [name for name in actual if name not in shown]
        said = [f"{place}.{name} is documented and missing" for name in shown if name not in actual and name != MORE]
        if marked and shown[MORE] != f"{len(rest)} more":
            said.append(f"{place}: {shown[MORE]} are documented, {len(rest)} were returned")
        if not marked:
            said += [f"{place}.{name} was returned and is not documented" for name in rest]
        for name, one in shown.items():
            if name in actual:
                said += differences(one, actual[name], f"{place}.{name}", loose=loose)
        return said
    if isinstance(shown, list) and isinstance(actual, list):
        listed = [one for one in shown if not (isinstance(one, str) and one.startswith(f"{MORE} "))]
        if len(listed) < len(shown):
            expected = f"{MORE} {len(actual) - len(listed)} more"
            said = [] if shown[-1] == expected else [f"{place}: “{shown[-1]}” is documented, not “{expected}”"]
        else:
            said = (
                []
                if len(shown) == len(actual)
                else [f"{place}: {len(shown)} are documented, {len(actual)} were returned"]
            )
        for number, (one, other) in enumerate(zip(listed, actual, strict=False)):
            said += differences(one, other, f"{place}.{number}", loose=loose)
        return said
    if same(place.rpartition(".")[2], shown, actual, loose):
        return []
    documented, returned = (json.dumps(one, ensure_ascii=False) for one in (shown, actual))
    return [f"{place}: {documented} is documented, {returned} was returned"]


def text_differences(shown: str, actual: str) -> list[str]:
    """Where two texts differ, line by line; a line `…` matches any number of lines."""
    lines, at, free = actual.splitlines(), 0, False
    for line in shown.splitlines():
        if line == MORE:
            free = True
            continue
        reach = range(at, len(lines))[: None if free else 1]
        found = next((number for number in reach if _line(line, lines[number])), None)
        if found is None:
            return [f"“{line}” is documented and does not follow in\n{actual[:2000]}"]
        at, free = found + 1, False
    return [] if free or at == len(lines) else [f"unexpected after the documented text: “{lines[at]}”"]


def _line(shown: str, actual: str) -> bool:
    metric, other = _METRIC.fullmatch(shown), _METRIC.fullmatch(actual)
    if metric and other:
        return metric[1] == other[1]
    if shown.startswith("data: ") and actual.startswith("data: "):
        return not differences(json.loads(shown[6:]), json.loads(actual[6:]))
    return canonical(shown) == canonical(actual)
