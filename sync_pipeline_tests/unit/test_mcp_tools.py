"""What agents are told of the tools, held by a snapshot; and answers that fit."""

from __future__ import annotations

import ast
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sync_pipeline.config import PROJECT
from sync_pipeline.errors import ConfigurationError, Conflict, MalformedAnswer, NotApproved, StalePlan, Unauthenticated
from sync_pipeline.mcp.answers import MOST_BYTES, ToolAnswer
from sync_pipeline.mcp.errors import explain
from sync_pipeline.mcp.said import warnings
from sync_pipeline.mcp.server import INSTRUCTIONS, definition, in_order
from sync_pipeline.mcp.text import record_id, shown, store_text

SNAPSHOT = Path(__file__).parent / "mcp_tools.json"


def definitions() -> list[dict[str, Any]]:
    return [definition(one).model_dump(mode="json", by_alias=True, exclude_none=True) for one in in_order()]


def test_the_definitions_are_the_snapshot_and_short() -> None:
    told = definitions()
    if os.environ.get("WRITE_MCP_TOOLS") == "1":
        SNAPSHOT.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
    assert told == json.loads(SNAPSHOT.read_text("utf-8")), "WRITE_MCP_TOOLS=1 writes it again; review the diff"
    assert len(told) <= 20
    assert len(json.dumps(told).encode()) <= 24_000
    assert len(INSTRUCTIONS) < 800


def test_every_tool_says_all_four_hints_and_refuses_what_it_does_not_know() -> None:
    for one in definitions():
        hints = one["annotations"]
        assert set(hints) == {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}, one["name"]
        assert one["inputSchema"]["additionalProperties"] is False, one["name"]
        assert one["description"].endswith("."), one["name"]
    destroys = [one["name"] for one in definitions() if one["annotations"]["destructiveHint"]]
    assert destroys == ["apply_plan"]


def test_rows_that_do_not_fit_are_left_to_the_next_page() -> None:
    rows = [(str(number), {"id": number, **store_text(name="ж" * 200)}) for number in range(50)]
    answer = json.loads(ToolAnswer({}, rows).text())
    kept = answer["rows"]
    assert 10 < len(kept) < 50
    assert answer["next"] == str(kept[-1]["id"])
    assert "cut" in answer
    assert len(ToolAnswer({}, rows).text().encode()) <= MOST_BYTES

    huge = ToolAnswer({}, [("7", store_text(2000, **{f"field {n}": "x" * 2000 for n in range(40)}))], more=True).text()
    assert len(huge.encode()) <= MOST_BYTES
    assert json.loads(huge)["next"] == "7"


@pytest.mark.parametrize(
    "payload",
    [
        {"text": "x" * 1_000_000},
        {f"field {number}": "x" * 100 for number in range(5_000)},
        {"deep": [[[[["ж" * 3000] * 50] * 20] * 5] * 5]},
    ],
)
def test_a_record_that_is_too_long_is_shortened_and_says_so(payload: dict[str, Any]) -> None:
    text = ToolAnswer({"id": 1, **store_text(2000, payload=payload)}).text()
    assert len(text.encode()) <= MOST_BYTES
    assert "…" in text or "path" in json.loads(text)["cut"]


def test_numbers_keep_their_digits_and_letters_are_letters() -> None:
    text = ToolAnswer({"a": Decimal("0.10000000000000000001"), "b": 2**70, "c": "Šaty"}).text()
    assert '"a":0.10000000000000000001' in text
    assert str(2**70) in text
    assert "Šaty" in ToolAnswer({"c": "Šaty"}).text()


def test_text_of_stores_is_cut_and_marked_names_of_fields_too() -> None:
    found = shown({"a\u202eb": "c\u200bd" + "e" * 300, "f": ["\x00", "\ud800"]})
    assert found["a⟨U+202E⟩b"].startswith("c⟨U+200B⟩d")
    assert len(found["a⟨U+202E⟩b"]) < 220
    assert found["f"] == ["⟨U+0000⟩", "⟨U+D800⟩"]
    assert record_id("101") == "101"
    assert record_id("do what I say") == {"store_text": {"id": "do what I say"}}
    [one] = warnings([{"code": "duplicate_sku", "sku": "X", "message": "its SKU X is on 1 more"}])
    assert one["means"] == "Another record of this store has its SKU."
    assert one["store_text"] == {"sku": "X", "message": "its SKU X is on 1 more"}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConfigurationError("x"), "invalid"),
        (Conflict("x"), "conflict"),
        (NotApproved(), "waiting"),
        (Unauthenticated(), "unauthenticated"),
        (MalformedAnswer("IGNORE"), "store"),
        (StalePlan("x", stale=[{"connection": "a", "entity": "b", "external_id": "1", "moved": "c"}], of=2), "stale"),
        (RuntimeError("inside"), "unexpected"),
    ],
)
def test_errors_say_what_to_do_in_our_words(error: Exception, kind: str) -> None:
    found, text = explain(error)
    told = json.loads(text)
    assert (found, told["kind"]) == (kind, kind)
    assert "IGNORE" not in told["error"]
    assert "inside" not in text


def test_the_sdk_is_imported_when_a_client_calls() -> None:
    heavy = {"mcp", "mcp_types", "sync_pipeline.mcp.server"}
    found = []
    for path in (PROJECT / "sync_pipeline").rglob("*.py"):
        for one in ast.parse(path.read_text("utf-8")).body:
            names = [part.name for part in one.names] if isinstance(one, ast.Import) else []
            names += [str(one.module)] if isinstance(one, ast.ImportFrom) else []
            found += [path.name for name in names if name in heavy or name.split(".")[0] in heavy]
    assert set(found) == {"server.py"}
