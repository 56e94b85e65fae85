"""The decision log: what people decided about gates, schema, settings and policies, and what they signed off.

Nothing is written for it: it is read from where each decision is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from sync_pipeline import gates
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps.connect import Organization

_SQL = load("sync_pipeline.steps.observe", "decision_log.sql")
DecisionKind = Literal["gate", "schema", "settings", "policy", "signoff"]
KINDS: tuple[DecisionKind, ...] = get_args(DecisionKind)
EVERYTHING = 100_000  # lines of an export


@dataclass(frozen=True, slots=True)
class LoggedDecision:
    """A decision: what was asked, of whom, with which options and risks, and what came of the answer.

    `number` names it within its kind. A change of settings was asked by nobody: it has no options.
    """

    kind: DecisionKind
    number: str
    subject: Annotated[str, Field(description="What it is about: a gate's cause, a setting, a milestone.")]
    connection: str | None
    question: str
    owner: str | None
    opened_at: datetime
    options: Annotated[Sequence[dict[str, Any]], Field(description="Each with its effect and risk.")]
    recommended: str | None
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None
    why: str | None
    outcome: str | None


def decision_log(
    db: Database, org: Organization, *, kind: DecisionKind | None = None, page: int = 1, page_size: int = EVERYTHING
) -> Sequence[LoggedDecision]:
    """Decisions of a kind, or all of them, newest first."""
    with db.org(org.org_id) as conn:
        rows = execute(
            conn, _SQL["decision_log"], kind=kind, schema=_of_schema(), limit=page_size, offset=(page - 1) * page_size
        ).all()
    return [LoggedDecision(**row._mapping) for row in rows]


def decision_log_count(db: Database, org: Organization, *, kind: DecisionKind | None = None) -> int:
    """How many there are."""
    with db.org(org.org_id) as conn:
        statement = f"SELECT count(*) FROM ({_SQL['decision_log']}) AS l"  # noqa: S608 - our own statement
        return int(execute(conn, statement, kind=kind, schema=_of_schema(), limit=None, offset=0).scalar_one())


def _of_schema() -> list[str]:
    """The causes of gates that are about the schema: whoever migrates goes on after the answer."""
    return [cause.name for cause in gates.all_causes().values() if cause.resume == "migrate"]
