"""What a trial found, as it is stored and shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

Branch = Literal["full", "sampled", "empty"]
Direction = Literal["up", "down"]
ChangedHow = Literal["emptied", "rewritten", "filled"]
Verdict = Literal["passed", "blocked", "failed"]


@dataclass(frozen=True, slots=True)
class Failure:
    """The statement at which a script ended. `message` is PostgreSQL's; it may hold values of rows unless `branch` is
    empty.
    """

    branch: Branch
    script: Direction
    statement: int
    line: int
    sqlstate: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock on a table that was there before."""

    table: str
    mode: str  # as PostgreSQL names it: AccessExclusiveLock …


@dataclass(frozen=True, slots=True)
class StatementRun:
    """A statement of `up`: where it is, its seconds on the branch, and the locks it took that were not held already."""

    number: int
    line: int
    text: str
    seconds: float
    locks: Sequence[Lock]


@dataclass(frozen=True, slots=True)
class HeldLock:
    """The strongest lock on a table, for how long `up` holds it, and what others cannot do meanwhile."""

    table: str
    mode: str
    stops: Literal["reads and writes", "writes", "schema changes", "nothing"]
    seconds: float
    rows: int


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """An object of the schema that is new (`before` is None), gone (`after` is None) or another."""

    object: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class RowCount:
    """Rows of a table, of all organizations. None: there is no such table."""

    table: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class ValueChange:
    """Values of a column that `up` changes in rows that stay, of all organizations. `column` has the name it had.

    `back`: `down` leads back to every one of them; None where `down` failed.
    """

    table: str
    column: str
    how: ChangedHow
    values: int
    organizations: int
    back: bool | None


@dataclass(frozen=True, slots=True)
class HotPlan:
    """How a hot query is answered before and after."""

    query: str
    before: str
    after: str
    by_index: bool  # afterwards


@dataclass(frozen=True, slots=True)
class LintFinding:
    """What squawk says of a line of a script."""

    script: Direction
    line: int
    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class TrialReport:
    """A trial: on which branch, what was seen, and what follows. `reasons` say why it is blocked or failed.

    `unreached`: tables with rows that `up` writes to while row-level security is on, and of which it changes no row.
    `compare_seconds` of its `seconds` went into comparing rows. What has a default is not in reports kept earlier.
    """

    revision: str
    branch: Branch
    branch_why: str
    verdict: Verdict
    reasons: Sequence[str]
    failure: Failure | None
    statements: Sequence[StatementRun]
    locks: Sequence[HeldLock]
    schema: Sequence[SchemaChange]
    rows: Sequence[RowCount]
    losses: Sequence[str]
    plans: Sequence[HotPlan]
    findings: Sequence[LintFinding]
    seconds: float
    changed: Sequence[ValueChange] = ()
    unreached: Sequence[str] = ()
    compare_seconds: float = 0.0


def failed_report(
    revision: str, branch: Branch, why: str, began: float, failure: Failure, schema: Sequence[SchemaChange]
) -> TrialReport:
    """The report of a trial that ended at a statement. `began`: when the trial did, by `perf_counter`."""
    seconds = round(perf_counter() - began, 3)
    return TrialReport(
        revision, branch, why, "failed", [where(failure)], failure, [], [], schema, [], [], [], [], seconds
    )


def where(failure: Failure) -> str:
    """Which statement failed, as a sentence."""
    return (
        f"Statement {failure.statement} of {failure.script}.sql, on line {failure.line}, failed on the "
        f"{failure.branch} branch."
    )
