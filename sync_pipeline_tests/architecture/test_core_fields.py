"""A field of a core table is in five places: entity, schema, migration, mapper, documents. A missing one is named."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import cast

import msgspec
import pytest
from sqlalchemy import NullPool, create_engine

from sync_pipeline.config import PROJECT
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.entities.base import Entity
from sync_pipeline.entities.core import HOUSEKEEPING, CoreTable, core_tables
from sync_pipeline_tests.databases import cloned, dump, opened_as_the_application

TABLES = list(core_tables().values())
GENERATED = {"sku_key", "email_key"}  # by the database, from the column that is matched
STEPS = ("entity", "schema", "mapper", "documents")


def without_column(table: CoreTable, schema: Iterable[str]) -> list[str]:
    """What the entity has and the table does not."""
    return [
        f"{table.entity.__name__} has the field {name}, and {table.name} no column for it: add it to sql/schema and to "
        "a migration (`make migration NAME=…`)."
        for name in sorted(set(table.all_columns) - set(schema))
    ]


def without_field(table: CoreTable, schema: Iterable[str]) -> list[str]:
    """What the table has and the entity does not."""
    return [
        f"{table.name} has the column {name}, and {table.entity.__name__} no field for it: add it to the entity."
        for name in sorted(set(schema) - set(table.all_columns) - HOUSEKEEPING - GENERATED)
    ]


def without_mapper(table: CoreTable, given: Mapping[str, set[str]]) -> list[str]:
    """What no mapper ever sets."""
    struct = table.row or table.entity
    own = [one for one in table.columns if one not in ("active", "metadata")]  # most have them without being told
    return [
        f"No mapper sets {struct.__name__}.{name}: give it a value in sync_pipeline/sources/*/mappers."
        for name in own
        if name not in given.get(struct.__name__, set())
    ]


def without_words(table: CoreTable, text: str) -> list[str]:
    """What docs/mapping.md does not mention."""
    return [
        f"docs/mapping.md does not say what {table.name}.{name} is."
        for name in table.all_columns
        if not re.search(rf"\b{name}\b", text)
    ]


def columns_of(database: Database) -> dict[str, set[str]]:
    with database.unscoped() as conn:
        found = conn.exec_driver_sql(
            "SELECT a.attrelid::regclass::text AS name, array_agg(a.attname::text) AS columns FROM pg_attribute a "
            "JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'core'::regnamespace AND c.relkind = 'r' "
            "AND a.attnum > 0 AND NOT a.attisdropped GROUP BY 1"
        )
        return {row.name: set(row.columns) for row in found}


def set_by_mappers() -> dict[str, set[str]]:
    """The fields that mappers give to entities: the keywords of every call of an entity's class in sources/."""
    names = {(table.row or table.entity).__name__ for table in TABLES} | {
        one.__name__ for table in TABLES for one in table.entity.__subclasses__()
    }
    given: dict[str, set[str]] = {name: set() for name in names}
    for file in (PROJECT / "sync_pipeline" / "sources").rglob("mappers/*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                given[node.func.id] |= {keyword.arg for keyword in node.keywords if keyword.arg}
    return given


WORDS = (PROJECT / "docs" / "mapping.md").read_text("utf-8")


@pytest.fixture(scope="module")
def given() -> dict[str, set[str]]:
    return set_by_mappers()


@pytest.fixture(scope="module")
def columns(server: EmbeddedPostgres) -> dict[str, set[str]]:
    """Those of the tables of core, as they are for all tests here."""
    with cloned(server) as url, opened_as_the_application(url) as database:
        return columns_of(database)


def test_every_field_is_everywhere(columns: dict[str, set[str]], given: dict[str, set[str]]) -> None:
    missing = [
        sentence
        for table in TABLES
        for sentence in (
            *without_column(table, columns[table.name]),
            *without_field(table, columns[table.name]),
            *without_mapper(table, given),
            *without_words(table, WORDS),
        )
    ]
    assert missing == []


def grown(table: CoreTable) -> CoreTable:
    """The table with one more field."""
    struct = table.row or table.entity
    more = msgspec.defstruct(
        struct.__name__,
        [("colour", str | None, None)],
        bases=(struct,),
        frozen=True,
        kw_only=True,
        module=struct.__module__,
    )
    return replace(table, row=more) if table.row else replace(table, entity=cast("type[Entity]", more))


@pytest.mark.parametrize("left_out", STEPS)
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.short)
def test_a_new_field_that_one_step_forgets_is_named(
    columns: dict[str, set[str]], given: dict[str, set[str]], table: CoreTable, left_out: str
) -> None:
    struct = (table.row or table.entity).__name__
    described = table if left_out == "entity" else grown(table)
    schema = columns[table.name] | (set() if left_out == "schema" else {"colour"})
    mapped = {**given, struct: given[struct] | (set() if left_out == "mapper" else {"colour"})}
    words = WORDS if left_out == "documents" else WORDS + "\n| colour | the same |"
    missing = [
        *without_column(described, schema),
        *without_field(described, schema),
        *without_mapper(described, mapped),
        *without_words(described, words),
    ]
    [named] = [one for one in missing if "colour" in one]  # what is missing now, `test_every_field_is_everywhere` says
    assert table.name in named or struct in named


@pytest.mark.parametrize("followed", [False, True], ids=["as it is", "where somebody followed it"])
def test_the_pair_of_the_guide_leads_back(owner_url: str, followed: bool) -> None:
    """CONTRIBUTING.md, “A new field of a core table”: `down.sql` is the step that one guesses.

    It is run under another name: who follows the guide to the letter has its column.
    """
    chapter = (PROJECT / "CONTRIBUTING.md").read_text("utf-8").partition("## A new field of a core table")[2]
    up, down = re.findall(r"```sql\n(.*?)```", chapter.partition("\n## ")[0], re.DOTALL)
    assert "purchase_note" in up
    engine = create_engine(owner_url, poolclass=NullPool)
    if followed:
        with engine.begin() as conn:
            conn.exec_driver_sql(up.replace("ADD COLUMN", "ADD COLUMN IF NOT EXISTS"))
    before = dump(owner_url)
    for script, left in ((up, None), (down, before)):
        with engine.begin() as conn:
            conn.exec_driver_sql(script.replace("purchase_note", "note_of_the_test"))
        after = dump(owner_url)
        assert (after == before) == (left is not None)


def test_a_column_that_the_migrations_forget_is_named(owner_url: str) -> None:
    """The schema is what the migrations add up to (test_database.py); here one column of each table is only in it."""
    before = dump(owner_url)
    engine = create_engine(owner_url, poolclass=NullPool)
    with engine.begin() as conn:
        for table in TABLES:
            conn.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN colour text")
    added = [line for line in dump(owner_url) if line not in before]
    assert len(added) >= len(TABLES)
    assert all("colour" in line for line in added)


def test_every_table_keeps_what_undo_needs(database: Database) -> None:
    """`CALL promote.keep_changes(…)` in the schema: without it undo would leave the table as it is."""
    with database.unscoped() as conn:
        kept = set(
            conn.exec_driver_sql(
                "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname IN ('log_insert', 'log_update', "
                "'log_delete') GROUP BY 1 HAVING count(*) = 3"
            ).scalars()
        )
    for table in TABLES:
        assert {table.name, *(pairs.name for _, pairs in table.pairs)} <= kept
