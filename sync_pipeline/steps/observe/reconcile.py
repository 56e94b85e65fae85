"""Compare the ids of the store, of capture and of core. The store is listed again; earlier results are not used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sync_pipeline import exact_json, journal
from sync_pipeline.config import Settings
from sync_pipeline.db.core_sql import for_each_table
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import RefusedBySource, SourceError
from sync_pipeline.redaction import redact
from sync_pipeline.sources.base import Ask, Stream
from sync_pipeline.steps import capture
from sync_pipeline.steps.capture.id_set import IdSet
from sync_pipeline.steps.capture.read.walk import cover
from sync_pipeline.steps.capture.write.pages import Listed, Run
from sync_pipeline.steps.capture.write.records import SQL as CAPTURE_SQL
from sync_pipeline.steps.connect import Connection, Organization, connections
from sync_pipeline.steps.observe.reconciled import OUTSIDE, EntityReconciliation, Reconciliation
from sync_pipeline.steps.observe.status import SQL

_EXAMPLES = 20
_PAGE = 10_000  # ids of captured records that are read at once


def reconcile(
    db: Database,
    settings: Settings,
    org: Organization,
    *,
    connection: str | None = None,
    entities: Sequence[str] = (),
    actor: str = "reconcile",
) -> Reconciliation:
    """Compare every entity, or `entities`, of every connection, or `connection`. The audit log gets the result.

    Raises:
        NotFound: no such connection or entity.
    """
    found: list[EntityReconciliation] = []
    for one in connections(db, org, connection):
        streams = [one.source.stream(name) for name in entities] or list(one.source.streams.values())
        try:
            with capture.session(db, settings, one, actor="reconcile") as session:
                found += _Comparison(session, db, one).all(streams)
        except SourceError as error:
            core = _core(db, one)
            found += [_compare(db, one, stream, None, core.get(stream.entity_type), str(error)) for stream in streams]
        _note(db, one, [entity for entity in found if entity.connection == one.name], actor)
    return Reconciliation(tuple(found))


def _note(db: Database, connection: Connection, found: Sequence[EntityReconciliation], actor: str) -> None:
    differ = {
        one.entity: {
            "missing": one.missing,
            "extra": one.extra,
            "orphans": one.orphans,
            "error": redact(one.error or ""),
        }
        for one in found
        if not one.ok
    }
    with db.org(connection.org_id) as conn:
        journal.record(
            conn,
            "reconcile.done",
            actor=actor,
            connection_id=connection.connection_id,
            entities=len(found),
            differ=differ,
        )


class _Comparison:
    """The comparison of one connection. Each list is read once, also if its ids are needed for a child stream."""

    def __init__(self, session: capture.CaptureSession, db: Database, connection: Connection) -> None:
        self.session, self.db, self.connection = session, db, connection
        self._ids: dict[str, IdSet] = {}
        self._core = _core(db, connection)

    def all(self, streams: Sequence[Stream]) -> list[EntityReconciliation]:
        return [self._entity(stream) for stream in streams]

    def _entity(self, stream: Stream) -> EntityReconciliation:
        try:
            store = self.ids(stream)
        except RefusedBySource as error:
            if not stream.is_absent(error):
                return self._compare(stream, None, str(error))
            store = IdSet()  # the stream is optional, and the store does not have it
        except SourceError as error:
            return self._compare(stream, None, str(error))
        return self._compare(stream, store, None)

    def _compare(self, stream: Stream, store: IdSet | None, error: str | None) -> EntityReconciliation:
        return _compare(self.db, self.connection, stream, store, self._core.get(stream.entity_type), error)

    def ids(self, stream: Stream) -> IdSet:
        """Every id the store lists now."""
        if stream.name not in self._ids:
            listing = _Listing.of(self.session, stream)
            found = IdSet()

            def take(pages: Sequence[Listed]) -> None:
                for page in pages:
                    found.update(item.external_id for item in page.page.items)
                    found.update(page.unread)

            for walk in self._walks(stream):
                cover(listing, self.session.pool, Ask(stream=stream, walk=walk, fields=_fields(stream)), take)
            self._ids[stream.name] = found
        return self._ids[stream.name]

    def _walks(self, stream: Stream) -> Iterable[str]:
        if stream.parent is None or self.session.client.lists(stream):
            return [""]
        parent = self.connection.source.stream(stream.parent)
        return self.ids(parent) - self._parents_without_list(stream, parent)

    def _parents_without_list(self, stream: Stream, parent: Stream) -> IdSet:
        """Captured parents whose record says that they have no list of this stream."""
        without = IdSet()
        if stream.parent_where is None:
            return without
        after = ""
        while True:
            with self.db.org(self.connection.org_id) as conn:
                rows = execute(
                    conn, CAPTURE_SQL["parents"], **_keys(self.connection, parent), run_id=None, after=after
                ).all()
            without.update(row.external_id for row in rows if not stream.parent_where(exact_json.loads(row.payload)))
            if len(rows) < 1000:
                return without
            after = rows[-1].external_id


class _Listing(Run):
    """A walk that writes nothing: records that cannot be read count as listed and are not quarantined."""

    @classmethod
    def of(cls, session: capture.CaptureSession, stream: Stream) -> _Listing:
        return cls(
            db=session.db,
            connection=session.connection,
            stream=stream,
            client=session.client,
            budget=session.budget,
            run_id=0,
            mode="reconcile",
            started_at=datetime.now(UTC),
            since=None,
            noise=frozenset(),
            report=lambda _progress: None,
        )

    def quarantine(
        self, external_id: str, reason: str, *, request: str = "", status: int | None = None, raw: bytes = b""
    ) -> None:
        """Do nothing: reconciling changes no data."""


def _fields(stream: Stream) -> tuple[str, ...]:
    return (stream.id_field, stream.parent_field) if stream.parent_field else (stream.id_field,)


def _keys(connection: Connection, stream: Stream) -> dict[str, object]:
    return {
        "connection_id": connection.connection_id,
        "entity_type": stream.entity_type,
        "provider": connection.provider,
    }


@dataclass(slots=True)
class _InCore:
    """What core has of an entity: its row of `core_rows`, and those of `beside_core` by why."""

    rows: Any = None
    beside: dict[str, Any] = field(default_factory=dict)


def _core(db: Database, connection: Connection) -> Mapping[str, _InCore]:
    """By entity type: what of a connection is in core, and what is in one of capture and core alone."""
    ids = for_each_table(SQL["core_ids"])
    here = {"connection_id": connection.connection_id}
    found: dict[str, _InCore] = {}
    with db.org(connection.org_id, snapshot=True) as conn:
        execute(conn, SQL["join_all_by_hash"])
        for row in execute(conn, SQL["core_rows"].replace("{rows}", ids), **here):
            found.setdefault(row.entity_type, _InCore()).rows = row
        for row in execute(conn, SQL["beside_core"].replace("{rows}", ids), **here, provider=connection.provider):
            found.setdefault(row.entity_type, _InCore()).beside[row.why] = row
    return found


def _captured(db: Database, connection: Connection, stream: Stream) -> tuple[IdSet, int]:
    """The ids that are captured and not deleted, all of one moment, and how many are in quarantine."""
    keys, found = _keys(connection, stream), IdSet()
    with db.org(connection.org_id, snapshot=True) as conn:
        quarantined = int(execute(conn, SQL["quarantined_count"], **keys).scalar_one())
        after = ""
        while page := execute(conn, SQL["present_ids"], **keys, after=after, limit=_PAGE).scalars().all():
            found.update(page)
            after = page[-1]
    return found, quarantined


def _compare(
    db: Database, connection: Connection, stream: Stream, store: IdSet | None, there: _InCore | None, error: str | None
) -> EntityReconciliation:
    core, beside = (there.rows, there.beside) if there else (None, {})
    captured, quarantined = _captured(db, connection, stream)
    missing = store - captured if store is not None else IdSet()
    extra = captured - store if store is not None else IdSet()
    examples = {"missing": missing, "extra": extra, "orphans": (core.examples or []) if core else []}
    examples |= {"deleted_in_core" if why == "deleted" else why: row.examples for why, row in beside.items()}
    return EntityReconciliation(
        entity=stream.name,
        connection=connection.name,
        store=len(store) if store is not None else None,
        captured=len(captured),
        core=core.core if core else 0,
        missing=len(missing),
        extra=len(extra),
        examples={name: list(islice(ids, _EXAMPLES)) for name, ids in examples.items() if len(ids)},
        quarantined=quarantined,
        orphans=core.orphans if core else 0,
        error=error,
        outside={why: beside[why].records for why in OUTSIDE if why in beside},
        deleted_in_core=beside["deleted"].records if "deleted" in beside else 0,
    )
