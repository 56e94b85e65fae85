"""Checks that compare more than one snapshot shows: the stores' ids with what is captured, core with its mappers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sync_pipeline.entities.core import core_tables
from sync_pipeline.steps.observe.status import SQL as STATUS
from sync_pipeline.steps.observe.validation.matrix import MOST_IDS, Verdict
from sync_pipeline.steps.observe.validation.sight import NOTHING_PROMOTED, Cell, Place, Sight
from sync_pipeline.steps.promote import CoreCheck, Difference
from sync_pipeline.steps.promote.core_check import SQL as CORE
from sync_pipeline.steps.promote.trial import SQL as TRIAL

_STORE = f"Every id that the store lists now, against:\n{STATUS['present_ids']}"
_CORE = ";\n\n".join((CORE["lines_again"], CORE["versions_again"], TRIAL["rows_that_differ"]))
_CORE = f"Promotes every record again and rolls back:\n{_CORE}"


class Explained(NamedTuple):
    """Columns whose difference another check reports, where it is red: {table: columns}."""

    check: str
    columns: Mapping[str, frozenset[str]]


def stores(sight: Sight) -> Iterator[Cell]:
    """The ids of the stores are those that are captured. A store that could not be listed was not compared."""
    for one in sight.reconciled:
        place = (one.connection, one.entity)
        if one.store is None:
            why = f"The store could not be listed: {one.error}"
            yield Cell(place, "not_run", _STORE, found=one.captured, why=why, snapshot=False)
            continue
        wrong = [f"missing {i}" for i in one.examples.get("missing", ())]
        wrong += [f"not in the store {i}" for i in one.examples.get("extra", ())]
        verdict: Verdict = "fail" if one.missing or one.extra else "pass"
        yield Cell(place, verdict, _STORE, one.store, one.captured, tuple(wrong[:MOST_IDS]), snapshot=False)


def core(found: CoreCheck, explained: tuple[Explained, ...], sight: Sight) -> Iterator[Cell]:
    """Core is what its promoted versions make it. Differences that another red row reports are that row's."""
    red = {check: [cell for cell in cells if cell.verdict == "fail"] for check, cells in sight.cells.items()}
    names = {one.connection_id: one.name for one in sight.connections}
    wrong: dict[Place, list[str]] = defaultdict(list)
    numbers: Counter[Place] = Counter()
    for one in found.differences:
        if any(_explains(each, red.get(each.check, []), one, names) for each in explained):
            continue
        place = _place(one, sight)
        numbers[place] += 1
        wrong[place].append(f"{one.table} {one.row} {one.field}".rstrip())
    for connection, stream in sight.places:
        key, place = (connection.connection_id, stream.entity_type), (connection.name, stream.name)
        compared, older = found.compared[key], found.left_out[key]
        if number := numbers.pop(place, 0):
            yield _cell(place, number, wrong[place])
        elif older:
            why = (
                f"{older:,} records were mapped by an older mapper and could not be compared. Map them again: "
                "`sync-pipeline plan ORG --remap`, then apply."
            )
            yield Cell(place, "not_run", _CORE, older + compared, compared, why=why, snapshot=False)
        elif compared:
            yield Cell(place, "pass", _CORE, compared, compared, snapshot=False)
        else:
            yield Cell(place, "not_applicable", _CORE, why=NOTHING_PROMOTED, snapshot=False)
    for place, number in numbers.items():
        yield _cell(place, number, wrong[place])
    if (rest := found.count - len(found.differences)) > 0:
        yield _cell((None, None), rest, [])


def _cell(place: Place, number: int, wrong: list[str]) -> Cell:
    return Cell(place, "fail", _CORE, 0, number, tuple(wrong[:MOST_IDS]), snapshot=False)


def _place(one: Difference, sight: Sight) -> Place:
    """The entity of the first record behind a row; the table where no record is."""
    if one.behind:
        connection_id, entity_type, _ = one.behind[0]
        for connection in sight.connections:
            if connection.connection_id == connection_id:
                return connection.name, connection.source.stream(entity_type).name
    table = core_tables().get(one.table)
    return None, table.short if table else one.table


def _explains(each: Explained, cells: list[Cell], one: Difference, names: Mapping[int, str]) -> bool:
    columns = each.columns.get(one.table, each.columns.get("*", frozenset()))
    behind = {names.get(key[0]) for key in one.behind}
    return one.field in columns and any(cell.place[0] is None or cell.place[0] in behind for cell in cells)
