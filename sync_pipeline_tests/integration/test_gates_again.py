"""Gates over time: a cause that comes back is a new question, what was answered is none, what ends by itself ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.steps import connect, observe, preview, promote
from sync_pipeline_tests.integration.test_gates_stories import answer, drift, promoted, sql
from sync_pipeline_tests.integration.test_quiet_delta import night
from sync_pipeline_tests.stores import Shop, shop


@pytest.fixture
def store() -> Store:
    made = Store()
    made.payloads = dict(made.payloads)  # type: ignore[misc]  # this store's alone: a test changes what it writes
    seed(made, products=10, variable=0, customers=3, orders=3)
    return made


@pytest.fixture
def open_shop(database: Database, settings: Settings, org: connect.Organization, store: Store) -> Iterator[Shop]:
    with shop(database, settings, org, store) as made:
        yield made


def causes(here: Shop) -> list[tuple[str, str | None]]:
    return [(one.cause, one.answer) for one in observe.decisions(here.db, here.org, everything=True)]


def told(here: Shop, event: str) -> list[int]:
    """The decisions that the audit log tells this of."""
    rows = sql(here, "SELECT detail FROM observe.sync_activity WHERE event = %(e)s ORDER BY activity_id", e=event)
    return [row.detail["decision"] for row in rows]


def test_a_field_that_vanishes_again_after_a_hold_is_a_new_question(open_shop: Shop, store: Store) -> None:
    open_shop.pull("categories")
    promoted(open_shop, "categories")
    names = sql(open_shop, "SELECT id, name FROM core.categories ORDER BY id")
    for _ in range(2):
        drift(store, "categories", lambda payload: payload.pop("name"))
        open_shop.pull("categories", full=True)
        open_shop.preview("categories")
        answer(open_shop, "hold")
        assert promoted(open_shop, "categories").done == 0
        assert sql(open_shop, "SELECT id, name FROM core.categories ORDER BY id") == names
        drift(store, "categories", lambda payload: None)
        open_shop.pull("categories", full=True)
        open_shop.preview("categories")
    assert causes(open_shop) == [("schema_drift", "hold")] * 2
    assert all(one.outcome for one in observe.decisions(open_shop.db, open_shop.org, everything=True))
    assert len(told(open_shop, "gate.opened")) == len(told(open_shop, "gate.gone")) == 2


def test_a_quiet_night_asks_again_of_a_store_that_is_connected_again(open_shop: Shop, store: Store) -> None:
    open_shop.pull("customers")
    open_shop.preview("customers")
    drift(store, "customers", lambda payload: payload.pop("billing"))
    open_shop.pull("customers", full=True)
    open_shop.preview("customers")
    night(open_shop)
    assert len(observe.decisions(open_shop.db, open_shop.org)) == 1
    connect.disconnect(open_shop.db, open_shop.connection, actor="ann")
    assert not observe.decisions(open_shop.db, open_shop.org)
    server = open_shop.server
    given = {"store_url": server.url, "consumer_key": server.key, "consumer_secret": server.secret}
    connect.add_connection(open_shop.db, open_shop.settings, open_shop.org, "woocommerce", "shop", given, actor="ann")
    night(open_shop)
    assert [one.cause for one in observe.decisions(open_shop.db, open_shop.org)] == ["schema_drift"]


def test_a_quiet_list_is_judged_where_a_mapper_needs_a_field_that_is_gone(open_shop: Shop, store: Store) -> None:
    open_shop.pull("products")
    drift(store, "products", lambda payload: payload.pop("reviews_allowed"))
    open_shop.pull("products", full=True)
    open_shop.preview("products")
    stream = open_shop.connection.source.stream("products")
    assert set(preview.sum_up(open_shop.db, open_shop.connection, [stream])) == {"products"}
    newer = replace(stream, needs=(*stream.needs, "reviews_allowed"))
    assert preview.sum_up(open_shop.db, open_shop.connection, [newer]) == {}
    preview.recompute(open_shop.db, open_shop.connection, newer)
    assert [one.cause for one in observe.decisions(open_shop.db, open_shop.org)] == ["schema_drift"]


def test_a_quiet_list_is_judged_while_a_gate_is_open_for_it(open_shop: Shop, store: Store) -> None:
    open_shop.pull("customers")
    drift(store, "customers", lambda payload: payload.pop("billing"))
    open_shop.pull("customers", full=True)
    open_shop.preview("customers")
    assert len(observe.decisions(open_shop.db, open_shop.org)) == 1
    stream = open_shop.connection.source.stream("customers")
    newer = replace(stream, needs=tuple(name for name in stream.needs if name != "billing"))
    assert preview.sum_up(open_shop.db, open_shop.connection, [newer]) == {}
    preview.recompute(open_shop.db, open_shop.connection, newer)
    assert not observe.decisions(open_shop.db, open_shop.org)
    assert set(preview.sum_up(open_shop.db, open_shop.connection, [newer])) == {"customers"}


def test_a_currency_that_changes_again_after_a_hold_is_a_new_question(open_shop: Shop, store: Store) -> None:
    open_shop.pull("settings", "products")
    for _ in range(2):
        store.update("settings", "woocommerce_currency", value="JPY")
        for _ in range(3):  # met at every pull, told once
            open_shop.pull("settings", full=True)
        answer(open_shop, "hold")
        assert promoted(open_shop, "products").done == 0
        store.update("settings", "woocommerce_currency", value="USD")
        open_shop.pull("settings", full=True)
    assert causes(open_shop) == [("currency_conflict", "hold")] * 2
    assert len(told(open_shop, "gate.opened")) == 2


def states(here: Shop) -> dict[str, int]:
    rows = sql(here, "SELECT deletion_state, count(*) AS n FROM capture.sync_record GROUP BY 1")
    return {row.deletion_state: row.n for row in rows}


def test_what_was_kept_is_not_asked_about_again_but_what_else_goes_missing_is(open_shop: Shop, store: Store) -> None:
    open_shop.pull("products")
    numbers = list(store.tables["products"].ids)
    for number in numbers[:4]:
        store.delete("products", number)
    assert open_shop.pull("products")["products"].gate == open_shop.pull("products")["products"].gate
    assert len(told(open_shop, "gate.opened")) == 1
    answer(open_shop, "keep")
    for _ in range(3):
        assert open_shop.pull("products")["products"].gate is None
    [gate] = observe.decisions(open_shop.db, open_shop.org, everything=True)
    assert gate.outcome == "4 records kept"
    assert states(open_shop) == {"present": 6, "suspected": 4}
    store.delete("products", numbers[4])  # one alone is looked for, as ever
    open_shop.pull("products")
    assert states(open_shop) == {"present": 5, "suspected": 4, "deleted": 1}
    for number in numbers[5:8]:
        store.delete("products", number)
    assert open_shop.pull("products")["products"].gate is not None
    [gate] = observe.decisions(open_shop.db, open_shop.org)
    assert gate.detail["missing"] == 7  # those that were kept may be told of otherwise now
    answer(open_shop, "confirm")
    open_shop.pull("products")
    assert states(open_shop) == {"present": 2, "deleted": 8}


def test_a_yes_to_some_deletions_is_no_yes_to_what_goes_missing_later(open_shop: Shop, store: Store) -> None:
    open_shop.pull("products")
    numbers = list(store.tables["products"].ids)
    for number in numbers[:3]:
        store.delete("products", number)
    open_shop.pull("products")
    answer(open_shop, "confirm")
    for number in numbers[3:]:
        store.delete("products", number)
    open_shop.pull("products")
    assert states(open_shop) == {"suspected": 7, "deleted": 3}
    first, second = observe.decisions(open_shop.db, open_shop.org, everything=True)
    assert first.outcome == "3 marked deleted, 0 still there"
    assert (second.answer, second.detail["missing"]) == (None, 7)


def test_a_sku_that_is_corrected_at_the_store_withdraws_its_gate(open_shop: Shop, store: Store) -> None:
    connect.set_policy(open_shop.db, open_shop.org, sku="halt", actor="ann")
    with pytest.raises(ConfigurationError, match="source_wins, core_wins, halt"):
        connect.set_policy(open_shop.db, open_shop.org, sku="stop", actor="ann")
    first, second = list(store.tables["products"].ids)[:2]
    store.row("products", second).fields["sku"] = store.row("products", first).fields["sku"]
    store.tables["products"].touch(second)
    open_shop.pull("products")
    assert promoted(open_shop, "products").failed == 1
    [gate] = observe.decisions(open_shop.db, open_shop.org)
    assert told(open_shop, "gate.opened") == [gate.decision_id]
    store.update("products", second, sku="its-own")
    open_shop.pull("products")
    assert promoted(open_shop, "products").failed == 0
    assert not observe.decisions(open_shop.db, open_shop.org)
    [gate] = observe.decisions(open_shop.db, open_shop.org, everything=True)
    assert (gate.answer, gate.answered_by) == ("withdrawn", "promotion")
    assert gate.outcome
    assert gate.resumed_at
    assert told(open_shop, "gate.gone") == [gate.decision_id]
    assert promote.resume(open_shop.db, open_shop.org, gate.decision_id, actor="ann") == []
