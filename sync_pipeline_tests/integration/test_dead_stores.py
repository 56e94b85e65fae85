"""A dead store costs its organization a few requests, once: not for each list, and not each night anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.defs.config import CaptureConfig
from sync_pipeline.defs.graph import Stage
from sync_pipeline.defs.resources import Runtime
from sync_pipeline.defs.run_organization import OrganizationResult, RunContext, run_organization
from sync_pipeline.steps import connect
from sync_pipeline_tests.shares import every
from sync_pipeline_tests.stores import Shop, shop


@pytest.fixture
def opened(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Shop]:
    store = Store()
    seed(store, products=5, variable=1, customers=2, orders=3)
    with shop(database, settings, org, store) as made:
        yield made


def night(opened: Shop) -> OrganizationResult:
    opened.server.requests.clear()
    source = opened.connection.source
    wanted = {stage: set(source.streams) for stage in (Stage.RAW, Stage.PREVIEW, Stage.SELECTED)}
    runtime = Runtime(opened.settings, opened.db)
    return run_organization(runtime, source, opened.org.slug, wanted, CaptureConfig(), run=RunContext("night"))


def test_a_maintenance_page_is_waited_for_once_and_not_for_each_list(opened: Shop) -> None:
    assert night(opened).failures == {}
    opened.server.faults.burst(503, 1_000, None)
    dead = night(opened)
    assert set(dead.failures) == {(stage, name) for stage in (Stage.RAW, Stage.PREVIEW, Stage.SELECTED)
                                  for name in opened.streams}  # fmt: skip
    assert len(opened.server.requests) <= 8
    assert opened.value("SELECT count(*) FROM capture.sync_ledger WHERE state = 'failed'") == 1


@pytest.mark.parametrize("death", ["503", "down"])
def test_the_next_night_asks_a_dead_store_once_more_and_reads_it_when_it_lives(opened: Shop, death: str) -> None:
    assert night(opened).failures == {}
    if death == "503":
        opened.server.faults.burst(503, 1_000, None)
    else:
        opened.server.faults.down(True)
    night(opened)
    # As a day later: what was found dead is still known.
    opened.value("UPDATE connect.request_budget SET open_until = open_until - interval '24 hours' RETURNING 1")
    again = night(opened)
    assert len(opened.server.requests) <= 2
    found = opened.value("SELECT open_until - interval '36 hours' FROM connect.request_budget")
    since = found.astimezone(UTC).strftime("%Y-%m-%d at %H:%M UTC")
    for why in again.failures.values():
        assert "still does not answer" in why
        assert f"It was found dead on {since}, so it was asked once" in why
        assert "Every pull asks it again: pull when it is back." in why
    opened.server.faults.clear()
    opened.store.update("products", opened.store.tables["products"].ids[0], name="Since then")
    assert night(opened).failures == {}
    assert opened.value("SELECT count(*) FROM capture.sync_record WHERE name = 'Since then'") == 1


def _at_one_list(opened: Shop, fault: str, path: str) -> None:
    faults = opened.server.faults
    if fault == "html200":
        faults.rate(fault, 1.0, path=path)
    else:
        faults.burst(int(fault), 10_000, None, path)


@pytest.mark.parametrize(("broken", "fault"), every(2, ["attributes", "customers"], ["500", "504", "html200"]))
def test_one_broken_list_does_not_make_the_store_dead(opened: Shop, broken: str, fault: str) -> None:
    source = opened.connection.source
    _at_one_list(opened, fault, source.stream(broken).path)
    fails = {name for name in source.streams if source.stream(name).path.startswith(source.stream(broken).path)}
    for _ in range(2):  # the next night, too
        result = night(opened)
        assert {name for stage, name in result.failures if stage is Stage.RAW} - fails == set()
        assert {name for stage, name in result.reports if stage is Stage.RAW} >= set(opened.streams) - fails


def test_a_store_that_is_busy_when_it_is_asked_is_not_dead(opened: Shop) -> None:
    assert night(opened).failures == {}
    opened.server.faults.down(True)
    night(opened)
    opened.server.faults.clear()
    opened.server.faults.burst(429, 3, 0.1)
    assert night(opened).failures == {}


def test_a_dead_store_whose_first_list_is_broken_when_it_lives_again_is_read(opened: Shop) -> None:
    assert night(opened).failures == {}
    opened.server.faults.down(True)
    night(opened)
    opened.server.faults.clear()
    _at_one_list(opened, "500", "products/attributes")
    assert {name for stage, name in night(opened).failures if stage is Stage.RAW} <= {"attributes", "attribute_terms"}
