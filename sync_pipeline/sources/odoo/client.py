"""An Odoo database as a source: windows of ids, records by id, and the fields captured."""

from __future__ import annotations

import builtins
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sync_pipeline import exact_json
from sync_pipeline.errors import MalformedAnswer, RefusedBySource
from sync_pipeline.sources import jsontext
from sync_pipeline.sources.base import Ask, Look, Page, Presence, RawRecord, Stream
from sync_pipeline.sources.odoo import company_values
from sync_pipeline.sources.odoo.reader import OdooReader, bare
from sync_pipeline.sources.odoo.rpc import Reply
from sync_pipeline.sources.odoo.stream import Domain, OdooStream


class OdooClient(OdooReader):
    """The lists of one database. Thread-safe."""

    page_size = 1000

    # -- lists -----------------------------------------------------------------------------------------------------

    def list(self, ask: Ask) -> Page:
        """The records of a window of ids, in the order of their ids."""
        stream = _own(ask.stream)
        domain = self._window(stream, ask)
        names = self._wanted(stream, ask.fields)
        if stream.only is not None:
            return self._chosen_rows(stream, ask, domain, names)
        page, rows = self._search(stream, domain, names, limit=ask.limit, whole=not ask.fields)
        return replace(page, upto=rows[-1] if len(rows) >= ask.limit else None, looked=len(rows))

    def last(self, ask: Ask) -> Page:
        """The record with the highest id, and the number of records if a plain count gives it."""
        stream = _own(ask.stream)
        domain = self._window(stream, replace(ask, after=None, before=None))
        page, _ = self._search(stream, domain, ("id",), limit=1, order="id desc")
        total = None
        if ask.since is None and stream.only is None:
            total = self.call(stream.path, "search_count", domain=domain).value()
        return replace(page, total=total)

    def fetch(self, stream: Stream, ids: Sequence[str], walk: str = "") -> Page:  # noqa: ARG002
        """These records; the page lacks those that no longer exist."""
        own = _own(stream)
        domain = [*self._domain(own), ["id", "in", [int(i) for i in ids]]]
        page, _ = self._search(own, domain, self._wanted(own, ()), whole=True)
        return page

    def look(self, stream: Stream, external_id: str, parent_id: str | None = None) -> Look:  # noqa: ARG002
        """Does this record still exist, in this list? Archived records do: they are captured with `active` false."""
        own = _own(stream)
        here = ["id", "=", int(external_id)]
        page, rows = self._search(own, [*self._domain(own), here], self._wanted(own, ()), whole=True)
        if rows and (own.only is None or int(external_id) in self._members(own, [here])):
            return Look(Presence.PRESENT, "found", page.items[0] if page.items else None)
        if rows and self._absent.get(own.name):
            raise RefusedBySource(
                f"Odoo does not say whether {own.path} {external_id} belongs to this list.", status=403
            )
        if rows or self.exists(own.path, int(external_id)):
            return Look(Presence.GONE, "it exists, but no longer in this list")
        return Look(Presence.GONE, "search finds no such id, archived ones included")

    def lists(self, stream: Stream) -> bool:  # noqa: ARG002
        return True  # every model is one list

    def offset_ignored(self, stream: Stream) -> None:
        """Odoo's lists are never read by offset."""

    # -- pages -----------------------------------------------------------------------------------------------------

    def _search(
        self,
        stream: OdooStream,
        domain: Domain,
        names: Sequence[str],
        *,
        limit: int | None = None,
        order: str = "id",
        whole: bool = False,
    ) -> tuple[Page, builtins.list[int]]:
        """A search_read as a page, and the ids it returned; `whole` payloads hold every company's values."""
        given: dict[str, Any] = {"domain": domain, "fields": list(names), "order": order, "load": ""}
        if limit is not None:
            given["limit"] = limit
        reply = self.read(stream, given)
        raws = self._with_fields_apart(stream, given, _rows(reply))
        others = self._other_companies(stream, given, raws) if whole else {}
        items: builtins.list[RawRecord] = []
        rejected: builtins.list[tuple[bytes, str]] = []
        pick = jsontext.picker("id", *filter(None, (stream.parent_field,)))
        for raw in raws:
            try:
                picked = pick(raw)
                number = int(picked[0] or b"")
            except ValueError:
                rejected.append((raw, "the record has no id"))
                continue
            parent = _parent(picked[1]) if len(picked) > 1 and picked[1] else None
            items.append(RawRecord(str(number), company_values.beside(raw, others.get(number)), parent))
        page = Page(items=items, clock=reply.clock, request=reply.request, rejected=rejected)
        return page, [int(item.external_id) for item in items]

    def _with_fields_apart(
        self, stream: OdooStream, given: Mapping[str, Any], raws: builtins.list[bytes]
    ) -> builtins.list[bytes]:
        """The rows with the fields that search_read answers wrongly as `read` answers them."""
        names = [name for name in stream.read_apart if name in given["fields"]]
        ids = sorted(company_values.by_id(raws, ())) if names else []
        if not ids:
            return raws
        reply = self.call(stream.path, "read", ids=ids, fields=names, load="")
        right = {int(row["id"]): row for row in map(jsontext.fields, _rows(reply))}
        found = []
        for raw in raws:
            row = jsontext.fields(raw)
            row |= {name: value for name, value in right.get(int(row["id"]), {}).items() if name in names}
            found.append(b"{" + b",".join(json.dumps(key).encode() + b":" + text for key, text in row.items()) + b"}")
        return found

    def _other_companies(
        self, stream: OdooStream, given: Mapping[str, Any], raws: builtins.list[bytes]
    ) -> dict[int, bytes]:
        """Per record what differs for the further companies, as JSON text."""
        names = self.chosen(stream).per_company
        own = company_values.by_id(raws, names) if names and len(self.companies) > 1 else {}
        if not own:
            return {}
        asked = {**given, "domain": [["id", "in", sorted(own)]], "fields": ["id", *names]}
        others = {
            company: company_values.by_id(_rows(self.read(stream, asked, first=company)), names)
            for company in self.companies[1:]
        }
        return company_values.differing(names, own, others)

    def _chosen_rows(self, stream: OdooStream, ask: Ask, domain: Domain, names: Sequence[str]) -> Page:
        """A window of a list that no domain describes: read all rows' filter fields, then the members whole."""
        cheap = tuple(dict.fromkeys(("id", *stream.only_by, *(names if ask.fields else ()))))
        page, looked = self._search(stream, domain, cheap, limit=ask.limit)
        upto = looked[-1] if len(looked) >= ask.limit else None
        assert stream.only is not None
        members = stream.only(self, stream, [json.loads(item.raw) for item in page.items])
        if not ask.fields and members:
            full, _ = self._search(stream, [["id", "in", sorted(members)]], names, whole=True)
            page = replace(full, clock=page.clock)
        kept = [item for item in page.items if int(item.external_id) in members]
        return replace(page, items=kept, upto=upto, looked=len(looked))

    def _members(self, stream: OdooStream, domain: Domain) -> set[int]:
        assert stream.only is not None
        return stream.only(self, stream, self.rows(stream.path, domain, ["id", *stream.only_by]))

    # -- domains ---------------------------------------------------------------------------------------------------

    def _domain(self, stream: OdooStream) -> builtins.list[Any]:
        """The stream's own domain, without other companies' records."""
        domain: builtins.list[Any] = builtins.list(stream.domain)
        if stream.company == "id":
            return [*domain, ["id", "in", builtins.list(self.companies)]]
        if not stream.company or stream.company.split(".")[0] not in self.chosen(stream).searchable:
            return domain
        if stream.shared and self.takes_some_companies:
            of_theirs = [stream.company, "in", builtins.list(self.companies)]
            return [*domain, "|", of_theirs, "&", [stream.company, "=", False], *stream.shared]
        return [*domain, [stream.company, "in", [False, *self.companies]]]

    def _window(self, stream: OdooStream, ask: Ask) -> builtins.list[Any]:
        domain = self._domain(stream)
        if ask.after is not None and ask.after > 0:
            domain.append(["id", ">", ask.after])
        if ask.before is not None:
            domain.append(["id", "<", ask.before])
        if ask.since is not None:
            # Both sides have whole seconds. “>=” includes later writes of the same second.
            since = datetime.fromtimestamp(int(ask.since.timestamp()), UTC)
            domain.append(["write_date", ">=", since.strftime("%Y-%m-%d %H:%M:%S")])
        return domain

    def _wanted(self, stream: OdooStream, fields: Sequence[str]) -> Sequence[str]:
        names = self.chosen(stream).names
        return ("id", *(name for name in fields if name in names and name != "id")) if fields else names


def _own(stream: Stream) -> OdooStream:
    assert isinstance(stream, OdooStream)
    return stream


def _parent(value: bytes) -> str | None:
    """The id of a many2one as text; None where it is empty."""
    if value.isdigit() and value[:1] != b"0":
        return value.decode()
    return str(bare(exact_json.loads(value)) or "") or None


def _rows(reply: Reply) -> builtins.list[bytes]:
    if reply.result.lstrip()[:1] != b"[":
        raise MalformedAnswer("The answer is not a list of records", body=reply.result[: 64 * 1024])
    return jsontext.slices(reply.result)
