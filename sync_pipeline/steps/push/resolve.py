"""Webhooks, the slow half: each delivery becomes its record, or the record is looked up in the store.

A body is accepted if it is newer than the stored record by the store's own date. In every other case (same second, a
record that was ever reported gone, no date, last written by a push) the record is requested from the store, so the
order of deliveries does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Transaction

from sync_pipeline import exact_json
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import SourceError
from sync_pipeline.sources import jsontext
from sync_pipeline.sources.base import Paging, Presence, RawRecord
from sync_pipeline.steps.capture.write.pages import Run
from sync_pipeline.steps.capture.write.pii import hash_text
from sync_pipeline.steps.capture.write.record import Read, read
from sync_pipeline.steps.capture.write.records import SQL as CAPTURE
from sync_pipeline.steps.push.over import ahead
from sync_pipeline.steps.push.service import SQL, became


@dataclass(slots=True)
class Tally:
    """How many records the deliveries were about, and what became of them; `postponed` counts deliveries.

    `deliveries` says it of each, for the log.
    """

    captured: int = 0
    vanished: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    postponed: int = 0
    deliveries: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class _Record:
    """The deliveries about one record."""

    external_id: str
    numbers: list[int] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    bodies: list[tuple[datetime, str]] = field(default_factory=list)
    parent_id: str | None = None
    look: bool = False
    outcome: str = ""


class DeliveryBatch:
    """A few hundred deliveries of one stream."""

    def __init__(self, run: Run, tally: Tally) -> None:
        self.run, self.tally = run, tally
        self.stream = run.stream

    def process(self, rows: Sequence[Any]) -> str | None:
        """Finish these rows; if the store does not answer, postpone them and return the reason."""
        records = self._by_record(self._kept(rows))
        ids = list(records)
        bodies: list[RawRecord] = []
        looks: list[_Record] = []
        done: list[_Record] = []
        with self.run.transaction() as conn:
            self.run.take_turns(conn)
            known = {row.external_id: row for row in execute(conn, SQL["stored_records"], **self.run.keys, ids=ids)}
            for record in records.values():
                body = self._accepted(record, known.get(record.external_id))
                if body is not None:
                    bodies.append(body)
                    done.append(record)
                elif record.outcome:
                    self.tally.unchanged += 1
                    self.tally.captured += 1
                    done.append(record)
                else:
                    looks.append(record)
            self._write(conn, bodies, done, known)
        return self._look(looks, known) if looks else None

    def _kept(self, rows: Sequence[Any]) -> list[Any]:
        """Without those that belong to another stream: they are reassigned to it."""
        children = [s.entity_type for s in self.run.connection.source.streams.values() if s.parent == self.stream.name]
        unsure = [row.delivery_no for row in rows if row.payload is None]
        if not children or not unsure:
            return list(rows)
        with self.run.transaction() as conn:
            moved = set(
                execute(
                    conn,
                    SQL["reassign_deliveries"],
                    numbers=unsure,
                    children=children,
                    provider=self.run.connection.provider,
                ).scalars()
            )
        return [row for row in rows if row.delivery_no not in moved]

    def _by_record(self, rows: Sequence[Any]) -> Mapping[str, _Record]:
        records: dict[str, _Record] = {}
        for row in rows:
            record = records.setdefault(row.external_id, _Record(row.external_id))
            record.numbers.append(row.delivery_no)
            record.topics.append(row.topic)
            record.parent_id = row.parent_id or record.parent_id
            if row.payload is None or row.modified is None or row.doubted:
                record.look = True
            else:
                record.bodies.append((row.modified, row.payload))
        return records

    def _accepted(self, record: _Record, stored: Any | None) -> RawRecord | None:
        """The newest body, if it is current. None: look it up, or, if `outcome` is set, nothing to do."""
        if record.look:
            return None
        newest = max(modified for modified, _ in record.bodies)
        texts = {text for modified, text in record.bodies if modified == newest}
        if len(texts) > 1:
            return None  # two bodies of one second: either may be the later one
        item = RawRecord(record.external_id, texts.pop().encode())
        parsed = self._parsed(item)
        if parsed is None:
            return None
        parent = parsed.payload.get(self.stream.parent_field) if self.stream.parent_field else None
        item = RawRecord(item.external_id, item.raw, str(parent) if parent else None)
        if stored is None:
            record.outcome = "accepted"
            return item
        at = stored.remote_modified_at
        if stored.deletion_state != "present" or stored.pushed_last or at is None or ahead(at):
            return None
        if newest > at:
            record.outcome = "accepted"
            return item
        if newest < at:
            record.outcome = "older than the stored record"
        elif parsed.content_hash == bytes(stored.content_hash):
            record.outcome = "known already"
        return None

    def _parsed(self, item: RawRecord) -> Read | None:
        try:
            return read(item, self.run.noise)
        except (ValueError, RecursionError):
            return None

    def _write(
        self,
        conn: Transaction,
        items: Sequence[RawRecord],
        records: Sequence[_Record],
        known: Mapping[str, Any],
    ) -> None:
        """Write records and finish their deliveries."""
        if not records:
            return
        counts = self.run.write(conn, items)
        self._finish(conn, records)
        ids = [record.external_id for record in records]
        now = {row.external_id: row for row in execute(conn, SQL["stored_hashes"], **self.run.keys, ids=ids)}
        for record in records:
            i = record.external_id
            self._note(record, became(known.get(i), now.get(i), i in self.run.progress.quarantined))
        self.tally.captured += len(items)
        self.tally.new += counts["new"]
        self.tally.changed += counts["changed"]
        self.tally.unchanged += counts["unchanged"]

    def _note(self, record: _Record, outcome: str, why: str | None = None) -> None:
        """Note for the log what became of a record's deliveries."""
        for topic in record.topics:
            said = {"topic": topic, "id": record.external_id, "outcome": outcome, "why": why or record.outcome}
            self.tally.deliveries.append(said)

    def _finish(self, conn: Transaction, records: Sequence[_Record]) -> None:
        pairs = [(number, record.outcome) for record in records for number in record.numbers]
        execute(
            conn,
            SQL["finish_deliveries"],
            numbers=[number for number, _ in pairs],
            outcomes=[outcome for _, outcome in pairs],
        )

    def _look(self, records: Sequence[_Record], known: Mapping[str, Any]) -> str | None:
        """Ask the store: up to a hundred records a request; missing ones and unlistable ones one by one."""
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
                for record in part:
                    self._note(record, "waiting", reason)
                continue
            for record in part:
                record.outcome = "read from the store" if record.external_id in found else "gone"
            with self.run.transaction() as conn:
                found_here = [record for record in part if record.external_id in found]
                self._write(conn, list(found.values()), found_here, known)
            self._gone({record.external_id: record for record in part if record.external_id in missing}, missing, known)
        return reason

    def _found(self, part: Sequence[_Record], known: Mapping[str, Any]) -> tuple[dict[str, RawRecord], dict[str, str]]:
        """The records that exist, and the evidence for those that do not."""
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
        """A record from a direct look, with its parent."""
        if self.stream.parent_field is None:
            return item
        try:
            raw = jsontext.fields(item.raw).get(self.stream.parent_field)
        except ValueError:
            raw = None
        value = exact_json.loads(raw) if raw else None
        return RawRecord(
            item.external_id, item.raw, str(value) if value and not isinstance(value, dict | list) else parent
        )

    def _gone(self, records: Mapping[str, _Record], evidence: Mapping[str, str], known: Mapping[str, Any]) -> None:
        if not records:
            return
        present = [i for i in records if i in known and known[i].deletion_state != "deleted"]
        with self.run.transaction() as conn:
            if present:
                self.run.take_turns(conn)
                execute(
                    conn,
                    CAPTURE["confirm_deleted"],
                    **self.run.keys,
                    ids=present,
                    evidence=[evidence[i] for i in present],
                )
                execute(conn, CAPTURE["mark_changed"], **self.run.keys)
            self._finish(conn, list(records.values()))
        for record in records.values():
            self._note(record, "deleted" if record.external_id in present else "gone", evidence[record.external_id])
        self.tally.vanished += len(records) - len(present)
        self.tally.captured += len(present)
        self.tally.deleted += len(present)
