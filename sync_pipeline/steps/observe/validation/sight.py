"""What the checks of a matrix look at, and what they say: one snapshot of an organization's data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import Connection as Transaction

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection, Organization
from sync_pipeline.steps.observe.reconciled import EntityReconciliation
from sync_pipeline.steps.observe.validation.matrix import Verdict

SQL = load("sync_pipeline.steps.observe.validation", "matrix.sql")
Place = tuple[str | None, str | None]  # connection, and entity (or core table); none: the organization
NOTHING_CAPTURED = "Nothing of it was captured."
NOTHING_PROMOTED = "Nothing of it is in core."


@dataclass(frozen=True, slots=True)
class Cell:
    """What a check found at a place. `why` stands for the check's own words."""

    place: Place
    verdict: Verdict
    statement: str
    expected: Any = None
    found: Any = None
    ids: Sequence[str] = ()
    why: str | None = None
    snapshot: bool = True  # read in the matrix's snapshot


@dataclass
class Sight:
    """The snapshot, and what is in it. `cells` are those that earlier checks have found."""

    db: Database
    settings: Settings
    org: Organization
    conn: Transaction
    connections: Sequence[Connection]
    reconciled: Sequence[EntityReconciliation]
    head: str
    scripts: Mapping[str, str]  # the acceptance scripts of this version: name → hash
    cells: dict[str, list[Cell]] = field(default_factory=dict)

    @property
    def places(self) -> Iterator[tuple[Connection, Stream]]:
        """Every entity of every connection."""
        return ((one, stream) for one in self.connections for stream in one.source.streams.values())

    @cached_property
    def pulled(self) -> frozenset[tuple[int, str]]:
        """The entities that were pulled, by connection and entity type."""
        return frozenset((row.connection_id, row.entity_type) for row in execute(self.conn, SQL["pulled_entities"]))

    @cached_property
    def records(self) -> Mapping[Place, int]:
        """How many records each entity has, with those in quarantine; 0 of others."""
        counted = {
            (row.connection_id, row.entity_type): row.records for row in execute(self.conn, SQL["records_by_entity"])
        }
        found: defaultdict[Place, int] = defaultdict(int)
        for one, stream in self.places:
            found[one.name, stream.name] = counted.get((one.connection_id, stream.entity_type), 0)
        return found

    @cached_property
    def captured(self) -> frozenset[tuple[int, str]]:
        """The entities of which something was captured, or a pull found nothing."""
        rows = execute(self.conn, SQL["captured_entities"])
        return self.pulled | {(row.connection_id, row.entity_type) for row in rows}

    def at_entities(
        self,
        statement: str,
        rows: Iterable[Any],
        without: str,
        streams: Iterable[tuple[Connection, Stream]] | None = None,
    ) -> Iterator[Cell]:
        """A cell for each entity, from rows with connection_id, entity_type, looked, found and ids; perhaps also with
        expected and actual. An entity without a row does not have what is checked (`without` says so).
        """
        known = {(row.connection_id, row.entity_type): row for row in rows}
        for one, stream in self.places if streams is None else streams:
            row = known.get((one.connection_id, stream.entity_type))
            place = (one.name, stream.name)
            if row is None or not row.looked:
                yield Cell(place, "not_applicable", statement, why=without)
                continue
            values = row._mapping
            yield Cell(
                place,
                "fail" if row.found else "pass",
                statement,
                values.get("expected", row.looked),
                values.get("actual", row.looked - row.found),
                tuple(row.ids or ()) if row.found else (),
            )
        names = {one.connection_id: one.name for one in self.connections}
        streams_known = {(one.connection_id, stream.entity_type) for one, stream in self.places}
        for key, row in known.items():
            # An entity that this version does not know is red all the same.
            if row.found and key[0] in names and key not in streams_known:
                place = (names[key[0]], key[1])
                yield Cell(place, "fail", statement, row.looked, row.looked - row.found, tuple(row.ids or ()))
