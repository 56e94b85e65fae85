"""Stores that are captured, compared and promoted once for the tests of a module: a validation of them is green."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from sqlalchemy import NullPool, create_engine, make_url

from sandbox import odoo as odoo_sandbox
from sandbox import woocommerce as woo_sandbox
from sync_pipeline.config import Settings
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect
from sync_pipeline.steps.observe import EntityReconciliation, validation
from sync_pipeline.steps.observe.validation import Matrix
from sync_pipeline_tests.databases import Template, cloned, opened_as_the_application, settings_at
from sync_pipeline_tests.folders import data_folder
from sync_pipeline_tests.odoo_stores import odoo
from sync_pipeline_tests.seeded import promote_all
from sync_pipeline_tests.stores import Connected, shop


@dataclass(frozen=True)
class ValidatedStores(Template):
    """Organization `acme`: a shop, an ERP, and a shop whose addresses are hashed. `reconciled`: as they were listed."""

    reconciled: Sequence[EntityReconciliation] = field(default_factory=tuple)


@contextmanager
def validated_stores(server: EmbeddedPostgres) -> Iterator[ValidatedStores]:
    """Everything of three small stores is in core."""
    woo_store, plugin_store, erp_store = woo_sandbox.Store(), woo_sandbox.Store(), odoo_sandbox.Store()
    woo_sandbox.seed(woo_store, products=8, variable=2, customers=6, orders=12, random_seed=3)
    woo_sandbox.seed(plugin_store, products=1, variable=0, customers=2, orders=2, random_seed=9)
    odoo_sandbox.seed(erp_store, products=8, variants=2, partners=8, orders=15, random_seed=3)
    with ExitStack() as stack:
        settings = settings_at(stack.enter_context(data_folder()))
        owner_url = stack.enter_context(cloned(server))
        database = stack.enter_context(opened_as_the_application(owner_url))
        org = connect.add_organization(database, "acme")
        stores: tuple[Connected, ...] = (
            stack.enter_context(shop(database, settings, org, woo_store)),
            stack.enter_context(odoo(database, settings, org, erp_store)),
            stack.enter_context(shop(database, settings, org, plugin_store, name="plugin", pii_policy="hash")),
        )
        for store in stores:
            assert {name: one.error for name, one in store.pull(full=True).items() if not one.ok} == {}
        promote_all(database, org)
        for store in stores:
            for name in store.streams:
                store.preview(name)
        reconciled = validation.list_stores(database, settings, org)
        database.close()  # a database can only be cloned while nobody is connected to it
        yield ValidatedStores(str(make_url(owner_url).database), tuple(reconciled))


@dataclass(frozen=True)
class Validated:
    """A test's own copy: its owner, the application, and what a validation finds there."""

    owner_url: str
    db: Database
    settings: Settings
    org: connect.Organization
    reconciled: Sequence[EntityReconciliation]

    def look(self) -> Matrix:
        """The matrix as it is now."""
        return validation.look(self.db, self.settings, self.org, self.reconciled)

    def damage(self, *statements: str) -> None:
        """As somebody who is held by no policy and no trigger; each statement must do something."""
        engine = create_engine(self.owner_url, poolclass=NullPool)
        with engine.begin() as conn:
            conn.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for statement in statements:
                done = conn.exec_driver_sql(statement)
                assert done.rowcount != 0, statement
        engine.dispose()
