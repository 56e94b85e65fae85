"""What became of a plan's records, and why those that failed did: “applied” alone does not say that anything was."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps.observe.waiting import MOST_NAMED
from sync_pipeline.steps.observe.waiting import SQL as WAITING

SQL = load(__package__, "failures.sql")
_MOST = 3
_REFUSED = "The database refused it: "
_VALUE = re.compile(r" is .{1,90}?, not a valid ", re.DOTALL)  # of a field, as a mapper says it
_ADDRESS = re.compile(r"[^\s@“”\"'<>()]+@[^\s@“”\"'<>()]+")


@dataclass(frozen=True, slots=True)
class FailureReason:
    """Why records failed, and how many did for it."""

    reason: str
    records: int


@dataclass(frozen=True, slots=True)
class PlanResult:
    """How far a plan's queue is, with the commonest reasons of what failed."""

    state: str
    done: int
    failed: int
    cancelled: int
    open: int
    reasons: Sequence[FailureReason] = ()

    @property
    def why(self) -> str:
        """The reasons in a line, each with its records where there are several."""
        said = [one.reason.rstrip(".") for one in self.reasons]
        if [one.records for one in self.reasons] != [self.failed]:
            said = [f"{words} ({one.records:,})" for words, one in zip(said, self.reasons, strict=True)]
        if others := self.failed - sum(one.records for one in self.reasons):
            said.append(f"{others:,} for other reasons")
        return "; ".join(said)

    @property
    def failure(self) -> str:
        """What failed, and why: “all 80 records failed: …”."""
        whole = not (self.done or self.cancelled or self.open)
        if self.failed == 1:
            return f"{'its one record' if whole else '1 record'} failed: {self.why}"
        return f"{'all ' if whole else ''}{self.failed:,} records failed: {self.why}"


def without_values(reason: str) -> str:
    """A reason without what the record has: a field's value, PostgreSQL's detail, an e-mail address."""
    if reason.startswith(_REFUSED):
        return reason.partition(" (")[0].partition(': "')[0]
    return _ADDRESS.sub("…", _VALUE.sub(" is not a valid ", reason))


def failed_plans(db: Database, org_id: int) -> Mapping[UUID, PlanResult]:
    """The plans that were applied and left records behind, newest first, which nobody has closed or undone."""
    with db.org(org_id) as conn:
        rows = execute(conn, WAITING["failed_plans"], at_most=MOST_NAMED).all()
    results = plan_results(db, org_id, [row.queue_id for row in rows])
    return {row.plan_id: results[row.queue_id] for row in rows if row.queue_id in results}


def plan_results(
    db: Database, org_id: int, queues: Sequence[UUID | str], *, values: bool = True
) -> Mapping[UUID, PlanResult]:
    """What became of each of these queues. `values`: reasons quote what records have; not where anybody reads them."""
    if not queues:
        return {}
    reasons: dict[UUID, list[FailureReason]] = defaultdict(list)
    with db.org(org_id) as conn:
        found = execute(conn, SQL["queue_results"], queues=[str(queue) for queue in queues]).all()
        failed = [str(one.queue_id) for one in found if one.failed]
        for row in execute(conn, SQL["commonest_reasons"], queues=failed, most=_MOST) if failed else ():
            said = row.reason or "no reason was noted"
            reasons[row.queue_id].append(FailureReason(said if values else without_values(said), row.records))
    return {
        one.queue_id: PlanResult(one.state, one.done, one.failed, one.cancelled, one.open, reasons[one.queue_id])
        for one in found
    }
