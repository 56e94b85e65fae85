"""What a caller may read: personal data masked, unless an admin has unmasked the token. Whatever role it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sync_pipeline.entities.core import core_tables
from sync_pipeline.mcp.answers import ToolAnswer
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.preview import RecordRow
from sync_pipeline.steps.preview.masking import Masker

MOST_FOUND = 1000  # records among which an exact one is looked for


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads for one caller. Without a masker everything is read as it is."""

    masker: Masker | None

    def record(self, stream: Stream, name: str | None, code: str | None, email: str | None = None) -> dict[str, Any]:
        """What a list calls a record."""
        if self.masker is None:
            return {"name": name, "code": code, "email": email}
        personal = any(path in stream.personal for path in (stream.code or "").split("|"))
        return {
            "name": self.masker.name(stream, name),
            "code": self.masker.pseudonym(code) if code and personal else code,
            "email": self.masker.pseudonym(email) if email else email,
        }

    def payload(self, stream: Stream, payload: Any) -> Any:
        """A payload, or fields of one."""
        return payload if self.masker is None else self.masker.payload(stream, payload)

    def changes(self, stream: Stream, changes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """Fields before and after: {field: {before, after}}."""
        shown: dict[str, dict[str, Any]] = {}
        for side in ("before", "after"):
            there = {field: sides[side] for field, sides in changes.items() if side in sides}
            for field, value in self.payload(stream, there).items():
                shown.setdefault(field, {})[side] = value
        return shown

    def core(self, table: str | None, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Columns of a core row."""
        if self.masker is None or table is None:
            return row
        found: Mapping[str, Any] = self.masker.core(core_tables()[table], row)
        return found

    def brought(self, stream: Stream, columns: Mapping[str, Any]) -> Mapping[str, Any]:
        """Columns that a record brings to core."""
        if self.masker is None:
            return columns
        table = next((one.name for one in core_tables().values() if stream.entity in one.kinds), None)
        return self.core(table, columns) if table else self.payload(stream, columns)

    def masks(self, stream: Stream) -> bool:
        """Does this caller read masks in these records? Then a search finds what it names exactly, and nothing else."""
        return self.masker is not None and bool(stream.personal)

    def exactly(self, search: str, rows: Sequence[RecordRow]) -> list[RecordRow]:
        """The records that have exactly this id, code or e-mail."""
        wanted = search.strip().casefold()
        return [
            row
            for row in rows
            if wanted in {one.strip().casefold() for one in (row.external_id, row.code, row.email) if one}
        ]

    def answer(self, found: ToolAnswer) -> ToolAnswer:
        """An answer as it is sent: addresses and numbers that any text of it still has are masked."""
        if self.masker is None:
            return found
        rows = None if found.rows is None else [(cursor, self.masker.anything(row)) for cursor, row in found.rows]
        return replace(found, head=self.masker.anything(found.head), rows=rows)

    def error(self, told: dict[str, Any]) -> dict[str, Any]:
        """An error as it is sent."""
        masked: dict[str, Any] = told if self.masker is None else self.masker.anything(told)
        return masked
