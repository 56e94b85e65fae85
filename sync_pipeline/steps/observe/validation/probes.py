"""Checks that try something: can others see the rows, is a secret stored, is an address kept that should be a hash."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from sync_pipeline.db.branch import UNPROTECTED_TABLES
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.steps.connect.credentials import opened
from sync_pipeline.steps.observe.validation.sight import SQL, Cell, Sight

SCHEMAS = ("connect", "capture", "preview", "selection", "promote", "core", "observe", "compat", "report")
NOBODY = -1  # no organization has this number, and the deployment, which is 0, has rows of its own
_SHORTEST = 8  # letters of a secret; a shorter one is in many a word
# Where text of calls, errors and people is kept: table, key, and the text of a row.
TEXTS: tuple[tuple[str, str, str], ...] = (
    ("observe.sync_activity", "activity_id", "t.actor || ' ' || t.detail::text"),
    ("observe.request", "request_id", "t.parameters::text || ' ' || coalesce(t.error, '')"),
    (
        "observe.decision",
        "decision_id",
        "concat_ws(' ', t.question, t.detail::text, t.options::text, t.why, t.outcome)",
    ),
    (
        "capture.sync_quarantine",
        "quarantine_id",
        "concat_ws(' ', t.reason, t.request, encode(coalesce(t.raw, ''), 'escape'))",
    ),
    ("capture.sync_logs", "log_id", "t.detail::text || ' ' || coalesce(t.error_message, '')"),
    ("capture.sync_ledger", "run_id", "t.detail::text || ' ' || coalesce(t.error, '')"),
    ("capture.webhook_delivery", "delivery_no", "coalesce(t.outcome, '')"),
    (
        "connect.integration_connector",
        "connection_id",
        "concat_ws(' ', t.store_url, t.settings::text, t.health_detail, t.findings::text)",
    ),
    ("promote.sync_queue_line", "external_id", "coalesce(t.reason, '')"),
    ("selection.selection_batch", "batch_id", "concat_ws(' ', t.criteria::text, t.why)"),
)


def isolation(sight: Sight) -> Iterator[Cell]:
    """Every table and view is looked at as another organization, which may see no row of this one; a table's policy
    must be forced, and a view must read with the rights of whoever asks.

    In the same transaction, which is of another organization meanwhile: so it is the same snapshot.
    """
    relations: dict[str, list[Any]] = defaultdict(list)
    for row in execute(sight.conn, SQL["isolated_relations"], schemas=list(SCHEMAS)):
        relations[row.schema].append(row)
    unprotected = execute(sight.conn, UNPROTECTED_TABLES).scalars().all()
    execute(sight.conn, SQL["as_organization"], org=NOBODY)
    try:
        for schema, rows in relations.items():
            looked_at = [row.name for row in rows if row.looked_at]
            statement = "\nUNION ALL\n".join(SQL["visible_to_others"].replace("{table}", name) for name in looked_at)
            seen = execute(sight.conn, statement, org=sight.org.org_id).scalars().all() if looked_at else []
            wrong = [f"{name}: rows are visible" for name in seen]
            wrong += [
                f"{name}: no forced policy"
                for name in unprotected
                if name.partition(".")[0] == schema and name not in seen
            ]
            wrong += [
                f"{row.name}: it reads with its owner's rights" for row in rows if row.loose and row.name not in seen
            ]
            evidence = f"{statement};\n{UNPROTECTED_TABLES};\n{SQL['isolated_relations']}"
            yield Cell((None, schema), "fail" if wrong else "pass", evidence, 0, len(wrong), wrong)
    finally:
        execute(sight.conn, SQL["as_organization"], org=sight.org.org_id)


def stored_secrets(sight: Sight) -> Iterator[Cell]:
    """No table holds the secrets of the connections, but the sealed column that is made for them."""
    secrets: set[str] = set()
    unknown: str | None = None
    for one in sight.connections:
        try:
            secrets.update(value for value in opened(sight.settings, one).values() if len(value) >= _SHORTEST)
        except ConfigurationError as error:
            unknown = f"The credentials of {one.name} cannot be opened, so they cannot be looked for. {error}"
    secrets |= {spelled for one in secrets for spelled in _spelled(one)}
    for table, key, body in TEXTS:
        statement = secrets_statement(table, key, body)
        row = execute(sight.conn, statement, secrets=sorted(secrets)).one()
        place = (None, table)
        if row.found:
            yield Cell(place, "fail", statement, 0, row.found, tuple(row.ids))
        elif unknown is not None:
            yield Cell(place, "not_run", statement, 0, why=unknown)
        else:
            yield Cell(place, "pass", statement, 0, 0)


def _spelled(secret: str) -> Iterator[str]:
    """A secret as it stands in JSON, in an address, and in bytes that `encode(…, 'escape')` shows."""
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(secret, safe="")
    yield "".join(chr(one) if one < 128 else f"\\{one:03o}" for one in secret.replace("\\", "\\\\").encode())


def secrets_statement(table: str, key: str, body: str) -> str:
    """The statement that looks for secrets in one of `TEXTS`."""
    return SQL["stored_secrets"].replace("{table}", table).replace("{key}", key).replace("{body}", body)


def plain_addresses(sight: Sight) -> Iterator[Cell]:
    """Where addresses are kept as hashes only, no plain one is stored."""
    statement = SQL["plain_addresses"]
    without = "No record of it has to have its addresses hashed (`pii_policy`)."
    yield from sight.at_entities(statement, execute(sight.conn, statement), without)


def revision(sight: Sight) -> Iterator[Cell]:
    """The database is at the revision of this program."""
    statement = SQL["matrix_snapshot"]
    now = execute(sight.conn, statement).one().revision
    yield Cell((None, None), "pass" if now == sight.head else "fail", statement, sight.head, now)


def acceptance(sight: Sight) -> Iterator[Cell]:
    """The scripts that operators carried out here: the newest run of each passed, on the script as it is now."""
    statement = SQL["accepted_scripts"]
    runs = {row.script: row for row in execute(sight.conn, statement)}
    for script, script_hash in sight.scripts.items():
        place, run = (None, script), runs.get(script)
        if run is None:
            yield Cell(place, "not_applicable", statement, why="Nobody has carried out this script here.")
        elif run.script_hash != script_hash:
            yield Cell(
                place,
                "not_run",
                statement,
                script_hash[:12],
                run.script_hash[:12],
                why="The script has changed since it was carried out. Carry it out again.",
            )
        else:
            done = f"{run.done_by}, {run.done_at:%Y-%m-%d %H:%M} UTC"
            wrong = () if run.passed else (f"step {run.failed_step}",)
            yield Cell(place, "pass" if run.passed else "fail", statement, "passed", done, wrong)
