"""docs/core.md says what every column is, in what it counts, and where it comes from; and it says what is so."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.defs.columns import FILE
from sync_pipeline.entities.core import undo_order
from sync_pipeline.sources.base import all_sources
from sync_pipeline.steps import connect
from sync_pipeline_tests import dictionary
from sync_pipeline_tests.databases import Template, cloned, opened_as_the_application
from sync_pipeline_tests.origins import Origins, origins
from sync_pipeline_tests.reading import fields_read, looked_up, needed
from sync_pipeline_tests.seeded import promoted_stores

# Fields that are read where a store has them, and that the seeded stores, as the newest versions, do not have.
ELSEWHERE = {
    ("odoo", "customers"): {"mobile": "before Odoo 19"},
    ("odoo", "order_lines"): {
        "product_uom": "before Odoo 18.2",
        "tax_id": "before Odoo 18.2",
        "is_reward_line": "stored before Odoo 16; computed from reward_id since",
    },
    ("odoo", "products"): {"description_ecommerce": "where there is a web shop (website_sale)"},
    ("woocommerce", "customers"): {"display_name": "plugins push it; the API has none"},
}


@pytest.fixture(scope="module")
def template(server: EmbeddedPostgres) -> Iterator[Template]:
    with promoted_stores(server) as made:
        yield made


@pytest.fixture(scope="module")
def found(server: EmbeddedPostgres, template: Template) -> Origins:
    """The trial of all mappers: it takes seconds."""
    with (
        cloned(server, template) as url,
        opened_as_the_application(url) as db,
        db.org(connect.organization(db, "acme").org_id) as opened,
    ):
        return origins(opened)


@pytest.fixture
def conn(database: Database) -> Iterator[Connection]:
    with database.org(connect.organization(database, "acme").org_id) as opened:
        yield opened


def test_the_page_is_what_is_so(conn: Connection, found: Origins) -> None:
    assert dictionary.page(conn, found) == dictionary.PAGE.read_text("utf-8"), (
        "run `make dictionary`, and read the difference"
    )
    assert dictionary.data(conn, found) == FILE.read_text("utf-8"), "run `make dictionary`, and read the difference"


def test_every_column_that_cannot_be_empty_says_so(conn: Connection) -> None:
    said: dict[str, set[str]] = {}
    for part in dictionary.PAGE.read_text("utf-8").split("\n### core.")[1:]:
        said[part.partition("\n")[0]] = set(re.findall(r"(?m)^\| (\w+) \| [^|]*, never empty \|", part))
    needed = conn.exec_driver_sql(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'core' "
        "AND is_nullable = 'NO'"
    )
    assert [one for one in needed if one.column_name not in said[one.table_name]] == []


@pytest.mark.parametrize("schema", ["core", "report"])
def test_every_column_says_what_it_is_and_what_it_counts(conn: Connection, schema: str) -> None:
    described = dictionary.columns(conn, schema)
    shown = {name: rows for name, rows in described.items() if name not in ("sold_order", "copied_order")}
    assert len(shown) >= 6
    without = [
        f"COMMENT ON COLUMN {schema}.{table}.{row.name} is missing, or has no “Unit: …” though it is a number"
        for table, rows in shown.items()
        for row in rows
        if not row.words or (row.needs_unit and not row.unit)
    ]
    assert without == []
    assert all(rows[0].table_said for rows in described.values()), "a table or view has no comment"


def test_every_column_comes_from_somewhere(conn: Connection, found: Origins) -> None:
    described = dictionary.columns(conn, "core")
    nowhere = [
        f"{table}.{row.name}"
        for table in undo_order()
        for row in described[table.partition(".")[2]]
        if not (
            dictionary.computed(table, row)
            or (table, row.name) in found
            or (table, row.name) in dictionary.ADDED
            or row.name in ("active", "metadata")  # what most mappers leave as it is
        )
    ]
    assert nowhere == []


def test_every_field_that_a_mapper_reads_has_an_effect(found: Origins) -> None:
    """Else the trial has no sample in which it matters, and the page would leave it out."""
    for provider, source in all_sources().items():
        for stream in source.streams.values():
            mapper = stream.to_entity
            reads = {*getattr(mapper, "reads", ()), *looked_up(mapper)} if stream.entity else set()
            if reads:
                paths = {path for by in found.values() for path in by.get(provider, {}).get(stream.name, ())}
                silent = reads - {path.partition(".")[0] for path in paths}
                assert silent == set(), (provider, stream.name)


def test_what_mappers_and_streams_read_is_captured(conn: Connection) -> None:
    """By a real pull of every stream. What capture leaves out would be empty for ever, and nothing would say so."""
    lacking: dict[tuple[str, str], dict[str, set[str]]] = {}
    for provider, source in all_sources().items():
        # One mapper serves all reference data, and what others do not map: it reads what only some records have.
        lax = {
            one for stream in source.streams.values() if stream.entity is None for one in fields_read(stream.to_entity)
        }
        for name, paths in needed(source).items():
            stream = source.stream(name)
            fields, left_out = _captured(conn, provider, stream.entity_type)
            known = fields | (lax - left_out - set(getattr(stream.to_entity, "reads", ())))
            wanted = {path.partition(".")[0]: who for path, who in paths.items()}
            lacking[provider, name] = {one: who for one, who in wanted.items() if one not in known}
    assert {place: fields for place, fields in lacking.items() if set(fields) != set(ELSEWHERE.get(place, ()))} == {}


def _captured(conn: Connection, provider: str, entity_type: str) -> tuple[set[str], set[str]]:
    """The fields that captured payloads have, and those that the store has and the run left out."""
    here = {"p": provider, "t": entity_type}
    fields = set(
        conn.exec_driver_sql(
            "SELECT DISTINCT jsonb_object_keys(sync_data) FROM capture.sync_record "
            "WHERE org_id = connect.current_org() AND provider = %(p)s AND entity_type = %(t)s",
            here,
        ).scalars()
    )
    assert fields, (
        f"The seeded {provider} store has no {entity_type}: give it some, in sandbox/{provider} (CONTRIBUTING, “A new "
        "stream”)."
    )
    left_out = conn.exec_driver_sql(
        "SELECT DISTINCT jsonb_array_elements_text(f.value) FROM capture.sync_ledger AS l "
        "JOIN connect.integration_connector AS c ON c.org_id = l.org_id AND c.connection_id = l.connection_id "
        "CROSS JOIN jsonb_each(coalesce(l.detail -> 'left_out', '{}')) AS f "
        "WHERE l.org_id = connect.current_org() AND c.provider = %(p)s AND l.entity_type = %(t)s",
        here,
    )
    return fields, set(left_out.scalars())


def test_a_trial_finds_what_a_mapper_does(found: Origins) -> None:
    assert found["core.customers", "email"]["woocommerce"]["customers"] == {"email", "billing.email"}
    assert found["core.products", "sku"]["odoo"]["products"] == {"default_code"}
    assert found["core.sales_orders", "currency"]["odoo"]["orders"] >= {"currency_id", "currency_id.name"}
    assert "stock_quantity" in found["core.inventory_items", "quantity"]["woocommerce"]["products"]
    assert ("core.customers", "lifetime_value") not in found
