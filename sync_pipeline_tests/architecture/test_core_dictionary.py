"""docs/core.md says what every column is, in what it counts, and where it comes from; and it says what is so."""

from __future__ import annotations

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
from sync_pipeline_tests.seeded import promoted_stores

# Fields that a mapper declares and the seeded stores' records never have, and why.
NOT_TRIED = {
    ("odoo", "orders"): {"invoice_ids", "order_line"},  # not among the captured fields (sources/odoo/fields.py)
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
            reads = set(getattr(stream.to_entity, "reads", ())) if stream.entity else set()
            if reads:
                paths = {path for by in found.values() for path in by.get(provider, {}).get(stream.name, ())}
                silent = reads - {path.partition(".")[0] for path in paths}
                assert silent == NOT_TRIED.get((provider, stream.name), set()), (provider, stream.name)


def test_a_trial_finds_what_a_mapper_does(found: Origins) -> None:
    assert found["core.customers", "email"]["woocommerce"]["customers"] == {"email", "billing.email"}
    assert found["core.products", "sku"]["odoo"]["products"] == {"default_code"}
    assert found["core.sales_orders", "currency"]["odoo"]["orders"] >= {"currency_id", "currency_id.name"}
    assert "stock_quantity" in found["core.inventory_items", "quantity"]["woocommerce"]["products"]
    assert ("core.customers", "lifetime_value") not in found
