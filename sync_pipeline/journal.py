"""What every step writes down: activity, sync logs, decision gates, requests. `steps.observe` reads them."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import Conflict
from sync_pipeline.gates import Cause

_SQL = load("sync_pipeline", "journal.sql")


def _json(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()


def record(
    conn: Connection,
    event: str,
    *,
    actor: str,
    connection_id: int | None = None,
    entity_type: str | None = None,
    **detail: Any,
) -> None:
    """Append to the audit log. `detail` holds counts and ids, never a payload or a secret."""
    execute(
        conn,
        _SQL["record_activity"],
        event=event,
        actor=actor,
        connection_id=connection_id,
        entity_type=entity_type,
        detail=_json(detail),
    )


def open_log(conn: Connection, *, connection_id: int, entity_type: str, kind: str, run_id: int | None) -> int:
    """Begin a `sync_logs` row in state running; returns its id."""
    return int(
        execute(
            conn,
            _SQL["open_log"],
            connection_id=connection_id,
            entity_type=entity_type,
            kind=kind,
            run_id=run_id,
        ).scalar_one()
    )


def close_log(conn: Connection, run_id: int, *, records: int, skipped: int, error: str | None) -> None:
    """Finish the log row of a run: success, or failed with its reason."""
    execute(conn, _SQL["close_log"], run_id=run_id, records=records, skipped=skipped, error=error)


def open_gate(  # noqa: PLR0913 - the columns of the row
    conn: Connection,
    cause: Cause,
    *,
    subject: str,
    values: Mapping[str, str | int],
    offer: Sequence[str] = (),
    connection_id: int | None = None,
    entity_type: str | None = None,
    blocks: Sequence[str] = (),
    actor: str | None = None,
    **detail: Any,
) -> int:
    """Open a decision gate, or find the open one of the same cause and subject; returns its id.

    The audit log records it once, however often the cause is found. `values` fill the templates of the cause, and
    `offer` names the options that apply. `blocks` names the entity types that are not promoted from this connection
    until it is answered. The gate belongs to the connection's owner, else to the organization.
    """
    asked = cause.ask(values, offer=offer)
    gate = execute(
        conn,
        _SQL["open_gate"],
        cause=cause.name,
        subject=subject,
        question=asked.question,
        options=_json(asked.options),
        recommended=asked.recommended,
        connection_id=connection_id,
        entity_type=entity_type,
        blocks=list(blocks),
        detail=_json({"constraint": asked.constraint, "rules": asked.rules, **detail}),
    ).one()
    if gate.is_new:
        record(
            conn,
            "gate.opened",
            actor=actor or cause.found_by,
            connection_id=connection_id,
            entity_type=entity_type,
            decision=gate.decision_id,
            cause=cause.name,
        )
    return int(gate.decision_id)


def note_stopped(conn: Connection, decision_ids: Sequence[int], queue: str) -> None:
    """Remember that these gates stopped lines of this queue: they are resumed after the answer."""
    execute(conn, _SQL["note_stopped"], decisions=sorted(set(decision_ids)), queue=queue)


def gate_answer(
    conn: Connection, cause: str, *, subject: str, connection_id: int, entity_type: str | None, ever: bool = False
) -> str | None:
    """The newest answer to a gate whose outcome is not yet recorded; None where there is none.

    `ever`: also one that was carried out before: the same question is not asked again. A “hold” answered only for as
    long as its cause was there: when that comes again it is a new question.
    """
    answer: str | None = execute(
        conn,
        _SQL["gate_answer"],
        cause=cause,
        subject=subject,
        connection_id=connection_id,
        entity_type=entity_type,
        ever=ever,
    ).scalar_one_or_none()
    return answer


def record_outcome(
    conn: Connection, cause: str, *, subject: str, connection_id: int, entity_type: str | None, outcome: str
) -> None:
    """Record the outcome of an answered gate; its work has resumed."""
    execute(
        conn,
        _SQL["record_outcome"],
        cause=cause,
        subject=subject,
        connection_id=connection_id,
        entity_type=entity_type,
        outcome=outcome,
    )


def request(conn: Connection, kind: str, *, actor: str, idempotency_key: str | None = None, **parameters: Any) -> int:
    """Ask for a run, in the caller's transaction; returns the request's number. A sensor makes the run of it.

    The same `idempotency_key` again is the same request.

    Raises:
        Conflict: the key was used for another request.
    """
    asked = {name: value for name, value in parameters.items() if value is not None}
    row = execute(
        conn,
        _SQL["request"],
        kind=kind,
        actor=actor,
        key=idempotency_key,
        parameters=_json({**asked, "actor": actor}),
    ).one()
    if row.kind != kind or not row.same:
        raise Conflict(f"The idempotency key “{idempotency_key}” was used for another request. Use a new one.")
    return int(row.request_id)


def gate_gone(
    conn: Connection,
    cause: str,
    *,
    connection_id: int,
    entity_type: str | None,
    but: Sequence[str],
    outcome: str,
    actor: str,
) -> None:
    """The cause of these gates is gone, except of those about `but`: open ones answer themselves, held ones end."""
    ended = execute(
        conn,
        _SQL["gate_gone"],
        cause=cause,
        connection_id=connection_id,
        entity_type=entity_type,
        but=list(but),
        outcome=outcome,
        actor=actor,
    ).scalars()
    for decision in ended.all():
        record(
            conn,
            "gate.gone",
            actor=actor,
            connection_id=connection_id,
            entity_type=entity_type,
            decision=decision,
            cause=cause,
            outcome=outcome,
        )
