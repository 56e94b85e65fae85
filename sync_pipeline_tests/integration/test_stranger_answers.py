"""Another server answers at a store's address: whatever it says, it says nothing about what the store has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress

import pytest

from sandbox import odoo as odoo_sandbox
from sandbox import woocommerce as woo_sandbox
from sandbox.wire import Answer
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import SourceError, SourceUnavailable
from sync_pipeline.steps import connect, observe
from sync_pipeline_tests.odoo_stores import odoo
from sync_pipeline_tests.shares import first
from sync_pipeline_tests.stores import Connected, shop

_PAGES = {
    "html": (b"<html><body>Not here</body></html>", "text/html"),
    "text": (b"404 page not found\n", "text/plain"),
    "nothing": (b"", "text/plain"),
    "no database": (
        b"<h1>Not Found</h1><p>No database is selected and the requested URL was not found.</p>",
        "text/html",
    ),
    "gateway": (json.dumps({"code": "NOT_FOUND", "message": "no Route matched"}).encode(), "application/json"),
    "status": (json.dumps({"code": 404, "message": "no route", "status": 404}).encode(), "application/json"),
    "problem": (json.dumps({"name": "NotFound", "message": "sale.order does not exist"}).encode(), "application/json"),
    "list": (b"[]", "application/json"),
}
# 400 and 501 among them are what a WooCommerce without a list answers; 410 what one answers of a record that is gone.
_ANSWERS = [(status, page) for status in (404, 400, 403, 410, 501) for page in _PAGES]
_FEW = [(404, "text"), (404, "no database"), (404, "problem"), (403, "html")]

_RECORDS = (
    "SELECT entity_type, external_id, deletion_state, content_hash FROM capture.sync_record "
    "ORDER BY entity_type, length(external_id), external_id"
)


@pytest.fixture(params=["woocommerce", "odoo"])
def store(
    request: pytest.FixtureRequest, database: Database, settings: Settings, org: connect.Organization
) -> Iterator[Connected]:
    """A small store, pulled whole."""
    if request.param == "odoo":
        erp = odoo_sandbox.Store()
        odoo_sandbox.seed(erp, products=2, variants=1, partners=3, orders=3)
        with odoo(database, settings, org, erp) as here:
            here.pull()
            yield here
    else:
        woo = woo_sandbox.Store()
        woo_sandbox.seed(woo, products=3, variable=1, customers=2, orders=3)
        with shop(database, settings, org, woo) as here:
            here.pull()
            yield here


@pytest.mark.parametrize("answers", first(1, [_FEW, _ANSWERS]), ids=["few", "all"])
def test_no_list_of_it_is_read_empty_and_no_record_deleted(store: Connected, answers: list[tuple[int, str]]) -> None:
    faults = store.server.faults  # type: ignore[attr-defined]
    before = store.rows(_RECORDS)
    assert before
    for status, page in answers:
        body, kind = _PAGES[page]
        faults.stranger = Answer(status, body, content_type=kind)
        with suppress(SourceUnavailable):  # found dead: nothing is read at all
            closed = {name for name, report in store.pull(full=True).items() if report.ok}
            closed |= {name for name, report in store.pull().items() if report.ok}
            assert closed == set(), f"{status} {page}"
    assert store.rows(_RECORDS) == before
    [now] = connect.connections(store.db, store.org)
    assert now.health == "failing"
    reconciled = observe.reconcile(store.db, store.settings, store.org)
    assert not [one for one in reconciled.entities if one.error is None]
    faults.stranger = None
    assert [name for name, report in store.pull(full=True).items() if not report.ok] == []
    assert store.rows(_RECORDS) == before


def test_a_suspected_record_is_not_found_deleted(store: Connected) -> None:
    """The store answers its lists, and a proxy before it the single records: a cached 404, a rule of a firewall."""
    client = connect.client_for(store.settings, store.connection)
    stream = store.connection.source.stream("products")
    [one] = store.rows("SELECT external_id FROM capture.sync_record WHERE entity_type = 'product' LIMIT 1")
    for status, page in _ANSWERS:
        body, kind = _PAGES[page]
        store.server.faults.stranger = Answer(status, body, content_type=kind)  # type: ignore[attr-defined]
        with pytest.raises(SourceError):
            client.look(stream, one.external_id)
