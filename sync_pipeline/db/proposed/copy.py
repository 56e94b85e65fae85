"""Copy rows to a branch while others work on the database: one moment of it, whole or a sample of each table."""

from __future__ import annotations

from psycopg.errors import UndefinedColumn, UndefinedTable
from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError

from sync_pipeline.db.engine import driver
from sync_pipeline.db.kept import organizations
from sync_pipeline.db.owner import owner_engine
from sync_pipeline.db.queries import execute, load

_SQL = load(__package__, "copy.sql")
_SCHEMAS = ("connect", "capture", "preview", "selection", "promote", "core", "observe")
_DENIED = "42501"


def copy_rows(url: URL, branch: URL, *, at_most: int | None = None) -> str | None:
    """Copy the rows of the database at `url` to `branch`, which its revisions made; `at_most` of each table and
    organization. Returns why it cannot be done, or None.
    """
    try:
        return _copy_all(url, branch, at_most)
    except (UndefinedColumn, UndefinedTable):
        return "somebody changed the schema of this database by hand"


def _copy_all(url: URL, branch: URL, at_most: int | None) -> str | None:
    with (
        owner_engine(url) as source_engine,
        owner_engine(branch) as target_engine,
        source_engine.connect() as source,
        target_engine.begin() as target,
    ):
        try:
            with target.begin_nested():
                target.exec_driver_sql("SET LOCAL session_replication_role = replica")
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _DENIED:
                raise
            return "only a superuser can copy rows while triggers and foreign keys rest"
        source.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        orgs = organizations(source)
        for table in execute(source, _SQL["tables_to_copy"], schemas=list(_SCHEMAS)).all():
            read = f"SELECT {table.columns} FROM {table.name}"  # noqa: S608 - names from the catalogue
            parts = [read]
            if at_most is not None and not table.whole:
                ours = [f"{read} WHERE org_id = {int(org)}" for org in orgs] if table.by_org else parts
                parts = [f"{one} LIMIT {int(at_most)}" for one in ours]
            for part in parts:
                _copy(source, target, part, f"{table.name} ({table.columns})")
        for name in execute(source, _SQL["sequences_to_copy"], schemas=list(_SCHEMAS)).scalars().all():
            at = source.exec_driver_sql(f"SELECT last_value, is_called FROM {name}").one()  # noqa: S608 - the same
            target.exec_driver_sql("SELECT setval(%(name)s::regclass, %(at)s, %(called)s)", {
                "name": name, "at": at.last_value, "called": at.is_called,
            })  # fmt: skip
    with owner_engine(branch) as engine, engine.begin() as conn:
        conn.exec_driver_sql("ANALYZE")
    return None


def _copy(source: Connection, target: Connection, read: str, into: str) -> None:
    with (
        driver(source).cursor().copy(f"COPY ({read}) TO STDOUT (FORMAT binary)") as reading,
        driver(target).cursor().copy(f"COPY {into} FROM STDIN (FORMAT binary)") as writing,
    ):
        for block in reading:
            writing.write(block)
