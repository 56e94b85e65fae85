"""A new provider is one folder and one migration: then every door takes it, from connect to core.

The folder is `sync_pipeline_tests/kiosk`, the migration's SQL is the block in CONTRIBUTING.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from sync_pipeline.config import PROJECT
from sync_pipeline_tests.commands import Commands, commands
from sync_pipeline_tests.folders import copy_project

KEY = "k_9f21c07a53d8"
CATEGORIES = [{"id": 1, "title": "Tea"}, {"id": 2, "title": "Coffee"}]
PRODUCTS = [
    {"id": n, "title": f"Pack {n}", "code": f"P-{n}", "cents": 250 + n, "category": 1 + n % 2} for n in range(1, 131)
]
MIGRATION = '''
"""Records of the provider kiosk."""

from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    op.get_bind().connection.driver_connection.execute("""{sql}""")


def downgrade() -> None:
    raise NotImplementedError("It would drop what was captured.")
'''
# Makes the calls it reads, as JSON, on the API of this project; prints the answers.
CALLS = """
import json, sys
from fastapi.testclient import TestClient
from sync_pipeline.api.application import build

answers = []
with TestClient(build()) as client:
    for method, path, headers, body in json.load(sys.stdin):
        answer = client.request(method, path, headers=headers, json=body)
        answers.append([answer.status_code, answer.json()])
print(json.dumps(answers))
"""
ASSETS = """
from sync_pipeline.definitions import defs
loaded = defs() if callable(defs) else defs
for key in loaded.resolve_asset_graph().get_all_asset_keys():
    print(key.to_user_string())
"""


class _Till(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        name, _, number = url.path.strip("/").partition("/")
        rows: list[dict[str, Any]] = {"categories": CATEGORIES, "products": PRODUCTS}[name]
        if self.headers.get("X-Kiosk-Key") != KEY:
            return self._answer(401, {"message": "wrong key"})
        if number:
            found = [row for row in rows if row["id"] == int(number)]
            return self._answer(200 if found else 404, found[0] if found else {})
        if "ids" in asked:
            return self._answer(200, [row for row in rows if str(row["id"]) in asked["ids"].split(",")])
        offset, limit = int(asked.get("offset", 0)), int(asked.get("limit", 100))
        return self._answer(200, rows[offset:][:limit])

    def _answer(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def _till() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Till) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Clone:
    """A copy of the project with the new provider in it."""

    commands: Commands

    def __init__(self, folder: Path) -> None:
        self.project = copy_project(folder / "project")
        sources = self.project / "sync_pipeline" / "sources"
        shutil.copytree(
            PROJECT / "sync_pipeline_tests" / "kiosk", sources / "kiosk", ignore=shutil.ignore_patterns("__pycache__")
        )
        for file in (sources / "kiosk").rglob("*.py"):
            file.write_text(file.read_text("utf-8").replace("sync_pipeline_tests.kiosk", "sync_pipeline.sources.kiosk"))
        self._migration()
        self.env = {
            **os.environ,
            "PYTHONPATH": str(self.project),
            "SYNC_HOME": str(folder / "home"),
            "SYNC_ALLOW_PRIVATE_HOSTS": "1",
            "KIOSK_KEY": KEY,
            "HOOK_SECRET": "knock, knock, knock",
        }

    def _migration(self) -> None:
        section = (PROJECT / "CONTRIBUTING.md").read_text("utf-8").partition("## A new provider")[2]
        statements = re.findall(r"```sql\n(.*?)```", section, re.DOTALL)[0].replace("NAME", "kiosk")
        versions = self.project / "sql" / "migrations" / "versions"
        before = max(file.name[:4] for file in versions.glob("[0-9]*.py"))
        revision = f"{int(before) + 1:04d}"
        text = MIGRATION.format(revision=revision, before=before, sql=statements)
        (versions / f"{revision}_kiosk.py").write_text(text)

    def python(self, *arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self.env,
            cwd=self.project,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        assert KEY not in done.stdout + done.stderr
        return done.stdout

    def say(self, *arguments: str) -> str:
        """What a command prints."""
        done = self.commands.run(*arguments, env=self.env)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        assert KEY not in done.stdout + done.stderr
        return done.stdout

    def command(self, *arguments: str) -> Any:
        return json.loads(self.say(*arguments, "--json"))

    def calls(self, *calls: tuple[str, str, dict[str, str], Any]) -> list[Any]:
        answers: list[Any] = json.loads(self.python("-c", CALLS, stdin=json.dumps(calls)).splitlines()[-1])
        return answers


@pytest.fixture(scope="module")
def clone(module_folder: Path) -> Iterator[Clone]:
    """With a till that is connected and pulled, on the command line."""
    made = Clone(module_folder)
    with _till() as url, commands(made.project) as made.commands:
        try:
            made.command("db", "start")
            made.command("org", "add", "acme")
            connected = made.command(
                "connect", "acme", "kiosk", "--name", "till", "--base-url", url, "--api-key-env", "KIOSK_KEY"
            )
            assert connected["ok"], connected
            made.command("pull", "acme")
            yield made
        finally:
            made.command("db", "stop")


def test_the_command_line_takes_it_from_connect_to_core(clone: Clone) -> None:
    helped = clone.say("connect", "--help")
    assert "--base-url" in helped
    assert "--api-key-env" in helped
    (one,) = clone.command("preview", "acme")["connections"]
    assert {row["entity"]: row["new"] for row in one["entities"]} == {"categories": 2, "products": 130}
    for entity in ("categories", "products"):
        clone.command("select", "acme", "--connection", "till", "--entity", entity, "--all", "--include")
    plan = clone.command("plan", "acme")
    assert clone.command("apply", "acme", plan["plan"])["done"] == 132
    assert clone.command("reconcile", "acme")["ok"] is True
    url = clone.say("db", "url").strip()
    with psycopg.connect(url) as conn:
        rows = conn.execute("SELECT name, price FROM core.products WHERE sku = 'P-1'").fetchall()
    assert rows == [("Pack 1", Decimal("2.51"))]


def test_the_api_takes_it_too(clone: Clone) -> None:
    admin, plugin = (
        {"Authorization": f"Bearer {clone.command('token', 'add', 'acme', *arguments)['token']}"}
        for arguments in (["--role", "admin"], ["--role", "plugin", "--connection", "till"])
    )
    path = clone.command("webhook", "acme", "till", "--secret-env", "HOOK_SECRET")["path"]
    signed = {"x-kiosk-secret": "knock, knock, knock", "x-kiosk-delivery": "1"}
    article = {"id": 900, "title": "Cup", "cents": 999, "category": 2}
    document, providers, pushed, table, taken, refused, added = clone.calls(
        ("GET", "/openapi.json", {}, None),
        ("GET", "/api/v1/providers", admin, None),
        ("POST", "/api/sync/products", plugin, {"products": [article, {"id": 901}]}),
        ("GET", "/api/v1/integrations/kiosk/table?entity=products&search=Cup", admin, None),
        ("POST", path, signed, {"product": 1}),
        ("POST", path, {"x-kiosk-secret": "wrong"}, {"product": 1}),
        ("POST", "/api/v1/connections", admin,
         {"provider": "kiosk", "name": "second", "settings": {"base_url": "http://127.0.0.1:9", "api_key": KEY}}),
    )  # fmt: skip
    assert "PushedArticle" in json.dumps(document[1]["paths"]["/api/sync/products"])
    assert "kiosk" in [one["name"] for one in providers[1]["data"]]
    assert pushed == [200, {"success": True, "data": {**pushed[1]["data"], "syncedCount": 1, "skippedCount": 1}}]
    assert [row["external_id"] for row in table[1]["data"]] == ["900"]
    assert (taken[0], taken[1]["data"]["taken"], refused[0]) == (200, "stored", 401)
    assert added[0] in (201, 424), added


def test_it_has_its_assets(clone: Clone) -> None:
    keys = {key for key in clone.python("-c", ASSETS).split() if "/kiosk/" in key}
    assert keys == {
        f"{stage}/kiosk/{entity}" for stage in ("raw", "preview", "selected") for entity in ("categories", "products")
    }
