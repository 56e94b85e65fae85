"""What one user may read of an Odoo database: companies, fields, rows."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sync_pipeline.errors import RefusedBySource, SourceError
from sync_pipeline.sources.base import Scope, Stream, Usage
from sync_pipeline.sources.http import Http
from sync_pipeline.sources.odoo.fields import ATTRIBUTES, Chosen, choose
from sync_pipeline.sources.odoo.rpc import Reply, Rpc, ServerError
from sync_pipeline.sources.odoo.settings import OdooConfig
from sync_pipeline.sources.odoo.stream import Domain, OdooStream, Row

_NOTHING: Domain = (["id", "=", 0],)
# The first version whose grouping method is documented; earlier ones have read_group.
_FORMATTED_GROUPS = 19
_OWN_DOCUMENTS = "only the user's own documents: the user is not in a group that sees all of them"


class OdooReader:
    """One database and one user. Thread-safe.

    The context is pinned in every call (language, archived records too, companies): without it the same record reads
    differently from user to user. Values that depend on the company are those of the first one.
    """

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
        self._user_companies: tuple[int, ...] = ()
        self._offered: dict[str, Mapping[str, Mapping[str, Any]]] = {}
        self._chosen: dict[str, Chosen] = {}
        self._refused: dict[str, set[str]] = {}  # by stream: fields whose reading is refused
        self._groups: dict[str, bool] = {}
        self._absent: dict[str, set[str]] = {}

    @property
    def usage(self) -> Usage:
        return self.http.usage

    def close(self) -> None:
        """Close connections."""
        self.http.close()

    def call(self, model: str, method: str, *, first: int | None = None, **arguments: Any) -> Reply:
        """A call with the pinned context; `first` is the company whose values are read, if not the leading one."""
        companies = self.companies
        if first is not None:
            companies = (first, *(c for c in companies if c != first))
        context = {"lang": self.config.lang, "active_test": False, "allowed_company_ids": companies}
        return self.rpc.call(model, method, context=context, **arguments)

    def rows(self, model: str, domain: Domain, fields: Sequence[str]) -> Sequence[Row]:
        """The rows' fields, many2one as bare ids."""
        reply = self.call(model, "search_read", domain=domain, fields=fields, order="id", load="")
        return cast("Sequence[Row]", reply.value())

    def read(self, stream: OdooStream, given: dict[str, Any], first: int | None = None) -> Reply:
        """A search_read of the stream's model, without the fields that this user is refused.

        Raises:
            RefusedBySource: the model itself may not be read, or the server does not understand the call.
            ServerError: the server failed; one of the records may be the cause.
        """
        try:
            return self.call(stream.path, "search_read", first=first, **given)
        except RefusedBySource as error:
            if error.status != 403 or not self._refuse(stream, given["fields"]):
                raise
            left = [name for name in given["fields"] if name not in self._refused[stream.name]]
            return self.read(stream, {**given, "fields": left}, first)
        except ServerError as error:
            # The same call without records: if that fails too, the call is wrong, not a record.
            if error.name.startswith("builtins."):
                try:
                    self.call(stream.path, "search_read", **{**given, "domain": [*_NOTHING]})
                except ServerError:
                    raise RefusedBySource(f"Odoo rejects the request: {error}", status=400, code=error.name) from error
            raise

    def exists(self, model: str, number: int) -> bool:
        """Is there such a record, in any of the user's companies? Reading an id that is not there answers nothing.

        Raises:
            RefusedBySource: there is, and a record rule hides it from this user.
        """
        companies = [*self.companies, *(c for c in self._user_companies if c not in self.companies)]
        context = {"lang": self.config.lang, "active_test": False, "allowed_company_ids": companies}
        return bool(self.rpc.call(model, "read", ids=[number], fields=["id"], load="", context=context).value())

    def sample(self, stream: OdooStream) -> None:
        """Read the captured fields of one record.

        Raises:
            RefusedBySource: the user lacks the permission, or the model does not exist.
        """
        self.read(stream, {"domain": [], "fields": list(self.chosen(stream).names), "limit": 1, "load": ""})

    def referred(self, model: str, name: str, domain: Domain) -> set[int]:
        """The distinct values of a many2one field over the rows of a domain, counted by the server."""
        if self.rpc.version[0] >= _FORMATTED_GROUPS:
            given: dict[str, Any] = {"groupby": [name], "aggregates": ["__count"]}
            method = "formatted_read_group"
        else:
            given = {"groupby": [name], "fields": [name]}
            method = "read_group"
        groups = self.call(model, method, domain=domain, **given).value()
        return {value for group in groups if (value := bare(group[name]))}

    # -- companies -------------------------------------------------------------------------------------------------

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
                own = bare(user["company_id"])
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
                self._user_companies = tuple(theirs)
            return self._companies

    @property
    def takes_some_companies(self) -> bool:
        """True if the user belongs to companies that the connection leaves out."""
        return set(self.companies) < set(self._user_companies)

    def company_domain(self, model: str) -> Domain:
        """The domain that excludes other companies' rows of this model."""
        return [["company_id", "in", [False, *self.companies]]] if "company_id" in self.offered(model) else []

    # -- rights ----------------------------------------------------------------------------------------------------

    def in_group(self, group: str) -> bool:
        """False if the user is not in this group; requested once. An older server does not say: True."""
        with self._lock:
            if group not in self._groups:
                try:
                    reply = self.rpc.call("res.users", "has_group", ids=[self.rpc.uid], group_ext_id=group)
                    self._groups[group] = reply.value() is not False
                except SourceError:
                    return True
            return self._groups[group]

    def absent(self, stream: OdooStream, model: str, reason: str) -> None:
        """Report in the run that this model could not be read."""
        with self._lock:
            self._absent.setdefault(stream.name, set()).add(f"{model} ({reason})")

    def offered(self, model: str) -> Mapping[str, Mapping[str, Any]]:
        """The fields of a model that this user may see; requested once."""
        with self._lock:
            if model not in self._offered:
                reply = self.call(model, "fields_get", attributes=list(ATTRIBUTES))
                self._offered[model] = reply.value()
            return self._offered[model]

    def chosen(self, stream: OdooStream) -> Chosen:
        """The model's fields that this stream captures."""
        with self._lock:
            if stream.name not in self._chosen:
                try:
                    offered = self.offered(stream.path)
                except RefusedBySource as error:
                    if error.status == 403:
                        self.absent(stream, stream.path, "no right to read it")
                    raise
                if stream.all_documents and not self.in_group(stream.all_documents):
                    self.absent(stream, stream.path, _OWN_DOCUMENTS)
                self._chosen[stream.name] = choose(stream, offered, self._refused.get(stream.name, ()))
            return self._chosen[stream.name]

    def scope(self, stream: Stream) -> Scope:
        """The fields left out, and why; those the mapper expects and this user is not offered."""
        chosen = self._chosen.get(stream.name)
        scope = chosen.scope if chosen else Scope()
        return Scope(scope.left_out, (*scope.missing, *sorted(self._absent.get(stream.name, ()))))

    def _refuse(self, stream: OdooStream, names: Sequence[str]) -> bool:
        """Find the fields whose reading is refused, such as lists of a model the user may not read. False: none."""
        if not self._may_read(stream.path, ["id"]):
            return False
        found = self._refused_among(stream.path, [name for name in names if name != "id"])
        with self._lock:
            self._refused.setdefault(stream.name, set()).update(found)
            self._chosen.pop(stream.name, None)
            self.chosen(stream)
        return bool(found)

    def _refused_among(self, model: str, names: Sequence[str]) -> set[str]:
        if not names or self._may_read(model, names):
            return set()
        if len(names) == 1:
            return set(names)
        half = len(names) // 2
        return self._refused_among(model, names[:half]) | self._refused_among(model, names[half:])

    def _may_read(self, model: str, names: Sequence[str]) -> bool:
        try:
            self.call(model, "search_read", domain=[], fields=list(names), limit=1, load="")
        except RefusedBySource as error:
            if error.status != 403:
                raise
            return False
        return True


def bare(value: Any) -> int | None:
    """The id of a many2one, given bare or with its name; None where it is empty."""
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
