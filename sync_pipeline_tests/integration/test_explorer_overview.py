"""The overview, and the history of a connection: what waits, who is healthy, what happened."""

from __future__ import annotations

import importlib
import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.explorer.charts import chart
from sync_pipeline.steps import approve, connect, observe, promote, select
from sync_pipeline.steps.connect import tokens
from sync_pipeline_tests.captured import Clock, captured_once
from sync_pipeline_tests.explored import Browser, browser, words
from sync_pipeline_tests.served import Served
from sync_pipeline_tests.stores import Shop, shop

HOME = "/ui/acme"
HISTORY = "/ui/acme/shop/history"


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=20, variable=0, customers=3, orders=4)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull("products", "customers")
    opened.preview("products")
    opened.preview("customers")


template = captured_once(shop, fill, capture_all)


@pytest.fixture
def ann(api: Served, store: Shop) -> Browser:
    return browser(api).as_(store.org, "operator")


def proposed(store: Shop, *ids: str, actor: str = "bo") -> select.Plan:
    stream = store.connection.source.stream("products")
    select.select(store.db, store.connection, stream, ids=list(ids), include=True, actor=actor, draft=True)
    plan = select.make_plan(store.db, store.org, actor=actor)
    assert plan is not None
    return plan


def test_without_a_store_the_first_step_is_to_connect_one(api: Served, store: Shop) -> None:
    fresh = connect.add_organization(store.db, "initech", "Initech")
    admin, viewer = browser(api).as_(fresh, "admin"), browser(api).as_(fresh, "viewer")
    assert 'href="/ui/initech/connect"' in admin.get("/ui/initech").text
    assert "No store is connected yet" in words(viewer.get("/ui/initech").text)
    assert "/connect" not in viewer.get("/ui/initech").text.partition("<main")[2]


def test_what_waits_comes_first_and_each_leads_to_where_it_is_decided(ann: Browser, store: Shop) -> None:
    assert 'href="/ui/acme/shop/data/products">Woo Data</a>' in ann.get("/ui/acme/shop").text
    shown = words(ann.get(HOME).text)
    assert re.search(r"What waits \? 24 undecided in shop: Products 20 , Customers 4 At work", shown), shown
    one, two, *_ = sorted(store.table("products", "new"), key=int)
    plan = proposed(store, one)
    for number in range(3):
        store.store.add_product(name=f"Late {number}", sku=f"LATE-{number}")
    store.server.faults.poison("products", two)
    store.server.faults.lose("customers", 1.0)
    store.pull("products", "customers", full=True)
    store.preview("products")
    page = ann.get(HOME).text
    shown = words(page)
    assert f"○ Plan {str(plan.plan_id)[:8]} of bo waits for approval: + 1 ~ 0 − 0" in shown
    assert f'href="/ui/acme/plans/{plan.plan_id}"' in page
    assert f'href="/ui/acme/decisions/{observe.decisions(store.db, store.org)[0].decision_id}"' in page
    assert "22 undecided in shop" not in shown
    assert 'href="/ui/acme/shop/data/products?choice=undecided">Products 22</a>' in page
    assert "▲ 1 in quarantine in shop" in shown


def test_an_approved_plan_waits_to_be_applied_until_its_approval_ends(
    ann: Browser, store: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = proposed(store, min(store.table("products", "new"), key=int))
    with monkeypatch.context() as patch:
        patch.setattr(
            importlib.import_module("sync_pipeline.steps.approve.approvals"), "HOLDS", timedelta(microseconds=1)
        )
        approve.approve(store.db, store.org, plan.plan_id, plan_hash=plan.hash, by="bo")
    assert "waits to be applied" not in words(ann.get(HOME).text)
    approve.approve(store.db, store.org, plan.plan_id, plan_hash=plan.hash, by="cy@acme.example")
    shown = words(ann.get(HOME).text)
    assert (
        f"✓ Plan {str(plan.plan_id)[:8]} of bo is approved by cy@acme.example and waits to be applied, until" in shown
    )
    assert "waits for approval" not in shown
    promote.apply(store.db, store.org.org_id, plan.plan_id, actor="bo")
    assert str(plan.plan_id)[:8] not in words(ann.get(HOME).text)


def test_a_plan_that_left_records_behind_is_named(ann: Browser, store: Shop) -> None:
    one, *_ = sorted(store.table("products", "new"), key=int)
    plan = proposed(store, one)
    store.rows(
        'UPDATE capture.sync_record SET sync_data = sync_data || \'{"regular_price": "many", "price": "many"}\' '
        "WHERE external_id = %(id)s RETURNING 1",
        id=one,
    )
    promote.apply(store.db, store.org.org_id, plan.plan_id, actor="bo")
    page = ann.get(HOME).text
    assert f"▲ Plan {str(plan.plan_id)[:8]} failed 1" in words(page)
    assert f"Plan {str(plan.plan_id)[:8]}" in words(ann.get(f"{HISTORY}?kind=plans").text)
    assert "▲ 1 failed" in words(ann.get(HISTORY).text)


def test_health_is_said_in_words_with_what_to_do(ann: Browser, store: Shop) -> None:
    assert "● healthy" in words(ann.get(HOME).text)
    store.rows("UPDATE connect.integration_connector SET last_sync_at = now() - interval '3 days' RETURNING 1")
    shown = words(ann.get(HOME).text)
    assert "▲ late" in shown
    assert "Nothing was captured for 3 d." in shown
    store.server.faults.down(status=500)
    store.pull("products")
    shown = words(ann.get(HOME).text)
    assert "▲ failing" in shown
    assert "answered 500" in shown
    assert "What to do" in shown


def test_a_token_of_one_connection_sees_nothing_of_the_organization(api: Served, store: Shop) -> None:
    other = connect.add_connection(
        store.db,
        store.settings,
        store.org,
        "woocommerce",
        "other",
        {"store_url": "https://other.example", "consumer_key": "ck_x", "consumer_secret": "cs_x"},
        actor="test",
    )
    proposed(store, *sorted(store.table("products", "new"), key=int)[:1])
    observe.create_request(store.db, store.org, "pull", actor="ann", connection="shop")
    bound = browser(api)
    plain = tokens.add_token(store.db, store.org, "operator", connection=other, actor="test").plain
    assert bound.form("/ui/login", token=plain).status_code == 303
    shown = words(bound.get(HOME).text)
    assert "Nothing waits." in shown
    assert "Nothing is at work." in shown
    assert "other" in shown
    assert "shop" not in shown
    assert bound.get("/ui/acme/shop").status_code == bound.get(HISTORY).status_code == 404
    assert bound.form("/ui/acme/other/reconcile").status_code == 403
    assert bound.form("/ui/acme/other/requests/1/cancel").status_code == 404


def test_the_history_has_charts_with_their_numbers_and_a_line_for_each_kind(ann: Browser, store: Shop) -> None:
    proposed(store, *sorted(store.table("products", "new"), key=int)[:2])
    store.server.faults.lose("customers", 1.0)
    store.pull("customers")
    page = ann.get(HISTORY).text
    shown = words(page)
    assert page.count("<svg viewBox") == 3
    today = datetime.now(UTC).date()
    assert f"{today} 24 0 0" in shown, "the table of changes"
    assert re.search(r"Pull of Products full, \d+ s, 1 request \+ 20", shown), shown
    assert "by bo: proposed + 2 ~ 0 − 0" in shown
    assert "▲ waits" in shown
    for kind, count in (("runs", 3), ("plans", 1), ("decisions", 1), ("pushes", 0), ("webhooks", 0)):
        assert ann.get(f"{HISTORY}?kind={kind}").text.count('<li class="line">') == count, kind
    assert ann.get(f"{HISTORY}?kind=other").status_code == 400
    assert ann.get(f"{HISTORY}?after=nonsense").status_code == 400
    assert "No pushes in these days" in words(ann.get(f"{HISTORY}?kind=pushes").text)


def many_runs(store: Shop, number: int) -> None:
    store.rows(
        """INSERT INTO capture.sync_ledger
        (org_id, connection_id, entity_type, mode, state, expected, captured, new, changed, requests, seconds, detail,
         started_at, finished_at)
        SELECT connect.current_org(), %(here)s, (ARRAY['product', 'order', 'customer'])[1 + n %% 3],
               CASE WHEN n %% 50 = 0 THEN 'push' ELSE 'delta' END, 'closed', 5, 5, n %% 7, n %% 5, 3, n %% 11,
               '{"throttled": 1, "slow": 0}', now() - n * interval '10 minutes', now() - n * interval '10 minutes'
        FROM generate_series(1, %(number)s) AS n RETURNING 1""",
        here=store.connection.connection_id,
        number=number,
    )


def test_the_time_line_pages_by_key_without_a_gap_or_a_double(ann: Browser, store: Shop) -> None:
    many_runs(store, 230)
    page = ann.get(f"{HISTORY}?kind=runs").text
    seen = re.findall(r'<time datetime="([^"]+)"', page)
    while following := re.search(r'rel="next" href="([^"]+)"', page):
        page = ann.get(unescape(following[1])).text
        assert "<figure" not in page, "the charts are on the first page"
        seen += re.findall(r'<time datetime="([^"]+)"', page)
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == store.value("SELECT count(*) FROM capture.sync_ledger WHERE mode <> 'push'")


def test_ten_thousand_runs_are_summed_by_day_and_paged(store: Shop) -> None:
    many_runs(store, 10_000)
    found = observe.days(store.db, store.org, 365, store.connection)[store.connection.connection_id]
    assert sum(one.runs for one in found) == 10_002
    assert sum(one.throttled for one in found) == 10_000
    assert found[-1].day == datetime.now(UTC).date()
    assert len(found) == 365
    line = observe.time_line(store.db, store.connection, days=365, limit=50)
    assert len(line) == 50
    deep = observe.time_line(store.db, store.connection, days=365, after=line[-1].place, limit=50)
    assert deep[0].at < line[-1].at


def test_a_chart_stays_in_its_frame() -> None:
    days = [datetime(2026, 1, 1, tzinfo=UTC).date() + timedelta(days=one) for one in range(30)]
    drawn = chart(days, [("new", "new", [one * 37.0 for one in range(30)]), ("deleted", "deleted", [3.0] * 30)])
    assert [words for _, words in drawn.ticks] == ["0", "1,000", "2,000"]
    assert all(bar.y >= 0 and bar.y + bar.height <= 147 and bar.x + bar.width <= 420 for bar in drawn.bars)
    assert len(drawn.labels) <= 6
    assert chart(days, [("new", "new", [0.0] * 30)]).empty


def test_a_failing_store_is_among_what_waits(ann: Browser, store: Shop) -> None:
    assert "is failing" not in ann.get(HOME).text
    store.rows(
        "UPDATE connect.integration_connector SET health = 'failing', health_detail = 'It refuses the key.' RETURNING 1"
    )
    page = ann.get(HOME).text
    assert "What waits ▲ shop is failing It refuses the key." in words(page)
    assert 'href="/ui/acme/shop/configuration"><span class="deleted" title="a failing store">' in page
    assert "Nothing waits." not in page
