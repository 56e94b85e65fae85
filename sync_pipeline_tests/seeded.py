"""Core of two seeded stores, a WooCommerce and an Odoo, captured and promoted once for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import make_url

from sandbox import odoo as odoo_sandbox
from sandbox import woocommerce as woo_sandbox
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect, promote
from sync_pipeline_tests.databases import Template, cloned, opened_as_the_application, settings_at
from sync_pipeline_tests.folders import data_folder
from sync_pipeline_tests.odoo_stores import odoo
from sync_pipeline_tests.stores import shop


@contextmanager
def promoted_stores(server: EmbeddedPostgres) -> Iterator[Template]:
    """A database whose organization `acme` has both stores in core, and whose organization `other` has nothing."""
    woo_store, erp_store = woo_sandbox.Store(), odoo_sandbox.Store()
    woo_sandbox.seed(woo_store, products=20, variable=4, customers=20, orders=60, random_seed=3)
    odoo_sandbox.seed(erp_store, products=20, variants=4, partners=20, orders=75, random_seed=3)
    with ExitStack() as stack:
        settings = settings_at(stack.enter_context(data_folder()))
        owner_url = stack.enter_context(cloned(server))
        database = stack.enter_context(opened_as_the_application(owner_url))
        org = connect.add_organization(database, "acme")
        connect.add_organization(database, "other")
        stores = (
            stack.enter_context(shop(database, settings, org, woo_store)),
            stack.enter_context(odoo(database, settings, org, erp_store)),
        )
        for store in stores:
            assert {name: one.error for name, one in store.pull(full=True).items() if not one.ok} == {}
        promote_all(database, org)
        database.close()  # a database can only be cloned while nobody is connected to it
        yield Template(str(make_url(owner_url).database))


def promote_all(database: Database, org: connect.Organization) -> str:
    """Promote what is captured as it is captured; returns the plan."""
    with database.org(org.org_id) as conn:
        plan = str(
            conn.exec_driver_sql(
                "INSERT INTO selection.sync_plan (org_id, plan_hash, origin, created_by) "
                "VALUES (connect.current_org(), 'x', 'test', 'tester') RETURNING plan_id"
            ).scalar_one()
        )
        conn.exec_driver_sql(
            "INSERT INTO selection.sync_plan_item (org_id, plan_id, connection_id, entity_type, external_id, action, "
            "content_hash) SELECT org_id, %(p)s, connection_id, entity_type, external_id, 'create', content_hash "
            "FROM capture.sync_record WHERE org_id = connect.current_org()",
            {"p": plan},
        )
    report = promote.apply(database, org.org_id, plan, actor="tester")
    assert (report.state, report.errors) == ("done", [])
    return plan
