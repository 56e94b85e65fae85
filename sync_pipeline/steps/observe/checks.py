"""Checks of the data: the ledger closes, money adds up, nothing waits indefinitely. Each check is one statement.

For one organization the statement returns a row for each place that violates the check: `place` (a core table, a
provider, or `provider/entity_type`), `connection` (its name; not of a core table), `found` (the number of violations)
and `sample` (a few examples). Dagster shows them as asset checks, `check` lists them, `validate` makes rows of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from sqlalchemy import Connection

from sync_pipeline.db.core_sql import for_each_table
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.redaction import redact
from sync_pipeline.sources.base import types_of
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.observe.status import SQL as STATUS

SQL = {**load("sync_pipeline.steps.observe", "checks.sql"), **load("sync_pipeline.steps.observe", "compat.sql")}
STALE_HOURS = 36.0  # one and a half days: a missed nightly run is reported the same afternoon
_SHOWN = 10


class About(StrEnum):
    """The kind of places that a check reports."""

    STORES = "stores"
    RAW = "raw"
    PREVIEW = "preview"
    SELECTED = "selected"
    PROMOTED = "promoted"
    CORE = "core"


@dataclass(frozen=True, slots=True)
class Check:
    """A check: what must hold, and what to do if it does not. A check with severity `warning` cannot fail.

    `of_records`: it counts records of an entity.
    """

    name: str
    about: About
    holds: str
    recover: str
    severity: Literal["error", "warning"] = "error"
    only: str | None = None  # of the core tables, this one
    never: str | None = None  # of the core tables, not this one
    of_records: bool = False

    @property
    def statement(self) -> str:
        """The statement that finds the violations."""
        return SQL[self.name].replace("{rows}", for_each_table(STATUS["core_ids"]))

    def covers(self, place: str) -> bool:
        """Does the check look at this place?"""
        return self.only in (None, place) and place != self.never

    def run(self, conn: Connection) -> Sequence[Any]:
        """The places that violate the check in the transaction's organization."""
        # Statements ignore the parameters that they do not use.
        parameters = {"stale_seconds": STALE_HOURS * 3600, "order_lines": types_of("order_lines")}
        return execute(conn, self.statement, **parameters).all()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check for one organization: `found` counts the violations, `detail` says what to do."""

    name: str
    ok: bool
    severity: Literal["error", "warning"]
    found: int
    detail: str
    examples: Sequence[str] = field(default_factory=tuple)


CHECKS: Sequence[Check] = (
    Check(
        "fresh",
        About.STORES,
        "Every connected store was pulled within a day and a half, or connected in that time.",
        "`sync-pipeline doctor ORG` says what is wrong with a store; `sync-pipeline pull ORG` catches up.",
    ),
    Check(
        "ledger_closed",
        About.RAW,
        "Every id that the store listed is captured, in quarantine or gone.",
        "Pull the entity again; it continues where it stopped. `sync-pipeline doctor ORG` names what is wrong with a "
        "store.",
    ),
    Check(
        "nothing_in_quarantine",
        About.RAW,
        "No record is in quarantine.",
        "Correct the record in the store and pull again. `sync-pipeline quarantine ORG` says why; its bytes are kept.",
        "warning",
        of_records=True,
    ),
    Check(
        "compared_since",
        About.PREVIEW,
        "What was captured was compared with core afterwards.",
        "Materialize the preview of these organizations, or run `sync-pipeline preview ORG`.",
    ),
    Check(
        "no_schema_drift",
        About.PREVIEW,
        "No field appeared, vanished or changed its type.",
        "Look whether the mapper needs the field. Applying a plan of it that is made now accepts the new shape.",
        "warning",
    ),
    Check(
        "selections_promoted",
        About.SELECTED,
        "Committed selections became plans within ten minutes.",
        "See that the daemon runs and that the sensor committed_selections is on; `sync-pipeline plan ORG` and `apply` "
        "do it by hand.",
    ),
    Check(
        "no_orphan_mapping",
        About.CORE,
        "Every mapping leads to a row.",
        "This project never removes rows of core: find out who did. Promoting the record again creates the row again.",
    ),
    Check(
        "money_adds_up",
        About.CORE,
        "The items of an order add up to its total, except for differences that the store itself has.",
        "Pull and promote these orders again, and those of their lines that differ from core. A difference in the "
        "store is noted in metadata.items_difference.",
        only="core.sales_orders",
    ),
    Check(
        "no_line_waits",
        About.PROMOTED,
        "No record failed in a promotion and waits for a person.",
        "The reason is in promote.sync_queue_line; correct it in the store, pull, select and promote again.",
        "warning",
        of_records=True,
    ),
    Check(
        "compat_agrees",
        About.CORE,
        "The legacy views have the columns of their core tables.",
        "A migration that adds a column to core must create the views in sql/schema/70_compat.sql again.",
        never="core.reference_data",  # it has no legacy view
    ),
)


def check(db: Database, org: Organization) -> Sequence[CheckResult]:
    """Evaluate every check for one organization, in the order of the flow."""
    with db.org(org.org_id) as conn:
        return [_result(one, one.run(conn)) for one in CHECKS]


def ok(results: Sequence[CheckResult]) -> bool:
    """True if no check failed; there may be warnings."""
    return all(one.ok or one.severity == "warning" for one in results)


def _result(one: Check, rows: Sequence[Any]) -> CheckResult:
    found = sum(int(row.found) for row in rows)
    if not found:
        return CheckResult(one.name, True, one.severity, 0, one.holds)
    return CheckResult(one.name, False, one.severity, found, one.recover, tuple(_examples(rows))[:_SHOWN])


def _examples(rows: Sequence[Any]) -> Iterator[str]:
    for row in rows:
        yield from (redact(f"{row.place}: {one}") for one in row.sample)
