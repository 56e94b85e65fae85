"""Try a migration on branches of the database before the real one, and check them.

The first branch has no rows: the revisions make it from nothing, so it shows the schema as it must become. The second
is a clone (`CREATE DATABASE … TEMPLATE`) with its rows, which PostgreSQL makes only while nobody else is connected.
Whether rows are lost is compared on the real database in any case, in the migrating transaction.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from uuid import uuid4

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError

from sync_pipeline.db import schema
from sync_pipeline.db.engine import is_full
from sync_pipeline.db.owner import owner_engine, quote, server_connection
from sync_pipeline.errors import ConfigurationError

_IN_USE = "55006"


def try_from_nothing(url: URL, prepare: Callable[[URL], None], upgrade: Callable[[URL], None]) -> Mapping[str, str]:
    """Migrate an empty database, brought to where the one at `url` is by `prepare`; return the objects of its schema.

    Raises:
        ConfigurationError: it fails a check.
    """
    with _created(url, "template0") as branch:
        prepare(branch)
        upgrade(branch)
        with owner_engine(branch) as engine, engine.begin() as conn:
            _verify(conn)
            return schema.objects(conn)


def try_on_clone(url: URL, upgrade: Callable[[URL], None]) -> None:
    """Migrate a clone of the database at `url`, if PostgreSQL makes one now."""
    try:
        with server_connection(url) as conn:
            others = text("SELECT count(*) FROM pg_stat_activity WHERE datname = :d")
            if conn.execute(others, {"d": url.database}).scalar_one():
                return
        with _created(url, quote(url.database)) as branch:
            upgrade(branch)
    except DBAPIError as error:
        # Somebody came meanwhile, or there is no room for another copy.
        if getattr(error.orig, "sqlstate", None) != _IN_USE and not is_full(error):
            raise


@contextmanager
def _created(url: URL, template: str) -> Iterator[URL]:
    branch = url.set(database=f"{(url.database or 'sync')[:40]}_branch_{uuid4().hex[:8]}")
    with server_connection(url) as conn:
        conn.exec_driver_sql(f"CREATE DATABASE {quote(branch.database)} TEMPLATE {template}")
    try:
        yield branch
    finally:
        with server_connection(url) as conn:
            conn.exec_driver_sql(f"DROP DATABASE {quote(branch.database)} WITH (FORCE)")


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
    conn.exec_driver_sql("SET LOCAL enable_seqscan = off")
    conn.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
    conn.exec_driver_sql("SET LOCAL ROLE sync_app")
    conn.exec_driver_sql("SELECT set_config('sync.org_id', '1', true)")
    for name, sql in HOT_QUERIES.items():
        plan = "\n".join(conn.exec_driver_sql("EXPLAIN " + sql).scalars())
        if "Index Cond" not in plan or "Seq Scan" in plan:
            yield name, plan
