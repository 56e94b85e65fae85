"""However a run ends, its ledger, its log, the audit log, the watermark and the connection say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.defs import story
from sync_pipeline.defs.graph import Stage
from sync_pipeline.defs.run_organization import OrganizationResult
from sync_pipeline.steps import connect
from sync_pipeline.steps.capture.run import ledger
from sync_pipeline_tests.stores import Shop, shop

_CURSOR = "SELECT watermark, full_at, swept_at FROM capture.sync_cursor WHERE entity_type = %(kind)s"
_PAGES = (
    "SELECT DISTINCT run_id FROM capture.sync_page JOIN capture.sync_ledger USING (run_id) WHERE entity_type = %(kind)s"
)
_WORKS = "SELECT health, health_detail, last_sync_at IS NOT NULL AS synced FROM connect.integration_connector"
_UNKNOWN = "UPDATE connect.integration_connector SET health = 'unknown', last_sync_at = NULL RETURNING 1"


@pytest.fixture
def opened(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Shop]:
    store = Store()
    seed(store, products=12, variable=0, customers=2, orders=3)
    with shop(database, settings, org, store) as made:
        yield made


def _poison(opened: Shop, _patch: pytest.MonkeyPatch) -> None:
    opened.server.faults.poison("products", opened.store.tables["products"].ids[0])


def _refuse(opened: Shop, _patch: pytest.MonkeyPatch) -> None:
    opened.server.faults.burst(404, 1_000, None, path="products")


def _lose(opened: Shop, patch: pytest.MonkeyPatch) -> None:
    """A record that was listed is nowhere."""
    _poison(opened, patch)
    sums = ledger._sums

    def lost(*given: Any, **named: Any) -> Any:
        balance, read, quarantine = sums(*given, **named)
        return {**balance, "expected": balance["expected"] + 1}, read, quarantine

    patch.setattr(ledger, "_sums", lost)


# What happens, how the run is asked for, its state, whether the watermark moves, and what is known of the connection.
_HEALTHY, _FAILING, _AS_IT_WAS = "healthy", "failing", "unknown"
_ENDS: dict[str, tuple[Callable[[Shop, pytest.MonkeyPatch], None] | None, dict[str, Any], str, bool, str]] = {
    "as known": (None, {}, "closed", True, _HEALTHY),
    "as known, read whole": (None, {"full": True}, "closed", True, _HEALTHY),
    "with one in quarantine": (_poison, {"full": True}, "closed", True, _HEALTHY),
    "capped": (None, {"max_pages": 1}, "closed", False, _HEALTHY),
    "refused": (_refuse, {}, "failed", False, _FAILING),
    "lost": (_lose, {"full": True}, "failed", False, _AS_IT_WAS),
}


@pytest.mark.parametrize("end", _ENDS)
def test_ledger_and_logs_agree(opened: Shop, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    happens, options, state, moves, health = _ENDS[end]
    opened.pull("products")
    opened.store.advance(3600)
    [before] = opened.rows(_CURSOR, kind="product")
    earlier = opened.rows(_PAGES, kind="product")
    opened.rows(_UNKNOWN)
    if happens:
        happens(opened, monkeypatch)
    report = opened.pull("products", **options)["products"]
    assert report.state == state
    assert _agree(opened, report)
    [after] = opened.rows(_CURSOR, kind="product")
    assert (after.watermark > before.watermark) == moves
    assert (after == before) == (not moves)
    assert report.watermark == after.watermark.isoformat()
    [works] = opened.rows(_WORKS)
    assert (works.health, works.health_detail) == (health, report.error if health == _FAILING else None)
    assert works.synced == (health == _HEALTHY)
    kept = {row.run_id for row in opened.rows(_PAGES, kind="product")}
    assert (not kept.isdisjoint(row.run_id for row in earlier)) == (state == "failed")


def test_a_list_that_the_store_does_not_have_is_closed_with_a_note(opened: Shop) -> None:
    opened.server.faults.unknown = "reviews"
    report = opened.pull("reviews")["reviews"]
    assert (report.state, report.watermark) == ("closed", None)
    assert str(report.error).startswith("not on this store")
    assert _agree(opened, report, noted=True)
    assert opened.rows(_CURSOR, kind="review") == []
    assert opened.value(_WORKS) == _HEALTHY


def _agree(opened: Shop, report: Any, *, noted: bool = False) -> bool:
    """The ledger's row, the log and the audit log tell what is reported; a note is told by the report alone."""
    [run] = opened.rows("SELECT * FROM capture.sync_ledger ORDER BY run_id DESC LIMIT 1")
    counts = ("expected", "captured", "quarantined", "vanished", "new", "changed", "unchanged", "deleted", "swept",
              "requests", "bytes", "seconds", "resumed", "capped", "mode", "state", "run_id")  # fmt: skip
    assert {name: getattr(run, name) for name in counts} == {name: getattr(report, name) for name in counts}
    error = None if noted else report.error
    assert (run.error, "progress" in run.detail, run.finished_at is None) == (error, False, False)
    [log] = opened.rows("SELECT * FROM capture.sync_logs WHERE run_id = %(run)s", run=run.run_id)
    status = "success" if report.closed else "failed"
    assert (log.status, log.records_synced, log.skipped, log.error_message, log.finished_at) == (
        status, run.new + run.changed, run.quarantined, error, run.finished_at
    )  # fmt: skip
    told = opened.rows("SELECT * FROM observe.sync_activity ORDER BY activity_id DESC LIMIT 1")[0]
    assert (told.event, told.actor, told.entity_type) == (f"capture.{run.state}", "test", run.entity_type)
    named = ("mode", "new", "changed", "deleted", "quarantined", "error")
    return bool(told.detail == {"run": run.run_id, **{name: getattr(run, name) for name in named}})


@pytest.fixture
def pages(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Shop]:
    """A list of three pages, which overlap by a row each."""
    store = Store()
    seed(store, products=230, variable=0, customers=0, orders=0)
    with shop(database, settings, org, store) as made:
        yield made


def test_every_id_counts_once_however_many_pages_had_it(pages: Shop) -> None:
    ids = pages.store.tables["products"].ids
    first = pages.pull("products")["products"]
    assert (first.expected, first.new, first.unchanged) == (230, 230, 0)
    pages.store.advance(3600)
    pages.store.update("products", ids[5], name="Changed")
    pages.store.delete("products", ids[6])
    pages.server.faults.poison("products", ids[7], also_fields=False)
    pages.store.update("products", ids[7], name="Cannot be read")
    second = pages.pull("products")["products"]
    assert second.expected == second.captured + second.quarantined + second.vanished == 229
    assert (second.changed, second.quarantined, second.deleted, second.swept) == (1, 1, 1, 229)
    result = OrganizationResult("acme", reports={(Stage.RAW, "products"): [second]})
    [line] = story.lines(pages.settings, result, brief=False)
    assert line.startswith("acme, shop: products 229 read, 1 changed, 1 deleted, 1 quarantined, ")
    assert not line.endswith("resumed")
    assert _agree(pages, second)


def test_a_run_that_goes_on_tells_what_its_last_attempt_used(pages: Shop) -> None:
    pages.server.faults.burst(503, 10_000, None, path="products")
    failed = pages.pull("products")["products"]
    assert failed.state == "failed"
    pages.server.faults.clear()
    pages.rows("UPDATE connect.request_budget SET open_until = NULL RETURNING 1")
    report = pages.pull("products")["products"]
    assert (report.state, report.resumed, report.run_id) == ("closed", 1, failed.run_id)
    [run] = pages.rows(
        "SELECT requests, bytes, seconds FROM capture.sync_ledger WHERE run_id = %(run)s", run=report.run_id
    )
    assert (run.requests, run.bytes) == (failed.requests + report.requests, failed.bytes + report.bytes)
    assert run.seconds == pytest.approx(failed.seconds + report.seconds)
    assert failed.requests > 3 >= report.requests
    result = OrganizationResult("acme", reports={(Stage.RAW, "products"): [report]})
    [line] = story.lines(pages.settings, result, brief=False)
    assert (
        line == f"acme, shop: products 230 read, 230 new, {report.requests} requests, {report.seconds:.1f} s, resumed"
    )
