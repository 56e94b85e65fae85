"""Acceptance scripts (docs/uat) that somebody carried out: whether the script passed, on which text of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import ConfigurationError, Forbidden, NotFound
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.connect.party import Actor, party
from sync_pipeline.steps.observe.validation.documents import documents_version
from sync_pipeline.steps.observe.validation.stored import SQL


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A script that was carried out. `script_hash` is the SHA-256 of its text; `failed_step` is None if it passed."""

    acceptance_id: int
    script: str
    script_hash: str
    passed: bool
    failed_step: int | None
    note: str | None
    done_by: str
    done_at: datetime


def record_acceptance(
    db: Database,
    org: Organization,
    script: str,
    *,
    failed_step: int | None = None,
    note: str | None = None,
    script_hash: str | None = None,
    by: Actor,
) -> Acceptance:
    """Record that a script was carried out. Its row in the next matrix follows from it.

    `failed_step` is the number of the step that did not do what it says. `script_hash`: of the text that was carried
    out; without it, of the script as it is in this version.

    Raises:
        NotFound: no such script; lists those there are.
        ConfigurationError: steps count from 1.
        Forbidden: an agent did.
    """
    known, who = documents_version().scripts, party(by)
    if script not in known:
        raise NotFound(f"There is no acceptance script “{script}”. There are: {', '.join(known)}.")
    if failed_step is not None and failed_step < 1:
        raise ConfigurationError("Steps count from 1.")
    if who.is_agent:
        raise Forbidden("Operators carry acceptance scripts out, not agents.")
    given = {"script": script, "hash": script_hash or known[script], "failed_step": failed_step, "note": note}
    with db.org(org.org_id) as conn:
        row = execute(conn, SQL["record_acceptance"], **given, actor=who.name).one()
        journal.record(
            conn, "acceptance.recorded", actor=who.name, script=script, passed=row.passed, failed_step=failed_step
        )
    return Acceptance(**row._mapping)


def acceptances(db: Database, org: Organization, *, limit: int = 50) -> Sequence[Acceptance]:
    """The newest runs of scripts."""
    with db.org(org.org_id) as conn:
        return [Acceptance(**row._mapping) for row in execute(conn, SQL["acceptances"], limit=limit)]
