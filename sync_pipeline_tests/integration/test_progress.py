"""What is at work, as other processes see it in the database: during a pull, after a kill, and before it begins."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.cli import context
from sync_pipeline.cli import plan as plan_command
from sync_pipeline.cli.status import _work, status
from sync_pipeline.steps import capture, observe, promote, select
from sync_pipeline.steps.observe import WorkProgress
from sync_pipeline.steps.observe.checks import CHECKS
from sync_pipeline.steps.observe.heartbeat import record_heartbeat
from sync_pipeline_tests.captured import Clock, captured_once
from sync_pipeline_tests.served import served
from sync_pipeline_tests.stores import Shop, shop

PRODUCTS = 600


class Killed(BaseException):
    """The process ends here."""


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=PRODUCTS, variable=0, customers=3, orders=2)
    return made


template = captured_once(shop, fill, lambda _: None)


def watched(store: Shop, *, full: bool = False, kill_at: int | None = None) -> list[WorkProgress]:
    """What is at work after each commit of a pull of the products, which may be killed at one of them."""
    seen: list[WorkProgress] = []

    def look(*_: object) -> None:
        seen.extend(observe.progress(store.db, store.org.org_id))
        if kill_at is not None and len(seen) >= kill_at:
            raise Killed()

    try:
        with capture.session(store.db, store.settings, store.connection, report=look) as session:
            session.pull(store.connection.source.stream("products"), full=full)
    except Killed:
        pass
    return seen


def open_ledgers(store: Shop) -> list[str]:
    """What the check says of pulls that did not end."""
    [check] = [one for one in CHECKS if one.name == "ledger_closed"]
    with store.db.org(store.org.org_id) as conn:
        return [words for row in check.run(conn) for words in row.sample]


def test_a_pull_is_seen_with_its_total_rate_and_end(store: Shop) -> None:
    seen = watched(store)
    assert len(seen) > 2
    assert {one.key for one in seen} == {f"pull:{store.connection.connection_id}/product"}
    assert {(one.title, one.connection, one.state) for one in seen} == {("Products", "shop", "running")}
    assert {one.total for one in seen} == {PRODUCTS}
    done = [one.done for one in seen]
    assert done == sorted(done)
    assert 0 < done[0] < done[-1] == PRODUCTS
    middle = next(one for one in seen if one.done < PRODUCTS)
    assert middle.per_minute > 0
    assert middle.eta_seconds is not None
    assert middle.eta_seconds == pytest.approx((PRODUCTS - middle.done) / middle.per_minute * 60)
    assert observe.progress(store.db, store.org.org_id) == []
    assert store.value("SELECT count(*) FROM capture.sync_ledger WHERE detail ? 'progress'") == 0


def test_a_sweep_counts_what_was_read_before_it(store: Shop) -> None:
    store.pull("products")
    for one in sorted(store.ids("products"), key=int)[:40]:
        store.store.update("products", int(one), name=f"Renamed {one}")
    seen = watched(store)
    sweep = [one for one in seen if one.total is not None]
    assert sweep, "the sweep says how many there are"
    assert {one.total for one in sweep} == {PRODUCTS + 40}, "and what was read as changed is on top"
    assert sweep[-1].done == PRODUCTS + 40


def test_each_record_counts_once_although_pages_overlap(store: Shop) -> None:
    def counted(**options: bool) -> list[tuple[int, int | None]]:
        seen: list[tuple[int, int | None]] = []
        with capture.session(
            store.db, store.settings, store.connection, report=lambda _, so_far: seen.append((so_far.done, so_far.of))
        ) as session:
            session.pull(store.connection.source.stream("products"), **options)
        return seen

    assert counted()[-1] == (PRODUCTS, PRODUCTS)
    assert counted(full=True)[-1] == (PRODUCTS, PRODUCTS)
    for one in sorted(store.ids("products"), key=int)[:40]:
        store.store.update("products", int(one), name=f"Renamed {one}")
    assert counted()[-1] == (PRODUCTS, PRODUCTS), "a sweep lists what was read as changed again"


def test_a_killed_pull_is_stopped_and_goes_on_from_where_it_was(store: Shop) -> None:
    last = watched(store, kill_at=2)[-1]
    [stopped] = observe.progress(store.db, store.org.org_id)
    assert (stopped.state, stopped.done, stopped.total) == ("stopped", last.done, PRODUCTS)
    assert stopped.note == "stopped; it goes on with the next refresh"
    assert _work("acme", stopped).endswith(", stopped; `sync-pipeline pull acme` goes on there")
    assert (stopped.per_minute, stopped.eta_seconds) == (0, None)
    store.rows("UPDATE capture.sync_ledger SET started_at = started_at - interval '2 minutes' RETURNING 1")
    assert open_ledgers(store) == ["shop: its pull ended before it was done"]
    resumed = watched(store)
    assert open_ledgers(store) == []
    assert {one.state for one in resumed} == {"running"}
    assert stopped.done <= resumed[0].done
    assert resumed[-1].done == resumed[-1].total == PRODUCTS
    assert observe.progress(store.db, store.org.org_id) == []
    assert [row.status for row in store.rows("SELECT status FROM capture.sync_logs ORDER BY log_id")] == ["success"]


def test_a_killed_pull_that_nobody_resumes_leaves_no_log_that_runs(store: Shop) -> None:
    watched(store, kill_at=2)
    watched(store)
    watched(store, kill_at=1)  # a delta
    watched(store, full=True)
    assert observe.progress(store.db, store.org.org_id) == []
    states = [row.status for row in store.rows("SELECT status FROM capture.sync_logs ORDER BY log_id")]
    assert states == ["success", "failed", "success"]


def test_a_killed_application_says_how_it_goes_on(
    store: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store.pull("products")
    store.preview("products")
    stream = store.connection.source.stream("products")
    select.select(store.db, store.connection, stream, include=True, everything=True, actor="ann")
    plan = select.make_plan(store.db, store.org, actor="ann")
    assert plan is not None
    seen: list[WorkProgress] = []

    def kill(_: object) -> None:
        seen.extend(observe.progress(store.db, store.org.org_id))
        raise Killed()

    with pytest.raises(Killed):
        promote.apply(store.db, store.org.org_id, plan.plan_id, actor="ann", progress=kill)
    [just_now] = observe.progress(store.db, store.org.org_id)
    assert just_now.state == "running", "it may be between two batches"
    with store.db.org(store.org.org_id) as conn:
        conn.exec_driver_sql("UPDATE promote.sync_queue SET started_at = started_at - interval '1 minute'")
        conn.exec_driver_sql("UPDATE promote.sync_queue_line SET finished_at = finished_at - interval '1 minute'")
    [running], [stopped] = seen, observe.progress(store.db, store.org.org_id)
    assert running.state == "running"
    assert running.done == stopped.done > 0
    assert (stopped.state, stopped.plan_id, stopped.eta_seconds) == ("stopped", plan.plan_id, None)

    monkeypatch.setattr(context, "opened", lambda: nullcontext(context.Context(store.settings, store.db)))
    monkeypatch.setattr(plan_command, "opened", context.opened)
    monkeypatch.setenv("COLUMNS", "400")
    again = f"sync-pipeline apply acme {plan.plan_id}"
    status("acme")
    shown = capsys.readouterr().out
    assert f"At work: Apply a plan, {stopped.done} of {PRODUCTS}, stopped; `{again}` goes on with it" in shown
    assert shown.endswith(f"Next: {again}\n")
    plan_command.plan("acme")
    assert capsys.readouterr().err.endswith(f"Next: {again}\n"), "a new plan would be empty"

    promote.apply(store.db, store.org.org_id, plan.plan_id, actor="ann")
    assert observe.progress(store.db, store.org.org_id) == []


def test_a_request_says_what_it_waits_for(store: Shop) -> None:
    observe.create_request(
        store.db, store.org, "pull", actor="ann", connection="shop", entities=["products"], full=True
    )
    [waiting] = observe.progress(store.db, store.org.org_id)
    assert (waiting.state, waiting.title, waiting.entity) == ("waiting", "Refresh everything", "products")
    assert waiting.note == "waits for Dagster, which does not run; `sync-pipeline up` starts it"
    record_heartbeat(store.db)
    [waiting] = observe.progress(store.db, store.org.org_id)
    assert waiting.note == "waits for Dagster, which begins it in a few seconds"
    store.rows("UPDATE observe.request SET state = 'launched', orchestrator_run = 'run-1' RETURNING 1")
    [running] = observe.progress(store.db, store.org.org_id)
    assert (running.state, running.done, running.total, running.note) == ("running", 0, 1, None)
    with capture.session(store.db, store.settings, store.connection, orchestrator_run="run-1") as session:
        session.pull(store.connection.source.stream("products"))
    [running] = observe.progress(store.db, store.org.org_id)
    assert (running.done, running.total, running.note) == (1, 1, "compares with core")
    store.rows("UPDATE observe.request SET state = 'done' RETURNING 1")
    assert observe.progress(store.db, store.org.org_id) == []


def test_previews_and_reconciliations_are_seen_without_a_total(store: Shop) -> None:
    observe.create_request(store.db, store.org, "preview", actor="ann", connection="shop")
    observe.create_request(store.db, store.org, "reconcile", actor="ann")
    store.rows("UPDATE observe.request SET state = 'launched' RETURNING 1")
    found = observe.progress(store.db, store.org.org_id)
    assert [(one.title, one.total, one.connection_id) for one in found] == [
        ("Compare with core", None, store.connection.connection_id),
        ("Reconcile with the stores", None, None),
    ]


def test_the_api_shows_the_work_of_one_connection(store: Shop) -> None:
    observe.create_request(store.db, store.org, "pull", actor="ann", connection="shop")
    observe.create_request(store.db, store.org, "reconcile", actor="ann")
    watched(store, kill_at=3)
    with served(store.db, store.settings) as api:
        answer = api.call("GET", "/api/v1/connections/shop/progress", store.org, "viewer")
    assert [(one["kind"], one["state"], one["title"]) for one in answer.json()["data"]] == [
        ("request", "waiting", "Refresh what changed"),
        ("pull", "stopped", "Products"),
    ]
