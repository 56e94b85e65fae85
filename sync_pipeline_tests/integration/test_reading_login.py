"""The login of docs/core.md that only reads: core and reports of one organization, whatever it sets, nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from psycopg import errors
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import ProgrammingError

from sync_pipeline.config import PROJECT
from sync_pipeline.db.engine import Database, psycopg_url
from sync_pipeline.steps import connect
from sync_pipeline_tests.integration.promote_world import World, customer, order, product


def written(world: World) -> None:
    line = {"id": 1, "name": "x", "product_id": 1, "quantity": 1, "subtotal": "9", "total": "9"}
    world.apply(
        world.capture("product", product(1, sku="A")),
        world.capture("customer", customer(3, email="three@a.test")),
        world.capture("order", order(20, customer_id=3, total="9", line_items=[line])),
    )


@pytest.fixture
def reading(database: Database, owner_url: str) -> Iterator[Connection]:
    """A connection as the login of the first of two organizations that have the same in core."""
    orgs = [connect.add_organization(database, slug) for slug in ("acme", "globex")]
    for org in orgs:
        written(World(database, org.org_id))
    text = (PROJECT / "docs" / "core.md").read_text("utf-8")
    script = re.search(r"```sql\n(CREATE ROLE acme_reads.*?)```", text, re.DOTALL)
    assert script is not None
    role = f"reads_{uuid4().hex[:8]}"
    told = script[1].replace("acme_reads", role)
    told = told.replace("sync.org_id = '1'", f"sync.org_id = '{orgs[0].org_id}'")
    told = told.replace("(org_id = 1)", f"(org_id = {orgs[0].org_id})")
    url = psycopg_url(owner_url)
    owner, here = create_engine(url), create_engine(url.set(username=role, password="change me"))
    try:
        with owner.begin() as conn:
            conn.connection.cursor().execute(told)
        with here.connect() as conn:
            yield conn
    finally:
        here.dispose()
        with owner.begin() as conn:
            conn.exec_driver_sql(f"DROP OWNED BY {role}")
            conn.exec_driver_sql(f"DROP ROLE {role}")
        owner.dispose()


def rows(conn: Connection, table: str) -> int:
    return int(conn.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())


def test_it_reads_one_organization_whatever_it_sets(reading: Connection) -> None:
    orgs = set(reading.exec_driver_sql("SELECT org_id FROM core.products").scalars())
    assert len(orgs) == 1
    [here] = orgs
    views = reading.exec_driver_sql(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p', 'v') AND relnamespace IN "
        "('core'::regnamespace, 'report'::regnamespace)"
    ).scalars()
    assert [one for one in views if rows(reading, one) < 0] == [], "each can be read"
    assert rows(reading, "report.sales_by_day") == 1
    assert rows(reading, "report.stock_by_article") >= 0
    reading.rollback()
    for other in range(1, here + 5):
        reading.exec_driver_sql(f"SET sync.org_id = '{other}'")
        assert rows(reading, "core.products") == (other == here)
        assert rows(reading, "report.sales") == (other == here)
    reading.rollback()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE core.products SET name = 'x'",
        "DELETE FROM core.customers",
        "INSERT INTO core.products (org_id, name) VALUES (connect.current_org(), 'x')",
        "CREATE TABLE core.x ()",
        "CREATE TABLE public.x ()",
        "SELECT lo_create(0)",
        "SELECT lo_creat(-1)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT * FROM connect.integration_connector",
        "SELECT name, settings FROM connect.integration_connector",
        "SELECT * FROM promote.integration_mapping",
        "SELECT * FROM capture.sync_record",
        "SELECT * FROM connect.list_organizations()",
    ],
)
def test_it_writes_nothing_and_sees_nothing_else(reading: Connection, statement: str) -> None:
    with pytest.raises(ProgrammingError) as refused:
        reading.exec_driver_sql(statement)
    assert isinstance(refused.value.orig, errors.InsufficientPrivilege)
