"""Pages of long lists: every record once, in order, wherever the page begins; and counts that are true now."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sqlalchemy import Connection as Transaction

from sandbox.woocommerce import Store, seed
from sync_pipeline.steps import connect, preview, select
from sync_pipeline.steps.preview import RecordView, counts, paging
from sync_pipeline_tests.captured import Clock, captured_once
from sync_pipeline_tests.stores import Shop, shop

_RECORDS = """
INSERT INTO capture.sync_record
(org_id, connection_id, entity_type, external_id, provider, sync_data, content_hash, raw_hash, name, remote_modified_at,
 deletion_state)
SELECT connect.current_org(), %(connection)s, 'product', k.id, 'woocommerce', '{}', sha256(k.id::bytea), '', k.name,
       timestamptz '2026-01-01T00:00:00Z' + k.days * interval '1 day',
       CASE WHEN k.gone THEN 'deleted' ELSE 'present' END
FROM unnest(%(ids)s::text[], %(names)s::text[], %(days)s::integer[], %(gone)s::boolean[]) AS k (id, name, days, gone)
"""
_BUFFERS = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=12, variable=0, customers=0, orders=0)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull("products")
    opened.preview("products")


template = captured_once(shop, fill, capture_all)


def add(store: Shop, ids: list[str], **columns: list[Any]) -> None:
    with store.db.org(store.org.org_id) as conn:
        conn.exec_driver_sql(
            _RECORDS,
            {
                "connection": store.connection.connection_id,
                "ids": ids,
                "names": columns.get("names", ids),
                "days": columns.get("days", [1] * len(ids)),
                "gone": columns.get("gone", [False] * len(ids)),
            },
        )
        conn.exec_driver_sql("UPDATE capture.sync_cursor SET changed_at = clock_timestamp()")


def found(store: Shop, size: int = 500, **view: Any) -> preview.Browsed:
    stream = store.connection.source.stream("products")
    return preview.browse(store.db, store.connection, stream, RecordView(**view), size=size)


def walked(store: Shop, size: int, **view: Any) -> list[str]:
    """The ids of all pages, forwards; backwards they are the same."""
    page = found(store, size, **view)
    parts = [[row.external_id for row in page.rows]]
    while page.after:
        page = found(store, size, **view, after=page.after)
        parts.append([row.external_id for row in page.rows])
    back = [parts[-1]]
    while page.before:
        page = found(store, size, **view, before=page.before)
        back.insert(0, [row.external_id for row in page.rows])
    assert back == parts, view
    return [one for part in parts for one in part]


@pytest.mark.parametrize("few", [True, False])
def test_pages_are_in_order_whatever_ids_names_and_times_are(
    store: Shop, monkeypatch: pytest.MonkeyPatch, few: bool
) -> None:
    if not few:  # read along the index of the order, as a long list is
        monkeypatch.setattr(paging, "_SORTED", 0)
    chance = random.Random(4)
    ids = [str(n) for n in (9, 10, 99, 100, 101, 9999, 10000, 7 * 10**9)] + ["a", "Z", "é", "日本", "x/y z", "tag-1"]
    ids += [str(n) for n in chance.sample(range(1000, 8000), 30)]
    names = [chance.choice(["Shirt", "shirt", "Ärmel", "", None]) for _ in ids]
    days = [chance.choice([1, 2, 3, None]) for _ in ids]
    gone = [chance.random() < 0.2 for _ in ids]
    store.rows("DELETE FROM preview.difference RETURNING 1")
    store.rows("DELETE FROM capture.sync_record RETURNING 1")
    add(store, ids, names=names, days=days, gone=gone)
    store.preview("products")
    there = [(one, name, day) for one, name, day, dead in zip(ids, names, days, gone, strict=True) if not dead]
    for view in ({}, {"status": "new"}, {"choice": "undecided"}, {"status": "new", "choice": "undecided"}):
        for falling in (False, True):
            way = ":desc" if falling else ""
            by_id = sorted((one for one, _, _ in there), key=lambda one: (len(one), one), reverse=falling)
            assert walked(store, 4, **view, sort=f"external_id{way}") == by_id
            for sort, place in (("name", 1), ("modified", 2)):
                having = sorted((one for one in there if one[place] is not None), reverse=falling,
                                key=lambda one, place=place: (one[place], one[0]))  # fmt: skip
                without = sorted((one for one in there if one[place] is None), reverse=falling)
                assert walked(store, 4, **view, sort=f"{sort}{way}") == [one[0] for one in having + without], sort
    assert walked(store, 4, status="updated") == walked(store, 4, status="in_sync") == []


def test_a_page_far_down_the_list_reads_as_little_as_the_first(store: Shop) -> None:
    add(store, [str(n) for n in range(10_000, 30_000)])
    store.preview("products")
    with store.db.org(store.org.org_id) as conn:
        conn.exec_driver_sql("ANALYZE capture.sync_record; ANALYZE preview.difference")
        here = f"{store.connection.connection_id}, 'product'"

        def read(statement: str) -> int:
            conn.exec_driver_sql(statement)  # the first one also reads what the planner needs
            plan = conn.exec_driver_sql(_BUFFERS + statement).scalar_one()[0]["Plan"]
            return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])

        def records(beyond: str, falling: str, limit: int = 51) -> int:
            return read(
                f"SELECT * FROM preview.records_beyond({here}, 'woocommerce', false, {beyond}, {falling}, {limit})"
            )

        def new(beyond: str, falling: str, limit: int = 51) -> int:
            return read(
                f"SELECT * FROM preview.differences_beyond({here}, 'new', NULL, false, {beyond}, {falling}, {limit})"
            )

        # A vacuum may come at any time, and the index alone is read afterwards: only the proportions hold.
        for count in (records, new):
            everything = count("NULL", "false", 20_000)
            for falling in ("false", "true"):
                for one in ("'10100'", "'20000'", "'29900'"):
                    assert count(one, falling) * 2 < everything
                    assert count(one, falling) <= count("NULL", falling) + 60


def test_ids_of_another_organization_are_not_on_a_page(store: Shop) -> None:
    other = connect.add_organization(store.db, "other")
    here = f"{store.connection.connection_id}, 'product'"
    for org_id, some in ((store.org.org_id, True), (other.org_id, False)):
        with store.db.org(org_id) as conn:
            for call in (f"records_beyond({here}, 'woocommerce', false, NULL, false, 9)",
                         f"differences_beyond({here}, 'new', NULL, false, NULL, false, 9)"):  # fmt: skip
                assert bool(conn.exec_driver_sql(f"SELECT * FROM preview.{call}").all()) is some, call
    with store.db.unscoped() as conn:
        call = f"records_beyond({here}, 'woocommerce', false, NULL, false, 9)"
        assert not conn.exec_driver_sql(f"SELECT * FROM preview.{call}").all()


def test_kept_counts_are_true_after_every_kind_of_change(store: Shop) -> None:
    stream = store.connection.source.stream("products")
    ids = sorted(store.table("products", "new"), key=int)

    def same() -> dict[tuple[str, str], int]:
        kept = (
            found(store).counts.differences,
            found(store, warned=True).total,
            found(store, warned=True, status="new").total,
        )
        counts._KEPT.clear()
        fresh = (
            found(store).counts.differences,
            found(store, warned=True).total,
            found(store, warned=True, status="new").total,
        )
        assert kept == fresh
        return dict(fresh[0])

    same()
    select.select(store.db, store.connection, stream, ids=ids[:4], include=True, actor="ann", draft=True)
    assert same()["new", "include"] == 4
    select.select(store.db, store.connection, stream, ids=ids[:1], include=False, actor="ann", replace=True)
    assert same()["new", "ignore"] == 1
    plan = select.make_plan(store.db, store.org, actor="ann")
    assert plan is not None
    select.refuse(store.db, store.org, plan.plan_id, actor="bo")
    assert ("new", "include") not in same()
    select.select(store.db, store.connection, stream, ids=ids[:3], include=True, actor="ann", draft=True)
    assert same()["new", "include"] == 3
    # Another content with the same status: the decision is for another version.
    store.store.update("products", int(ids[1]), name="Renamed", sku="H-1")
    store.store.update("products", int(ids[2]), sku="H-1")
    store.pull("products")
    store.preview("products")
    assert same()["new", "include"] == 1
    assert found(store, warned=True).total == 2
    store.store.delete("products", int(ids[0]))
    store.pull("products")
    store.preview("products")
    assert same().get(("new", "include"), 0) == 0


def test_what_did_not_move_is_not_counted_again(store: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = counts.execute

    def noted(conn: Transaction, sql: str, **given: Any) -> Any:
        asked.append(sql)
        return real(conn, sql, **given)

    monkeypatch.setattr(counts, "execute", noted)
    found(store)
    found(store, status="new")
    found(store, choice="undecided")
    assert len(asked) == 1
    stream = store.connection.source.stream("products")
    one = min(store.table("products", "new"), key=int)
    select.select(store.db, store.connection, stream, ids=[one], include=True, actor="ann", draft=True)
    assert found(store, choice="include").total == 1
    assert len(asked) == 2
