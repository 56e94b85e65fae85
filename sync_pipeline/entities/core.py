"""Describes a core table, once, beside its entity. Everything else follows from the description: the statements that
write it, the order of promotion, links, merging, undo, counts, checks and the asset graph.

The columns of a table are the fields of its entity, except those marked `To` (a reference: the column is the field's
name and `_id`), `Pairs` (a table of pairs) or `Elsewhere` (rows of another table, or not stored).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, cached_property
from importlib import import_module
from operator import attrgetter
from pkgutil import iter_modules
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

import sync_pipeline.entities as package
from sync_pipeline.entities.base import Entity, Ref

# Columns of every core table beside those of its entity. `active` may be one of those too.
HOUSEKEEPING = frozenset({"org_id", "id", "active", "deleted_at", "created_at", "updated_at", "queue_id"})
# Columns of a row that is a part of a record: the record that it comes from.
RECORD = ("connection_id", "entity_type", "external_id")


@dataclass(frozen=True, slots=True)
class To:
    """Marks a `Ref`: the column `<field>_id` refers to the row of this table that the named record became."""

    table: str


@dataclass(frozen=True, slots=True)
class Pairs:
    """Marks a list of `Ref`: rows of the table `name`, each a pair of this row and the row of a named record.

    `own` and `other` are its columns, `table` is the one that `other` refers to.
    """

    name: str
    own: str
    other: str
    table: str

    @property
    def short(self) -> str:
        """Its name without the schema."""
        return self.name.partition(".")[2]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Marks a field that is not a column: it becomes rows of `table`, or only affects how the row is written."""

    table: str | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """A column that refers to a row of `table`; `of` gives the record that an entity names."""

    column: str
    table: str
    of: Callable[[Any], Ref | None]


@dataclass(frozen=True)
class CoreTable:
    """A core table.

    `entity`: what its records become. `holds`: what it is, for people. `kinds`: the values of `Stream.entity` whose
    records go here. `match`: the column that makes two records one row, where its folded values are equal. `row`: the
    struct that has the columns, where rows are parts of records and not the records themselves. `figures`: columns
    computed from other records after the row is written; `metadata_figures`: keys of `metadata` that are. `keys`: texts
    with an index, besides `match`.
    `last`: promoted after all others. `personal`: columns that tell who or where a person is; in
    `metadata` that is what its payloads' streams call so.
    """

    name: str
    entity: type[Entity]
    holds: str
    kinds: tuple[str, ...] = ()
    match: str | None = None
    row: type[msgspec.Struct] | None = None
    figures: tuple[str, ...] = ()
    metadata_figures: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    last: bool = False
    personal: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """Its name without the schema."""
        return self.name.partition(".")[2]

    @property
    def stage(self) -> str:
        """The temporary table that rows are copied into."""
        return f"stage_{self.short}"

    @cached_property
    def indexed(self) -> tuple[str, ...]:
        """The texts that an index has: they cannot be of any length."""
        return (self.match, *self.keys) if self.match else self.keys

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that hold the fields of an entity, or of a row that is a part of one."""
        return tuple(name for name, _, marks in _fields(self.row or self.entity) if not marks)

    @cached_property
    def json(self) -> frozenset[str]:
        """The columns that are jsonb: fields that are lists or objects."""
        return frozenset(name for name, kind, marks in _fields(self.row or self.entity) if not marks and _is_json(kind))

    @cached_property
    def values(self) -> Callable[[Any], tuple[Any, ...]]:
        """The values of an entity (or row) in the order of `columns`; those of JSON columns as Python values."""
        return attrgetter(*self.columns)

    @cached_property
    def json_places(self) -> tuple[int, ...]:
        """The positions in `columns` of those that are jsonb."""
        return tuple(place for place, column in enumerate(self.columns) if column in self.json)

    @cached_property
    def amounts(self) -> tuple[str, ...]:
        """The columns of money: decimal numbers that count nothing, and the currency they are in."""
        kinds = {name: {kind, *get_args(kind)} for name, kind, marks in _fields(self.row or self.entity) if not marks}
        return tuple(
            name for name in self.columns if name == "currency" or (Decimal in kinds[name] and name != "quantity")
        )

    @cached_property
    def currency_place(self) -> int | None:
        """The place in `columns` of the currency that the amounts are in."""
        return self.columns.index("currency") if "currency" in self.columns else None

    @cached_property
    def relations(self) -> tuple[Relation, ...]:
        """The columns that refer to rows of core tables."""
        structs = (self.entity, self.row) if self.row is not None else (self.entity,)
        return tuple(
            Relation(f"{name}_id", mark.table, attrgetter(name))
            for struct in structs
            for name, _, marks in _fields(struct)
            for mark in marks
            if isinstance(mark, To)
        )

    @cached_property
    def pairs(self) -> tuple[tuple[str, Pairs], ...]:
        """The fields that are tables of pairs."""
        return tuple(
            (name, mark) for name, _, marks in _fields(self.entity) for mark in marks if isinstance(mark, Pairs)
        )

    @cached_property
    def others(self) -> frozenset[str]:
        """The further tables that its records write: children, guests."""
        return frozenset(
            mark.table
            for _, _, marks in _fields(self.entity)
            for mark in marks
            if isinstance(mark, Elsewhere) and mark.table
        )

    @cached_property
    def all_columns(self) -> tuple[str, ...]:
        """All columns but the housekeeping."""
        relations = tuple(relation.column for relation in self.relations)
        record = RECORD if self.row is not None else ()
        return (*relations, *record, *self.columns, *self._metadata, *self.figures)

    @property
    def _metadata(self) -> tuple[str, ...]:
        return () if "metadata" in self.columns else ("metadata",)


@cache
def _fields(struct: type[msgspec.Struct]) -> Sequence[tuple[str, Any, tuple[Any, ...]]]:
    """The fields of a struct: name, type, marks. The warnings of an entity are for the operator, not for core."""
    hints = get_type_hints(struct, include_extras=True)
    found = []
    for one in msgspec.structs.fields(struct):
        hint = hints[one.name]
        marks: tuple[Any, ...] = ()
        if get_origin(hint) is Annotated:
            hint, *rest = get_args(hint)
            marks = tuple(mark for mark in rest if isinstance(mark, To | Pairs | Elsewhere))
        if one.name != "warnings":
            found.append((one.name, hint, marks))
    return found


@cache
def child_fields(entity: type[Entity]) -> Mapping[str, str]:
    """Fields that refer to a row (customer: customer_id), or become rows of another table: its short name."""
    found: dict[str, str] = {}
    table = table_of(entity)
    for name, _, marks in _fields(entity):
        for mark in marks:
            if isinstance(mark, To):
                found[name] = f"{name}_id"
            elif isinstance(mark, Pairs):
                found[name] = mark.short
            elif mark.table:
                found[name] = table.short if table.row is not None else mark.table.partition(".")[2]
    return found


def _is_json(kind: Any) -> bool:
    options = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return any(get_origin(one) in (dict, list, tuple, Sequence, Mapping) for one in options)


@cache
def core_tables() -> Mapping[str, CoreTable]:
    """All core tables by name, those that others refer to first.

    A module of this package describes its own as `TABLE`.
    """
    modules = (import_module(f"{package.__name__}.{one.name}") for one in iter_modules(package.__path__))
    found = {module.TABLE.name: module.TABLE for module in modules if hasattr(module, "TABLE")}
    ordered: dict[str, CoreTable] = {}
    while len(ordered) < len(found):
        free = [
            table
            for name, table in sorted(found.items())
            if name not in ordered and _needs(table) - {name} <= ordered.keys()
        ]
        table = next((one for one in free if not one.last), free[0])
        ordered[table.name] = table
    return ordered


def _needs(table: CoreTable) -> set[str]:
    return {one.table for one in table.relations} | {pairs.table for _, pairs in table.pairs}


@cache
def undo_order() -> Sequence[str]:
    """Every table in core, tables of pairs too; those that others refer to first."""
    return [name for table in core_tables().values() for name in (table.name, *(p.name for _, p in table.pairs))]


@cache
def table_of(entity: type[Entity]) -> CoreTable:
    """The core table that entities of a class go to."""
    return next(table for base in entity.__mro__ for table in core_tables().values() if table.entity is base)


@cache
def tables_of(kind: str | None) -> Sequence[CoreTable]:
    """The core tables that records of a kind (`Stream.entity`) write; what has no kind is reference data."""
    tables = core_tables()
    here = [table for table in tables.values() if kind in table.kinds] or [one for one in tables.values() if one.last]
    names = {name for table in here for name in (table.name, *table.others)}
    return [table for table in tables.values() if table.name in names]


@cache
def stage_of(kind: str | None) -> int:
    """The stage of promotion of a kind's records: a stage begins when the one before has no open line."""
    order = list(core_tables().values())
    return min(order.index(table) for table in tables_of(kind) if kind in table.kinds or table.last) + 1


def referring(table: str) -> Sequence[tuple[CoreTable, str]]:
    """The tables and columns that refer to rows of `table`."""
    return [
        (one, relation.column)
        for one in core_tables().values()
        for relation in one.relations
        if relation.table == table
    ]
