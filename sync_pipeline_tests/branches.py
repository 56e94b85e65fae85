"""Empty branches for tries of migrations, at once: a copy of the database that the revisions made for the tests.

To run all revisions again takes a second of processor time for each branch, and a test tries several. They are run as
in service where there is no such database, for an owner that is no superuser, and up to other revisions.
"""

from __future__ import annotations

from sqlalchemy import URL

from sync_pipeline.db import migrate
from sync_pipeline.db.owner import quote, server_connection
from sync_pipeline.db.proposed import trial
from sync_pipeline_tests.databases import MIGRATED

_NEWEST = migrate.head()
_as_in_service = migrate.prepare


def branch_at_once() -> None:
    """From now on an empty branch of the newest revision is a copy."""
    migrate.prepare = trial.prepare = _prepare  # type: ignore[attr-defined]


def _prepare(url: URL, revision: str | None) -> None:
    if revision == _NEWEST and url.username == "postgres":
        with server_connection(url) as conn:
            known = conn.exec_driver_sql("SELECT 1 FROM pg_database WHERE datname = %(d)s", {"d": MIGRATED.name})
            if known.scalar():
                conn.exec_driver_sql(f"DROP DATABASE {quote(url.database)} WITH (FORCE)")
                template = f"TEMPLATE {quote(MIGRATED.name)} STRATEGY file_copy"
                conn.exec_driver_sql(f"CREATE DATABASE {quote(url.database)} {template}")
                return
    _as_in_service(url, revision)
