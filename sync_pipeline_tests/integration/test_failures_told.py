"""A promotion of which nothing reached core says so, and why, wherever people look: the command line and Dagster."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.cli import context as cli
from sync_pipeline.cli import plans as plans_command
from sync_pipeline.cli.status import status
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.defs import definitions
from sync_pipeline.defs.graph import ORG_NAME
from sync_pipeline.defs.resources import Runtime, use_runtime
from sync_pipeline.steps import connect, observe, promote, select
from sync_pipeline.steps.observe.failures import without_values
from sync_pipeline_tests.stores import Shop, shop

WAITS = "stopped it (`sync-pipeline decisions list`)"


@pytest.fixture
def store() -> Store:
    made = Store()
    made.payloads = dict(made.payloads)  # type: ignore[misc]  # this store's alone: the test changes what it writes
    seed(made, products=6, variable=0, customers=3, orders=0)
    return made


@pytest.fixture
def stopped(
    database: Database,
    settings: Settings,
    org: connect.Organization,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Shop]:
    """A shop whose products lost a field, so that a decision waits; the command line works in its database."""
    with shop(database, settings, org, store) as here:

        @contextmanager
        def opened() -> Iterator[cli.Context]:
            yield cli.Context(settings, database)

        monkeypatch.setattr(cli, "opened", opened)
        monkeypatch.setattr(plans_command, "opened", opened)
        monkeypatch.setenv("COLUMNS", "400")
        here.pull("products", "customers")
        here.preview("products")
        whole = store.payloads["products"]

        def without_price(shop_store: object, row: object) -> dict[str, object]:
            payload = dict(whole(shop_store, row))  # type: ignore[arg-type]
            payload.pop("regular_price")
            return payload

        store.payloads["products"] = without_price
        store.tables["products"].forget_all()
        here.pull("products", full=True)
        here.preview("products")
        yield here


def planned(here: Shop, *entities: str, ids: list[str] | None = None) -> str:
    """A plan of all (or some) records of these entities; returns its id."""
    for name in entities:
        stream = here.connection.source.stream(name)
        here.preview(name)
        which = {"ids": ids} if ids else {"everything": True}
        select.select(here.db, here.connection, stream, include=True, actor="bob", **which)
    made = select.make_plan(here.db, here.org, actor="bob")
    assert made is not None
    return str(made.plan_id)


def applied(here: Shop, plan: str) -> promote.ApplyReport:
    return promote.apply(here.db, here.org.org_id, plan, actor="bob")


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_a_plan_of_which_nothing_was_promoted_does_not_read_as_applied(
    stopped: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    [gate] = observe.decisions(stopped.db, stopped.org)
    plan = planned(stopped, "products")
    plans_command.plans("acme", plan)
    assert f"Decision {gate.decision_id} holds back 6 records: they are not promoted" in said(capsys)
    assert select.read_plan(stopped.db, stopped.org, plan).held_back == [select.HeldBack(gate.decision_id, 6)]
    report = applied(stopped, plan)
    assert (report.done, report.failed) == (0, 6)
    assert select.read_plan(stopped.db, stopped.org, plan).held_back == [], "what became of it is said by its lines"

    plans_command.plans("acme")
    shown = said(capsys)
    [line] = [one for one in shown.splitlines() if one.startswith(plan)]
    assert "applied, failed" in line
    assert f"{plan[:8]}: all 6 records failed: Decision {gate.decision_id} {WAITS}" in shown

    plans_command.plans("acme", plan)
    shown = said(capsys)
    assert f"Plan {plan}, applied, failed" in shown
    assert f"  of these 0 done, 6 failed: Decision {gate.decision_id} {WAITS}" in shown
    assert f"queue retry acme {plan}" in shown

    plans_command.plans("acme", plan, as_json=True)
    result = json.loads(said(capsys))["result"]
    assert (result["state"], result["done"], result["failed"]) == ("failed", 0, 6)
    assert [one["records"] for one in result["reasons"]] == [6]

    status("acme")
    shown = said(capsys)
    assert f"Decision {gate.decision_id} waits for a person: {gate.question}" in shown
    assert "sync-pipeline decisions list acme" in shown
    assert f"Plan {plan} is applied, but all 6 records failed: Decision {gate.decision_id} {WAITS}" in shown
    idle = observe.nothing_to_promote(stopped.db, stopped.org)
    assert "1 decision waits for a person: `sync-pipeline decisions list acme`" in idle
    assert f"6 records of plan {plan} failed: `sync-pipeline queue show acme {plan}` says why." in idle
    status("acme", as_json=True)
    told = json.loads(said(capsys))
    assert [one["id"] for one in told["decisions"]] == [gate.decision_id]
    assert [(one["plan"], one["failed"]) for one in told["failed"]] == [(plan, 6)]


def test_dagster_says_why_all_records_of_a_plan_failed(stopped: Shop) -> None:
    [gate] = observe.decisions(stopped.db, stopped.org)
    one = min(stopped.ids("products"), key=int)
    plan = planned(stopped, "products", ids=[one])
    with dg.DagsterInstance.ephemeral() as instance, use_runtime(Runtime(stopped.settings, stopped.db)):
        instance.add_dynamic_partitions(ORG_NAME, ["acme"])
        done = (
            definitions()
            .resolve_job_def("promote")
            .execute_in_process(
                run_config={
                    "ops": {"apply_plans": {"config": {"plan": plan}}},
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                },
                instance=instance,
                partition_key="acme",
                raise_on_error=False,
            )
        )
    [event] = [event for event in done.all_events if event.is_step_failure]
    failure = event.step_failure_data.user_failure_data
    assert failure is not None
    assert f"acme: plan {plan}: its one record failed: Decision {gate.decision_id} {WAITS}" in str(failure.description)


def test_reasons_are_counted_and_the_commonest_come_first(stopped: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    plan = planned(stopped, "products", "customers")
    report = applied(stopped, plan)
    assert (report.done, report.failed) == (4, 6)
    with stopped.db.org(stopped.org.org_id) as conn:
        conn.exec_driver_sql(
            "UPDATE promote.sync_queue_line AS l SET reason = 'reason ' || l.line_no FROM (SELECT line_no, "
            "row_number() OVER (ORDER BY line_no) AS place FROM promote.sync_queue_line WHERE org_id = %(org)s AND "
            "queue_id = %(queue)s AND state = 'failed') AS f WHERE l.org_id = %(org)s AND l.queue_id = %(queue)s "
            "AND l.line_no = f.line_no AND f.place <= 4",
            {"org": stopped.org.org_id, "queue": report.queue},
        )
    plans_command.plans("acme")
    shown = said(capsys)
    assert "applied, partial" in shown
    assert f"{plan[:8]}: 6 records failed: Decision" in shown
    assert re.search(r"decisions resume ORG \d+` \(2\); reason ", shown)
    assert "; 2 for other reasons. See: sync-pipeline queue show" in shown


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("price is 'Ann, Main St 4', not a valid amount. Correct it.", "price is not a valid amount. Correct it."),
        ("The database refused it: null value in column (Failing row contains (1, Ann)).",
         "The database refused it: null value in column"),
        ('The database refused it: invalid input syntax for type numeric: "Ann"',
         "The database refused it: invalid input syntax for type numeric"),
        ("Customer 4 (ann@example.com) has the same e-mail.", "Customer 4 (…) has the same e-mail."),
        ("Decision 1 waits for a person.", "Decision 1 waits for a person."),
    ],
)  # fmt: skip
def test_where_anybody_reads_reasons_they_quote_no_record(reason: str, told: str) -> None:
    """Dagster's pages have no login."""
    assert without_values(reason) == told
