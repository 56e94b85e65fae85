"""Validations that are kept: read again, red rows first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import NotFound
from sync_pipeline.exact_json import to_json
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.observe.validation.files import ValidationFiles
from sync_pipeline.steps.observe.validation.matrix import RED, VERDICTS, Matrix, MatrixRow, Verdict

SQL = load("sync_pipeline.steps.observe.validation", "stored.sql")


@dataclass(frozen=True, slots=True)
class Validation:
    """A validation that is kept. It is ok if no row failed and every one that applies was run; some may wait."""

    validation_id: int
    started_at: datetime
    seconds: float
    ok: bool
    counts: Annotated[Mapping[Verdict, int], Field(description="Rows by verdict.")]
    hash: Annotated[str, Field(description="SHA-256 of its manifest: a sign-off is bound to it.")]
    snapshot: str
    revision: str | None
    documents: Annotated[str, Field(description="The version of the documents: a SHA-256.")]
    requested_by: str


def keep(db: Database, org: Organization, matrix: Matrix, files: ValidationFiles, *, actor: str) -> Validation:
    """Keep a matrix with its evidence. Sign-offs that did not accept what is red now are outdated from here on."""
    rows = [{**asdict(row), "row_no": number} for number, row in enumerate(matrix.rows, 1)]
    with db.org(org.org_id) as conn:
        execute(conn, SQL["lock_validations"])
        number = int(
            execute(
                conn,
                SQL["keep_validation"],
                started_at=matrix.started_at,
                seconds=matrix.seconds,
                snapshot=matrix.snapshot,
                revision=matrix.revision,
                documents=matrix.documents,
                counts=to_json(matrix.counts),
                statements=to_json(matrix.statements),
                manifest=to_json(files.manifest),
                hash=files.hash,
                actor=actor,
            ).scalar_one()
        )
        execute(conn, SQL["keep_validation_rows"], validation=number, rows=to_json(rows))
        outdated = execute(conn, SQL["outdate_signoffs"], validation=number).scalars().all()
        journal.record(conn, "validation.done", actor=actor, validation=number, hash=files.hash, counts=matrix.counts)
        if outdated:
            journal.record(
                conn, "validation.signoffs_outdated", actor=actor, validation=number, signoffs=sorted(outdated)
            )
    return validation(db, org, number)


def validations(
    db: Database, org: Organization, *, page: int = 1, page_size: int = 50
) -> tuple[Sequence[Validation], int]:
    """A page of validations, newest first, and how many there are."""
    with db.org(org.org_id) as conn:
        rows = execute(conn, SQL["validations"], validation=None, limit=page_size, offset=(page - 1) * page_size).all()
        count = int(execute(conn, SQL["count_validations"]).scalar_one())
    return [_validation(row) for row in rows], count


def newest_validation(db: Database, org: Organization) -> Validation | None:
    """The last one; None if there was none."""
    found, _ = validations(db, org, page_size=1)
    return found[0] if found else None


def validation(db: Database, org: Organization, validation_id: int) -> Validation:
    """One validation.

    Raises:
        NotFound: no such validation.
    """
    with db.org(org.org_id) as conn:
        row = execute(conn, SQL["validations"], validation=validation_id, limit=1, offset=0).one_or_none()
    if row is None:
        raise NotFound(f"{org.slug} has no validation {validation_id}.")
    return _validation(row)


def matrix_rows(
    db: Database,
    org: Organization,
    validation_id: int,
    *,
    verdicts: Sequence[Verdict] = (),
    check: str | None = None,
    offset: int = 0,
    limit: int = 100,
) -> tuple[Sequence[MatrixRow], int]:
    """A validation's rows, red ones first, and how many there are of these verdicts (of all, if none is given)."""
    wanted: dict[str, Any] = {"validation": validation_id, "verdicts": list(verdicts) or None, "check": check}
    with db.org(org.org_id) as conn:
        rows = execute(conn, SQL["validation_rows"], **wanted, limit=limit, offset=offset).all()
        count = int(execute(conn, SQL["count_validation_rows"], **wanted).scalar_one())
    return [MatrixRow(**row._mapping) for row in rows], count


def statements_of(db: Database, org: Organization, validation_id: int) -> Mapping[str, str]:
    """The statements of a validation's rows by their SHA-256."""
    with db.org(org.org_id) as conn:
        found: Mapping[str, str] | None = execute(
            conn, SQL["validation_statements"], validation=validation_id
        ).scalar_one_or_none()
    return found or {}


def _validation(row: Any) -> Validation:
    values = dict(row._mapping)
    kept = values.pop("counts")
    counts = {verdict: int(kept.get(verdict, 0)) for verdict in VERDICTS}  # older ones counted no row that waits
    return Validation(**values, counts=counts, ok=not any(counts[one] for one in RED))
