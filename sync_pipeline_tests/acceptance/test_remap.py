"""An upgrade that changes a mapper, by the command line: counted, planned, renewed, taken back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sandbox.woocommerce import Store, running, seed
from sync_pipeline_tests.commands import Commands, commands
from sync_pipeline_tests.folders import copy_project

FIRST_IMPORT = """
import sys
from sync_pipeline.config import Settings
from sync_pipeline.db.open import open_database
from sync_pipeline.steps import capture, connect, preview, promote, select

settings = Settings()
db = open_database(settings)
org = connect.add_organization(db, "acme")
made = connect.add_connection(db, settings, org, "woocommerce", "shop", dict(store_url=sys.argv[1],
    consumer_key=sys.argv[2], consumer_secret=sys.argv[3]), actor="test")
for name in ("categories", "products"):
    stream = made.source.stream(name)
    with capture.session(db, settings, made) as session:
        session.pull(stream, full=True)
    preview.recompute(db, made, stream)
    select.select(db, made, stream, everything=True, include=True, actor="test")
plan = select.make_plan(db, org, actor="test")
assert promote.apply(db, org.org_id, plan.plan_id, actor="test").state == "done"
"""


class Upgraded:
    """The program as released, and a copy of it in which one mapper is another."""

    commands: Commands  # the copy's

    def __init__(self, folder: Path, home: Path) -> None:
        self.copy = copy_project(folder / "project")
        mapper = self.copy / "sync_pipeline" / "sources" / "woocommerce" / "mappers" / "category.py"
        text = mapper.read_text()
        assert 'name=text(payload, "name") or ""' in text
        mapper.write_text(text.replace('name=text(payload, "name") or ""', "name=f\"New {text(payload, 'name')}\""))
        self.env = {
            **os.environ,
            "SYNC_HOME": str(home),
            "SYNC_ALLOW_PRIVATE_HOSTS": "1",
        }

    def first_import(self, *arguments: str) -> None:
        """What the program did as it was released."""
        subprocess.run([sys.executable, "-c", FIRST_IMPORT, *arguments], env=self.env, timeout=300, check=True)

    def say(self, *arguments: str) -> str:
        """What a command of the upgraded program prints."""
        done = self.commands.run(*arguments, env=self.env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.say(*arguments, "--json"))

    def older(self, command: str) -> dict[str, int]:
        (one,) = self.json(command, "acme")["connections"]
        assert not any(e["updated"] or e["new"] for e in one["entities"])
        return {e["entity"]: e["mapped_by_older"] for e in one["entities"] if e["mapped_by_older"]}


def test_a_changed_mapper_reaches_what_is_promoted(tmp_path: Path, home: Path) -> None:
    upgraded = Upgraded(tmp_path, home)
    store = Store()
    seed(store, products=6, variable=0, customers=1, orders=0)
    categories = len(store.ids("categories"))
    with running(store) as server:
        upgraded.first_import(server.url, server.key, server.secret)
    with commands(upgraded.copy) as upgraded.commands:
        try:
            upgraded.json("db", "start")
            assert upgraded.older("status") == {"categories": categories}
            assert upgraded.older("preview") == {"categories": categories}
            said = upgraded.say("status", "acme")
            assert (
                f"{categories} records were mapped by an older mapper. Renew them: sync-pipeline plan acme --remap"
                in said
            )
            assert upgraded.json("plan", "acme")["plan"] is None
            assert upgraded.json("plan", "acme", "--remap", "--entity", "products")["plan"] is None
            made = upgraded.json("plan", "acme", "--connection", "shop", "--remap")
            assert made["counts"] == {"create": 0, "update": categories, "delete": 0}
            applied = upgraded.json("apply", "acme", made["plan"])
            assert (applied["state"], applied["done"]) == ("done", categories)
            assert upgraded.older("status") == {}
            nothing = upgraded.json("plan", "acme", "--remap")
            assert nothing == {"plan": None, "hash": None, "counts": {"create": 0, "update": 0, "delete": 0}}
            upgraded.json("undo", "acme", made["plan"])
            assert upgraded.older("status") == {"categories": categories}
        finally:
            upgraded.json("db", "stop")
