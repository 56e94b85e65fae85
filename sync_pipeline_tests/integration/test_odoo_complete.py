"""Every Odoo record is captured once, as the server answers it, whatever the server does meanwhile."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Any

import pytest

from sandbox.odoo import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.sources.base import Ask
from sync_pipeline.sources.odoo.company_values import COMPANY_VALUES
from sync_pipeline.steps import capture, connect, observe
from sync_pipeline.steps.capture.read.coverage import Coverage
from sync_pipeline.steps.capture.read.walk import cover
from sync_pipeline.steps.capture.run.ledger import open_run
from sync_pipeline.steps.capture.write.pages import Listed
from sync_pipeline_tests.odoo_stores import Odoo, ask, customer_ids, odoo
from sync_pipeline_tests.shares import first


@pytest.fixture
def store() -> Store:
    filled = Store()
    seed(filled, products=60, partners=80, orders=70, random_seed=5)
    return filled


@pytest.fixture
def opened(database: Database, settings: Settings, org: connect.Organization, store: Store) -> Iterator[Odoo]:
    with odoo(database, settings, org, store) as made:
        yield made


@pytest.fixture
def large(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Odoo]:
    """More partners than fit on a few pages, and holes between their ids."""
    filled = Store()
    seed(filled, products=10, partners=20, orders=10)
    ids = filled.create("res.partner", [{"name": f"P{n}", "customer_rank": 1} for n in range(5200)])
    filled.unlink("res.partner", [i for n, i in enumerate(ids) if n % 7 == 3 or 1500 < n < 2900], force=True)
    filled.create("product.category", [{"name": f"Shelf {n}"} for n in range(3300)])
    with odoo(database, settings, org, filled, companies=[1]) as made:
        yield made


def expected_ids(opened: Odoo, name: str) -> set[str]:
    stream = opened.stream(name)
    if name == "customers":
        return set(map(str, customer_ids(opened.server, opened.connection.settings.get("companies") or (1, 2))))
    rows = ask(opened.server, stream.path, "search_read", domain=list(stream.domain), fields=["id"])
    return {str(row["id"]) for row in rows}


def assert_equal_to_the_server(opened: Odoo, name: str) -> None:
    """Same records, and each as the server answers it now for the same fields."""
    captured = {payload["id"]: payload for payload in opened.export(name)}
    for payload in captured.values():
        payload.pop(COMPANY_VALUES, None)  # see test_odoo_companies
    assert {str(i) for i in captured} == expected_ids(opened, name), name
    if captured:
        fields = list(next(iter(captured.values())))
        rows = ask(opened.server, opened.stream(name).path, "read", ids=list(captured), fields=fields, load="")
        assert captured == {row["id"]: row for row in rows}, name


def test_everything_is_captured_once_and_as_the_server_answers_it(opened: Odoo) -> None:
    archived = sorted(opened.store.ids("product.template"))[:2]
    opened.store.archive("product.template", archived)
    opened.store.archive("res.partner", sorted(customer_ids(opened.server))[:1])
    reports = opened.pull(full=True)
    assert {name: r.error for name, r in reports.items() if not r.ok} == {}
    for name, report in reports.items():
        assert report.expected == report.captured == len(opened.ids(name)), name
        assert_equal_to_the_server(opened, name)
    assert {str(i) for i in archived} <= opened.ids("products")
    outcome = observe.reconcile(opened.db, opened.settings, opened.org)
    assert outcome.ok, [one for one in outcome.entities if not one.ok]


def test_a_second_delta_captures_nothing_and_costs_a_request_or_two_an_entity(opened: Odoo) -> None:
    opened.pull(full=True)
    opened.store.advance(3600)
    opened.pull()  # moves the watermark past the overlap
    with capture.session(opened.db, opened.settings, opened.connection, actor="test") as session:
        for name in opened.streams:
            report = session.pull(opened.stream(name))
            assert (report.new, report.changed, report.deleted) == (0, 0, 0), name
            # What the model offers, then what changed, then the sweep; customers are also looked up in orders, and
            # the partners above and below them.
            assert report.requests <= (10 if name == "customers" else 7), (name, report.requests)


def test_pages_are_read_side_by_side_and_leave_no_id_out(large: Odoo) -> None:
    for name in ("customers", "categories"):
        report = large.pull(name, full=True)[name]
        assert report.closed, report.error
        assert large.ids(name) == expected_ids(large, name)
    rows = large.rows("SELECT low, high FROM capture.sync_page WHERE low IS NOT NULL ORDER BY low")
    assert rows
    lists = [r for r in large.server.requests if r.method == "search_read" and r.model == "product.category"]
    assert len(lists) <= 8, [r.arguments for r in lists]


@pytest.mark.parametrize(
    "spread", first(1, ["dense, then far apart", "far apart, then dense", "a few thousand far apart"])
)
def test_the_width_of_windows_follows_the_ids(
    database: Database, settings: Settings, org: connect.Organization, spread: str
) -> None:
    filled = Store()
    seed(filled, products=5, partners=5, orders=5)
    start = max(filled.ids("product.category")) + 1
    rng = random.Random(4)
    dense, wide = [1] * 3000, [rng.randrange(1, 5000) for _ in range(3000)]
    steps = {"a few thousand far apart": wide, "dense, then far apart": dense + wide}.get(spread, wide + dense)
    ids = [start + n for n in accumulate(steps)]
    filled.create("product.category", [{"id": i, "name": f"Shelf {i}"} for i in ids])
    with odoo(database, settings, org, filled, companies=[1]) as opened:
        report = opened.pull("categories", full=True)["categories"]
        assert report.ok, report.error
        assert opened.ids("categories") == {str(i) for i in filled.ids("product.category")}
        lists = [r for r in opened.server.requests if r.method == "search_read" and r.model == "product.category"]
        assert len(lists) <= 3 * (len(ids) // 1000) + 8


def test_rows_that_come_and_go_while_it_is_read_are_there_after_the_next_delta(large: Odoo) -> None:
    large.server.faults.drift(every=1, deletes=20, inserts=20, kind="product.category", seed=3)
    report = large.pull("categories", full=True)["categories"]
    assert report.closed, report.error
    large.server.faults.clear()
    assert large.pull("categories")["categories"].closed
    assert_equal_to_the_server(large, "categories")


def test_writers_at_work(database: Database, settings: Settings, org: connect.Organization, store: Store) -> None:
    """Long transactions, updates in one second and deletes while it pulls: nothing is missing, nothing stale."""
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            batch = [{"name": f"Late {number} {n}", "customer_rank": 1} for n in range(20)]
            store.create("res.partner", batch, hold_seconds=1.0)
            store.create("product.template", [{"name": f"Late {number} {n}"} for n in range(20)], hold_seconds=1.0)
            ids = sorted(store.ids("product.template"))
            for row_id in ids[number % 7 :: 7]:
                store.write("product.template", row_id, {"list_price": float(number)})
            store.unlink("product.template", ids[number % len(ids)], force=True)
            stop.wait(0.1)  # a writer without a pause keeps the reader from running, and fills the store without end

    with odoo(database, settings, org, store, overlap_seconds=5, deletion_gate_share=1.0) as opened:
        writer = threading.Thread(target=write)
        writer.start()
        try:
            opened.pull("products", "customers", full=True)
            for _ in range(3):
                opened.pull("products", "customers")
        finally:
            stop.set()
            writer.join()
        time.sleep(1.1)  # the last long transactions commit
        reports = opened.pull("products", "customers")
        assert {name: r.error for name, r in reports.items() if not r.ok} == {}
        assert_equal_to_the_server(opened, "products")
        assert_equal_to_the_server(opened, "customers")


@pytest.mark.parametrize(("also_fields", "transport"), [(True, "json2"), (False, "jsonrpc")])
def test_one_poisoned_record_is_set_aside_and_the_others_are_captured(
    large: Odoo, also_fields: bool, transport: str
) -> None:
    connect.update_settings(large.db, large.connection, {"transport": transport}, actor="test")
    large.connection = connect.connection(large.db, large.org, "erp")
    poisoned = sorted(large.store.ids("product.category"))[1700]
    large.server.faults.poison("product.category", poisoned, also_fields=also_fields)
    report = large.pull("categories", full=True)["categories"]
    assert report.closed, report.error
    assert report.quarantine == (str(poisoned),)
    assert large.ids("categories") == expected_ids_of(large, "product.category") - {str(poisoned)}
    row = large.rows("SELECT status, raw FROM capture.sync_quarantine WHERE resolved_at IS NULL")[0]
    assert row.status == 500
    assert set(json.loads(bytes(row.raw))) <= {"name", "message", "arguments"}
    large.server.faults.heal("product.category", poisoned)
    assert large.pull("categories")["categories"].ok
    assert str(poisoned) in large.ids("categories")


def expected_ids_of(opened: Odoo, model: str) -> set[str]:
    return {str(i) for i in opened.store.ids(model)}


def test_a_call_the_server_does_not_understand_fails_at_once_and_sets_nothing_aside(opened: Odoo) -> None:
    opened.pull("products", full=True)
    with capture.session(opened.db, opened.settings, opened.connection, actor="test") as session:
        session.pull(opened.stream("products"))  # the fields are known to this client now
        opened.store.drop_field("product.template", "description_sale")
        before = len(opened.server.requests)
        report = session.pull(opened.stream("products"), full=True)
    assert not report.closed
    assert "description_sale" in str(report.error)
    assert report.quarantine == ()
    assert len(opened.server.requests) - before <= 3
    assert opened.pull("products", full=True)["products"].closed


def test_a_store_with_many_faults_at_once(large: Odoo) -> None:
    for kind, probability in (("503", 0.05), ("html200", 0.05), ("reset", 0.05), ("half_body", 0.05), ("504", 0.03)):
        large.server.faults.rate(kind, probability, seed=1)
    large.server.faults.burst(status=429, count=3, retry_after=1)
    for name in ("customers", "categories"):
        report = large.pull(name, full=True)[name]
        assert report.ok, report.error
    large.server.faults.clear()
    for name in ("customers", "categories"):
        assert_equal_to_the_server(large, name)


class Killed(BaseException):
    """Stands for a process that is gone: nothing after it runs."""


def test_a_killed_pull_goes_on_where_it_stopped_and_its_watermark_is_from_its_beginning(large: Odoo) -> None:
    def lists() -> Any:
        asked = [r for r in large.server.requests if r.method == "search_read" and r.model == "product.category"]
        return len(asked) - sum(r.arguments["order"] == "id desc" for r in asked)

    def killed(_stream: Any, progress: capture.Progress) -> None:
        if progress.pages >= 2:
            raise Killed

    began = large.store.utcnow()
    with (
        capture.session(large.db, large.settings, large.connection, actor="test", report=killed) as session,
        pytest.raises(Killed),
    ):
        session.pull(large.stream("categories"), full=True)
    assert large.value("SELECT count(*) FROM capture.sync_cursor WHERE watermark IS NOT NULL") == 0
    before = lists()
    large.store.advance(1800)  # longer than the overlap: what changes now lies behind a watermark of the second life
    stale = sorted(large.store.ids("product.category"))[3]
    large.store.write("product.category", stale, {"name": "Renamed in between"})
    large.store.advance(1800)
    report = large.pull("categories")["categories"]
    assert report.ok, report.error
    assert (report.mode, report.resumed) == ("full", 1)
    assert lists() - before < 4  # four pages in all, of which some were there already
    watermark = large.value("SELECT watermark FROM capture.sync_cursor WHERE entity_type = 'category'")
    assert abs((watermark - began).total_seconds()) < 60
    assert large.pull("categories", do_sweep=False)["categories"].changed == 1
    assert_equal_to_the_server(large, "categories")


def test_both_transports_give_the_same_payloads(opened: Odoo) -> None:
    opened.pull(full=True)
    first = {name: opened.export(name) for name in opened.streams}
    other = connect.add_organization(opened.db, "rpc")
    given = {"url": opened.server.url, "db": opened.server.db, "username": opened.server.login}
    made = connect.add_connection(
        opened.db, opened.settings, other, "odoo", "erp", {**given, "password": opened.server.password}, actor="test"
    )
    second = Odoo(
        db=opened.db, settings=opened.settings, org=other, connection=made, store=opened.store, server=opened.server
    )
    opened.server.requests.clear()
    reports = second.pull(full=True)
    assert {name: r.error for name, r in reports.items() if not r.ok} == {}
    assert {r.transport for r in opened.server.requests if r.model and r.method == "search_read"} == {"jsonrpc"}
    assert {name: second.export(name) for name in opened.streams} == first


def test_values_come_back_digit_for_digit(opened: Odoo) -> None:
    connect.update_settings(opened.db, opened.connection, {"companies": [1]}, actor="test")
    opened.connection = connect.connection(opened.db, opened.org, "erp")
    target = min(opened.store.ids("product.category"))
    hostile = {
        "big": str(2**70),
        "digits": "10.343287500000002",
        "more": "0.1234567890123456789012345678901234567891",
        "nul": r'"a\u0000b"',
        "lone": r'"x\ud800y"',
        "false": "false",
        "empty": '""',
        "zero": "0.0",
        "deep": "[" * 100 + "1" + "]" * 100,
        "umlaut": '"Müller & Söhne 漢字 😀"',
    }
    text = "{" + ",".join([f'"id":{target}', '"parent_id":false', *(f'"{k}":{v}' for k, v in hostile.items())]) + "}"
    opened.store.raw_override("product.category", target, text)
    assert opened.pull("categories", full=True)["categories"].ok
    exported = next(p for p in opened.export("categories") if p["id"] == target)
    wanted = json.loads(text, parse_float=Decimal)
    assert exported == wanted
    assert {k: str(v) for k, v in exported.items()} == {k: str(v) for k, v in wanted.items()}
    assert opened.pull("categories")["categories"].changed == 0


def test_what_is_left_out_is_written_on_the_run_with_its_reason(opened: Odoo) -> None:
    opened.pull("products", full=True)
    detail = opened.detail("products")
    reasons = {reason.partition(":")[0]: set(names) for reason, names in detail["left_out"].items()}
    payload = opened.export("products")[0]
    payload.pop(COMPANY_VALUES)
    offered = set(ask(opened.server, "product.template", "fields_get", attributes=["type"]))
    assert set().union(*reasons.values()) | set(payload) == offered
    assert set().union(*reasons.values()) & set(payload) == set()
    assert "image_1920" in reasons["binary"]
    assert "product_variant_ids" in reasons["one2many"]
    assert "message_ids" in reasons["messages and activities"]
    assert "qty_available" in reasons["computed at each reading, without a signal when it changes"]


def test_a_field_that_holds_a_secret_is_not_captured(opened: Odoo) -> None:
    opened.pull("orders", full=True)
    assert "access_token" in opened.detail("orders")["left_out"]["a secret"]
    assert all("access_token" not in payload for payload in opened.export("orders"))


def test_a_model_whose_module_is_missing_is_not_a_fault_and_is_said(opened: Odoo) -> None:
    opened.store.drop_model("delivery.carrier")
    report = opened.pull("carriers", full=True)["carriers"]
    assert report.closed
    assert "delivery.carrier" in str(report.error)
    assert {one.code for one in opened.findings().values() if one.level == "warning"} >= {"absent"}


def test_gaps_in_the_middle_and_at_the_end_are_read_and_no_more(large: Odoo) -> None:
    """What a killed run leaves: the first gap has an end, so the last id is not known when the last gap comes."""
    stream = large.stream("categories")
    found: list[int] = []

    def sink(pages: Sequence[Listed]) -> None:
        for page in pages:
            found.extend(int(item.external_id) for item in page.page.items)
        assert len(large.server.requests) - before < 50

    with capture.session(large.db, large.settings, large.connection, actor="test") as session:
        opened = open_run(session, stream, full=True, do_sweep=None, max_pages=None)
        run = session.run(stream, opened)
        before = len(large.server.requests)
        assert cover(run, session.pool, Ask(stream=stream), sink, coverage=Coverage([(0, 10), (21, 30)]), known_rows=20)
    known = large.store.ids("product.category")
    assert sorted(found) == [i for i in sorted(known) if 10 < i < 21 or i > 30]
