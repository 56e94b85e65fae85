"""Sign-offs: a person's word that the newest matrix is good enough for a milestone; open rows are accepted by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import ConfigurationError, Conflict, Forbidden, NotFound
from sync_pipeline.exact_json import to_json
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.connect.party import Actor, party
from sync_pipeline.steps.observe.validation.matrix import OPEN
from sync_pipeline.steps.observe.validation.stored import SQL, Validation, matrix_rows, newest_validation

_MOST_OPEN = 10_000


@dataclass(frozen=True, slots=True)
class AcceptedRow:
    """A row that was red or waited, which a person accepted as it was found then, and why."""

    row: str
    why: str
    verdict: Literal["fail", "not_run", "waiting"]
    found: str | None


@dataclass(frozen=True, slots=True)
class Signoff:
    """A sign-off. It is outdated once a later validation finds something red or waiting that it did not accept."""

    signoff_id: int
    validation_id: int
    hash: Annotated[str, Field(description="Of the manifest that was signed.")]
    milestone: str
    note: str
    accepted: Annotated[Sequence[AcceptedRow], Field(description="Rows that were red or waited, each with the reason.")]
    signed_by: str
    via: Literal["explorer", "api", "command"]
    signed_at: datetime
    state: Literal["valid", "outdated"]
    outdated_at: datetime | None
    outdated_by: Annotated[int | None, Field(description="The validation that outdated it.")]


def sign_off(
    db: Database,
    org: Organization,
    matrix_hash: str,
    *,
    milestone: str,
    note: str,
    accept: Mapping[str, str],
    by: Actor,
) -> Signoff:
    """Sign the newest matrix off, which must have this hash. `accept`: the name of each row that is red or
    waits → why it is accepted.

    Raises:
        Forbidden: no person signs.
        NotFound: nothing was validated yet.
        Conflict: the newest matrix has another hash, or a row that is red or waits is not accepted.
        ConfigurationError: the milestone, the note or a reason is missing, or what is accepted is not open.
    """
    who = party(by)
    if not milestone.strip() or len(milestone) > 100 or not note.strip():
        raise ConfigurationError("A sign-off needs a milestone of at most 100 characters, and a note.")
    if missing := [name for name, why in accept.items() if not why.strip()]:
        raise ConfigurationError(f"Say why these rows are accepted: {', '.join(missing)}.")
    if not who.is_person or who.way not in ("explorer", "api", "command"):
        raise Forbidden(
            "A person signs off, logged in with a password or on the machine: an agent or a token without a person "
            f"does not. Open /ui/{org.slug}/validation there."
        )
    newest, accepted = _agreed(db, org, matrix_hash, accept)
    with db.org(org.org_id) as conn:
        execute(conn, SQL["lock_validations"])
        number = execute(
            conn,
            SQL["sign_off"],
            validation=newest.validation_id,
            hash=newest.hash,
            milestone=milestone.strip(),
            note=note.strip(),
            accepted=to_json(accepted),
            actor=who.name,
            via=who.way,
        ).scalar_one_or_none()
        if number is None:
            raise Conflict("A newer matrix was kept at this moment. Read it, then sign that.")
        journal.record(
            conn,
            "validation.signed_off",
            actor=who.name,
            signoff=number,
            validation=newest.validation_id,
            hash=newest.hash,
            milestone=milestone.strip(),
            accepted=len(accepted),
        )
    return _read(db, org, signoff=number)[0]


def _agreed(
    db: Database, org: Organization, matrix_hash: str, accept: Mapping[str, str]
) -> tuple[Validation, list[dict[str, Any]]]:
    """The newest validation, if it has this hash; and what is open in it as it is accepted, every row."""
    newest = newest_validation(db, org)
    if newest is None:
        raise NotFound(f"{org.slug} was not validated yet: `sync-pipeline validate {org.slug}`.")
    if matrix_hash != newest.hash:
        raise Conflict(
            f"The newest matrix, validation {newest.validation_id}, has the hash {newest.hash}. Read it, then sign "
            "that."
        )
    rows, count = matrix_rows(db, org, newest.validation_id, verdicts=OPEN, limit=_MOST_OPEN)
    if count > len(rows):
        raise Conflict(
            f"{count:,} rows are red or wait. Nobody accepts so many by name: correct what they have in common."
        )
    left_open = {row.row: row for row in rows}
    if unknown := sorted(accept.keys() - left_open.keys()):
        raise ConfigurationError(
            f"These rows are neither red nor waiting, so there is nothing to accept: {', '.join(unknown[:20])}."
        )
    if left := [name for name in left_open if name not in accept]:
        more = f" and {len(left) - 20} more" if len(left) > 20 else ""
        raise Conflict(
            f"These rows are red or wait, and are not accepted: {', '.join(left[:20])}{more}. Accept each, with a "
            "reason."
        )
    accepted = [
        {"row": name, "why": why.strip(), "verdict": left_open[name].verdict, "found": left_open[name].found}
        for name, why in accept.items()
    ]
    return newest, accepted


def signoffs(
    db: Database, org: Organization, *, validation_id: int | None = None, page: int = 1, page_size: int = 50
) -> tuple[Sequence[Signoff], int]:
    """A page of sign-offs, newest first, and how many there are."""
    found = _read(db, org, validation=validation_id, limit=page_size, offset=(page - 1) * page_size)
    with db.org(org.org_id) as conn:
        count = int(execute(conn, SQL["count_signoffs"], validation=validation_id).scalar_one())
    return found, count


def _read(db: Database, org: Organization, **wanted: Any) -> list[Signoff]:
    with db.org(org.org_id) as conn:
        rows = execute(
            conn, SQL["signoffs"], **{"signoff": None, "validation": None, "limit": 1, "offset": 0, **wanted}
        )
        return [_signoff(row) for row in rows]


def _signoff(row: Any) -> Signoff:
    values = dict(row._mapping)
    accepted = [AcceptedRow(**one) for one in values.pop("accepted")]
    return Signoff(**values, accepted=accepted, state="valid" if row.outdated_at is None else "outdated")
