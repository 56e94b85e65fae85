"""Reports show what the database and the store have at that moment."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline import gates
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import ConfigurationError, Conflict, NotFound
from sync_pipeline.steps import connect, observe, preview, promote, select
from sync_pipeline.steps.capture.write.records import SQL as CAPTURE
from sync_pipeline.steps.connect import tokens
from sync_pipeline.steps.observe import checks
from sync_pipeline_tests.stores import Shop, shop
from sync_pipeline_tests.waiting import wait_until


@pytest.fixture
def opened(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Shop]:
    """A connected shop, nothing pulled yet."""
    store = Store()
    store.shuffle_related = False
    seed(store, products=20, variable=3, customers=6, orders=12, random_seed=5)
    with shop(database, settings, org, store) as ready:
        yield ready


_ANOTHER = """
INSERT INTO capture.sync_record
(org_id, connection_id, entity_type, external_id, provider, sync_data, content_hash, raw_hash)
SELECT org_id, connection_id, entity_type, '999999', provider, sync_data, content_hash, raw_hash
FROM capture.sync_record WHERE entity_type = 'product' LIMIT 1
"""
_AN_HOUR_AGO = """
WITH captured AS (
    UPDATE capture.sync_cursor SET changed_at = changed_at - interval '1 hour')
UPDATE preview.summary SET changed_at = changed_at - interval '1 hour', computed_at = computed_at - interval '1 hour'
RETURNING 1
"""


def compared(opened: Shop) -> bool:
    return next(one.ok for one in checks.check(opened.db, opened.org) if one.name == "compared_since")


def of(opened: Shop, entity: str) -> observe.EntityStatus:
    (one,) = observe.status(opened.db, opened.org)
    found = next(e for e in one.entities if e.entity == entity)
    (brief,) = observe.briefing(opened.db, opened.org)
    told = next(e for e in brief.entities if e.entity == entity)
    for name in ("captured", "new", "updated", "deleted", "included", "quarantined", "last_run"):
        assert getattr(told, name) == getattr(found, name), name
    assert told.closed == found.ledger.closed
    return found


def choose(opened: Shop, entity: str, *, include: bool = True, ids: list[str] | None = None) -> int:
    return select.select(
        opened.db,
        opened.connection,
        opened.connection.source.stream(entity),
        ids=ids,
        everything=ids is None,
        include=include,
        actor="ann",
    ).records


def promote_included(opened: Shop) -> promote.ApplyReport:
    plan = select.make_plan(opened.db, opened.org, actor="ann")
    assert plan is not None
    return promote.apply(opened.db, opened.org.org_id, plan.plan_id, actor="ann")


# -- status ------------------------------------------------------------------------------------------------------


def test_before_the_first_pull_every_entity_is_there_with_nothing_in_it(opened: Shop) -> None:
    (one,) = observe.status(opened.db, opened.org)
    assert (one.name, one.provider) == ("shop", "woocommerce")
    assert [e.entity for e in one.entities] == opened.streams
    for e in one.entities:
        assert (e.captured, e.new, e.in_sync, e.promoted, e.last_run, e.watermark) == (0, 0, 0, 0, None, None)
        assert not e.ledger.closed
    [brief] = observe.briefing(opened.db, opened.org)
    assert (brief.name, brief.provider, brief.entities) == ("shop", "woocommerce", []), "at a glance: nothing is known"


def test_captured_and_not_compared_is_not_in_sync(opened: Shop) -> None:
    opened.pull("products", full=True)
    products = of(opened, "products")
    assert (products.captured, products.in_sync, products.promoted) == (20, 0, 0)
    assert products.message == (
        "No local records found. This looks like an initial import: all 20 records will be created from WooCommerce."
    )
    assert (products.ledger.expected, products.ledger.captured, products.ledger.closed) == (20, 20, True)
    assert products.watermark is not None
    assert products.last_run is not None


def test_counts_follow_every_step(opened: Shop) -> None:
    opened.pull("products", full=True)
    opened.preview("products")
    ids = sorted(opened.ids("products"), key=int)
    choose(opened, "products", ids=ids[:5])
    choose(opened, "products", ids=ids[5:7], include=False)
    e = of(opened, "products")
    assert (e.new, e.included, e.ignored, e.undecided, e.promoted, e.in_sync) == (20, 5, 2, 13, 0, 0)

    promote_included(opened)
    e = of(opened, "products")
    assert (e.new, e.included, e.ignored, e.undecided, e.promoted, e.in_sync) == (15, 0, 2, 13, 5, 5)
    assert e.message is None

    opened.store.update("products", int(ids[0]), name="Renamed")  # promoted: its content moves on
    opened.store.update("products", int(ids[5]), name="Renamed too")  # ignored: the decision was about another content
    opened.store.delete("products", int(ids[1]))
    opened.pull("products")
    opened.preview("products")
    e = of(opened, "products")
    assert (e.captured, e.new, e.updated, e.deleted, e.in_sync) == (19, 15, 1, 1, 3)
    assert (e.included, e.ignored, e.undecided, e.promoted) == (0, 1, 16, 5)


def test_what_commits_while_records_are_compared_is_not_compared(opened: Shop) -> None:
    opened.pull("products", full=True)
    with opened.db.org(opened.org.org_id) as conn:
        execute(conn, _ANOTHER)
        execute(conn, CAPTURE["mark_changed"], connection_id=opened.connection.connection_id, entity_type="product")
        opened.preview("products")  # begins after that was written, and does not see it
    (one,) = observe.status(opened.db, opened.org)
    e = next(e for e in one.entities if e.entity == "products")
    assert (e.captured, e.new, e.in_sync) == (21, 20, 0)
    opened.rows(_AN_HOUR_AGO)
    assert not compared(opened)
    opened.preview("products")
    assert of(opened, "products").new == 21
    assert compared(opened)


def test_what_commits_before_records_are_compared_is_compared(opened: Shop) -> None:
    opened.pull("products", full=True)
    with ThreadPoolExecutor() as pool:
        with opened.db.org(opened.org.org_id) as conn:
            preview.hold_core(conn, writing=True)  # as a promotion does
            begun = pool.submit(opened.preview, "products")
            wait_until(lambda: opened.value("SELECT count(*) FROM pg_locks WHERE NOT granted"), "the preview waits")
            opened.store.add_product(name="Meanwhile")
            opened.pull("products")
        assert begun.result().new == 21
    opened.rows(_AN_HOUR_AGO)
    assert compared(opened)
    assert of(opened, "products").new == 21


def test_status_sees_one_organization_only(opened: Shop) -> None:
    opened.pull("products", full=True)
    other = connect.add_organization(opened.db, "globex", "Globex")
    assert observe.status(opened.db, other) == []
    assert set(observe.core_counts(opened.db, other).values()) == {0}


def test_what_is_in_quarantine_is_counted_and_listed(opened: Shop) -> None:
    poisoned = sorted(opened.store.ids("products"))[3]
    opened.server.faults.poison("products", poisoned)
    opened.pull("products", full=True)
    e = of(opened, "products")
    assert (e.captured, e.quarantined) == (19, 1)
    assert (e.ledger.expected, e.ledger.captured, e.ledger.quarantined, e.ledger.closed) == (20, 19, 1, True)
    (kept,) = observe.quarantine(opened.db, opened.org)
    assert (kept.connection, kept.entity, kept.external_id, kept.status) == ("shop", "products", str(poisoned), 500)
    assert kept.raw_bytes > 0
    opened.server.faults.clear()
    opened.pull("products")
    assert of(opened, "products").quarantined == 0
    assert observe.quarantine(opened.db, opened.org) == []


# -- reconcile ---------------------------------------------------------------------------------------------------


def compare(opened: Shop, *entities: str) -> observe.Reconciliation:
    return observe.reconcile(opened.db, opened.settings, opened.org, entities=entities)


def test_after_a_pull_the_store_and_what_is_captured_agree(opened: Shop) -> None:
    opened.pull(full=True)
    found = compare(opened)
    assert found.ok
    assert [e.entity for e in found.entities] == opened.streams
    for e in found.entities:
        assert (e.store, e.missing, e.extra, e.core) == (e.captured, 0, 0, 0), e.entity
        assert e.outside == ({"undecided": e.captured} if e.captured else {}), e.entity
        assert e.examples == ({"undecided": _first(opened, e.entity)} if e.captured else {}), e.entity
    assert sum(e.captured for e in found.entities) > 60


def _first(of: Shop, entity: str) -> list[str]:
    """The ids of an entity's first twenty captured records."""
    of_type = of.connection.source.stream(entity).entity_type
    found = of.rows("SELECT external_id FROM capture.sync_record WHERE entity_type = %(t)s", t=of_type)
    return sorted((one for (one,) in found), key=lambda one: (len(one), one))[:20]


@pytest.mark.parametrize("one_list", [True, False])
def test_what_is_missing_and_what_is_too_much_is_named(opened: Shop, one_list: bool) -> None:
    opened.store.analytics = one_list  # without it variations are one list a product
    opened.pull(full=True)
    gone = min(opened.store.ids("products"))
    opened.store.delete("products", gone)
    added = opened.store.add_product(name="Fresh", sku="FRESH-1", regular_price="5")
    variation = max(opened.store.ids("variations"))
    opened.store.delete("variations", variation)
    found = {e.entity: e for e in compare(opened).entities}
    products, variations = found["products"], found["variations"]
    assert (products.store, products.captured, products.missing, products.extra) == (20, 20, 1, 1)
    outside = {"undecided": _first(opened, "products")}
    assert products.examples == {"missing": [str(added)], "extra": [str(gone)], **outside}
    assert (variations.missing, variations.extra) == (0, 1)
    assert variations.examples == {"extra": [str(variation)], "undecided": _first(opened, "variations")}
    assert not products.ok
    assert found["customers"].ok


def test_reconciling_changes_nothing_even_where_the_store_fails(opened: Shop) -> None:
    opened.pull("products", full=True)
    opened.server.faults.poison("products", sorted(opened.store.ids("products"))[3])
    assert compare(opened, "products").entities[0].store == 20
    assert observe.quarantine(opened.db, opened.org) == []
    assert opened.value("SELECT count(*) FROM capture.sync_ledger") == 1


def test_a_store_that_does_not_answer_is_no_empty_store(opened: Shop) -> None:
    opened.pull("products", full=True)
    opened.server.stop()
    found = compare(opened, "products")
    (products,) = found.entities
    assert not found.ok
    assert (products.store, products.captured, products.missing, products.extra) == (None, 20, 0, 0)
    assert products.error is not None
    assert "does not answer" in products.error


def test_a_promoted_record_without_its_core_row_is_a_difference(opened: Shop) -> None:
    opened.pull("tags", full=True)
    opened.preview("tags")
    choose(opened, "tags")
    promote_included(opened)
    before = compare(opened, "tags").entities[0]
    assert before.ok
    assert before.core == before.captured > 0
    opened.rows("DELETE FROM core.reference_data WHERE id = (SELECT min(id) FROM core.reference_data) RETURNING id")
    after = compare(opened, "tags").entities[0]
    assert (after.orphans, after.core) == (1, before.core - 1)
    assert not after.ok


def test_what_is_in_one_of_capture_and_core_alone_is_counted_by_id(opened: Shop) -> None:
    """A deleted record that is still in core does not make up for one that is not there."""
    opened.pull("products")
    opened.preview("products")
    choose(opened, "products")
    promote_included(opened)
    with opened.db.org(opened.org.org_id) as conn:
        ids = conn.exec_driver_sql(
            "SELECT external_id FROM promote.integration_mapping WHERE entity_type = 'product' ORDER BY external_id"
        ).scalars().all()  # fmt: skip
        gone = ids[0]
        conn.exec_driver_sql(
            "UPDATE capture.sync_record SET deletion_state = 'deleted', deletion_at = now() "
            f"WHERE entity_type = 'product' AND external_id = '{gone}'"
        )
        conn.exec_driver_sql(
            "DELETE FROM promote.integration_mapping WHERE entity_type = 'product' AND external_id "
            f"IN ('{ids[1]}', '{ids[2]}')"
        )
        conn.exec_driver_sql(
            "UPDATE selection.sync_selective_config SET decision = 'ignore' "
            f"WHERE entity_type = 'product' AND external_id = '{ids[1]}'"
        )
        conn.exec_driver_sql(
            f"DELETE FROM selection.sync_selective_config WHERE entity_type = 'product' AND external_id = '{ids[2]}'"
        )
    [found] = compare(opened, "products").entities
    assert (found.outside, found.not_in_core, found.deleted_in_core) == ({"undecided": 1, "ignored": 1}, 2, 1)
    assert {name: found.examples[name] for name in ("ignored", "undecided", "deleted_in_core")} == {
        "ignored": [ids[1]], "undecided": [ids[2]], "deleted_in_core": [gone],
    }  # fmt: skip
    assert found.outside_words == (
        "2 records are not in core: 1 undecided, 1 ignored; 1 record is deleted in the store and still in core"
    )


# -- gates, log, connections, tokens -------------------------------------------------------------------------------


def gate(opened: Shop) -> int:
    with opened.db.org(opened.org.org_id) as conn:
        return gates.open_gate(
            conn,
            gates.by_name("mass_deletion"),
            subject="missing records",
            values={"store": "shop", "missing": 9, "known": 10, "title": "products", "share": "20%"},
            connection_id=opened.connection.connection_id,
            entity_type="product",
        )


def test_a_gate_is_answered_once_and_only_with_one_of_its_options(opened: Shop) -> None:
    number = gate(opened)
    (waiting,) = observe.all_open_decisions(opened.db)
    assert (waiting.decision_id, waiting.org, waiting.connection, waiting.recommended) == (
        number,
        "acme",
        "shop",
        "keep",
    )
    with pytest.raises(ConfigurationError, match="keep, confirm"):
        observe.answer(opened.db, opened.org, number, "perhaps", actor="ann")
    done = observe.answer(opened.db, opened.org, number, "confirm", actor="ann", why="the sale is over")
    assert (done.answer, done.answered_by, done.why) == ("confirm", "ann", "the sale is over")
    with pytest.raises(Conflict, match="already answered: confirm by ann"):
        observe.answer(opened.db, opened.org, number, "keep", actor="bob")
    with pytest.raises(NotFound):
        observe.answer(opened.db, opened.org, number + 1, "keep", actor="bob")
    assert observe.all_open_decisions(opened.db) == []
    assert [d.answer for d in observe.decisions(opened.db, opened.org, everything=True)] == ["confirm"]
    newest = observe.activity(opened.db, opened.org).data[0]
    assert (newest["event"], newest["actor"], newest["detail"]["choice"]) == ("gate.answered", "ann", "confirm")


def test_another_organization_cannot_answer(opened: Shop) -> None:
    number = gate(opened)
    other = connect.add_organization(opened.db, "globex", "Globex")
    with pytest.raises(NotFound):
        observe.answer(opened.db, other, number, "confirm", actor="eve")
    assert len(observe.all_open_decisions(opened.db)) == 1


def test_the_log_is_paged_newest_first(opened: Shop) -> None:
    opened.pull("tags", "categories", full=True)
    everything = observe.activity(opened.db, opened.org)
    assert everything.row_count == len(everything.data) >= 3
    second = observe.activity(opened.db, opened.org, page=2, page_size=2)
    assert second.row_count == everything.row_count
    assert second.data == everything.data[2:4]
    with pytest.raises(ConfigurationError):
        observe.activity(opened.db, opened.org, page=0)


def test_connections_nobody_pulls_from_are_stale(opened: Shop) -> None:
    assert observe.stale_connections(opened.db, 24) == []  # just connected
    with opened.db.org(opened.org.org_id) as conn:
        execute(conn, "UPDATE connect.integration_connector SET created_at = now() - interval '2 days'")
    (stale,) = observe.stale_connections(opened.db, 24)
    assert (stale.org, stale.connection, stale.last_sync_at) == ("acme", "shop", None)
    opened.pull("tags", full=True)
    assert observe.stale_connections(opened.db, 24) == []


def test_a_token_is_stored_as_its_hash_only(opened: Shop) -> None:
    made = tokens.add_token(opened.db, opened.org, "operator", days=1, actor="ann")
    assert made.expires_at is not None
    assert timedelta(hours=23) < made.expires_at - datetime.now(UTC) <= timedelta(days=1)
    assert made.plain not in repr(made)
    (row,) = opened.rows("SELECT token_hash, role, connection_id, expires_at FROM connect.api_token")
    assert bytes(row.token_hash) == tokens.token_hash(made.plain)
    assert (row.role, row.connection_id, row.expires_at) == ("operator", None, made.expires_at)
    assert made.plain not in str(observe.activity(opened.db, opened.org).data)
    with pytest.raises(ConfigurationError, match="viewer, operator"):
        tokens.add_token(opened.db, opened.org, "king", actor="ann")
    with pytest.raises(ConfigurationError, match="Name the connection"):
        tokens.add_token(opened.db, opened.org, "plugin", actor="ann")
    for days in (0, -1, 3661, float("nan"), float("inf")):  # a token that is dead when it is made
        with pytest.raises(ConfigurationError, match="more than 0 days and at most 3,660"):
            tokens.add_token(opened.db, opened.org, "viewer", days=days, actor="ann")
    for role in ("viewer", "operator", "admin"):
        with pytest.raises(ConfigurationError, match="Only an agent's token can be unmasked"):
            tokens.add_token(opened.db, opened.org, role, unmasked=True, actor="ann")
    assert len(tokens.list_tokens(opened.db, opened.org)) == 1
