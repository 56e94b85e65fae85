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
    assert [one["org"] for one in first["orgs"]] == ["acme", "globex"]
    for one in first["orgs"]:
        assert (one["state"], one["failed"]) == ("done", 0)
        for entity in one["entities"]:
            assert entity["captured"] == entity["new"] == entity["selected"] == entity["promoted"], entity
        assert {e["entity"] for e in one["entities"] if e["captured"]} >= {
            "products",
            "variations",
            "orders",
            "customers",
        }
        for table in ("categories", "customers", "products", "product_variants", "sales_orders", "sales_order_items"):
            assert one["core"][table] > 0, table

    again = run("demo", "--once")
    for before, after in zip(first["orgs"], again["orgs"], strict=True):
        assert after["core"] == before["core"]
        assert after["plan"] is None
        for entity in after["entities"]:
            assert (entity["new"], entity["updated"], entity["deleted"]) == (0, 0, 0), entity
            assert entity["in_sync"] == entity["captured"]

    products = next(e for e in run("status", "acme")["connections"][0]["entities"] if e["entity"] == "products")
    assert products["promoted"] == products["in_sync"] == 120
