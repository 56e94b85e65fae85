"""Validate an organization: every check at every place, in one snapshot, kept with its evidence."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy.exc import DBAPIError

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.migrate import head
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import DatabaseUnavailable, SyncError
from sync_pipeline.redaction import marked, redact
from sync_pipeline.steps.connect import Organization, connections
from sync_pipeline.steps.connect.party import Actor, party
from sync_pipeline.steps.observe.decision_log import decision_log
from sync_pipeline.steps.observe.reconcile import reconcile
from sync_pipeline.steps.observe.reconciled import EntityReconciliation
from sync_pipeline.steps.observe.validation.criteria import CRITERIA, Criterion
from sync_pipeline.steps.observe.validation.documents import documents_version
from sync_pipeline.steps.observe.validation.files import ValidationFiles, files_of
from sync_pipeline.steps.observe.validation.matrix import MOST_IDS, Matrix, MatrixRow, row_name, statement_hash
from sync_pipeline.steps.observe.validation.sight import SQL, Cell, Sight
from sync_pipeline.steps.observe.validation.stored import Validation, keep

_LONGEST = 300  # letters of one id or example
_ADDRESS = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+\.\w{2,}")


def validate(
    db: Database,
    settings: Settings,
    org: Organization,
    *,
    by: Actor,
    progress: Callable[[str], None] | None = None,
) -> tuple[Validation, Matrix, ValidationFiles]:
    """Run every check, keep the matrix, and return it with the files of its export. The stores are listed.

    `progress` is told the subject of each check before it runs.

    Raises:
        DatabaseUnavailable: the server is gone. (A store that is gone makes rows that were not run.)
    """
    who = party(by)
    began = time.monotonic()
    if progress is not None:
        progress("counts")
    matrix = look(db, settings, org, list_stores(db, settings, org, actor=who.name), progress=progress)
    matrix = replace(matrix, seconds=round(time.monotonic() - began, 3))
    files = files_of(matrix, decision_log(db, org))
    return keep(db, org, matrix, files, actor=who.name), matrix, files


def list_stores(
    db: Database, settings: Settings, org: Organization, *, actor: str = "validate"
) -> Sequence[EntityReconciliation]:
    """Every entity's ids compared with the store's; of a store that cannot be asked, why."""
    found: list[EntityReconciliation] = []
    for one in connections(db, org):
        try:
            found += reconcile(db, settings, org, connection=one.name, actor=actor).entities
        except DatabaseUnavailable:
            raise
        except SyncError as error:  # its credentials cannot be opened, or somebody else is pulling
            found += [
                EntityReconciliation(name, one.name, None, 0, 0, 0, 0, error=str(error)) for name in one.source.streams
            ]
    return found


def look(
    db: Database,
    settings: Settings,
    org: Organization,
    reconciled: Sequence[EntityReconciliation],
    *,
    progress: Callable[[str], None] | None = None,
) -> Matrix:
    """The matrix, from a comparison with the stores and one snapshot of the database. Nothing is written."""
    began = time.monotonic()
    here, known = documents_version(), list(connections(db, org))
    rows: list[MatrixRow] = []
    statements: dict[str, str] = {}
    with db.org(org.org_id, snapshot=True) as conn:
        now = execute(conn, SQL["matrix_snapshot"]).one()
        sight = Sight(db, settings, org, conn, known, reconciled, head(), here.scripts)
        for one in CRITERIA:
            if progress is not None:
                progress(one.subject)
            before = time.monotonic()
            cells = sight.cells[one.name] = _cells(one, sight)
            seconds = round(time.monotonic() - before, 3)
            for cell in cells:
                digest = statement_hash(cell.statement)
                statements[digest] = cell.statement
                rows.append(_row(one, cell, digest, str(now.snapshot), seconds))
    return Matrix(
        org=org.slug,
        started_at=datetime.now(UTC),
        seconds=round(time.monotonic() - began, 3),
        snapshot=str(now.snapshot),
        revision=now.revision,
        documents=here.version,
        rows=rows,
        statements=statements,
    )


def _cells(one: Criterion, sight: Sight) -> list[Cell]:
    """What a check found; one that fails to run says why, and the others go on."""
    try:
        with sight.conn.begin_nested():
            return list(one.look(sight))
    except DatabaseUnavailable:
        raise
    except (SyncError, DBAPIError) as error:
        reason = str(error) if isinstance(error, SyncError) else _without_values(str(error.orig).partition("\n")[0])
        return [Cell((None, None), "not_run", one.name, why=f"The check could not run: {reason}")]


def _row(one: Criterion, cell: Cell, digest: str, snapshot: str, seconds: float) -> MatrixRow:
    connection, entity = cell.place
    words = cell.why or (one.holds if cell.verdict == "pass" else one.recover)
    return MatrixRow(
        row=row_name(one.name, connection, entity),
        check=one.name,
        connection=connection,
        entity=entity,
        verdict=cell.verdict,
        expected=_text(cell.expected),
        found=_text(cell.found),
        ids=_texts(cell.ids),
        words=_said(words),
        statement=digest,
        snapshot=snapshot if cell.snapshot else None,
        seconds=seconds,
    )


def _text(value: object) -> str | None:
    return None if value is None else _said(str(value))


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(_said(str(one)) for one in values)[:MOST_IDS]


def _without_values(message: str) -> str:
    """What PostgreSQL says, without the values that it quotes: names have letters, digits and underscores alone."""
    return re.sub(r'"(?!\w+(?:\.\w+)*")[^"]*"|: "[^"]*"', ' "…"', message)


def _said(text: str) -> str:
    """Without secrets and e-mail addresses, on one line, not endless, with marks for what cannot be seen: a store's
    text may be in it.
    """
    return marked(_ADDRESS.sub("…@…", redact(" ".join(text.split()))))[:_LONGEST]
