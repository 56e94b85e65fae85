"""What follows from the description of a core table: merging, undo and rewriting reach every column, and a new core
entity is one file, its DDL and its mapper.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from sqlalchemy import NullPool, create_engine

import sync_pipeline.entities
from sync_pipeline.db import core_sql
from sync_pipeline.db.engine import Database
from sync_pipeline.entities import core
from sync_pipeline.entities.base import Entity, Ref
from sync_pipeline.entities.core import CoreTable, core_tables
from sync_pipeline.sources.base import Stream, source
from sync_pipeline.steps import connect
from sync_pipeline.steps.capture import mapped
from sync_pipeline_tests.integration.promote_world import World

MATCHED = [table for table in core_tables().values() if table.match]
# A record that any store could have: its fields are the entity's, value for value.
ENTITY_TYPES = {"core.products": "product", "core.product_variants": "variation", "core.customers": "customer"}


@pytest.fixture
def plain_mappers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Mappers that take the fields of a payload as they are, so that a test can fill every one of them."""
    classes = {ENTITY_TYPES[table.name]: table.entity for table in MATCHED}

    def mapping(_provider: str, entity_type: str) -> mapped.Mapping:
        def to_entity(payload: dict[str, Any]) -> Entity:
            return msgspec.convert(payload["fields"], classes[entity_type], strict=False)

        return mapped.Mapping(msgspec.json.Decoder(float_hook=Decimal), to_entity, ())

    monkeypatch.setattr(mapped, "mapping_of", mapping)
    mapped.mapper_of.cache_clear()
    yield
    mapped.mapper_of.cache_clear()  # the versions of these mappers are not those of the real ones


def filled(table: CoreTable, who: str, key: str) -> dict[str, Any]:
    """A payload that fills every column, differently for each `who`."""
    fields: dict[str, Any] = {}
    hints = {one.name: one.type for one in msgspec.structs.fields(table.entity)}
    for number, column in enumerate(table.columns):
        kind = hints[column]
        options = [one for one in (get_args(kind) or (kind,)) if one is not type(None)]
        if column == table.match:
            fields[column] = key
        elif column in table.json:
            fields[column] = {"from": who} if "dict" in str(kind) else [f"{who} {column}"]
        elif Decimal in options:
            fields[column] = str(Decimal(len(who)) + number)
        elif datetime in options:
            fields[column] = f"20{10 + len(who)}-01-{number + 1:02}T00:00:00Z"
        elif bool in options:
            fields[column] = len(who) % 2 == 0
        else:
            fields[column] = f"{who} {column}"
    if table.relations:
        fields |= {relation.column.removesuffix("_id"): None for relation in table.relations}
    return fields


def shown(world: World, table: CoreTable) -> dict[str, Any]:
    (row,) = world.sql(f"SELECT to_jsonb(t) FROM {table.name} AS t WHERE deleted_at IS NULL")
    return dict(row[0])


def expected(table: CoreTable, fields: dict[str, Any]) -> dict[str, Any]:
    entity = msgspec.convert(fields, table.entity, strict=False)
    values = dict(zip(table.columns, table.values(entity), strict=True))
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def alike(column: str, here: Any, there: Any) -> bool:
    if isinstance(there, Decimal):
        return Decimal(str(here)) == there
    if isinstance(there, datetime):
        return datetime.fromisoformat(here) == there.astimezone(UTC)
    if column == "metadata":
        return dict(here).items() >= dict(there).items()  # beside it are figures
    return bool(here == there)


@pytest.mark.parametrize("table", MATCHED, ids=lambda table: table.short)
def test_a_shared_row_is_the_others_in_every_column_after_undo(
    database: Database, org: connect.Organization, table: CoreTable, plain_mappers: None
) -> None:
    """Two stores share it; the first one's plan is undone. A column left out would keep the first store's value."""
    world = World(database, org.org_id)
    second = world.connect("second")
    ours, theirs = filled(table, "shop", "key@example.test"), filled(table, "erp", "KEY@example.test")
    entity_type = ENTITY_TYPES[table.name]
    mine = world.promote(entity_type, {"id": 1, "email": ours.get("email"), "fields": ours})
    world.promote(entity_type, {"id": 2, "email": theirs.get("email"), "fields": theirs}, connection=second)
    merged = shown(world, table)
    for column, value in expected(table, ours).items():
        assert alike(column, merged[column], value), f"merged: {column}"
    report = world.undo(mine)
    assert report.merged == 1
    after = shown(world, table)
    for column, value in expected(table, theirs).items():
        assert alike(column, after[column], value), f"after undo: {column}"


GIFT_CARD = '''
"""Gift cards."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from sync_pipeline.entities.base import Entity, Ref
from sync_pipeline.entities.core import CoreTable, To


class GiftCard(Entity, frozen=True, kw_only=True):
    """A card that pays."""

    sku: str | None = None
    amount: Decimal | None = None
    notes: dict[str, Any] | None = None
    customer: Annotated[Ref | None, To("core.customers")] = None
    active: bool = True


TABLE = CoreTable("core.gift_cards", GiftCard, holds="cards that pay", kinds=("gift_card",), match="sku")
'''
DDL = """
CREATE TABLE core.gift_cards (
    org_id bigint NOT NULL,
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    customer_id bigint,
    sku text,
    sku_key text COLLATE "C" GENERATED ALWAYS AS (core.fold(sku)) STORED,
    amount numeric,
    notes jsonb,
    metadata jsonb NOT NULL DEFAULT '{}',
    active boolean NOT NULL DEFAULT true,
    deleted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    queue_id uuid,
    PRIMARY KEY (org_id, id),
    CONSTRAINT gift_cards_sku UNIQUE (org_id, sku_key) DEFERRABLE INITIALLY IMMEDIATE,
    FOREIGN KEY (org_id, customer_id) REFERENCES core.customers NOT ENFORCED
);
CALL connect.isolate('core.gift_cards');
CALL promote.keep_changes('core.gift_cards', 'to_jsonb(id)', 'o.id');
GRANT SELECT, INSERT, UPDATE, DELETE ON core.gift_cards TO sync_app;
"""


@pytest.fixture
def gift_cards(tmp_path: Path, owner_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[CoreTable]:
    """One file, its DDL and its mapper."""
    (tmp_path / "gift_card.py").write_text(GIFT_CARD)
    monkeypatch.setattr(sync_pipeline.entities, "__path__", [*sync_pipeline.entities.__path__, str(tmp_path)])
    forget()
    engine = create_engine(owner_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        driver = conn.connection.driver_connection
        assert driver is not None
        driver.execute(DDL)
    table = core_tables()["core.gift_cards"]

    def to_gift_card(payload: Any) -> Entity:
        buyer = payload.get("buyer")
        fields = {
            **payload,
            "customer": Ref("customer", str(buyer)) if buyer else None,
            "amount": Decimal(payload["amount"]) if payload.get("amount") else None,
        }
        return table.entity(**{name: fields[name] for name in ("sku", "amount", "notes", "customer") if name in fields})

    stream = Stream(
        name="gift_cards", entity_type="gift_card", title="Gift cards", path="wc/v3/gift-cards", entity="gift_card",
        code="sku", to_entity=to_gift_card,
    )  # fmt: skip
    streams = source("woocommerce").streams
    assert isinstance(streams, dict)
    streams["gift_cards"] = stream
    yield table
    del streams["gift_cards"]
    sys.modules.pop("sync_pipeline.entities.gift_card", None)
    monkeypatch.undo()
    forget()


def forget() -> None:
    """What is remembered of the core tables there are."""
    for one in (
        core.core_tables, core.undo_order, core.table_of, core.tables_of, core.stage_of, core_sql.for_table,
        core_sql.for_each_table, mapped.mapping_of, mapped.mapper_of,
    ):  # fmt: skip
        one.cache_clear()


def test_a_new_core_entity_is_promoted_merged_undone_and_rewritten(
    database: Database, org: connect.Organization, gift_cards: CoreTable
) -> None:
    world = World(database, org.org_id)
    second = world.connect("second")
    empty = world.dump()
    card = {"id": 1, "sku": "CARD", "amount": "25.50", "notes": {"to": "Ada"}, "buyer": 5}

    def cards() -> list[Any]:
        return world.sql("SELECT sku, amount::text, notes, customer_id, active FROM core.gift_cards ORDER BY id")

    first = world.promote("gift_card", card)
    assert cards() == [("CARD", "25.50", {"to": "Ada"}, None, True)]
    assert "Customer 5 is not promoted" in str(world.lines(first)[0].warnings)
    buyer = world.promote("customer", {"id": 5, "email": "ada@example.test"})
    ((customer_id,),) = world.sql("SELECT id FROM core.customers")
    assert cards() == [("CARD", "25.50", {"to": "Ada"}, customer_id, True)]
    other = world.promote("gift_card", {"id": 9, "sku": "card", "amount": "1"}, connection=second)
    assert cards() == [("CARD", "25.50", {"to": "Ada"}, customer_id, True)]  # one row of two records
    changed = world.promote("gift_card", {**card, "amount": "30", "notes": None})
    assert cards() == [("CARD", "30", None, customer_id, True)]
    deleted = world.apply(world.capture("gift_card", {**card, "amount": "30", "notes": None}, deleted=True))
    assert cards()[0][:2] == ("card", "1")  # what the other store says of it
    for report in (deleted, changed):
        world.undo(report)
    assert cards() == [("CARD", "25.50", {"to": "Ada"}, customer_id, True)]
    for report in (other, buyer, first):
        world.undo(report)
    assert cards() == []
    assert world.dump() == empty
