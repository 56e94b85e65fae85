"""The last validation: what is red or waits, and what to do."""

from __future__ import annotations

import re
from typing import Any

from sync_pipeline.mcp.answers import ToolAnswer
from sync_pipeline.mcp.text import store_text
from sync_pipeline.mcp.tool import Arguments, Call, Limit, Number, tool
from sync_pipeline.steps.observe import checks, validation
from sync_pipeline.steps.observe.validation import MatrixRow, Verdict
from sync_pipeline.steps.observe.validation.matrix import OPEN

_FIGURE = re.compile(r"-?[0-9][0-9.,]*")  # anything else that a check compares may be a store's text


class GetValidation(Arguments):
    """A page of the last validation."""

    green: bool = False
    limit: Limit
    next: Number


@tool("look", everywhere=True)
def get_validation(call: Call, given: GetValidation) -> ToolAnswer:
    """The last validation, red rows first: what failed, was not run or waits for a person, expected, found, ids, what
    to do. Where nothing was validated yet it says so: the business checks as they are now. `green`: the other rows."""
    kept = validation.newest_validation(call.db, call.caller.org)
    if kept is None:
        return _checks_now(call)
    offset = int(given.next) if given.next else 0
    verdicts: tuple[Verdict, ...] = ("pass", "not_applicable") if given.green else OPEN
    rows, count = validation.matrix_rows(
        call.db, call.caller.org, kept.validation_id, verdicts=verdicts, offset=offset, limit=given.limit
    )
    signed, _ = validation.signoffs(call.db, call.caller.org, validation_id=kept.validation_id, page_size=1)
    head = {
        "validation": kept.validation_id,
        "ok": kept.ok,
        "at": kept.started_at,
        "counts": kept.counts,
        "hash": kept.hash,
        "signed_off_for": [one.milestone for one in signed],
        "read_at": call.address("validation", str(kept.validation_id)),
    }
    told = [(str(number), _matrix_row(row)) for number, row in enumerate(rows, offset + 1)]
    return ToolAnswer(head, told, count > offset + len(rows))


def _matrix_row(row: MatrixRow) -> dict[str, Any]:
    values = {"expected": row.expected, "found": row.found}
    figures = {name: one for name, one in values.items() if one is not None and _FIGURE.fullmatch(one)}
    texts: dict[str, Any] = {name: one for name, one in values.items() if name not in figures}
    told = {
        "row": row.row,
        "result": row.verdict,
        **figures,
        "next": validation.recovery(row.check) if row.open else None,
        "statement": row.statement[:12],
    }
    said = {name: value for name, value in told.items() if value is not None}
    return said | store_text(ids=row.ids, words=row.words if row.words != said.get("next") else None, **texts)


def _checks_now(call: Call) -> ToolAnswer:
    found = sorted(checks.check(call.db, call.caller.org), key=lambda one: (one.ok, one.severity != "error"))
    rows = [
        (
            one.name,
            {
                "check": one.name,
                "result": "pass" if one.ok else "fail" if one.severity == "error" else "warning",
                "found": one.found,
                "means" if one.ok else "next": one.detail,
                **store_text(examples=one.examples),
            },
        )
        for one in found
    ]
    results = [row["result"] for _, row in rows]
    head = {
        "validation": None,
        "note": "Nothing was validated yet. These are the business checks as they are now, and no verdict.",
        "failed": results.count("fail"),
        "warnings": results.count("warning"),
        "validate_at": call.address("validation"),
    }
    return ToolAnswer(head, rows)
