"""An Odoo database as a source: windows of ids, records by id, and the fields captured."""

from __future__ import annotations

import builtins
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from sync_pipeline import exact_json
from sync_pipeline.errors import MalformedAnswer, RefusedBySource
from sync_pipeline.sources import jsontext
from sync_pipeline.sources.base import Ask, Look, Page, Presence, RawRecord, Scope, Stream, Usage
from sync_pipeline.sources.http import Http
from sync_pipeline.sources.odoo.fields import ATTRIBUTES, Chosen, choose
from sync_pipeline.sources.odoo.rpc import Reply, Rpc, ServerError
from sync_pipeline.sources.odoo.settings import OdooConfig
from sync_pipeline.sources.odoo.stream import Domain, OdooStream, Row

COMPANY_VALUES = "_company_values"  # an extra field of a payload: the other companies' values of fields that differ
_NOTHING: Domain = (["id", "=", 0],)
# The first version whose grouping method is documented; earlier ones have read_group.
_FORMATTED_GROUPS = 19


class OdooClient:
    """One database. Thread-safe.

    Every call sets the context (language, archived records, companies): otherwise the same record has other values for
    another user. Values that depend on the company are those of the first one.
    """

    page_size = 1000

    def __init__(self, config: OdooConfig, *, allow_private: bool = False) -> None:
        self.config = config
        self.http = Http(
            config.url,
            timeout=config.timeout_seconds,
            allow_private=allow_private,
            ca_file=config.ca_file,
            connections=config.max_concurrency + 4,
        )
        self.rpc = Rpc(self.http, config)
        self._lock = threading.RLock()
        self._companies: tuple[int, ...] = ()
        self._offered: dict[str, Mapping[str, Mapping[str, Any]]] = {}
        self._chosen: dict[str, Chosen] = {}
        self._absent: dict[str, set[str]] = {}

    @property
    def usage(self) -> Usage:
        return self.http.usage

    def close(self) -> None:
        self.http.close()

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
            total = self._call(stream.path, "search_count", domain=domain).value()
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
        if rows or self.rows(own.path, [here], ["id"]):
            return Look(Presence.GONE, "it exists, but no longer in this list")
        return Look(Presence.GONE, "search finds no such id, archived ones included")

    def lists(self, stream: Stream) -> bool:  # noqa: ARG002
        return True  # every model is one list

    def offset_ignored(self, stream: Stream) -> None:
        """Odoo's lists are never read by offset."""

    def scope(self, stream: Stream) -> Scope:
        """The fields left out, and why; those the mapper expects and this user is not offered."""
        chosen = self._chosen.get(stream.name)
        scope = chosen.scope if chosen else Scope()
        return Scope(scope.left_out, (*scope.missing, *sorted(self._absent.get(stream.name, ()))))

    def rows(self, model: str, domain: Domain, fields: Sequence[str]) -> Sequence[Row]:
        """The rows' fields, many2one as bare ids."""
        reply = self._call(model, "search_read", domain=domain, fields=fields, order="id", load="")
        return cast("Sequence[Row]", reply.value())

    def may_read(self, model: str) -> None:
        """Read one id of a model.

        Raises:
            RefusedBySource: the user lacks the permission, or the model does not exist.
        """
        self._call(model, "search_read", domain=[], fields=["id"], limit=1, load="")

    def referred(self, model: str, name: str, domain: Domain) -> set[int]:
        """The distinct values of a many2one field over the rows of a domain, counted by the server."""
        if self.rpc.version[0] >= _FORMATTED_GROUPS:
            given: dict[str, Any] = {"groupby": [name], "aggregates": ["__count"]}
            method = "formatted_read_group"
        else:
            given = {"groupby": [name], "fields": [name]}
            method = "read_group"
        groups = self._call(model, method, domain=domain, **given).value()
        return {value for group in groups if (value := _bare(group[name]))}

    def company_domain(self, model: str) -> Domain:
        """The domain that excludes other companies' rows of this model."""
        return [["company_id", "in", [False, *self.companies]]] if "company_id" in self.offered(model) else []

    def absent(self, stream: OdooStream, model: str, reason: str) -> None:
        """Report in the run that this model could not be read."""
        with self._lock:
            self._absent.setdefault(stream.name, set()).add(f"{model} ({reason})")

    # -- companies and fields -----------------------------------------------------------------------------------------

    @property
    def companies(self) -> tuple[int, ...]:
        """The companies whose records are captured, the leading one first.

        Raises:
            RefusedBySource: the user does not belong to a company that the settings name.
        """
        with self._lock:
            if not self._companies:
                reply = self.rpc.call(
                    "res.users", "read", ids=[self.rpc.uid], fields=["login", "company_id", "company_ids"], load=""
                )
                user = reply.value()[0]
                own = _bare(user["company_id"])
                theirs = [own, *(c for c in sorted(user["company_ids"]) if c != own)]
                foreign = [c for c in self.config.companies if c not in theirs]
                if foreign:
                    raise RefusedBySource(
                        f"{self.config.username} does not belong to the companies {foreign}, only to {theirs}. "
                        "Change the connection's companies, or the user's in Odoo.",
                        status=403,
                        code="wrong_company",
                    )
                self._companies = tuple(self.config.companies or theirs)
            return self._companies

    def offered(self, model: str) -> Mapping[str, Mapping[str, Any]]:
        """The fields of a model that this user may see; requested once."""
        with self._lock:
            if model not in self._offered:
                reply = self._call(model, "fields_get", attributes=list(ATTRIBUTES))
                self._offered[model] = reply.value()
            return self._offered[model]

    def chosen(self, stream: OdooStream) -> Chosen:
        """The model's fields that this stream captures."""
        with self._lock:
            if stream.name not in self._chosen:
                self._chosen[stream.name] = choose(stream, self.offered(stream.path))
            return self._chosen[stream.name]

    # -- requests --------------------------------------------------------------------------------------------------

    def _call(self, model: str, method: str, *, first: int | None = None, **arguments: Any) -> Reply:
        """A call with our context; `first` is the company whose values are read, if not the leading one."""
        companies = self.companies
        if first is not None:
            companies = (first, *(c for c in companies if c != first))
        context = {"lang": self.config.lang, "active_test": False, "allowed_company_ids": companies}
        return self.rpc.call(model, method, context=context, **arguments)

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
        reply = self._read(stream, given)
        others = self._other_companies(stream, given, reply) if whole else {}
        items: builtins.list[RawRecord] = []
        rejected: builtins.list[tuple[bytes, str]] = []
        pick = jsontext.picker("id", *filter(None, (stream.parent_field,)))
        for raw in _rows(reply):
            try:
                picked = pick(raw)
                number = int(picked[0] or b"")
            except ValueError:
                rejected.append((raw, "the record has no id"))
                continue
            parent = str(_bare(exact_json.loads(picked[1])) or "") if len(picked) > 1 and picked[1] else ""
            items.append(RawRecord(str(number), _with(raw, others.get(number)), parent or None))
        page = Page(items=items, clock=reply.clock, request=reply.request, rejected=rejected)
        return page, [int(item.external_id) for item in items]

    def _read(self, stream: OdooStream, given: dict[str, Any], first: int | None = None) -> Reply:
        try:
            return self._call(stream.path, "search_read", first=first, **given)
        except ServerError as error:
            # The same call without records: if that fails too, the call is wrong, not a record.
            if error.name.startswith("builtins."):
                try:
                    self._call(stream.path, "search_read", **{**given, "domain": [*_NOTHING]})
                except ServerError:
                    raise RefusedBySource(f"Odoo rejects the request: {error}", status=400, code=error.name) from error
            raise

    def _other_companies(self, stream: OdooStream, given: dict[str, Any], reply: Reply) -> dict[int, dict[str, bytes]]:
        """Per record the fields that depend on the company, as JSON text per further company."""
        names = self.chosen(stream).per_company
        found: dict[int, dict[str, bytes]] = {}
        ids = [int(pick or b"0") for (pick,) in map(jsontext.picker("id"), _rows(reply))]
        if not names or not ids:
            return found
        asked = {**given, "domain": [["id", "in", ids]], "fields": ["id", *names]}
        for company in self.companies[1:]:
            for raw in _rows(self._read(stream, asked, first=company)):
                values = jsontext.fields(raw)
                number = int(values.pop("id"))
                picked = [json.dumps(name).encode() + b":" + values[name] for name in names if name in values]
                found.setdefault(number, {})[str(company)] = b"{" + b",".join(picked) + b"}"
        return found

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
        if stream.company and stream.company.split(".")[0] in self.chosen(stream).searchable:
            return [*domain, [stream.company, "in", [False, *self.companies]]]
        return domain

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


def _rows(reply: Reply) -> builtins.list[bytes]:
    if reply.result.lstrip()[:1] != b"[":
        raise MalformedAnswer("The answer is not a list of records", body=reply.result[: 64 * 1024])
    return jsontext.slices(reply.result)


def _bare(value: Any) -> int | None:
    """The id of a many2one, given bare or with its name; None where it is empty."""
    if isinstance(value, builtins.list | tuple):
        value = value[0] if value else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _with(raw: bytes, others: Mapping[str, bytes] | None) -> bytes:
    """The record's bytes with the other companies' values after its own fields."""
    if not others:
        return raw
    text = b",".join(json.dumps(company).encode() + b":" + values for company, values in sorted(others.items()))
    return raw.rstrip()[:-1] + b',"' + COMPANY_VALUES.encode() + b'":{' + text + b"}}"
