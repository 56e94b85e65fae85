"""Approval of a migration that would lose data: one gate for each organization that would lose some.

`sync_pipeline.db.migrate` finds the losses and calls `approve` and `record_migrated` with the owner's connection.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from sync_pipeline.db.kept import act_for
from sync_pipeline.db.losses import place_of
from sync_pipeline.errors import ConfigurationError, GateClosed
from sync_pipeline.gates.causes.destructive_migration import CAUSE
from sync_pipeline.gates.store import latest, open_gate, settle


def approve(conn: Connection, target: str, lost: Mapping[int, Sequence[str]]) -> None:
    """Return if every organization that would lose something has agreed. `lost`: organization -> what it would lose.

    Raises:
        ConfigurationError: a person refused.
        GateClosed: a person must answer first. The gates are committed.
    """
    waiting: list[int] = []
    for org_id, losses in lost.items():
        act_for(conn, org_id)
        number, answer = _gate(conn, target, losses)
        if answer == "refuse":
            settle(conn, number, "the database stays as it is")
            conn.commit()
            raise ConfigurationError(f"The migration to {target} was refused (decision {number}).")
        if answer is None:
            waiting.append(number)
    conn.commit()
    if waiting:
        raise GateClosed(
            f"The migration to {target} would lose data, and nothing was changed. Answer "
            f"{'decision' if len(waiting) == 1 else 'decisions'} {', '.join(map(str, waiting))} "
            "(`sync-pipeline decisions list`), then run it again."
        )


def record_migrated(conn: Connection, target: str, organizations: Sequence[int], verified: Sequence[str]) -> None:
    """Record at each organization's gate that the migration was applied and what was verified."""
    for org_id in organizations:
        act_for(conn, org_id)
        gate = latest(conn, CAUSE, _subject(target))
        if gate is not None and gate.answer == "migrate" and gate.outcome is None:
            settle(conn, gate.decision_id, f"migrated to {target}; verified: {', '.join(verified)}")
    conn.commit()


def _gate(conn: Connection, target: str, lost: Sequence[str]) -> tuple[int, str | None]:
    """This organization's gate for the migration and its answer; a new gate where the answer was about fewer losses."""
    known = latest(conn, CAUSE, _subject(target))
    if (
        known is not None
        and known.answer is not None
        and set(map(place_of, lost)) <= set(map(place_of, known.detail["lost"]))
    ):
        return int(known.decision_id), known.answer
    values = {"target": target, "lost": "; ".join(lost)}
    return open_gate(conn, CAUSE, subject=_subject(target), values=values, lost=list(lost)), None


def _subject(target: str) -> str:
    return f"migration to {target}"
