"""The demo on a fresh data folder, once more on what it left, and what the documents say can be done with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sync_pipeline.cli.children import answers
from sync_pipeline.cli.demo.stores import FIRST_PORT, STORES
from sync_pipeline.config import PROJECT
from sync_pipeline_tests.commands import COMMAND, commands
from sync_pipeline_tests.documents import Reader, follow
from sync_pipeline_tests.processes import children, free_port, gone
from sync_pipeline_tests.recording import record_api, record_written
from sync_pipeline_tests.waiting import wait_until

DOCS = PROJECT / "docs"
FORKED_RUNS = PROJECT / "sync_pipeline_tests" / "forked_runs"
pytestmark = pytest.mark.dagster
# What happens in the stores after everything was promoted: new, updated, deleted.
STORY = {
    ("acme", "shop", "products"): (3, 2, 1),
    ("acme", "shop", "orders"): (0, 5, 0),  # of the product that was deleted
    ("globex", "shop", "settings"): (0, 1, 0),
}
# The rows of the matrix that wait for a person then: the product that is broken, the gate.
OPEN = {
    "acme": {"nothing_in_quarantine/shop/products"},
    "globex": {"no_decision_waits/shop"},
    "initech": set(),
}
WAITS = (
    ("acme", "acme/plans/"),
    ("acme", "acme/shop/data/products?choice=undecided"),
    ("acme", "acme/shop/quarantine"),
    ("globex", "globex/decisions/"),
)


def test_the_whole_flow_runs_once_and_again_and_then_as_documented(tmp_path: Path) -> None:
    env = {**os.environ, "SYNC_HOME": str(tmp_path / "home"), "LOGNAME": "ann"}  # the documents' reader

    def answered(done: subprocess.CompletedProcess[str]) -> Any:
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    (tmp_path / "home").mkdir()
    ports = [free_port() for _ in STORES]  # the usual ones may be another demo's, and somebody writes to it
    (tmp_path / "home" / "demo.json").write_text(json.dumps({"ports": ports}))
    once = [str(COMMAND), "demo", "--once", "--json"]
    ran = subprocess.run(once, env=env, capture_output=True, text=True, timeout=600, check=False)
    first = answered(ran)
    ended = ticked(ran.stderr)
    stages = ["connect", "capture", "preview", "select", "promote", "change"]
    assert [one for one in ended if not one.endswith(":")] == stages
    connections = [f"{store.org}/{store.connection}:" for store in STORES]
    assert sorted(ended) == sorted([*stages, *connections, "acme:", "globex:", "initech:"])
    assert "of both stores of acme are one row each; 4 conflicts decided" in ran.stderr
    assert "1 gate and 1 plan to decide" in ran.stderr
    assert first["ok"] is True
    assert [one["org"] for one in first["orgs"]] == ["acme", "globex", "initech"]
    providers = [[c["provider"] for c in one["connections"]] for one in first["orgs"]]
    assert providers == [["woocommerce", "odoo"], ["woocommerce"], ["odoo"]]
    for one in first["orgs"]:
        assert (one["state"], one["failed"]) == ("done", 0)
        for connection in one["connections"]:
            for entity in connection["entities"]:
                assert entity["captured"] == entity["new"] == entity["selected"] == entity["promoted"], entity
            captured = {e["entity"] for e in connection["entities"] if e["captured"]}
            assert captured >= {"categories", "products", "orders", "customers"}
        for table in ("categories", "customers", "products", "product_variants", "sales_orders", "sales_order_items"):
            assert one["core"][table] > 0, table
    for org, page in WAITS:
        assert any(one["org"] == org and page in one["page"] for one in first["waits"]), (page, first["waits"])
    # What both of acme's stores know is one row.
    acme = first["orgs"][0]
    records = sum(e["captured"] for c in acme["connections"] for e in c["entities"] if e["entity"] == "products")
    assert acme["core"]["products"] < records

    with demo(env) as (again, elsewhere):
        for before, after in zip(first["orgs"], again["orgs"], strict=True):
            assert after["core"] == before["core"]
            assert after["plan"] is None
        differ = {
            (one["org"], c["connection"], e["entity"]): (e["new"], e["updated"], e["deleted"])
            for one in again["orgs"]
            for c in one["connections"]
            for e in c["entities"]
            if e["new"] or e["updated"] or e["deleted"]
        }
        assert differ == STORY
        assert again["waits"] == first["waits"], "after a restart the stores have what was written to them"

        with commands() as forked:

            def run(*arguments: str, **settings: str) -> Any:
                return answered(forked.run(*arguments, "--json", env={**env, **settings}))

            shop = run("status", "acme")["connections"][0]
            products = next(e for e in shop["entities"] if e["entity"] == "products")
            assert (products["promoted"], products["new"], products["quarantined"]) == (120, 3, 1)
            for one in again["orgs"]:
                assert run("check", one["org"], "--core")["core"]["differences"] == []
                assert run("reconcile", one["org"], SYNC_ALLOW_PRIVATE_HOSTS="1")["ok"] is True
                matrix = run("validate", one["org"], SYNC_ALLOW_PRIVATE_HOSTS="1")
                waits = {row["row"] for row in matrix["rows"] if row["verdict"] == "waiting"}
                assert (matrix["ok"], waits) == (True, OPEN[one["org"]]), "green, and what waits is named"

        said = as_the_documents_say(Reader(tmp_path / "reader", env, elsewhere))
    assert not said, "\n\n".join(["If this is as it should be: make examples", *said])


def ticked(said: str) -> list[str]:
    """The stages and connections that ended well, in order."""
    return [line.split()[1] for line in said.splitlines() if line.startswith("✓ ")]


@contextmanager
def demo(env: dict[str, str]) -> Iterator[tuple[Any, dict[str, str]]]:
    """The demo in the foreground: what it did, and where is what the documents name."""
    api, dagster = str(free_port()), str(free_port())
    running = subprocess.Popen(
        [str(COMMAND), "demo", "--json", "--port", api, "--dagster-port", dagster],
        env={**env, "PYTHONPATH": str(FORKED_RUNS)}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert running.stdout is not None
        did = json.loads(running.stdout.readline())
        elsewhere = {"http://127.0.0.1:8000": f"http://127.0.0.1:{api}", ".venv/bin/sync-pipeline": str(COMMAND)}
        urls = {(one["org"], c["connection"]): c["url"] for one in did["orgs"] for c in one["connections"]}
        for number, store in enumerate(STORES):
            elsewhere[f"http://127.0.0.1:{FIRST_PORT + number}"] = urls[store.org, store.connection]
        wait_until(lambda: running.poll() is not None or answers(f"http://127.0.0.1:{api}/healthz"), "the API answers")
        assert running.poll() is None
        yield did, elsewhere
        started = children(running.pid)
        assert len(started) > len(STORES)
        running.send_signal(signal.SIGINT)
        assert running.wait(240) == 0
        assert gone(started)
    finally:
        running.kill()


def as_the_documents_say(reader: Reader) -> list[str]:
    """What is not as docs/api-examples.md and docs/push.md show it."""
    if os.environ.get("RECORD"):  # make examples
        record_api(reader)
        record_written(reader, DOCS / "push.md")
        return []
    return [one for name in ("api-examples.md", "push.md") for one in follow(reader, (DOCS / name).read_text("utf-8"))]
