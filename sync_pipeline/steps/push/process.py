"""Webhooks, the slow half: what a delivery says becomes the record, or the record is looked at in the store.

A body is believed where nothing speaks against it: it is newer than what is stored, by the store's own date. Whatever
else it may be (of the same second, of a record that was ever said to be gone, without a date, written over by a push),
the store is asked, so that the order of the deliveries does not matter.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection as Transaction

from sync_pipeline import journal
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import Busy, SourceError
from sync_pipeline.sources import jsontext
from sync_pipeline.sources.base import Paging, Presence, RawRecord, Stream
from sync_pipeline.steps.capture import CaptureSession, PullReport
from sync_pipeline.steps.capture.ledger import Opened
from sync_pipeline.steps.capture.pii import hash_text
from sync_pipeline.steps.capture.record import Read, read
from sync_pipeline.steps.capture.records import SQL as CAPTURE
from sync_pipeline.steps.capture.run import Run
from sync_pipeline.steps.push.service import SQL

_AT_ONCE = 500


@dataclass(slots=True)
class _Tally:
    captured: int = 0
    vanished: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    postponed: int = 0


@dataclass(slots=True)
class _Record:
    """The deliveries of one record."""

    external_id: str
    numbers: list[int] = field(default_factory=list)
    bodies: list[tuple[datetime, str]] = field(default_factory=list)
    parent_id: str | None = None
    look: bool = False
    outcome: str = ""


def process_deliveries(session: CaptureSession, stream: Stream) -> PullReport:
    """See to every delivery of this stream that waits, also to those that come meanwhile.

    Killed at any moment, the rows it had not finished wait for the next call.

    Raises:
        Busy: the stream is being pulled; its deliveries wait until that is done.
    """
    began = time.monotonic()
    http = getattr(session.client, "http", None)
    before = (getattr(http, "requests", 0), getattr(http, "received", 0))
    here: dict[str, Any] = {"connection_id": session.connection.connection_id, "entity_type": stream.entity_type}
    tally = _Tally()
    reason: str | None = None
    with _alone(session, stream, here):
        with session.db.org(session.connection.org_id) as conn:
            execute(conn, SQL["heal_runs"], **here)
            run_id = int(execute(conn, SQL["open_run"], **here, mode="webhook").scalar_one())
            journal.open_log(conn, kind="webhook", run_id=run_id, **here)
        run = session.run(stream, Opened(run_id, "webhook", datetime.now(UTC), None, False, False))
        while True:
            with run.transaction() as conn:
                rows = execute(conn, SQL["waiting_deliveries"], **here, limit=_AT_ONCE).all()
            if not rows:
                break
            reason = _Part(session, run, tally).see_to(rows) or reason
        counts: dict[str, Any] = {
            "captured": tally.captured - len(run.progress.quarantined),
            "quarantined": len(run.progress.quarantined),
            "vanished": tally.vanished,
            "new": tally.new,
            "changed": tally.changed,
            "unchanged": tally.unchanged,
            "deleted": tally.deleted,
            "requests": getattr(http, "requests", 0) - before[0],
            "bytes": getattr(http, "received", 0) - before[1],
            "seconds": time.monotonic() - began,
            "error": f"{tally.postponed} deliveries wait for the store: {reason}" if tally.postponed else None,
        }
        with run.transaction() as conn:
            execute(conn, SQL["close_run"], run_id=run_id, state="failed" if tally.postponed else "closed", **counts)
            journal.close_log(
                conn,
                run_id,
                records=tally.new + tally.changed + tally.deleted,
                skipped=len(run.progress.quarantined),
                error=counts["error"],
            )
            execute(conn, SQL["forget_deliveries"], connection_id=here["connection_id"])
            if not tally.postponed:
                execute(conn, SQL["touch_connection"], connection_id=here["connection_id"])
            journal.record(
                conn,
                "webhook.taken",
                actor=session.actor,
                **here,
                run=run_id,
                **{name: counts[name] for name in ("new", "changed", "unchanged", "deleted", "error")},
            )
    return PullReport(
        connection=session.connection.name,
        entity=stream.name,
        mode="webhook",
        state="failed" if tally.postponed else "closed",
        expected=tally.captured + tally.vanished,
        run_id=run_id,
        quarantine=tuple(run.progress.quarantined),
        **counts,
    )


@contextmanager
def _alone(session: CaptureSession, stream: Stream, here: dict[str, Any]) -> Iterator[None]:
    """The entity's lock. While somebody pulls it, its deliveries are put off a little: the pull sees most of it."""
    try:
        with session.alone(stream):
            yield
    except Busy:
        with session.db.org(session.connection.org_id) as conn:
            execute(conn, SQL["put_off"], **here)
        raise


class _Part:
    """Some hundred deliveries of one stream."""

    def __init__(self, session: CaptureSession, run: Run, tally: _Tally) -> None:
        self.session, self.run, self.tally = session, run, tally
        self.stream = run.stream

    def see_to(self, rows: Sequence[Any]) -> str | None:
        """Finish these rows; where the store does not answer, put them off and return why."""
        records = self._by_record(self._kept(rows))
        ids = list(records)
        bodies: list[RawRecord] = []
        looks: list[_Record] = []
        told: list[_Record] = []
        with self.run.transaction() as conn:
            self.run.take_turns(conn)
            known = {row.external_id: row for row in execute(conn, SQL["known"], **self.run.keys, ids=ids)}
            for record in records.values():
                body = self._believed(record, known.get(record.external_id))
                if body is not None:
                    bodies.append(body)
                    told.append(record)
                elif record.outcome:
                    self.tally.unchanged += 1
                    self.tally.captured += 1
                    told.append(record)
                else:
                    looks.append(record)
            self._write(conn, bodies, told)
        return self._look(looks, known) if looks else None

    def _kept(self, rows: Sequence[Any]) -> list[Any]:
        """Without those that turn out to be of another stream: they are handed over to it."""
        children = [s.entity_type for s in self.run.connection.source.streams.values() if s.parent == self.stream.name]
        unsure = [row.delivery_no for row in rows if row.payload is None]
        if not children or not unsure:
            return list(rows)
        with self.run.transaction() as conn:
            moved = set(
                execute(
                    conn, SQL["hand_over"], numbers=unsure, children=children, provider=self.run.connection.provider
                ).scalars()
            )
        return [row for row in rows if row.delivery_no not in moved]

    def _by_record(self, rows: Sequence[Any]) -> Mapping[str, _Record]:
        records: dict[str, _Record] = {}
        for row in rows:
            record = records.setdefault(row.external_id, _Record(row.external_id))
            record.numbers.append(row.delivery_no)
            record.parent_id = row.parent_id or record.parent_id
            if row.payload is None or row.modified is None or row.doubted:
                record.look = True
            else:
                record.bodies.append((row.modified, row.payload))
        return records

    def _believed(self, record: _Record, stored: Any | None) -> RawRecord | None:
        """The newest body, if it is the record. None: look (or, with an outcome, there is nothing to do)."""
        if record.look:
            return None
        newest = max(modified for modified, _ in record.bodies)
        texts = {text for modified, text in record.bodies if modified == newest}
        if len(texts) > 1:
            return None  # two bodies of one second: which is the later nobody can tell
        item = RawRecord(record.external_id, texts.pop().encode())
        parsed = self._parsed(item)
        if parsed is None:
            return None
        parent = parsed.payload.get(self.stream.parent_field) if self.stream.parent_field else None
        item = RawRecord(item.external_id, item.raw, str(parent) if parent else None)
        if stored is None:
            record.outcome = "taken"
            return item
        if stored.deletion_state != "present" or stored.pushed_last or stored.remote_modified_at is None:
            return None
        if newest > stored.remote_modified_at:
            record.outcome = "taken"
            return item
        if newest < stored.remote_modified_at:
            record.outcome = "older than what is known"
        elif parsed.content_hash == bytes(stored.content_hash):
            record.outcome = "known already"
        return None

    def _parsed(self, item: RawRecord) -> Read | None:
        try:
            return read(item, self.run.noise)
        except (ValueError, RecursionError):
            return None

    def _write(self, conn: Transaction, items: Sequence[RawRecord], records: Sequence[_Record]) -> None:
        """Records and the end of their deliveries."""
        if not records:
            return
        counts = self.run.write(conn, items)
        self._finish(conn, records)
        self.tally.captured += len(items)
        self.tally.new += counts["new"]
        self.tally.changed += counts["changed"]
        self.tally.unchanged += counts["unchanged"]

    def _finish(self, conn: Transaction, records: Sequence[_Record]) -> None:
        pairs = [(number, record.outcome) for record in records for number in record.numbers]
        execute(
            conn,
            SQL["finish_deliveries"],
            numbers=[number for number, _ in pairs],
            outcomes=[outcome for _, outcome in pairs],
        )

    def _look(self, records: Sequence[_Record], known: Mapping[str, Any]) -> str | None:
        """Ask the store: a hundred records a request where it can, the rest and the missing ones one by one."""
        reason: str | None = None
        size = self.run.client.page_size
        for start in range(0, len(records), size):
            part = records[start : start + size]
            try:
                found, missing = self._found(part, known)
            except SourceError as error:
                reason = hash_text(str(error)) if self.run.hashes_emails else str(error)
                numbers = [number for record in part for number in record.numbers]
                with self.run.transaction() as conn:
                    execute(conn, SQL["postpone_deliveries"], numbers=numbers, reason=reason)
                self.tally.postponed += len(numbers)
                continue
            for record in part:
                record.outcome = "looked at" if record.external_id in found else "gone"
            with self.run.transaction() as conn:
                self._write(conn, list(found.values()), [record for record in part if record.external_id in found])
            self._gone({record.external_id: record for record in part if record.external_id in missing}, missing, known)
        return reason

    def _found(self, part: Sequence[_Record], known: Mapping[str, Any]) -> tuple[dict[str, RawRecord], dict[str, str]]:
        """The records there are, and the evidence of those there are not."""
        client, budget, stream = self.run.client, self.run.budget, self.stream
        found: dict[str, RawRecord] = {}
        if stream.parent is None and stream.paging is not Paging.WHOLE:
            ids = [record.external_id for record in part]
            page = budget.call(lambda: client.fetch(stream, ids))
            found = {item.external_id: item for item in page.items}
        missing: dict[str, str] = {}
        for record in part:
            if record.external_id in found:
                continue
            stored = known.get(record.external_id)
            parent = record.parent_id or (stored.parent_id if stored is not None else None)
            under = parent if stream.parent is not None else None
            look = budget.call(lambda i=record.external_id, p=under: client.look(stream, i, p))  # type: ignore[misc]
            if look.presence is Presence.PRESENT and look.item is not None:
                found[record.external_id] = self._placed(look.item, parent)
            else:
                missing[record.external_id] = look.evidence
        return found, missing

    def _placed(self, item: RawRecord, parent: str | None) -> RawRecord:
        """An item of a direct look, with what it hangs on."""
        if self.stream.parent_field is None:
            return item
        try:
            told = jsontext.fields(item.raw).get(self.stream.parent_field)
        except ValueError:
            told = None
        value = jsontext.value(told) if told else None
        return RawRecord(
            item.external_id, item.raw, str(value) if value and not isinstance(value, dict | list) else parent
        )

    def _gone(self, records: Mapping[str, _Record], evidence: Mapping[str, str], known: Mapping[str, Any]) -> None:
        if not records:
            return
        there = [i for i in records if i in known and known[i].deletion_state != "deleted"]
        with self.run.transaction() as conn:
            if there:
                self.run.take_turns(conn)
                execute(
                    conn,
                    CAPTURE["confirm_deleted"],
                    **self.run.keys,
                    ids=there,
                    evidence=[evidence[i] for i in there],
                )
                execute(conn, CAPTURE["mark_changed"], **self.run.keys)
            self._finish(conn, list(records.values()))
        self.tally.vanished += len(records) - len(there)
        self.tally.captured += len(there)
        self.tally.deleted += len(there)
