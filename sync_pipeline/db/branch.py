"""Try a migration on a branch of the database before the real one, and check the branch.

A branch is a clone (`CREATE DATABASE … TEMPLATE`) if nobody else is connected. Otherwise it is a copy of the schema
alone, made by the revisions that the real database already has.
"""

from collections.abc import Callable, Iterator
from uuid import uuid4

from sqlalchemy import URL, Connection, text

from sync_pipeline.db import losses
from sync_pipeline.db.owner import owner_engine, quote, server_connection
from sync_pipeline.errors import ConfigurationError

_Seen = tuple[losses.Catalogue, losses.Counts]


def try_on_branch(
    url: URL, before: str | None, target: str, approval: losses.LossApproval | None, upgrade: Callable[[URL, str], None]
) -> tuple[str, ...]:
    """Migrate a branch of the database at `url` with `upgrade`; return what was checked on it.

    Raises:
        ConfigurationError: data would be lost and nobody can be asked, or the migrated branch fails a check.
        GateClosed: data would be lost, and a person must answer first.
    """
    branch = url.set(database=f"{(url.database or 'sync')[:40]}_branch_{uuid4().hex[:8]}")
    with server_connection(url) as conn:
        others = conn.execute(
            text("SELECT count(*) FROM pg_stat_activity WHERE datname = :d"), {"d": url.database}
        ).scalar_one()
        cloned = before is not None and others == 0
        conn.exec_driver_sql(
            f"CREATE DATABASE {quote(branch.database)} TEMPLATE {quote(url.database) if cloned else 'template0'}"
        )
    try:
        if before is not None and not cloned:
            upgrade(branch, before)
        seen = _look(branch, cloned)
        upgrade(branch, target)
        if before is not None:
            _ask(url, target, seen, _look(branch, cloned), approval)
        _verify(branch)
    finally:
        with server_connection(url) as conn:
            conn.exec_driver_sql(f"DROP DATABASE {quote(branch.database)} WITH (FORCE)")
    return ("row-level security on every table", "no captured row lost", "hot queries use their indexes")


def _look(branch: URL, cloned: bool) -> _Seen:
    with owner_engine(branch) as engine, engine.connect() as conn:
        columns = losses.catalogue(conn)
        return columns, losses.row_counts(conn, sorted({table for table, _ in columns})) if cloned else {}


def _ask(url: URL, target: str, before: _Seen, after: _Seen, approval: losses.LossApproval | None) -> None:
    """Ask the people whose data would be lost."""
    kept = {table for table, _ in after[0]}
    fewer = {
        place: rows - after[1].get(place, 0)
        for place, rows in before[1].items()
        if place[1] in kept and after[1].get(place, 0) < rows
    }
    with owner_engine(url) as engine, engine.connect() as conn:
        lost = losses.by_organization(conn, target, losses.between(before[0], after[0]), fewer)
        if not lost:
            return
        if approval is None:
            raise ConfigurationError(
                f"The migration to {target} would lose data, and nothing was changed. Run `sync-pipeline db migrate`: "
                "it asks whose data it is."
            )
        approval.approve(conn, target, lost)


def _verify(branch: URL) -> None:
    with owner_engine(branch) as engine, engine.begin() as conn:
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
