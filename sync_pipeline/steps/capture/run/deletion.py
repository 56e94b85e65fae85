"""A deletion needs evidence: missing from a complete list → suspected → looked up → deleted.

If more records are missing than the connection's share, a gate opens instead: an empty answer is more often a fault of
the store than a real deletion.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection

from sync_pipeline import gates
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import MalformedAnswer, RefusedBySource, TransientSourceError
from sync_pipeline.gates.causes.mass_deletion import CAUSE
from sync_pipeline.sources.base import Look, Page, Presence, RawRecord
from sync_pipeline.steps.capture.write.pages import Listed, Run
from sync_pipeline.steps.capture.write.records import SQL

# Fewer are looked up without a gate: in a small list one deletion is a large share.
_GATE_FROM = 3


class Suspect(NamedTuple):
    """A record that is missing from a complete list."""

    external_id: str
    parent_id: str | None
    state: str
    kept: bool  # a person decided that it stays


@dataclass
class Verdict:
    """What became of the suspects: how many are deleted, and whether a gate was opened."""

    deleted: int = 0
    still_there: int = 0
    unclear: int = 0
    gate: int | None = None


def judge(
    run: Run, pool: ThreadPoolExecutor, suspects: Sequence[Suspect], known: int, *, share: float, actor: str
) -> Verdict:
    """Look up each suspect; mark those that are gone as deleted. `known`: how many records there were.

    A person's answer covers the records that were missing then; records missing since open a gate of their own. Kept
    records stay until the store lists them again, or a later gate asks about them with others.
    """
    verdict = Verdict()
    ids = [one.external_id for one in suspects]
    subject = "missing records"
    place: dict[str, Any] = {"connection_id": run.connection.connection_id, "entity_type": run.stream.entity_type}
    with run.transaction() as conn:
        if not suspects:
            _withdraw(conn, place)
            gates.record_outcome(conn, CAUSE, subject=subject, outcome="the records are listed again", **place)
            return verdict
        answer = gates.latest_answer(conn, CAUSE, subject=subject, **place)
        run.take_turns(conn)
        execute(conn, SQL["suspect"], **run.keys, ids=ids)
        if answer == "keep":
            kept = [one.external_id for one in suspects if one.state == "suspected"]
            execute(conn, SQL["keep"], **run.keys, ids=kept)
            gates.record_outcome(conn, CAUSE, subject=subject, outcome=f"{len(kept)} records kept", **place)
        confirmed = [one for one in suspects if answer == "confirm" and one.state == "suspected"]
        news = [one for one in suspects if not one.kept and (answer is None or one.state != "suspected")]
        if len(news) > share * max(known, 1) and (len(news) >= _GATE_FROM or 1 < known == len(news)):
            asked = news if confirmed else suspects
            verdict.gate = _ask(conn, run, asked, known, share=share, subject=subject, actor=actor, place=place)
            news = []
        elif answer is None:
            _withdraw(conn, place)
    verdict.unclear = len(suspects) - len(confirmed) - len(news)
    _look_for(run, pool, news, verdict)
    if answer == "confirm":
        before = verdict.deleted, verdict.still_there
        _look_for(run, pool, confirmed, verdict)
        deleted, still_there = verdict.deleted - before[0], verdict.still_there - before[1]
        with run.transaction() as conn:
            outcome = f"{deleted} marked deleted, {still_there} still there"
            gates.record_outcome(conn, CAUSE, subject=subject, outcome=outcome, **place)
    return verdict


def _ask(  # noqa: PLR0913 - what the question says
    conn: Connection,
    run: Run,
    missing: Sequence[Suspect],
    known: int,
    *,
    share: float,
    subject: str,
    actor: str,
    place: dict[str, Any],
) -> int:
    return gates.open_gate(
        conn,
        CAUSE,
        subject=subject,
        values={
            "store": run.connection.name,
            "missing": len(missing),
            "known": known,
            "title": run.stream.title.lower(),
            "share": f"{share:.0%}",
        },
        missing=len(missing),
        known=known,
        examples=[one.external_id for one in missing[:20]],
        actor=actor,
        **place,
    )


def _withdraw(conn: Connection, place: dict[str, Any]) -> None:
    """The missing records are listed again: withdraw the question."""
    for gate in gates.open_gates(conn, CAUSE):
        if (gate.connection_id, gate.entity_type) == (place["connection_id"], place["entity_type"]):
            gates.withdraw(conn, gate.decision_id, outcome="the records are listed again", actor=CAUSE.found_by)


def _look_for(run: Run, pool: ThreadPoolExecutor, suspects: Sequence[Suspect], verdict: Verdict) -> None:
    """Look up in chunks, so that results survive if the process dies."""
    for start in range(0, len(suspects), 200):
        chunk = suspects[start : start + 200]
        looks = list(pool.map(lambda suspect: _look(run, suspect), chunk))
        gone: list[tuple[str, str]] = []
        alive: list[RawRecord] = []
        for suspect, look in zip(chunk, looks, strict=True):
            if look is None:
                verdict.unclear += 1
            elif look.presence is Presence.PRESENT:
                if look.item is not None:
                    alive.append(look.item)
            else:
                gone.append((suspect.external_id, look.evidence))
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


def _look(run: Run, suspect: Suspect) -> Look | None:
    try:
        return run.budget.call(lambda: run.client.look(run.stream, suspect.external_id, suspect.parent_id))
    except RefusedBySource as error:
        if error.code in ("rest_no_route", "no_api") and suspect.state == "suspected":
            # A single record has no address here: a second complete list without it is the evidence.
            return Look(Presence.GONE, "missing from two complete lists")
        return None
    except (TransientSourceError, MalformedAnswer):
        return None
