"""What a client may read without a tool: the same answers, and the documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sync_pipeline.config import PROJECT
from sync_pipeline.mcp.tool import Call
from sync_pipeline.mcp.tools import TOOLS
from sync_pipeline.steps.connect.tokens import Caller

_DOCUMENTS = {
    "mapping": "Every rule by which a store's fields become core's.",
    "flow": "What each step reads, writes and promises.",
    "glossary": "The words.",
}
_LISTS = {"status": "get_overview", "plans": "list_plans", "decisions": "list_decisions"}


@dataclass(frozen=True, slots=True)
class Readable:
    """A resource. `tool`: whoever may use that one may read it."""

    uri: str
    name: str
    description: str
    mime_type: str
    read: Callable[[Call], str]
    tool: str = "list_records"


def open_to(caller: Caller) -> Sequence[Readable]:
    """What this caller may read."""
    return [one for one in (*_lists(), *_documents()) if TOOLS[one.tool].open_to(caller)]


def _lists() -> list[Readable]:
    def reading(tool: str) -> Callable[[Call], str]:
        chosen = TOOLS[tool]
        return lambda call: chosen.run(call, chosen.arguments()).read_by(call.reads).text()

    return [
        Readable(f"sync://{name}", name, TOOLS[tool].description, "application/json", reading(tool), tool)
        for name, tool in _LISTS.items()
    ]


def _documents() -> list[Readable]:
    def reading(name: str) -> Callable[[Call], str]:
        return lambda _call: (PROJECT / "docs" / f"{name}.md").read_text("utf-8")

    return [
        Readable(f"sync://docs/{name}", name, words, "text/markdown", reading(name))
        for name, words in _DOCUMENTS.items()
        if (PROJECT / "docs" / f"{name}.md").exists()  # an installed package has none
    ]
