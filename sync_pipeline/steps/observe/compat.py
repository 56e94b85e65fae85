"""The legacy views in schema `compat`, compared with their core tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps.connect import Organization

_SQL = load(__package__, "compat.sql")


@dataclass(frozen=True, slots=True)
class Divergence:
    """Columns (`compat.view.column`) that a view lacks, or has and its core table does not."""

    table: str
    found: int
    columns: Sequence[str]


@dataclass(frozen=True, slots=True)
class Compat:
    """The number of legacy views, and where they differ."""

    views: int
    divergences: Sequence[Divergence]

    @property
    def ok(self) -> bool:
        """True if every view has the columns of its table."""
        return not self.divergences


def compat(db: Database, org: Organization) -> Compat:
    """Compare every legacy view with its table."""
    with db.org(org.org_id) as conn:
        views = int(execute(conn, _SQL["compat_views"]).scalar_one())
        rows = execute(conn, _SQL["compat_agrees"]).all()
    return Compat(views, [Divergence(row.place, row.found, row.sample) for row in rows])
