"""Push: a batch of records from a store's plugin, in one transaction.

A plugin sends few fields of a record. They update the stored payload, so that a complete record stays complete. If
nothing is stored yet, they are the record until a pull reads all of it.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection as Transaction

from sync_pipeline import exact_json, journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import NotFound, SyncError
from sync_pipeline.sources.base import Pushed, RawRecord, Source, Stream, Unreadable, all_sources
from sync_pipeline.steps.capture.write.pii import hash_emails
from sync_pipeline.steps.capture.write.record import finder
from sync_pipeline.steps.capture.write.records import Records
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.preview import compare_some
from sync_pipeline.steps.push.body import encoded, object_of, records_of
from sync_pipeline.steps.push.over import Outcome, Stored, check_time, laid_over

SQL = load(__package__)


class PushFailed(SyncError):
    """The batch failed and nothing of it is stored. Send it again."""


@dataclass(frozen=True, slots=True)
class PushReport:
    """Counts of a batch: valid records (unchanged ones included), skipped records, and its log row.

    `outcomes` says what became of each record, in the order of the batch.
    """

    synced: int
    skipped: int
    log_id: int
    new: int = 0
    changed: int = 0
    outcomes: Sequence[Outcome] = ()


@dataclass(slots=True)
class _Batch:
    """The valid records of a batch by id, in order, with their places; the others with their reasons."""

    given: dict[str, list[tuple[int, dict[str, Any]]]] = field(default_factory=dict)
    synced: int = 0
    skipped: list[dict[str, Any]] = field(default_factory=list)
    ignored: list[dict[str, Any]] = field(default_factory=list)  # valid, and no news
    outcomes: dict[int, Outcome] = field(default_factory=dict)  # by the place in the batch

    @property
    def detail(self) -> dict[str, Any]:
        """What the log keeps of it."""
        facts = {"skipped": self.skipped, "ignored": self.ignored, "outcomes": self.in_order}
        return {name: value for name, value in facts.items() if value}

    @property
    def in_order(self) -> list[Outcome]:
        """What became of each record, in the order of the batch."""
        return [self.outcomes[place] for place in sorted(self.outcomes)]

    def settle(self, external_id: str, places: Sequence[int], became: Outcome) -> None:
        """Say what became of the records of one id that were not left out: the last counts, it lies over the others."""
        for place in places:
            self.outcomes[place] = became
        if became == "quarantined":
            return
        for place, following in pairwise(places):
            self.outcomes[place] = "superseded"
            reason = f"the record at place {following} of the batch has the same id, and was laid over this one"
            self.ignored.append({"place": place, "id": external_id, "outcome": "superseded", "reason": reason})


def _not_pushed(source: Source, kind: str) -> NotFound:
    if source.pushed:
        return NotFound(f"{source.title} stores cannot push {kind}. They can push: {', '.join(source.pushed)}.")
    others = ", ".join(one.title for one in all_sources().values() if one.pushed)
    return NotFound(
        f"{source.title} stores cannot push: what changes there is found by a pull. Use a token of a connection that "
        f"can push: {others}."
    )


def push(db: Database, connection: Connection, kind: str, body: bytes, *, actor: str) -> PushReport:
    """Store a batch of `kind` (products, customers …): all its valid records or, if anything fails, none.

    Raises:
        NotABatch: the body is not valid JSON, or has no list of that name.
        NotFound: this provider does not accept this kind.
        PushFailed: it failed; nothing is stored, and the log row has the reason.
        DatabaseUnavailable: likewise, because the database went away.
    """
    pushed = connection.source.pushed.get(kind)
    if pushed is None:
        raise _not_pushed(connection.source, kind)
    records = records_of(kind, body)
    stream = connection.source.stream(pushed.stream)
    here: dict[str, Any] = {"connection_id": connection.connection_id, "entity_type": stream.entity_type}
    with db.org(connection.org_id) as conn:
        close_killed(conn)
        log_id = journal.open_log(conn, kind="push", run_id=None, **here)
    try:
        return _Push(db, connection, stream, pushed, actor, log_id).store(records)
    except Exception as error:
        with db.org(connection.org_id) as conn:
            # The class name only: the database's message may quote the payload.
            reason = str(error) if isinstance(error, SyncError) else type(getattr(error, "orig", error)).__name__
            execute(conn, SQL["fail_push_log"], log_id=log_id, error=reason)
            journal.record(conn, "push.failed", actor=actor, **here, log=log_id, reason=reason)
        if isinstance(error, SyncError):
            raise
        raise PushFailed(
            f"The batch failed ({reason}) and nothing of it is stored; its log row is {log_id}. Send it again."
        ) from error


def close_killed(conn: Transaction) -> None:
    """Mark the organization's batches whose process was killed as failed."""
    execute(conn, SQL["fail_killed_batches"])


class _Push:
    """One batch being stored."""

    def __init__(
        self, db: Database, connection: Connection, stream: Stream, pushed: Pushed, actor: str, log_id: int
    ) -> None:
        self.db, self.connection, self.stream, self.pushed = db, connection, stream, pushed
        self.actor, self.log_id = actor, log_id
        self.policy = connection.common().pii_policy
        self.changed = finder(pushed.modified or stream.modified)
        self.noise = frozenset(stream.noise) | frozenset(connection.common().noise.get(stream.name, ()))
        self.here: dict[str, Any] = {"connection_id": connection.connection_id, "entity_type": stream.entity_type}

    def store(self, given: list[Any]) -> PushReport:
        """Read and write the batch, with its ledger and its log row, in one transaction."""
        began = time.monotonic()
        batch = self._read(given)
        with self.db.org(self.connection.org_id) as conn:
            run_id = int(execute(conn, SQL["open_pushed_run"], **self.here, mode="push").scalar_one())
            records = Records(
                db=self.db,
                connection=self.connection,
                stream=self.stream,
                run_id=run_id,
                mode="push",
                noise=self.noise,
                hashes_emails=self.policy == "hash",
            )
            counts = self._write(conn, records, batch)
            left_out = records.progress.quarantined
            counts["unchanged"] = len(batch.given) - counts["new"] - counts["changed"] - len(left_out)
            self._close(conn, run_id, batch, counts, len(left_out), time.monotonic() - began)
            execute(conn, SQL["set_last_sync"], connection_id=self.connection.connection_id)
            if counts["new"] + counts["changed"]:
                compare_some(conn, self.connection, self.stream, list(batch.given))
                self._request_preview(conn)
            so_many = Counter(batch.outcomes.values())
            journal.record(
                conn,
                "push.done",
                actor=self.actor,
                **self.here,
                log=self.log_id,
                run=run_id,
                synced=batch.synced,
                skipped=len(batch.skipped),
                reasons=sorted({one["reason"] for one in batch.skipped})[:20],
                new=counts["new"],
                changed=counts["changed"],
                older=so_many["older"],
                deleted=so_many["deleted"],
                superseded=so_many["superseded"],
            )
        return PushReport(
            batch.synced, len(batch.skipped), self.log_id, counts["new"], counts["changed"], batch.in_order
        )

    def _close(
        self, conn: Transaction, run_id: int, batch: _Batch, counts: dict[str, int], quarantined: int, seconds: float
    ) -> None:
        """Close the batch's ledger and its log row."""
        execute(
            conn,
            SQL["close_pushed_run"],
            run_id=run_id,
            state="closed",
            captured=len(batch.given) - quarantined,
            quarantined=quarantined,
            vanished=0,
            deleted=0,
            requests=0,
            bytes=0,
            seconds=seconds,
            error=None,
            **counts,
        )
        execute(
            conn,
            SQL["close_push_log"],
            log_id=self.log_id,
            run_id=run_id,
            synced=batch.synced,
            skipped=len(batch.skipped),
            detail=json.dumps(batch.detail),
        )

    def _read(self, given: list[Any]) -> _Batch:
        batch = _Batch()
        for place, record in enumerate(given):
            try:
                payload = self.pushed.to_payload(object_of(record))
                check_time(payload, self.changed)
                external_id = str(payload[self.stream.id_field])
                text = encoded(payload)
                if self.policy != "keep":
                    payload = exact_json.loads(hash_emails(text))
                batch.given.setdefault(external_id, []).append((place, payload))
            except Unreadable as error:
                given_id = record.get(self.pushed.id_field) if isinstance(record, dict) else None
                # Only a number is logged: anything else may be personal data.
                named = str(given_id) if type(given_id) is int else None
                batch.skipped.append({"place": place, "id": named, "reason": str(error)})
                batch.outcomes[place] = "skipped"
            else:
                batch.synced += 1
        return batch

    def _write(self, conn: Transaction, records: Records, batch: _Batch) -> dict[str, int]:
        ids = list(batch.given)
        records.take_turns(conn)
        known = {row.external_id: row for row in execute(conn, SQL["stored_records"], **records.keys, ids=ids)}
        items: list[RawRecord] = []
        pushed_only: list[str] = []
        for external_id, given in batch.given.items():
            payload = self._over(batch, external_id, known.get(external_id), given)
            if payload is None:
                continue
            items.append(RawRecord(external_id, encoded(payload), _parent(self.stream, payload)))
            row = known.get(external_id)
            if row is None or row.pushed_only:
                pushed_only.append(external_id)
        counts = records.write(conn, items)
        if pushed_only:
            execute(conn, SQL["mark_pushed_only"], **records.keys, ids=pushed_only)
        now = {row.external_id: row for row in execute(conn, SQL["stored_hashes"], **records.keys, ids=ids)}
        for external_id, given in batch.given.items():
            outcome = became(known.get(external_id), now.get(external_id), external_id in records.progress.quarantined)
            batch.settle(external_id, [place for place, _ in given if place not in batch.outcomes], outcome)
        return counts

    def _over(
        self, batch: _Batch, external_id: str, row: Any | None, given: Sequence[tuple[int, dict[str, Any]]]
    ) -> dict[str, Any] | None:
        """The payload to store; None if nothing of it is news. What is left out is noted in the batch."""
        stored = None
        if row is not None:
            deleted_at = row.deletion_at if row.deletion_state == "deleted" else None
            stored = Stored(exact_json.loads(row.payload), not row.pushed_only, deleted_at)
        laid = laid_over(self.pushed, self.changed, stored, [payload for _, payload in given])
        for (place, _), why in zip(given, laid.left_out, strict=True):
            if why is not None:
                batch.outcomes[place], reason = why
                batch.ignored.append({"place": place, "id": external_id, "outcome": why[0], "reason": reason})
        return laid.payload

    def _request_preview(self, conn: Transaction) -> None:
        """Ask Dagster for a preview, which applies standing rules and updates the totals."""
        asked = {"connection": self.connection.name, "entity": self.stream.name}
        if not execute(conn, SQL["preview_requested"], **asked).scalar_one():
            journal.request(
                conn, "preview", actor=self.actor, connection=self.connection.name, entities=[self.stream.name]
            )


def _parent(stream: Stream, payload: Mapping[str, Any]) -> str | None:
    value = payload.get(stream.parent_field) if stream.parent_field else None
    if value in (None, "", 0, "0") or isinstance(value, dict | list):
        return None
    # Anything else is not an id, and PostgreSQL may refuse it in an index.
    return str(value) if len(str(value)) <= 100 and str(value).isprintable() else None


def became(before: Any | None, now: Any | None, quarantined: bool) -> Outcome:
    """What became of a record that was not left out, by what was stored before and is stored now."""
    if quarantined or now is None:
        return "quarantined"
    if before is None:
        return "new"
    changed = before.deletion_state == "deleted" or bytes(before.content_hash) != bytes(now.content_hash)
    return "changed" if changed else "unchanged"
