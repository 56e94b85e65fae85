"""Our sentences apart from their values: a SKU that looks like an order must not speak as us."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sync_pipeline import gates
from sync_pipeline.mcp.text import quoted, store_text
from sync_pipeline.steps.observe import Decision
from sync_pipeline.steps.trace import SENTENCES, Fact

# What a warning of the comparison means. Its own message, which has the store's values, stands in `store_text`.
WARNINGS: Mapping[str, str] = {
    "circular_parent": "Its parents lead back to it: core leaves one of the circle without its parent.",
    "currency_differs": "Its currency is not the organization's.",
    "same_sale": "It refers to another store's order with the same total: it may be the same sale.",
    "shared_email": "Its e-mail is on another record too: they are one customer in core.",
    "duplicate_sku": "Another record of this store has its SKU.",
    "shared_sku": "Another store has its SKU: they are one product in core.",
    "unmapped_sku": "A core row that nothing maps to has its SKU.",
    "unmappable": "It cannot be mapped to core.",
}
_PARENT = "A record that it names is not captured."
_OTHER = "A value of it is read in part or not at all."
_WARNINGS_SHOWN = 10


def warnings(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Warnings as code, meaning and the store's values."""
    said = []
    for one in found[:_WARNINGS_SHOWN]:
        code = str(one.get("code"))
        known = WARNINGS.get(code) or (_PARENT if code.startswith("missing_") else _OTHER)
        values = {name: value for name, value in one.items() if name != "code"}
        said.append({**_code(code), "means": known, **store_text(**values)})
    return said


def _code(code: str) -> dict[str, Any]:
    """A code of ours is a word; anything else is text."""
    return {"code": code} if code.isascii() and code.replace("_", "").isalnum() else store_text(code=code)


def fact(one: Fact) -> dict[str, Any]:
    """A fact about a record: what it means, what to do next, its values."""
    means, then = SENTENCES[one.code]
    values = dict(one.values)
    ours = {name: values.pop(name) for name in ("decision", "plan", "queue", "at", "attempts") if values.get(name)}
    people = {name: values.pop(name) for name in ("by", "why") if name in values}
    told = {"fact": one.code, "means": means, "next": then, **ours, **store_text(**values), **quoted(**people)}
    return {name: value for name, value in told.items() if value is not None}


def question(found: Decision, *, whole: bool) -> dict[str, Any]:
    """A gate: its templates with `{names}`, and the values that stand for them.

    The question of an older gate has its values in it: it is text like a store's.
    """
    cause = gates.all_causes().get(found.cause)
    values = found.detail.get("values")
    told: dict[str, Any] = {
        "decision": found.decision_id,
        "cause": found.cause if cause else None,
        "connection": found.connection,
        "opened_at": found.opened_at,
        "answer": found.answer,
        "answered_at": found.answered_at,
        "recommended": found.recommended,
    }
    if cause is not None and values is not None:
        told |= {"question": cause.question, **store_text(**values)}
        offered = {one["choice"] for one in found.options}
        options = [one for one in cause.options if one.choice in offered]
        told["options"] = [
            {"choice": one.choice, "effect": one.effect, "risk": one.risk} if whole else one.choice for one in options
        ]
    else:
        told |= {"options": [one["choice"] for one in found.options], **store_text(question=found.question)}
    if whole and cause is not None:
        told |= {"blocks": cause.blocks, "ends": cause.ends, "stops": list(found.blocks)}
    told |= quoted(answered_by=found.answered_by, why=found.why, outcome=found.outcome)
    return {name: value for name, value in told.items() if value not in (None, [])}
