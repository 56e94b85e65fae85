"""A run is closed by two statements only where a closer look finds nothing: all that can happen to a small list, in any
order, with the closer look beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from sandbox import odoo as odoos
from sandbox import woocommerce as shops
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.steps import capture, connect, observe
from sync_pipeline.steps.capture.run import ledger
from sync_pipeline.steps.capture.run.as_known import close_as_known
from sync_pipeline.steps.capture.run.context import CaptureContext, Opened
from sync_pipeline.steps.capture.write.pages import Run
from sync_pipeline.steps.capture.write.records import SQL
from sync_pipeline_tests.odoo_stores import Odoo, odoo
from sync_pipeline_tests.shares import first
from sync_pipeline_tests.stores import Shop, shop

_STEPS = 40
_KEPT = "SELECT external_id FROM capture.sync_record WHERE deletion_evidence = 'kept'"  # a person said that they stay
_WATERMARK = (
    "SELECT watermark FROM capture.sync_cursor "
    "WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s"
)
Closed = list[tuple[str, bool]]  # of each run its mode, and whether two statements closed it


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Closed:
    """Beside each end of a run, the closer look: where it finds something, no two statements may close the run."""
    ends: Closed = []

    def close(session: CaptureContext, run: Run, opened: Opened, *, complete: bool) -> capture.PullReport | None:
        at = {**run.keys, "started_at": run.started_at}
        with run.transaction() as conn:
            was = execute(conn, _WATERMARK, **run.keys).scalar_one_or_none()
            unfetched = execute(conn, SQL["unfetched"], run_id=run.run_id).all()
            balance, (read, swept), quarantine = ledger._sums(conn, run, complete)
            suspects = execute(conn, SQL["suspects" if complete else "vanished"], **at).all()
        report = close_as_known(session, run, opened, complete=complete)
        if report is not None:
            assert (suspects, unfetched, quarantine) == ([], [], [])
            assert balance == {name: getattr(report, name) for name in balance}
            assert report.expected == report.captured
            assert (report.new + report.changed + report.unchanged, report.swept) == (read, swept)
            assert report.watermark is not None
            assert run.mode == "full" or was is None or was.isoformat() <= report.watermark
        ends.append((run.mode, report is not None))
        return report

    monkeypatch.setattr(ledger, "close_as_known", close)
    return ends


@pytest.fixture
def products(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Shop]:
    store = shops.Store()
    shops.seed(store, products=14, variable=1, customers=0, orders=0)
    with shop(database, settings, org, store) as opened:
        yield opened


@pytest.fixture
def partner_tags(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Odoo]:
    store = odoos.Store()
    odoos.seed(store, products=2, variants=0, partners=2, orders=0)
    with odoo(database, settings, org, store) as opened:
        yield opened


def _options(at: Random) -> dict[str, Any]:
    return at.choice([{}, {}, {}, {"do_sweep": False}, {"full": True}, {"max_pages": 1}])


def _answer(opened: Shop | Odoo, at: Random) -> None:
    for gate in observe.decisions(opened.db, opened.org):
        if at.random() < 0.5:
            observe.answer(opened.db, opened.org, gate.decision_id, at.choice(["keep", "confirm"]), actor="a", why="so")


@pytest.mark.parametrize("seed", first(1, range(3)))
def test_a_shop(products: Shop, closed: Closed, seed: int) -> None:
    at, store, faults = Random(seed), products.store, products.server.faults
    trashed: list[int] = []
    for _ in range(_STEPS):
        ids = sorted(store.ids("products"))
        match at.randrange(12):
            case 0:
                store.add_product(name=f"New {at.random()}")
            case 1 if ids:
                store.update("products", at.choice(ids), name=f"Renamed {at.random()}")
            case 2 if len(ids) > 3:
                trashed.append(at.choice(ids))
                store.trash("products", trashed[-1])
            case 3 if trashed:
                store.restore("products", trashed.pop())
            case 4 if len(ids) > 3:  # one goes and another comes
                store.delete("products", at.choice(ids))
                store.add_product(name=f"Instead {at.random()}")
            case 5:
                faults.lose("products", at.choice([0.2, 0.6]), gets=at.random() < 0.5)
            case 6 if ids:
                faults.poison("products", at.choice(ids), also_fields=at.random() < 0.5)
            case 7:
                faults.drift(every=1, kind="products", seed=seed)
            case 8:
                _answer(products, at)
            case 9 if ids:
                one = at.choice(ids)
                store.raw_override("products", one, f'{{"id": {one}, "weight": 1e999999999999999999999}}')
            case 10:
                store.advance(3600)
            case _:
                faults.clear()
        products.pull("products", **_options(at))
    faults.clear()
    for one in store.ids("products"):
        store.raw_override("products", one, None)
        store.update("products", one, name=f"Last {one}")
    for _ in range(3):
        for gate in observe.decisions(products.db, products.org):
            observe.answer(products.db, products.org, gate.decision_id, "confirm", actor="a", why="so")
        assert products.pull("products")["products"].closed
    kept = {row[0] for row in products.rows(_KEPT)}
    assert products.ids("products") - kept == {str(one) for one in store.ids("products")}
    assert {True, False} <= {known for _, known in closed}


@pytest.mark.parametrize("seed", first(1, range(2)))
def test_an_odoo(partner_tags: Odoo, closed: Closed, seed: int) -> None:
    at, store = Random(seed), partner_tags.store
    model = "res.partner.category"
    for _ in range(_STEPS // 2):
        known = partner_tags.ids("partner_tags") if closed else set()
        match at.randrange(5):
            case 0 | 1:
                store.create(model, {"name": f"New {at.random()}"})
            case 2 if known:
                store.write(model, int(at.choice(sorted(known))), {"name": f"Renamed {at.random()}"})
            case 3 if known:
                store.unlink(model, int(at.choice(sorted(known))))
            case _:
                _answer(partner_tags, at)
        partner_tags.pull("partner_tags", **_options(at))
    assert partner_tags.pull("partner_tags", full=True)["partner_tags"].closed
    assert {known for _, known in closed} == {True, False}
