"""Queues: exactly the plan, once, whatever happens to the workers."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sync_pipeline.db.engine import Database
from sync_pipeline.errors import Conflict, NotFound, StalePlan
from sync_pipeline.steps import promote
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.promote.queue import worker as worker_module
from sync_pipeline.steps.promote.write import apart
from sync_pipeline.steps.promote.write.rows import write
from sync_pipeline_tests.integration.promote_world import World, product, variation


@pytest.fixture
def world(database: Database, org: Organization) -> World:
    return World(database, org.org_id)


def _apply(world: World, plan: str, **more: Any) -> promote.ApplyReport:
    return promote.apply(world.db, world.org_id, plan, actor="tester", **more)


def test_applied_twice_changes_nothing_and_reports_the_same(world: World) -> None:
    plan = world.plan([world.capture("product", product(n)) for n in range(1, 6)])
    first = _apply(world, plan)
    before = world.dump()
    second = _apply(world, plan)
    assert (second.queue, second.state, second.done, second.failed) == (first.queue, "done", 5, 0)
    assert world.dump() == before
    assert world.one("SELECT count(*) FROM promote.sync_queue")[0] == 1
    assert world.one("SELECT state, approved_by FROM selection.sync_plan")[:2] == ("applied", "tester")
    events = [r[0] for r in world.sql("SELECT event FROM observe.sync_activity ORDER BY activity_id")]
    assert events.count("promote.queued") == events.count("promote.applied") == 1


def test_a_stale_plan_changes_nothing_and_lists_the_records(world: World) -> None:
    records = [world.capture("product", product(n)) for n in (1, 2, 3)]
    plan = world.plan(records)
    world.capture("product", product(2, name="Changed"))
    world.capture("product", product(3), deleted=True)
    with pytest.raises(StalePlan, match="stale: 2 of 3 records changed") as caught:
        _apply(world, plan)
    assert [one["external_id"] for one in caught.value.stale] == ["2", "3"]
    assert (caught.value.of, caught.value.stale[0]["connection"]) == (3, "shop")
    assert world.products() == []
    assert world.one("SELECT state FROM selection.sync_plan").state == "proposed"
    assert world.sql("SELECT 1 FROM promote.sync_queue") == []


def test_a_queue_whose_plan_became_stale_before_its_run_is_closed(world: World) -> None:
    plan = world.plan([world.capture("product", product(n)) for n in (1, 2, 3)])
    queue = promote.create_request(world.db, world.org_id, plan, actor="tester").queue.queue_id
    world.capture("product", product(2, name="Changed"))
    with pytest.raises(StalePlan):
        _apply(world, plan)
    now = promote.status(world.db, world.org_id, queue)
    assert (now.state, now.open, now.cancelled) == ("cancelled", 0, 3)
    assert {line.reason for line in promote.lines(world.db, world.org_id, queue)} == {
        "stale: 1 of 3 records changed since the plan was made. Nothing was changed. Make a new plan."
    }
    assert world.products() == []


def test_what_another_plan_promoted_is_said_so(world: World) -> None:
    """Nothing changed at the store: the same record was in two plans."""
    record = world.capture("product", product(1))
    first, second = world.plan([record]), world.plan([record])
    queue = promote.create_request(world.db, world.org_id, second, actor="tester").queue.queue_id
    _apply(world, first)
    said = "stale: 1 of 1 records were promoted by another plan since this one was made. Nothing was changed."
    with pytest.raises(StalePlan, match=said):
        _apply(world, second)
    assert [line.reason for line in promote.lines(world.db, world.org_id, queue)] == [f"{said} Make a new plan."]


def test_a_stale_plan_does_not_close_a_queue_that_somebody_works_on(world: World) -> None:
    plan = world.plan([world.capture("product", product(n)) for n in (1, 2, 3)])
    queue = promote.create_request(world.db, world.org_id, plan, actor="tester").queue.queue_id
    world.sql(
        "UPDATE promote.sync_queue_line SET state = 'processing', worker = gen_random_uuid(), attempts = 1, "
        "lease_until = now() + interval '1 minute' WHERE line_no = 1"
    )
    world.capture("product", product(2, name="Changed"))
    with pytest.raises(StalePlan):
        _apply(world, plan)
    assert promote.status(world.db, world.org_id, queue).open == 3


def test_refused_and_unknown_plans_are_not_applied(world: World) -> None:
    plan = world.plan([world.capture("product", product(1))])
    world.sql("UPDATE selection.sync_plan SET state = 'refused'")
    with pytest.raises(Conflict, match="refused"):
        _apply(world, plan)
    for unknown in ("00000000-0000-0000-0000-000000000000", "nonsense"):
        with pytest.raises(NotFound):
            _apply(world, unknown)


@pytest.mark.parametrize("where", ["write", "_finish"])
def test_killed_between_batches_the_next_run_finishes_it(
    world: World, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    world.sql("UPDATE connect.integration_connector SET settings = '{\"batch_size\": 2}'")
    plan = world.plan([world.capture("product", product(n)) for n in range(1, 10)])
    calls = []
    target: Any = apart if where == "write" else worker_module._Worker
    real = getattr(target, where)

    def dying(*args: Any) -> Any:
        calls.append(1)
        result = real(*args)
        if len(calls) == 2:
            raise KeyboardInterrupt  # after the work, before the commit
        return result

    monkeypatch.setattr(target, where, dying)
    with pytest.raises(KeyboardInterrupt):
        _apply(world, plan)
    queue = str(world.one("SELECT queue_id FROM promote.sync_queue").queue_id)
    half = promote.status(world.db, world.org_id, queue)
    assert (half.state, half.done, len(world.products())) == ("processing", 2, 2)
    assert world.one("SELECT state FROM selection.sync_plan").state == "approved"
    monkeypatch.setattr(target, where, real)
    # A record that changed after its line was done makes nothing stale.
    world.capture("product", product(1, name="Changed"))
    report = _apply(world, plan)
    assert (report.queue, report.state, report.done) == (queue, "done", 9)
    assert [p[1] for p in world.products()] == [f"Product {n}" for n in range(1, 10)]


def test_a_dead_workers_lines_come_back_and_three_deaths_are_enough(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = world.plan([world.capture("product", product(n)) for n in (1, 2)])
    queue = promote.start(world.db, world.org_id, plan, actor="tester")
    world.sql(
        "UPDATE promote.sync_queue_line SET state = 'processing', worker = gen_random_uuid(), attempts = 1,"
        " lease_until = now() - interval '1 second'"
    )
    world.sql("UPDATE promote.sync_queue_line SET attempts = 3 WHERE line_no = 2")
    report = _apply(world, plan)
    assert (report.queue, report.state, report.done, report.failed) == (queue, "partial", 1, 1)
    assert "lost 3 times" in report.errors[0]["reason"]
    assert promote.status(world.db, world.org_id, queue).action_required == 1
    promote.retry(world.db, world.org_id, queue, actor="tester")
    assert _apply(world, plan).state == "done"


def test_a_line_under_a_living_lease_is_left_alone(world: World) -> None:
    plan = world.plan([world.capture("product", product(n)) for n in (1, 2)])
    queue = promote.start(world.db, world.org_id, plan, actor="tester")
    world.sql(
        "UPDATE promote.sync_queue_line SET state = 'processing', worker = gen_random_uuid(), "
        "lease_until = now() + interval '1.5 seconds' WHERE line_no = 1"
    )
    seen = []
    promote.work(world.db, world.org_id, queue, progress=lambda s: seen.append((s.done, s.open)))
    assert seen[0] == (1, 1)
    assert [p[1] for p in world.products()] == ["Product 2", "Product 1"]


def test_two_workers_share_a_queue_and_do_everything_once(world: World) -> None:
    world.sql("UPDATE connect.integration_connector SET settings = '{\"batch_size\": 3}'")
    records = [world.capture("product", product(n, sku=f"S{n % 40}")) for n in range(1, 61)]
    records += [world.capture("variation", variation(1000 + n, n)) for n in range(1, 61)]
    queue = promote.start(world.db, world.org_id, world.plan(records), actor="tester")
    failures: list[BaseException] = []

    def one_worker() -> None:
        try:
            promote.work(world.db, world.org_id, queue)
        except BaseException as error:  # noqa: BLE001 - whatever it was, the test must see it
            failures.append(error)

    threads = [threading.Thread(target=one_worker) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert failures == []
    done = promote.status(world.db, world.org_id, queue)
    assert (done.state, done.done, done.percent, done.eta_seconds) == ("done", 120, 100.0, 0.0)
    assert world.one("SELECT count(*), count(DISTINCT sku_key) FROM core.products")[:2] == (60, 40)
    assert world.one("SELECT count(*) FROM core.product_variants WHERE product_id IS NOT NULL")[0] == 60
    assert world.one("SELECT count(*) FROM promote.integration_mapping")[0] == 120
    counts = world.one("SELECT total, waiting, processing, done, failed, cancelled FROM promote.sync_queue")
    assert tuple(counts) == (120, 0, 0, 120, 0, 0)


def test_stages_follow_dependencies_whatever_the_plans_order(world: World) -> None:
    report = world.apply(
        world.capture("variation", variation(7, 1)),
        world.capture("product", product(1, categories=[{"id": 5}])),
        world.capture("category", {"id": 5, "name": "c", "parent": 0}),
    )
    assert [line.entity_type for line in world.lines(report)] == ["category", "product", "variation"]
    assert [line.warnings for line in world.lines(report)] == [[], [], []]


def test_a_deadlock_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = world.plan([world.capture("product", product(n)) for n in (1, 2)])
    calls = []

    def unlucky(conn: Any, *rest: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            conn.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$")
        write(conn, *rest)

    monkeypatch.setattr(apart, "write", unlucky)
    report = _apply(world, plan)
    assert (report.state, report.done, len(calls)) == ("done", 2, 2)
    assert {line.attempts for line in world.lines(report)} == {2}


def test_cancel_retry_and_force_done(world: World) -> None:
    plan = world.plan([world.capture("product", product(1)), world.capture("product", product(2, price="x"))])
    queue = promote.start(world.db, world.org_id, plan, actor="tester")
    assert promote.status(world.db, world.org_id, queue).state == "draft"
    assert promote.cancel(world.db, world.org_id, queue, actor="tester").state == "cancelled"
    assert _apply(world, plan).done == 0
    plan = world.plan([world.capture("product", product(1)), world.capture("product", product(2, price="x"))])
    report = _apply(world, plan)
    assert report.state == "partial"
    assert promote.retry(world.db, world.org_id, report.queue, actor="tester").state == "processing"
    assert _apply(world, plan).state == "partial"
    assert promote.force_done(world.db, world.org_id, report.queue, actor="tester").state == "done"
    assert promote.status(world.db, world.org_id, report.queue).failed == 1


def test_promotion_clears_the_difference_it_promoted_and_no_newer_one(world: World) -> None:
    plan = world.plan([world.capture("product", product(1)), world.capture("product", product(2))])
    world.sql(
        "INSERT INTO preview.difference (org_id, connection_id, entity_type, external_id, status, content_hash) "
        "SELECT org_id, connection_id, entity_type, external_id, 'new', "
        "CASE external_id WHEN '1' THEN content_hash ELSE 'newer' END FROM capture.sync_record"
    )
    _apply(world, plan)
    assert [r[0] for r in world.sql("SELECT external_id FROM preview.difference")] == ["2"]


def test_the_planned_version_is_promoted_even_if_a_newer_one_arrives_meanwhile(world: World) -> None:
    plan = world.plan([world.capture("product", product(1, name="Planned"))])
    queue = promote.start(world.db, world.org_id, plan, actor="tester")
    world.capture("product", product(1, name="Newer"))
    promote.work(world.db, world.org_id, queue)
    assert world.products()[0][1] == "Planned"


def test_the_legacy_names_show_the_queue(world: World) -> None:
    report = world.promote("product", product(1))
    assert world.one("SELECT state FROM promote.woo_customer_sync_queue").state == "done"
    assert str(world.one("SELECT queue_id FROM promote.woo_customer_sync_queue_line").queue_id) == report.queue
    assert world.one("SELECT name FROM compat.product").name == "Product 1"
