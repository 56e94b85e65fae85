"""Six processes select, plan, apply, undo, preview and pull the same records for minutes, while the shop changes.

Afterwards core is what the promoted versions say, no selection waits for ever and no line is lost.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import pytest

from sandbox.woocommerce import Store, running, seed
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect, preview, promote, select
from sync_pipeline_tests.acceptance.test_kill import World

RUSHER = Path(__file__).with_name("rusher.py")
STEPS = ("select", "plan", "apply", "undo", "preview", "pull")
EMAILS = ("", "a@x.test", "b@x.test", "c@x.test")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = Store()
    seed(store, products=40, variable=3, customers=12, orders=40)
    with running(store) as server:
        made = World(tmp_path / "home", server, store)
        try:
            yield made
        finally:
            made.db.close()


def change(store: Store, draw: random.Random) -> None:
    """One change in the shop: prices, SKUs that collide, e-mails that move, guests, products that go."""
    products, orders, customers = (store.tables[name] for name in ("products", "orders", "customers"))
    what = draw.random()
    if what < 0.35:
        store.update("products", draw.choice(list(products.ids)), regular_price=str(draw.randint(1, 99)))
    elif what < 0.55:
        store.update("products", draw.choice(list(products.ids)), sku=f"S{draw.randint(1, 12)}")
    elif what < 0.7:
        with suppress(ValueError):  # another customer has it
            store.update("customers", draw.choice(list(customers.ids)), email=draw.choice(EMAILS[1:]))
    elif what < 0.95:
        buyer = draw.choice((0, *customers.ids))
        billing = {"email": draw.choice(EMAILS), "first_name": f"G{draw.randint(1, 9)}"}
        store.update("orders", draw.choice(list(orders.ids)), customer_id=buyer, billing=billing)
    elif len(products.ids) > 20:
        store.delete("products", draw.choice(list(products.ids)))


def rush(world: World, seconds: float) -> None:
    org, _ = world.org(upto="plan")
    # What they say goes into files: a pipe that nobody reads holds 64 KiB, and then its process waits for ever.
    with ExitStack() as files:
        said = [(files.enter_context(TemporaryFile("w+")), files.enter_context(TemporaryFile("w+"))) for _ in STEPS]
        processes = [
            subprocess.Popen(
                [sys.executable, str(RUSHER), step, org.slug, str(seconds), str(number)],
                env=world.env, stdout=out, stderr=err, text=True,
            )
            for number, (step, (out, err)) in enumerate(zip(STEPS, said, strict=True))
        ]  # fmt: skip
        draw = random.Random(1)
        while any(one.poll() is None for one in processes):
            change(world.store, draw)
            time.sleep(0.05)
        texts = [[_text(one) for one in pair] for pair in said]
    assert [one.returncode for one in processes] == [0] * len(STEPS), "\n".join(err[-20_000:] for _, err in texts)
    done = {line.split()[0]: int(line.split()[1]) for out, _ in texts for line in out.splitlines()}
    assert all(done[step] > 0 for step in STEPS), done
    settle(world, org)


def _text(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def settle(world: World, org: connect.Organization) -> None:
    db = world.db
    assert promote.check_core(db, org).differences == []
    (store,) = connect.connections(db, org)
    _compare(db, store)
    # What waits can still be planned and applied, all of it.
    for _ in range(20):
        for one in select.plans(db, org, page_size=200)[0]:
            if one.state in ("proposed", "approved"):
                select.refuse(db, org, one.plan_id, actor="end")
        plan = select.make_plan(db, org, actor="end")
        if plan is None:
            break
        report = promote.apply(db, org.org_id, plan.plan_id, actor="end")
        assert report.errors == []
    else:
        pytest.fail("there is always something left to plan")
    assert promote.check_core(db, org).differences == []
    with db.org(org.org_id) as conn:
        count = conn.exec_driver_sql(
            "SELECT count(*) FROM selection.selection_batch WHERE decision = 'include' AND plan_id IS NULL"
        ).scalar_one()
        assert count == 0, "a selection waits"
        lost = conn.exec_driver_sql(
            "SELECT q.queue_id FROM promote.sync_queue q WHERE (q.total, q.waiting, q.processing) IS DISTINCT FROM "
            "((SELECT count(*) FROM promote.sync_queue_line l WHERE l.org_id = q.org_id AND l.queue_id = q.queue_id), "
            "0::bigint, 0::bigint)"
        ).all()
        assert lost == []
    kept = _differences(db, org)
    _compare(db, store)
    assert _differences(db, org) == kept, "what promotions left is what a comparison of everything finds"


def _differences(db: Database, org: connect.Organization) -> set[Any]:
    with db.org(org.org_id) as conn:
        found = conn.exec_driver_sql("SELECT entity_type, external_id, status, content_hash FROM preview.difference")
        return {tuple(row) for row in found}


def _compare(db: Database, store: connect.Connection) -> None:
    for stream in store.source.streams.values():
        preview.recompute(db, store, stream)


@pytest.mark.torture
def test_six_processes_on_the_same_records(world: World) -> None:
    rush(world, float(os.environ.get("RUSH_SECONDS", "300")))
