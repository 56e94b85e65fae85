"""docs/tutorial.md: a reader copies its blocks, on a sandbox store instead of a shop."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from sandbox.woocommerce import Store, running, seed
from sync_pipeline.config import PROJECT
from sync_pipeline_tests.commands import COMMAND
from sync_pipeline_tests.documents import Reader, steps


@pytest.mark.torture
def test_every_command_of_the_tutorial_works(tmp_path: Path) -> None:
    store = Store()
    seed(store, products=20, variable=4, customers=10, orders=20)
    env = {**os.environ, "SYNC_ALLOW_PRIVATE_HOSTS": "1", "HOME": str(tmp_path)}
    with running(store) as shop:
        env["SHOP_SECRET"] = shop.secret
        elsewhere = {
            "https://shop.example": shop.url,
            "ck_…": shop.key,
            ".venv/bin/sync-pipeline": str(COMMAND),
            "-o products.csv": f"-o {tmp_path}/products.csv",
        }
        reader = Reader(tmp_path / "reader", env, elsewhere)
        try:
            for step in steps((PROJECT / "docs" / "tutorial.md").read_text("utf-8")):
                reader.run(step)
        finally:
            reader.run(steps("```sh\nSYNC_HOME=~/sync .venv/bin/sync-pipeline db stop\n```")[0])
    with (tmp_path / "products.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 20
