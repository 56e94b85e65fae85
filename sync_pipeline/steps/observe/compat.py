"""The legacy names in `compat`, compared with the core tables they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps.connect import Organization

_SQL = load(__package__, "compat.sql")


@dataclass(frozen=True, slots=True)
class Divergence:
    """Columns (`compat.view.column`) that a view lacks, or has over its core table."""

    table: str
    found: int
    columns: Sequence[str]


@dataclass(frozen=True, slots=True)
class Compat:
    """The report: how many legacy views there are, and where they differ."""

    views: int
    divergences: Sequence[Divergence]

    @property
    def ok(self) -> bool:
        """True when every view shows its table as it is."""
        return not self.divergences


def compat(db: Database, org: Organization) -> Compat:
    """Compare every legacy view with its table."""
    with db.org(org.org_id) as conn:
        views = int(execute(conn, _SQL["compat_views"]).scalar_one())
        rows = execute(conn, _SQL["compat_agrees"]).all()
    return Compat(views, [Divergence(row.place, row.found, row.sample) for row in rows])
