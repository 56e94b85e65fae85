"""Stored gates: the only code that writes decisions. Each function works in the caller's transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from sync_pipeline import journal
from sync_pipeline.db.queries import execute, load
from sync_pipeline.exact_json import to_json
from sync_pipeline.gates.cause import Cause

_SQL = load("sync_pipeline.gates", "store.sql")


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
        options=to_json(asked.options),
        recommended=asked.recommended,
        connection_id=connection_id,
        entity_type=entity_type,
        blocks=list(blocks),
        detail=to_json({"constraint": asked.constraint, "rules": asked.rules, "values": asked.values, **detail}),
    ).one()
    if gate.is_new:
        _record(conn, "gate.opened", gate, actor or cause.found_by)
    return int(gate.decision_id)


def note_stopped(conn: Connection, decision_ids: Sequence[int], queue: str) -> None:
    """Remember that these gates stopped lines of this queue: they are resumed after the answer."""
    execute(conn, _SQL["note_stopped"], decisions=sorted(set(decision_ids)), queue=queue)


def latest_answer(
    conn: Connection,
    cause: Cause,
    *,
    subject: str,
    connection_id: int | None,
    entity_type: str | None,
    include_settled: bool = False,
) -> str | None:
    """The newest answer to a gate whose outcome is not yet recorded; None where there is none.

    `include_settled` adds answers with a recorded outcome, so that the same question is not asked again. “hold” is not
    among them: it applies only until its cause ends, and if the cause returns, the question is asked again.
    """
    answer: str | None = execute(
        conn,
        _SQL["latest_answer"],
        cause=cause.name,
        subject=subject,
        connection_id=connection_id,
        entity_type=entity_type,
        include_settled=include_settled,
    ).scalar_one_or_none()
    return answer


def record_outcome(
    conn: Connection, cause: Cause, *, subject: str, connection_id: int | None, entity_type: str | None, outcome: str
) -> None:
    """Record the outcome of an answered gate; its work has resumed."""
    execute(
        conn,
        _SQL["record_outcome"],
        cause=cause.name,
        subject=subject,
        connection_id=connection_id,
        entity_type=entity_type,
        outcome=outcome,
    )


def blocking(conn: Connection) -> Mapping[tuple[int, str], Row[Any]]:
    """What may not be promoted: (connection, entity type) -> its gate (`decision_id`, `answer`).

    The gate waits for a person, or its answer was “hold” and its cause is still there.
    """
    return {(row.connection_id, row.entity_type): row for row in execute(conn, _SQL["blocking_gates"])}


def open_gates(conn: Connection, cause: Cause) -> Sequence[Row[Any]]:
    """The open gates of a cause: decision_id, connection_id, entity_type, external_id, subject."""
    return execute(conn, _SQL["open_gates"], cause=cause.name).all()


def latest(conn: Connection, cause: Cause, subject: str) -> Row[Any] | None:
    """The newest gate of this cause and subject, open or answered: decision_id, answer, detail, outcome."""
    return execute(conn, _SQL["latest_gate"], cause=cause.name, subject=subject).one_or_none()


def answered(conn: Connection, decision_id: int) -> Row[Any] | None:
    """An answered gate, locked until the transaction ends; None where it does not exist or is open."""
    return execute(conn, _SQL["answered_gate"], decision=decision_id).one_or_none()


def answer_gate(conn: Connection, decision_id: int, choice: str, *, actor: str, why: str | None) -> bool:
    """Answer an open gate; `choice` is one of its options. False where it is not open."""
    gate = execute(conn, _SQL["answer_gate"], decision=decision_id, choice=choice, actor=actor, why=why).one_or_none()
    if gate is None:
        return False
    _record(conn, "gate.answered", gate, actor, choice=choice)
    return True


def settle(conn: Connection, decision_id: int, outcome: str) -> None:
    """Record what resuming a gate did; its work has resumed."""
    execute(conn, _SQL["settle_gate"], decision=decision_id, outcome=outcome)


def withdraw(conn: Connection, decision_id: int, *, outcome: str, actor: str) -> None:
    """Withdraw an open gate whose question no longer arises. It stopped nothing that has to resume."""
    gate = execute(conn, _SQL["withdraw_gate"], decision=decision_id, outcome=outcome, actor=actor).one_or_none()
    if gate is not None:
        _record(conn, "gate.gone", gate, actor)


def end_gates(
    conn: Connection,
    cause: Cause,
    *,
    connection_id: int,
    entity_type: str | None,
    keep: Sequence[str],
    outcome: str,
    actor: str,
) -> None:
    """End the gates of a cause that is gone, except those about `keep`: open ones are withdrawn, held ones end."""
    ended = execute(
        conn,
        _SQL["end_gates"],
        cause=cause.name,
        connection_id=connection_id,
        entity_type=entity_type,
        keep=list(keep),
        outcome=outcome,
        actor=actor,
    )
    for gate in ended.all():
        _record(conn, "gate.gone", gate, actor, outcome=outcome)


def withdraw_all(conn: Connection, *, connection_id: int, outcome: str, actor: str) -> None:
    """Withdraw every gate of a connection that is not used any more, and end what its held gates stopped."""
    ended = execute(conn, _SQL["withdraw_all_gates"], connection_id=connection_id, outcome=outcome, actor=actor)
    for gate in ended.all():
        _record(conn, "gate.gone", gate, actor, outcome=outcome)


def _record(conn: Connection, event: str, gate: Row[Any], actor: str, **detail: Any) -> None:
    where = {"connection_id": gate.connection_id, "entity_type": gate.entity_type}
    journal.record(conn, event, actor=actor, **where, decision=gate.decision_id, cause=gate.cause, **detail)
