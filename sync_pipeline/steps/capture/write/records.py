"""Writes the records of an entity, wherever they come from: a pull, a push, a webhook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg import DataError
from psycopg.errors import ProgramLimitExceeded, StatementTooComplex
from sqlalchemy import Connection as Transaction
from sqlalchemy.exc import DBAPIError

from sync_pipeline.db.arrays import Blobs, Texts
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, execute_prepared, load
from sync_pipeline.redaction import redact, redact_bytes
from sync_pipeline.sources.base import RawRecord, Stream
from sync_pipeline.steps.capture.write.currency import judge_currency
from sync_pipeline.steps.capture.write.pii import hash_emails, hash_text
from sync_pipeline.steps.capture.write.record import (
    Prepared,
    Read,
    Shape,
    columns_of,
    fields_of,
    prepare,
    raw_hash,
    read,
    shape,
    sweep_hash,
)
from sync_pipeline.steps.connect import Connection

SQL = load("sync_pipeline.steps.capture")

# PostgreSQL cannot hold a payload: its characters, its size or its depth.
_REFUSED = (DataError, ProgramLimitExceeded, StatementTooComplex)

Known = Mapping[str, Any]  # what is stored, by the record's id


@dataclass
class Progress:
    """What a run has done so far. Times in seconds, sizes in bytes."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    swept: int = 0
    pages: int = 0
    total: int | None = None  # of the list being read
    remote: int | None = None  # how many records the store said it has
    quarantined: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Records read, each once."""
        return self.new + self.changed + self.unchanged + self.swept

    @property
    def of(self) -> int | None:
        """How many there are to read, as far as is known: a delta reads more than one list."""
        known = max(self.total or 0, self.remote or 0)
        return max(known, self.done) if known else None


@dataclass(kw_only=True)
class Records:
    """Writes the records of one stream of one connection, wherever they come from."""

    db: Database
    connection: Connection
    stream: Stream
    run_id: int
    mode: str
    noise: frozenset[str]
    progress: Progress = field(default_factory=Progress)
    hashes_emails: bool = False  # the connection's policy: an address is stored as its hash only
    _shapes: set[Shape] = field(default_factory=set)

    @property
    def keys(self) -> dict[str, Any]:
        """Parameters that most statements need."""
        return {
            "connection_id": self.connection.connection_id,
            "entity_type": self.stream.entity_type,
            "provider": self.connection.provider,
            "run_id": self.run_id,
        }

    def transaction(self) -> Any:
        """A transaction of this run's organization."""
        return self.db.org(self.connection.org_id)

    def clean(self, raw: bytes) -> bytes:
        """The payload as the connection's policy allows to store it."""
        return hash_emails(raw) if self.hashes_emails else raw

    def take_turns(self, conn: Transaction) -> None:
        """Lock the stream's records until the transaction ends: no other transaction writes them."""
        execute(conn, SQL["take_turns"], **self.keys)

    def write_or_find(self, conn: Transaction, items: Sequence[RawRecord]) -> dict[str, int] | None:
        """Store what is new or changed; None if a delta found all of them as they are stored.

        Nothing is written then, so that nobody's turn is waited for.
        """
        if self.mode == "delta" and items:
            ids = Texts(item.external_id for item in items)
            known = {row.external_id: row for row in execute_prepared(conn, SQL["known_records"], **self.keys, ids=ids)}
            if all(_as_stored(self.clean(item.raw), known.get(item.external_id)) for item in items):
                return None
        return self.write(conn, items)

    def write(self, conn: Transaction, items: Sequence[RawRecord]) -> dict[str, int]:
        """Store what is new or changed. An unchanged record costs no write."""
        if not items:
            return {"new": 0, "changed": 0, "unchanged": 0}
        if self.hashes_emails:
            items = [replace(item, raw=hash_emails(item.raw)) for item in items]
        ids = Texts(item.external_id for item in items)
        self.take_turns(conn)
        known = {row.external_id: row for row in execute_prepared(conn, SQL["known_records"], **self.keys, ids=ids)}
        new = changed = 0
        aside = len(self.progress.quarantined)  # what is set aside from here on has not been read
        write: list[Read] = []
        back: list[str] = []
        seen: list[Read] = []  # read and found unchanged
        for item in items:
            stored = known.get(item.external_id)
            if stored is not None:
                if stored.deletion_state == "suspected":
                    back.append(item.external_id)
                if bytes(stored.raw_hash) == raw_hash(item.raw) and stored.deletion_state != "deleted":
                    if self.mode == "full" and not seen:
                        seen.append(read(item, self.noise))  # one record a page shows which fields still exist
                    continue
            try:
                record = read(item, self.noise)
            except (ValueError, RecursionError) as error:
                self._quarantine(conn, item.external_id, f"not a record: {error}", "", None, item.raw)
                self.progress.quarantined.append(item.external_id)
                continue
            if stored is None:
                new += 1
            elif bytes(stored.content_hash) != record.content_hash or stored.deletion_state == "deleted":
                changed += 1
            else:
                seen.append(record)
                if not self._sweep_differs(record, stored.sweep_hash):
                    continue  # only noise changed
            write.append(record)
        if write:
            self._store(conn, write, known)
        if new or changed:
            execute(conn, SQL["mark_changed"], **self.keys)
        if seen and self.mode == "full":
            self._note_shapes(conn, seen)
        if back:
            execute(conn, SQL["unsuspect"], **self.keys, ids=back)
        unread = set(self.progress.quarantined[aside:])
        execute(conn, SQL["resolve_quarantine"], **self.keys, ids=Texts(one for one in ids if one not in unread))
        return {"new": new, "changed": changed, "unchanged": len(items) - new - changed}

    def _sweep_differs(self, record: Read, stored: Any) -> bool:
        """Did a sweep field change that is noise, such as the date of a write that changed nothing?

        Then the payload is updated without a new version. Otherwise every sweep would find it different again.
        """
        return bool(self.stream.sweep_fields) and sweep_hash(record.item.raw, self.stream.sweep_fields) != bytes(
            stored or b""
        )

    def _store(self, conn: Transaction, records: Sequence[Read], known: Known) -> None:
        try:
            with conn.begin_nested():
                self._merge(conn, [prepare(self.stream, record) for record in records], known)
        except DBAPIError as error:
            if not isinstance(error.orig, _REFUSED):
                raise
            # PostgreSQL refuses one of them: find it, and keep its text beside a smaller sync_data.
            for record in records:
                self._store_alone(conn, record, known)
        self._note_shapes(conn, records)
        if self.stream.store_currency:
            for record in records:
                currency = self.stream.store_currency(record.payload)
                if currency:
                    judge_currency(conn, self.connection, currency)

    def _store_alone(self, conn: Transaction, record: Read, known: Known) -> None:
        reason = ""
        for minimal in (False, True):
            try:
                with conn.begin_nested():
                    self._merge(conn, [prepare(self.stream, record, minimal=minimal)], known)
                return
            except DBAPIError as error:
                if not isinstance(error.orig, _REFUSED):
                    raise
                reason = f"PostgreSQL cannot hold it: {type(error.orig).__name__}"
        self._quarantine(conn, record.item.external_id, reason, "", None, record.item.raw)
        self.progress.quarantined.append(record.item.external_id)

    def _merge(self, conn: Transaction, records: Sequence[Prepared], known: Known) -> None:
        again = [(one, stored) for one in records if (stored := known.get(one.external_id)) is not None]
        moved = [one for one, stored in again if bytes(stored.content_hash) != one.content_hash]
        at = None
        if moved:
            ids, hashes = Texts(one.external_id for one in moved), Blobs(one.content_hash for one in moved)
            at = execute(conn, SQL["keep_replaced"], **self.keys, replacing=ids, content_hash=hashes).scalar_one()
        # All new, as in a first pull, is cheaper: PostgreSQL need not be ready to find one of them.
        statement = SQL["write_records"] + "\n" + SQL["write_again"] if again else SQL["write_records"]
        execute(conn, statement, **self.keys, **columns_of(records), named_in=list(self.stream.named_in), at=at)

    def _note_shapes(self, conn: Transaction, records: Sequence[Read]) -> None:
        found: set[Shape] = set()
        before: Shape | None = None
        for record in records:  # mostly like the one before, which is told sooner than a hash is made
            one = shape(record)
            if one != before:
                found.add(one)
                before = one
        fresh = found - self._shapes
        # A plugin's fields do not show what the store's own payloads hold.
        if not fresh or self.mode == "push":
            return
        self._shapes |= fresh
        pairs = fields_of(fresh)
        execute(
            conn, SQL["write_shape"], **self.keys, fields=[name for name, _ in pairs], types=[kind for _, kind in pairs]
        )

    def _quarantine(
        self, conn: Transaction, external_id: str, reason: str, request: str, status: int | None, raw: bytes
    ) -> None:
        raw, reason = redact_bytes(raw), redact(reason)  # a store may repeat what it was sent
        reason = reason.replace("\0", "\ufffd")  # the store's words may hold what a text column cannot
        if self.hashes_emails:
            raw, reason = hash_text(hash_emails(raw).decode("latin-1")).encode("latin-1"), hash_text(reason)
        execute(
            conn,
            SQL["write_quarantine"],
            **self.keys,
            external_id=external_id,
            reason=reason,
            request=redact(request),
            status=status,
            raw=raw,
        )


def _as_stored(raw: bytes, stored: Any) -> bool:
    """True if the record is known, present, and has the bytes that were read before."""
    return stored is not None and stored.deletion_state == "present" and bytes(stored.raw_hash) == raw_hash(raw)
