"""Core compared with the payloads themselves: columns that a stream declares as copied, without its mapper.

The same comparison for totals, times, currencies, stock, units and companies; each is a check of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sync_pipeline.db.queries import execute
from sync_pipeline.entities.core import CoreTable, tables_of
from sync_pipeline.exact_json import to_json
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.observe.validation.sight import NOTHING_PROMOTED, SQL, Cell, Sight

# How a column and a payload's value are compared, as SQL over `core` and `raw`, both of them text. Numbers are equal to
# twelve digits, which a store's floating point numbers have: not one cent is passed over below ten thousand millions.
_NUMBER = (
    "CASE WHEN pg_input_is_valid(s.raw, 'numeric') THEN p.core IS NULL OR abs(p.core::numeric - s.raw::numeric) > "
    "greatest(0.00000001, 0.000000000001 * abs(s.raw::numeric)) ELSE false END"
)
_MOMENT = (
    "CASE WHEN s.raw ~ '^(19|[2-9][0-9])[0-9]{2}-' AND pg_input_is_valid(s.raw, 'timestamptz') "
    "THEN p.core::timestamptz IS DISTINCT FROM s.raw::timestamptz ELSE false END"
)
_WORD = "s.raw IS NOT NULL AND upper(btrim(s.raw)) IS DISTINCT FROM upper(btrim(p.core))"
_NAMED = (
    "s.raw IS NOT NULL AND NOT EXISTS (SELECT 1 FROM capture.sync_record_version AS v "
    "WHERE v.org_id = connect.current_org() AND v.connection_id = p.connection_id AND v.entity_type = p.named_type "
    "AND v.external_id = s.raw COLLATE \"C\" AND v.sync_data #>> string_to_array(p.named_field, '.') = p.core)"
)
_SUMS = (
    "trim_scale(sum(raw::numeric) FILTER (WHERE pg_input_is_valid(raw, 'numeric')))::text AS expected, "
    "trim_scale(sum(core::numeric) FILTER (WHERE pg_input_is_valid(raw, 'numeric')))::text AS actual,"
)
_NUMBERS = frozenset({"total", "tax_total", "quantity"})


class CopiedColumn(NamedTuple):
    """A column of a core table that streams declare as copied."""

    table: CoreTable
    column: str
    named: bool  # another record has the value


def copied_column(stream: Stream, column: str) -> CopiedColumn:
    """One of the stream's copied columns: of its own table, else of that of its parts."""
    own = [one for one in tables_of(stream.entity) if stream.entity in one.kinds]
    others = [one for one in tables_of(stream.entity) if one not in own]
    name = column.partition(".")[0]
    table = next(one for one in (*own, *others) if name in one.all_columns)
    return CopiedColumn(table, column, ">" in stream.copied[column])


def _declared(columns: Sequence[str], sight: Sight) -> Mapping[CopiedColumn, list[dict[str, Any]]]:
    """What each connection's streams declare of these columns, by table and column."""
    found: dict[CopiedColumn, list[dict[str, Any]]] = defaultdict(list)
    for one, stream in sight.places:
        for column in columns:
            if (path := stream.copied.get(column)) is None:
                continue
            paths, _, other = path.partition(">")
            named_type, _, named_field = other.partition(".")
            found[copied_column(stream, column)].append(
                {
                    "connection_id": one.connection_id,
                    "entity_type": stream.entity_type,
                    "paths": paths.split("|"),
                    "named_type": named_type,
                    "named_field": named_field,
                }
            )
    return found


def copied_statement(of: CopiedColumn) -> str:
    """The statement that compares one column."""
    column, _, key = of.column.partition(".")
    part = of.table.row is not None
    joined = (
        "t.connection_id = m.connection_id AND t.entity_type = m.entity_type AND t.external_id = m.external_id"
        if part
        else f"t.id = m.internal_id AND m.core_table = '{of.table.name}'"
    )
    differs = _WORD
    if of.named:
        differs = _NAMED
    elif of.column in _NUMBERS:
        differs = _NUMBER
    elif of.column.endswith("_at"):
        differs = _MOMENT
    filled = {
        "{value}": f"t.{column} ->> '{key}'" if key else f"t.{column}::text",
        "{table}": of.table.name,
        "{joined}": joined,
        "{only}": "t.manage_stock" if of.column == "quantity" and "manage_stock" in of.table.columns else "true",
        "{differs}": differs,
        "{sums}": _SUMS if of.column in _NUMBERS else "",
    }
    statement = SQL["copied_values"]
    for name, sql in filled.items():
        statement = statement.replace(name, sql)
    return statement


def as_captured(columns: Sequence[str], sight: Sight) -> Iterator[Cell]:
    """Compare these columns; a cell for each entity. One that declares several is as bad as the worst of them."""
    cells: dict[tuple[str | None, str | None], Cell] = {}
    missing = "The payload of no entity has it as core does."
    for of, declared in _declared(columns, sight).items():
        statement = copied_statement(of)
        rows = execute(sight.conn, statement, declared=to_json(declared)).all()
        here = {(one["connection_id"], one["entity_type"]) for one in declared}
        places = [at for at in sight.places if (at[0].connection_id, at[1].entity_type) in here]
        for cell in sight.at_entities(statement, rows, NOTHING_PROMOTED, places):
            known = cells.get(cell.place)
            if known is None or known.verdict == "not_applicable" or (known.verdict, cell.verdict) == ("pass", "fail"):
                cells[cell.place] = cell
    for one, stream in sight.places:
        place = (one.name, stream.name)
        yield cells.get(place) or Cell(place, "not_applicable", SQL["copied_values"], why=missing)
