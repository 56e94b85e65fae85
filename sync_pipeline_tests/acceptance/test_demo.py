"""The demo on a fresh data folder, and once more on what it left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

COMMAND = Path(sys.executable).with_name("sync-pipeline")


def test_the_whole_flow_runs_once_and_again_on_the_same_data(tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SYNC_", "DAGSTER_", "PYTHONDONT"))}
    env |= {"SYNC_HOME": str(tmp_path / "home")}

    def run(*arguments: str) -> Any:
        done = subprocess.run(
            [str(COMMAND), *arguments, "--json"], env=env, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    first = run("demo", "--once")
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
    # What both of acme's stores know is one row.
    acme = first["orgs"][0]
    records = sum(e["captured"] for c in acme["connections"] for e in c["entities"] if e["entity"] == "products")
    assert acme["core"]["products"] < records

    again = run("demo", "--once")
    for before, after in zip(first["orgs"], again["orgs"], strict=True):
        assert after["core"] == before["core"]
        assert after["plan"] is None
        for entity in (e for c in after["connections"] for e in c["entities"]):
            assert (entity["new"], entity["updated"], entity["deleted"]) == (0, 0, 0), entity
            assert entity["in_sync"] == entity["captured"]

    shop = run("status", "acme")["connections"][0]
    products = next(e for e in shop["entities"] if e["entity"] == "products")
    assert products["promoted"] == products["in_sync"] == 120
