"""The matrix: what each check found, place by place, with its evidence."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

Verdict = Literal["pass", "waiting", "fail", "not_run", "not_applicable"]
VERDICTS: tuple[Verdict, ...] = ("fail", "not_run", "waiting", "pass", "not_applicable")  # red first, then yellow
RED: tuple[Verdict, ...] = ("fail", "not_run")
OPEN: tuple[Verdict, ...] = (*RED, "waiting")  # what a sign-off accepts by name
MOST_IDS = 20


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """What a check found at one place: an entity of a connection, a core table (`entity` alone), or the organization.

    `row` names it: `check/connection/entity`, without the parts that it has not.
    """

    row: Annotated[str, Field(description="Its name, which a sign-off accepts it by.", examples=["totals/shop/orders"])]
    check: str
    connection: str | None
    entity: str | None
    verdict: Annotated[Verdict, Field(description="Red: fail, not_run. Yellow: waiting, for a person.")]
    expected: str | None
    found: str | None
    ids: Annotated[Sequence[str], Field(description="At most 20 of those that are wrong.")]
    words: Annotated[str, Field(description="What holds, or what is wrong and what to do.")]
    statement: Annotated[str, Field(description="SHA-256 of the statement that found it.")]
    snapshot: Annotated[str | None, Field(description="The snapshot it was read in; none: transactions of its own.")]
    seconds: Annotated[float, Field(description="Of the statement, which may answer for several rows.")]

    @property
    def red(self) -> bool:
        """Is something wrong, or was it not looked at?"""
        return self.verdict in RED

    @property
    def open(self) -> bool:
        """Is it red, or does it wait for a person? A sign-off accepts it by name."""
        return self.verdict in OPEN


@dataclass(frozen=True, slots=True)
class Matrix:
    """Every row of one validation. `statements`: hash → text. `documents`: the version of the documents."""

    org: str
    started_at: datetime
    seconds: float
    snapshot: str
    revision: str | None
    documents: str
    rows: Sequence[MatrixRow]
    statements: Mapping[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many rows have each verdict."""
        return counts(row.verdict for row in self.rows)

    @property
    def ok(self) -> bool:
        """True if no row is red."""
        return not any(row.red for row in self.rows)


def counts(verdicts: Iterable[Verdict]) -> dict[Verdict, int]:
    """How many of each there are, red ones first."""
    found = Counter(verdicts)
    return {verdict: found[verdict] for verdict in VERDICTS}


def row_name(check: str, connection: str | None, entity: str | None) -> str:
    """The name of a row."""
    return "/".join(part for part in (check, connection, entity) if part)


def statement_hash(statement: str) -> str:
    """SHA-256 of a statement, as hexadecimal digits."""
    return hashlib.sha256(statement.encode()).hexdigest()


def red_first(rows: Sequence[MatrixRow]) -> list[MatrixRow]:
    """Failed rows, those that were not run, those that wait, then the others; else in the order of the matrix."""
    return sorted(rows, key=lambda row: VERDICTS.index(row.verdict))
