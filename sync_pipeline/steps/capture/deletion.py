"""Deletion is evidence: missing from a complete list → suspected → looked for → deleted.

More missing than the connection's share opens a gate instead: a store that answers nothing has a fault more often than
an owner who sold everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from sync_pipeline import journal
from sync_pipeline.db.queries import run as execute
from sync_pipeline.errors import MalformedAnswer, RefusedBySource, TransientSourceError
from sync_pipeline.sources.base import Item, Look, Page, Presence
from sync_pipeline.steps.capture.records import SQL
from sync_pipeline.steps.capture.run import Listed, Run

# Fewer than this are simply looked at: in a small list one deletion is a large share.
_GATE_FROM = 3
_OPTIONS = (
    journal.Option("keep", "Nothing is marked deleted; the records stay as they are.", "None."),
    journal.Option(
        "confirm",
        "The next pull looks for each record at the store and marks those that are gone.",
        "If the store is broken in a way that also hides single records, they are marked deleted by mistake; they "
        "come back by themselves when the store lists them again.",
    ),
)


@dataclass
class Verdict:
    """What became of the suspects: how many are deleted, and whether a gate was opened."""

    deleted: int = 0
    still_there: int = 0
    unclear: int = 0
    gate: int | None = None
    notes: list[str] = field(default_factory=list)


def judge(
    run: Run,
    pool: ThreadPoolExecutor,
    suspects: Sequence[tuple[str, str | None, str]],
    known: int,
    *,
    share: float,
    actor: str,
) -> Verdict:
    """Look for each suspect (external id, parent id, state); mark what is gone. `known`: records there were."""
    verdict = Verdict()
    ids = [external_id for external_id, _, _ in suspects]
    subject = "missing records"
    place: dict[str, Any] = {"connection_id": run.connection.connection_id, "entity_type": run.stream.entity_type}
    with run.transaction() as conn:
        if not suspects:
            execute(conn, SQL["withdraw_gate"], **run.keys)
            journal.record_outcome(
                conn, "mass_deletion", subject=subject, outcome="the records are listed again", **place
            )
            return verdict
        answer = journal.gate_answer(conn, "mass_deletion", subject=subject, **place)
        too_many = len(suspects) > share * max(known, 1) and (len(suspects) >= _GATE_FROM or 1 < known == len(suspects))
        run.take_turns(conn)
        execute(conn, SQL["suspect"], **run.keys, ids=ids)
        if answer == "keep":
            verdict.unclear = len(suspects)
            verdict.notes.append("kept, as decided")
            journal.record_outcome(
                conn, "mass_deletion", subject=subject, outcome=f"{len(suspects)} records kept", **place
            )
            return verdict
        if too_many and answer != "confirm":
            verdict.gate = journal.open_gate(
                conn,
                "mass_deletion",
                subject=subject,
                question=f"{run.connection.name} no longer lists {len(suspects)} of its {known} "
                f"{run.stream.title.lower()}. Were they deleted?",
                options=_OPTIONS,
                recommended="keep",
                rules=("missing from a complete list → suspected → looked for → deleted",),
                constraint=f"at most {share:.0%} of an entity may be marked deleted without a person's word",
                missing=len(suspects),
                known=known,
                examples=ids[:20],
                **place,
            )
            journal.record(
                conn,
                "gate.opened",
                actor=actor,
                cause="mass_deletion",
                missing=len(suspects),
                known=known,
                **place,
            )
            return verdict
        if not too_many:
            execute(conn, SQL["withdraw_gate"], **run.keys)
    _look_for(run, pool, suspects, verdict)
    if answer == "confirm":
        with run.transaction() as conn:
            journal.record_outcome(
                conn,
                "mass_deletion",
                subject=subject,
                outcome=f"{verdict.deleted} marked deleted, {verdict.still_there} still there",
                **place,
            )
    return verdict


def _look_for(
    run: Run, pool: ThreadPoolExecutor, suspects: Sequence[tuple[str, str | None, str]], verdict: Verdict
) -> None:
    """In chunks, so that what was found out is kept when the process dies."""
    for start in range(0, len(suspects), 200):
        chunk = suspects[start : start + 200]
        looks = list(pool.map(lambda suspect: _look(run, suspect), chunk))
        gone: list[tuple[str, str]] = []
        alive: list[Item] = []
        for (external_id, _, _), look in zip(chunk, looks, strict=True):
            if look is None:
                verdict.unclear += 1
            elif look.presence is Presence.PRESENT:
                if look.item is not None:
                    alive.append(look.item)
            else:
                gone.append((external_id, look.evidence))
        if alive:
            run.commit([Listed(Page(items=alive), kind="fetch")])
        if gone:
            with run.transaction() as conn:
                run.take_turns(conn)
                execute(
                    conn,
                    SQL["confirm_deleted"],
                    **run.keys,
                    ids=[external_id for external_id, _ in gone],
                    evidence=[evidence for _, evidence in gone],
                )
                execute(conn, SQL["mark_changed"], **run.keys)
        verdict.deleted += len(gone)
        verdict.still_there += len(alive)


def _look(run: Run, suspect: tuple[str, str | None, str]) -> Look | None:
    external_id, parent_id, state = suspect
    try:
        return run.budget.call(lambda: run.client.look(run.stream, external_id, parent_id))
    except RefusedBySource as error:
        if error.code in ("rest_no_route", "no_api") and state == "suspected":
            # The list has no address for one record: then a second complete list without it must do.
            return Look(Presence.GONE, "missing from two complete lists")
        return None
    except (TransientSourceError, MalformedAnswer):
        return None
