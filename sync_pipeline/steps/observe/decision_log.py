"""The decision log: what people decided about gates, schema, settings and policies, and what they signed off; and what
became of migrations that were proposed for the deployment.

Nothing is written for it: it is read from where each decision is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import Field
from sqlalchemy import URL

from sync_pipeline import gates
from sync_pipeline.db.engine import Database
from sync_pipeline.db.owner import deployment
from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps.connect import Organization

_SQL = load("sync_pipeline.steps.observe", "decision_log.sql")
LOG, DEPLOYMENT_LOG = (
    _SQL[name].replace("{migrations}", _SQL["migrations"]) for name in ("decision_log", "deployment_log")
)
DecisionKind = Literal["gate", "schema", "settings", "policy", "signoff", "migration"]
KINDS: tuple[DecisionKind, ...] = get_args(DecisionKind)
EVERYTHING = 100_000  # lines of an export


@dataclass(frozen=True, slots=True)
class LoggedDecision:
    """A decision: what was asked, of whom, with which options and risks, and what came of the answer.

    `number` names it within its kind. A change of settings was asked by nobody: it has no options. A migration has a
    line for each step: proposed, tried, approved, refused, applied; its `outcome` begins with the last trial's verdict.
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
        rows = execute(conn, LOG, kind=kind, schema=_of_schema(), limit=page_size, offset=(page - 1) * page_size).all()
    return [LoggedDecision(**row._mapping) for row in rows]


def decision_log_count(db: Database, org: Organization, *, kind: DecisionKind | None = None) -> int:
    """How many there are."""
    with db.org(org.org_id) as conn:
        statement = f"SELECT count(*) FROM ({LOG}) AS l"  # noqa: S608 - our own statement
        return int(execute(conn, statement, kind=kind, schema=_of_schema(), limit=None, offset=0).scalar_one())


def deployment_log(url: URL, *, page: int = 1, page_size: int = EVERYTHING) -> Sequence[LoggedDecision]:
    """What became of proposed migrations, newest first, with what was written of them, for the owner of the database at
    `url`. Organizations read the same lines without those texts.
    """
    with deployment(url) as conn:
        rows = execute(conn, DEPLOYMENT_LOG, limit=page_size, offset=(page - 1) * page_size).all()
    return [LoggedDecision(**row._mapping) for row in rows]


def _of_schema() -> list[str]:
    """The causes of gates that are about the schema: whoever migrates goes on after the answer."""
    return [cause.name for cause in gates.all_causes().values() if cause.resume == "migrate"]
