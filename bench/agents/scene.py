"""A shop on the morning after: what happened there over night, and the people beside the agent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sandbox.woocommerce import Store, seed
from sync_pipeline.steps import approve, preview, promote
from sync_pipeline.steps.connect.party import Party
from sync_pipeline_tests.agents import World
from sync_pipeline_tests.seeded import promote_all
from sync_pipeline_tests.stores import Shop

ANN = Party("ann", "command")
ENTITIES = ("categories", "tags", "products", "variations", "customers", "orders")
_DATA = ("capture", "preview", "selection", "promote", "core", "connect")
_MOVES = frozenset({"connect.rate_limit", "connect.api_token"})  # every call writes there


def fill(clock: Callable[[], datetime]) -> Store:
    """The shop before the night."""
    made = Store(clock=clock)
    made.shuffle_related = False
    seed(made, products=24, variable=2, customers=6, orders=10, random_seed=5)
    return made


def simple(store: Store) -> list[int]:
    """Ids of products that have neither variations nor parts, the oldest first."""
    rows = store.tables["products"].rows
    return sorted(int(one) for one in rows if store.payload("products", one)["type"] == "simple")


def in_core(opened: Shop) -> None:
    """Everything of it is captured and promoted."""
    opened.pull(*ENTITIES, full=True)
    promote_all(opened.db, opened.org)
    for name in ENTITIES:
        opened.preview(name)


@dataclass
class Scene:
    """The organization, served, after the night. `since`: when the night began."""

    world: World
    since: datetime

    @classmethod
    def after_the_night(cls, world: World) -> Scene:
        """Let the night happen: three new products, one of them a draft; two prices and one text; a product that is
        gone, one that the store cannot show; five orders, one of which it cannot show either."""
        since = datetime.now(UTC)
        store, faults = world.shop.store, world.shop.server.faults
        gone, dearer, cheaper, told, broken = simple(store)[-5:]
        for number, status in enumerate(("publish", "publish", "draft")):
            store.add_product(name=f"Night lamp {number}", sku=f"NIGHT-{number}", regular_price="12.00", status=status)
        store.update("products", dearer, regular_price="88.00")
        store.update("products", cheaper, regular_price="3.00")
        store.update("products", told, short_description="New words.")
        store.update("products", broken, short_description="It breaks.")
        store.delete("products", gone)
        buyer = min(store.tables["customers"].rows)
        orders = [store.add_order(customer_id=int(buyer), items=[(told, 0, 1)]) for _ in range(5)]
        faults.poison("products", broken, also_fields=False)
        faults.poison("orders", orders[-1], also_fields=False)
        made = cls(world, since)
        made.pull("products", "customers", "orders")
        return made

    def pull(self, *names: str) -> None:
        """Read the store and compare, as the nightly run does."""
        self.world.shop.pull(*names)
        for name in names:
            self.world.shop.preview(name)

    def rows(self, sql: str, **parameters: Any) -> list[Any]:
        """What a statement finds in the organization."""
        return self.world.shop.rows(sql, **parameters)

    def ids(self, sql: str, **parameters: Any) -> list[str]:
        """The first column of a statement's rows."""
        return [str(row[0]) for row in self.rows(sql, **parameters)]

    def approve(self, plan: str, plan_hash: str) -> None:
        """A person approves a plan."""
        approve.approve(self.world.db, self.world.org, plan, plan_hash=plan_hash, by=ANN)

    def work(self, plan: str | UUID) -> None:
        """The run that was asked for works on the plan's queue."""
        promote.apply(self.world.db, self.world.org.org_id, plan, actor="run")

    def differing(self, entity_type: str, status: str) -> list[str]:
        """Ids of the records that nobody has decided about, by status, the newest first."""
        return self.ids(
            "SELECT d.external_id FROM preview.difference AS d "
            "LEFT JOIN selection.sync_selective_config AS s USING (org_id, connection_id, entity_type, external_id) "
            "WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection)s AND d.entity_type = %(type)s "
            "AND d.status = %(status)s AND s.external_id IS NULL ORDER BY d.external_id::bigint DESC",
            connection=self.world.shop.connection.connection_id,
            type=entity_type,
            status=status,
        )

    def in_core(self, entity_type: str) -> set[str]:
        """Ids of the shop's records that core has."""
        return set(
            self.ids(
                "SELECT external_id FROM promote.integration_mapping WHERE org_id = connect.current_org() "
                "AND connection_id = %(connection)s AND entity_type = %(type)s AND NOT promoted_deleted",
                connection=self.world.shop.connection.connection_id,
                type=entity_type,
            )
        )

    def data(self) -> Mapping[str, str]:
        """A digest of each table of the organization's data: equal as long as nothing changes."""
        tables = self.ids(
            "SELECT c.oid::regclass::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
            "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped "
            "WHERE n.nspname = ANY (%(schemas)s) AND c.relkind IN ('r', 'p') AND NOT c.relispartition",
            schemas=list(_DATA),
        )
        digest = (
            "SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM {} AS t "
            "WHERE t.org_id = connect.current_org()"
        )
        return {one: self.ids(digest.format(one))[0] for one in tables if one not in _MOVES}

    @contextmanager
    def halting(self) -> Iterator[None]:
        """The organization's policy is to ask a person about SKUs that are met twice."""
        from sync_pipeline.steps import connect

        connect.set_policy(self.world.db, self.world.org, sku="halt", actor="ann")
        try:
            yield
        finally:
            connect.set_policy(self.world.db, self.world.org, sku="source_wins", actor="ann")

    def recompute(self, name: str) -> None:
        """Compare an entity again."""
        preview.recompute(self.world.db, self.world.shop.connection, self.world.shop.connection.source.stream(name))
