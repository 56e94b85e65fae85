"""Branches of the database, on which a migration is tried before the real one.

The first branch has no rows: the revisions make it from nothing, so it shows the schema as it must become. The second
is a clone (`CREATE DATABASE … TEMPLATE`) with its rows, which PostgreSQL makes only while nobody else is connected.
What somebody proposed is tried with rows in any case: while others are connected they are copied (`db/copy.py`).
Whether rows are lost is compared on the real database again, in the migrating transaction.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError

from sync_pipeline.db import schema
from sync_pipeline.db.engine import is_full
from sync_pipeline.db.held import branch_name, drop
from sync_pipeline.db.owner import owner_engine, quote, server_connection
from sync_pipeline.errors import ConfigurationError

_IN_USE = "55006"


def try_from_nothing(url: URL, prepare: Callable[[URL], None], upgrade: Callable[[URL], None]) -> Mapping[str, str]:
    """Migrate an empty database, brought to where the one at `url` is by `prepare`; return the objects of its schema.

    Raises:
        ConfigurationError: it fails a check.
    """
    with created(url) as branch:
        prepare(branch)
        upgrade(branch)
        with owner_engine(branch) as engine, engine.begin() as conn:
            _verify(conn)
            return schema.objects(conn)


def try_on_clone(url: URL, upgrade: Callable[[URL], None]) -> None:
    """Migrate a clone of the database at `url`, if PostgreSQL makes one now."""
    with cloned(url) as branch:
        if branch is not None:
            upgrade(branch)


@contextmanager
def cloned(url: URL) -> Iterator[URL | None]:
    """A clone of the database at `url`, dropped afterwards; None if others are connected or there is no room."""
    with branch_name(url) as branch:
        if not _clone(url, branch):
            yield None
            return
        with _dropped(branch):
            yield branch


def _clone(url: URL, branch: URL) -> bool:
    try:
        with server_connection(url) as conn:
            others = text("SELECT count(*) FROM pg_stat_activity WHERE datname = :d")
            alone = not conn.execute(others, {"d": url.database}).scalar_one()
            if alone:
                conn.exec_driver_sql(f"CREATE DATABASE {quote(branch.database)} TEMPLATE {quote(url.database)}")
            return alone
    except DBAPIError as error:
        # Somebody came meanwhile, or there is no room for another copy.
        if getattr(error.orig, "sqlstate", None) != _IN_USE and not is_full(error):
            raise
        return False


@contextmanager
def created(url: URL) -> Iterator[URL]:
    """An empty database beside the one at `url`, dropped afterwards."""
    with branch_name(url) as branch:
        with server_connection(url) as conn:
            conn.exec_driver_sql(f"CREATE DATABASE {quote(branch.database)} TEMPLATE template0")
        with _dropped(branch):
            yield branch


@contextmanager
def _dropped(branch: URL) -> Iterator[None]:
    try:
        yield
    finally:
        with server_connection(branch) as conn:
            drop(conn, branch.database)


def _verify(conn: Connection) -> None:
    unprotected = conn.exec_driver_sql(UNPROTECTED_TABLES).scalars().all()
    wrong = [f"{name} has org_id and no forced policy" for name in unprotected]
    wrong += [f"{sql.split()[0]} does not use its index: {plan}" for sql, plan in _without_index(conn)]
    if wrong:
        raise ConfigurationError(
            "The migration was tried on a branch and failed its checks; the database is unchanged: " + "; ".join(wrong)
        )


UNPROTECTED_TABLES = """
SELECT c.oid::regclass::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%%'
  AND NOT (c.relrowsecurity AND c.relforcerowsecurity
           AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'organization'))
ORDER BY 1
"""

# Statements that must stay quick at hundreds of millions of rows: each must reach its rows through an index.
HOT_QUERIES = {
    "capture: a page of records by id": (
        "SELECT raw_hash FROM capture.sync_record WHERE org_id = 1 AND connection_id = 1 AND entity_type = 'product' "
        "AND external_id = ANY ('{1,2}'::text[]) AND provider = 'woocommerce'"
    ),
    "capture: orders of a customer": (
        "SELECT external_id FROM capture.sync_record WHERE org_id = 1 AND connection_id = 1 "
        "AND entity_type = 'order' AND parent_id = ANY ('{1,2}'::text[]) AND provider = 'woocommerce'"
    ),
    "observe: what changed since": (
        "SELECT external_id FROM capture.sync_record WHERE org_id = 1 AND captured_at >= now() - interval '1 day' "
        "ORDER BY captured_at LIMIT 50"
    ),
    "preview: differences by status": (
        "SELECT external_id FROM preview.difference WHERE org_id = 1 AND connection_id = 1 "
        "AND entity_type = 'product' AND status = 'new' LIMIT 50"
    ),
    "promote: mapping of a record": (
        "SELECT internal_id FROM promote.integration_mapping WHERE org_id = 1 AND connection_id = 1 "
        "AND entity_type = 'product' AND external_id = ANY ('{1,2}'::text[])"
    ),
}


def _without_index(conn: Connection) -> Iterator[tuple[str, str]]:
    conn.exec_driver_sql("SET LOCAL ROLE sync_app")
    for name, plan in hot_plans(conn, by_index=True).items():
        if not uses_index(plan):
            yield name, plan


def hot_plans(conn: Connection, *, by_index: bool) -> Mapping[str, str]:
    """The plan of each hot query, as this role has it; `by_index`: as it is if rows are many."""
    choice = "off" if by_index else "on"
    conn.exec_driver_sql(f"SET LOCAL enable_seqscan = {choice}; SET LOCAL enable_bitmapscan = {choice}")
    conn.exec_driver_sql("SELECT set_config('sync.org_id', '1', true)")
    return {name: "\n".join(conn.exec_driver_sql("EXPLAIN " + sql).scalars()) for name, sql in HOT_QUERIES.items()}


def uses_index(plan: str) -> bool:
    """True if a plan reaches its rows through an index."""
    return "Index Cond" in plan and "Seq Scan" not in plan
