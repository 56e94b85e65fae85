"""What a caller reads of records: personal data masked for agents in every door, unless an admin unmasked the token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.responses import Response

from sync_pipeline import exact_json
from sync_pipeline.config import Settings
from sync_pipeline.entities.core import core_tables
from sync_pipeline.errors import Forbidden
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect.tokens import Caller
from sync_pipeline.steps.preview.masking import Masker, masked_changes, masked_core
from sync_pipeline.steps.preview.paths import told_list
from sync_pipeline.steps.select import PlanItem

MOST_FOUND = 1000  # records among which an exact one is looked for
_JSON, _EVENTS = "application/json", "text/event-stream"


@dataclass(frozen=True, slots=True)
class Masking:
    """Reads for one caller. Without a masker everything is read as it is."""

    masker: Masker | None

    @classmethod
    def of(cls, settings: Settings, caller: Caller, *, to_a_model: bool = False) -> Masking:
        """What this caller reads: an agent's token masks. `to_a_model`: a model reads it, whatever the role."""
        masks = not caller.unmasked and (to_a_model or caller.role == "agent")
        return cls(Masker(settings, caller.org.org_id) if masks else None)

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

    def display(self, stream: Stream, shown: Mapping[str, Any]) -> dict[str, Any]:
        """The same under the names that the table has for them: name, sku or order_number …, email."""
        called = self.record(stream, shown.get("name"), shown.get(stream.code_is), shown.get("email"))
        return {key: called["code" if key == stream.code_is else key] for key in shown}

    def payload(self, stream: Stream, payload: Any) -> Any:
        """A payload, or fields of one."""
        return payload if self.masker is None else self.masker.payload(stream, payload)

    def text_of(self, stream: Stream, text: str) -> str:
        """What a store answered where a record was expected; nothing of it if it is no JSON: that cannot be masked."""
        if self.masker is None:
            return text
        try:
            return exact_json.dumps(self.payload(stream, exact_json.loads(text)))
        except (ValueError, RecursionError):
            return "It is masked for this token. A person can read it."

    def changes(self, stream: Stream, changes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """Fields before and after: {field: {before, after, through, paths}}."""
        listed = [
            {"field": field, **{key: sides[key] for key in ("before", "after", "through") if key in sides}}
            for field, sides in changes.items()
        ]
        shown = told_list(listed) if self.masker is None else masked_changes(self.masker, stream, listed)
        return {one["field"]: {key: value for key, value in one.items() if key != "field"} for one in shown}

    def item(self, stream: Stream, item: PlanItem) -> PlanItem:
        """What a plan does to a record."""
        if self.masker is None:
            return replace(item, changes=told_list(item.changes), core=told_list(item.core))
        called = self.record(stream, item.name, item.code)
        changes = list(masked_changes(self.masker, stream, item.changes))
        core = list(masked_core(self.masker, stream, item.core))
        return replace(item, name=called["name"], code=called["code"], changes=changes, core=core)

    def core(self, stream: Stream, table: str | None, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Columns of the core row that a record has."""
        if self.masker is None or table is None:
            return row
        found: Mapping[str, Any] = self.masker.core(stream, row, core_tables()[table])
        return found

    def brought(self, stream: Stream, columns: Mapping[str, Any]) -> Mapping[str, Any]:
        """Columns that a record brings to core."""
        if self.masker is None:
            return columns
        found: Mapping[str, Any] = self.masker.core(stream, columns)
        return found

    def searched(self, stream: Stream, search: str | None) -> str | None:
        """What somebody searched for."""
        return self.masker.pseudonym(search) if search and self.masker is not None and self.masks(stream) else search

    def masks(self, stream: Stream) -> bool:
        """Does this caller read masks in these records? Then a search finds what it names exactly, and nothing else."""
        return self.masker is not None and bool(stream.personal)

    def may_decide_by(self, stream: Stream, search: str | None) -> None:
        """A search that finds a part of a name, and tells how many have it, would spell the name letter by letter.

        Raises:
            Forbidden: these records are masked, and somebody searches in them.
        """
        if search is not None and self.masks(stream):
            raise Forbidden(
                "Personal data is masked for this token, so a search neither counts nor decides here. List the "
                "records, and name those that you saw."
            )

    def may_sort_by(self, stream: Stream, sort: str | None) -> None:
        """The same of an order by names.

        Raises:
            Forbidden: these records are masked.
        """
        if sort is not None and sort.startswith("name") and self.masks(stream):
            raise Forbidden("Names are masked for this token. Sort by external_id, modified or captured.")

    def may_test(self, stream: Stream, field: str | None) -> None:
        """The same of a field whose value is compared.

        Raises:
            Forbidden: what stands there is masked.
        """
        if field is not None and self.masker is not None and self.masker.hides(stream, field):
            raise Forbidden(f"“{field}” is masked for this token. Propose a rule about another field.")

    def anything(self, value: Any) -> Any:
        """An answer as it is sent: addresses and numbers that any text of it still has are masked."""
        return value if self.masker is None else self.masker.anything(value)

    def response(self, response: Response) -> Response:
        """The same of a response. A stream of events has numbers and states alone.

        Raises:
            Forbidden: it cannot be masked.
        """
        kind = response.headers.get("content-type", "").partition(";")[0]
        if self.masker is None or kind == _EVENTS:
            return response
        if kind != _JSON:
            raise Forbidden("Personal data is masked for this token, and this answer cannot be masked.")
        try:
            text = exact_json.dumps(self.anything(exact_json.loads(bytes(response.body))))
        except RecursionError:
            raise Forbidden("Personal data is masked for this token, and this answer is nested too deep.") from None
        masked = Response(text, response.status_code, media_type=_JSON, background=response.background)
        masked.headers.update({name: one for name, one in response.headers.items() if name not in masked.headers})
        return masked


def is_named(search: str, *names: str | None) -> bool:
    """Is this exactly what a record is called?"""
    return search.strip().casefold() in {one.strip().casefold() for one in names if one}
