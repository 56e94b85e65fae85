"""A delta that finds nothing is cheap: it asks a small store no more than a full read, and its statements are few."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from sandbox import odoo as odoos
from sandbox import woocommerce as shops
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.defs.config import CaptureConfig
from sync_pipeline.defs.graph import Stage
from sync_pipeline.defs.resources import Runtime
from sync_pipeline.defs.run_organization import OrganizationResult, RunContext, run_organization
from sync_pipeline.steps import connect, preview
from sync_pipeline_tests.odoo_stores import odoo
from sync_pipeline_tests.stores import shop
from sync_pipeline_tests.waiting import wait_until

Opened = Callable[[Database, Settings, connect.Organization], Any]
_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
_STATEMENTS = 14  # of a stream in which nothing changed, from its lock to its decisions


@contextmanager
def _shop(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Any]:
    store = shops.Store()
    shops.seed(store, products=30, variable=4, customers=12, orders=30)
    with shop(database, settings, org, store) as opened:
        yield opened


@contextmanager
def _odoo(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Any]:
    store = odoos.Store()
    odoos.seed(store, products=30, variants=4, partners=12, orders=30)
    with odoo(database, settings, org, store) as opened:
        yield opened


def night(opened: Any, **config: Any) -> OrganizationResult:
    """What a night does for the organization."""
    source = opened.connection.source
    wanted = {stage: set(source.streams) for stage in (Stage.RAW, Stage.PREVIEW, Stage.SELECTED)}
    runtime = Runtime(opened.settings, opened.db)
    result = run_organization(
        runtime, source, opened.org.slug, wanted, CaptureConfig(**config), run=RunContext("night")
    )
    assert result.failures == {}
    return result


@pytest.mark.parametrize("made", [_shop, _odoo], ids=["woocommerce", "odoo"])
def test_a_quiet_delta_of_a_small_store_asks_no_more_than_a_full_read(
    made: Opened, database: Database, settings: Settings, org: connect.Organization
) -> None:
    with made(database, settings, org) as opened:
        night(opened)
        opened.store.advance(7200)
        asked = {}
        for full in (True, False):
            opened.server.requests.clear()
            result = night(opened, full=full)
            asked[full] = len(opened.server.requests)
            modes = {
                report.mode
                for (stage, _), reports in result.reports.items()
                if stage is Stage.RAW
                for report in reports
            }
            assert modes == {"full" if full else "delta"}
        assert 0 < asked[False] <= asked[True]


@pytest.mark.parametrize("made", [_shop, _odoo], ids=["woocommerce", "odoo"])
def test_a_quiet_night_takes_few_statements_and_reports_the_same(
    made: Opened, database: Database, settings: Settings, org: connect.Organization
) -> None:
    with made(database, settings, org) as opened:
        night(opened)
        opened.store.advance(7200)
        night(opened)
        statements: list[str] = []

        def note(_conn: Any, _cursor: Any, statement: str, *_more: Any) -> None:
            statements.append(statement)

        event.listen(database.engine, "before_cursor_execute", note)
        try:
            result = night(opened)
        finally:
            event.remove(database.engine, "before_cursor_execute", note)
        streams = opened.connection.source.streams
        assert len(statements) <= _STATEMENTS * len(streams)
        assert not [one for one in statements if "TEMP TABLE" in one]
        for name, stream in streams.items():
            [summed] = result.reports[Stage.PREVIEW, name]
            compared = preview.recompute(database, opened.connection, stream)
            assert _counts(summed) == _counts(compared)
            [decided] = result.reports[Stage.SELECTED, name]
            assert (decided.included, decided.ignored, decided.undecided) == (
                compared.included,
                compared.ignored,
                compared.undecided,
            )


def test_sums_do_not_replace_those_of_a_comparison_that_commits_meanwhile(
    database: Database, settings: Settings, org: connect.Organization
) -> None:
    with _shop(database, settings, org) as opened:
        opened.pull("products")
        opened.preview("products")
        stream = opened.connection.source.stream("products")
        with ThreadPoolExecutor() as pool:
            with database.org(org.org_id) as conn:
                compared = "UPDATE preview.summary SET changed_at = clock_timestamp(), new = new + 1 RETURNING new"
                new = execute(conn, compared).scalar_one()
                assert preview.sum_up(database, opened.connection, [stream]) == {}, "it is left to the comparison"
                summed: Future[Any] = pool.submit(opened.preview, "products")
                wait_until(lambda: opened.value(_WAITING) or summed.done(), "the sums wait for the comparison")
            assert summed.result()
        assert opened.value("SELECT new FROM preview.summary") == new


def test_no_comparison_commits_between_the_counting_of_sums_and_their_writing(
    database: Database, settings: Settings, org: connect.Organization
) -> None:
    with _shop(database, settings, org) as opened:
        opened.pull("products")
        opened.preview("products")
        locked: list[bool] = []

        def compare(_conn: Any, _cursor: Any, statement: str, *_more: Any) -> None:
            if "FROM preview.difference AS d" in statement and not locked:
                locked.append(
                    not opened.value("SELECT count(*) FROM (SELECT FROM preview.summary FOR UPDATE SKIP LOCKED)")
                )

        event.listen(database.engine, "before_cursor_execute", compare)
        try:
            assert preview.sum_up(database, opened.connection, [opened.connection.source.stream("products")])
        finally:
            event.remove(database.engine, "before_cursor_execute", compare)
        assert locked == [True]


def _counts(report: preview.PreviewReport) -> dict[str, Any]:
    return {name: getattr(report, name) for name in report.__slots__ if name != "seconds"}
