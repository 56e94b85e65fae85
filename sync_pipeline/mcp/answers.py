"""Answers: rows with a cursor, and how long an answer may be. Clients cut longer ones without saying where."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sync_pipeline.api.masking import Masking
from sync_pipeline.mcp.text import shown, written

MOST_BYTES = 12_000
# How a record that is too long is shortened: characters of a text, parts of a list or object.
_TIGHTER = ((2000, 200), (600, 60), (200, 30), (80, 15), (40, 6), (20, 2))


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What a tool answers. `rows` are (cursor, row): the next page begins beyond the cursor of the last one shown.

    `more`: there are rows beyond these. `ended`: waiting longer would change nothing.
    """

    head: Mapping[str, Any]
    rows: Sequence[tuple[str, Mapping[str, Any]]] | None = None
    more: bool = False
    ended: bool = True
    after: str | None = None  # where the next page begins, if no row of this one is shown
    ids: Sequence[Any] = field(default_factory=tuple)  # what the call made or meant, for the record of calls

    def read_by(self, reads: Masking) -> ToolAnswer:
        """The answer as this caller may read it."""
        rows = None if self.rows is None else [(cursor, reads.anything(row)) for cursor, row in self.rows]
        return replace(self, head=reads.anything(self.head), rows=rows)

    def text(self) -> str:
        """The answer as JSON of at most `MOST_BYTES`. `cut` says that something was left out for its length."""
        if self.rows is None:
            return _fitted(self.head)
        rows = list(self.rows)
        sizes = [len(written(row).encode()) + 2 for _, row in rows]
        room = MOST_BYTES - len(written(self.head).encode()) - 500
        fit = 0
        while fit < len(rows) and room >= sizes[fit]:
            room -= sizes[fit]
            fit += 1
        kept = [row for _, row in rows[:fit]]
        if not kept and rows:  # one row is longer than an answer: its beginning
            kept, fit = [_shorter(rows[0][1], MOST_BYTES - 2_000)], 1
        answer = {**self.head, "rows": kept}
        if fit < len(rows) or self.more:
            answer["next"] = rows[fit - 1][0] if fit else self.after
        if fit < len(rows):
            answer["cut"] = "There was no room for more rows. Go on with `next`."
        return written(answer)


def page(
    head: Mapping[str, Any], found: Sequence[Any], row: Callable[[Any], Mapping[str, Any]], cursor: Callable[[Any],
    Any], *, more: bool,
) -> ToolAnswer:  # fmt: skip
    """An answer whose rows are made from what was found."""
    return ToolAnswer(head, [(str(cursor(one)), row(one)) for one in found], more)


def _fitted(value: Mapping[str, Any]) -> str:
    text = written(value)
    return text if len(text.encode()) <= MOST_BYTES else written(_shorter(value, MOST_BYTES))


def _shorter(value: Mapping[str, Any], room: int) -> Mapping[str, Any]:
    note = {"cut": "It was too long and is shortened. Ask for a part of it with `path`, or for fewer rows."}
    for longest, most in _TIGHTER:
        short = {**shown(value, longest, most), **note}
        if len(written(short).encode()) <= room:
            return short
    return note
