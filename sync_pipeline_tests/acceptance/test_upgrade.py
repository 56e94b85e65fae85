"""A rolling upgrade: old and new processes around a migration, and what each is refused, in words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from cryptography.fernet import Fernet

from sandbox.woocommerce import Server, Store, running, seed
from sync_pipeline.cli.children import answers
from sync_pipeline.config import PROJECT
from sync_pipeline.db.migrate import head
from sync_pipeline_tests.folders import copy_project, data_folder
from sync_pipeline_tests.processes import free_port
from sync_pipeline_tests.tcp_postgres import TcpPostgres, tcp_postgres
from sync_pipeline_tests.waiting import wait_until

pytestmark = pytest.mark.torture
NEXT = "9999"
PRODUCTS = 700


class Version:
    """One version of the program, with its own revisions, on the common database."""

    def __init__(self, folder: Path, home: Path, url: str, key: str) -> None:
        self.folder = folder
        self.env = {
            **os.environ,
            "PYTHONPATH": str(folder),
            "PYTHONSAFEPATH": "1",
            "SYNC_HOME": str(home),
            "SYNC_DATABASE_URL": url,
            "SYNC_SECRET_KEY": key,
            "SYNC_ALLOW_PRIVATE_HOSTS": "1",
            "KEY": "cs",
        }

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "sync_pipeline.cli.main", *arguments],
            env={**self.env, **more}, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *arguments: str, **more: str) -> tuple[int, str, str]:
        """Exit code, output, and what it says to people, in one line."""
        started = self.start(*arguments, **more)
        out, err = started.communicate(timeout=300)
        return started.returncode, out, " ".join(err.split())

    def done(self, *arguments: str, **more: str) -> str:
        code, out, err = self.run(*arguments, **more)
        assert code == 0, out + err
        return out

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Its service; the address."""
        port = free_port()
        child = self.start("serve", "--port", str(port))
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: child.poll() is not None or answers(f"{url}/healthz"), "the service answers")
            assert child.poll() is None, child.communicate()
            yield url
        finally:
            child.kill()
            child.communicate()


class World:
    """An old version that has migrated the database, a new one that has not, and a shop."""

    def __init__(self, postgres: TcpPostgres, folder: Path, store: Server) -> None:
        self.postgres, self.store = postgres, store
        key = Fernet.generate_key().decode()
        newer = copy_project(folder / "newer")
        versions = newer / "sql" / "migrations" / "versions"
        (versions / "9999_region.py").write_text(
            "from alembic import op\n\n"
            f'revision = "{NEXT}"\ndown_revision = "{head()}"\n\n\n'
            "def upgrade():\n"
            "    driver = op.get_bind().connection.driver_connection\n"
            '    driver.execute("ALTER TABLE connect.organization ADD COLUMN region text")\n'
        )
        url = postgres.url("sync")
        self.old = Version(PROJECT, folder / "old-home", url, key)
        self.new = Version(newer, folder / "new-home", url, key)
        self.old.done("db", "migrate")
        self.old.done("org", "add", "acme")
        self.old.done(
            "connect", "acme", "woocommerce", "--name", "shop", "--url", store.url, "--key", store.key,
            "--secret-env", "SECRET", SECRET=store.secret,
        )  # fmt: skip
        self.token = json.loads(self.old.done("token", "add", "acme", "--role", "operator", "--json"))["token"]

    def revision(self) -> str:
        with psycopg.connect(self.postgres.url("sync")) as conn:
            row = conn.execute("SELECT version_num FROM alembic_version").fetchone()
        assert row is not None
        return str(row[0])

    def asks(self, url: str) -> int:
        """A call that reads and one that writes; the worse status."""
        headers = {"Authorization": f"Bearer {self.token}"}
        with httpx.Client(base_url=url, headers=headers, timeout=120) as client:
            read = client.get("/api/v1/connections").status_code
            asked = client.post("/api/v1/integrations/woocommerce/sync/customers/full").status_code
        return max(read, asked)


@pytest.fixture
def world() -> Iterator[World]:
    with ExitStack() as stack:
        store = Store()
        seed(store, products=PRODUCTS, variable=0, customers=3, orders=3)
        server = stack.enter_context(running(store))
        postgres = stack.enter_context(tcp_postgres())
        yield World(postgres, stack.enter_context(data_folder()), server)


def test_old_and_new_processes_around_a_migration(world: World) -> None:
    old, new = world.old, world.new
    # A new process on a database that is not migrated: refused, whatever it is, and it says what to do.
    for command in (("status", "acme"), ("serve", "--port", str(free_port())), ("pull", "acme")):
        code, _, said = new.run(*command)
        assert code == 2
        assert f"The database is at revision {head()}, this version needs {NEXT}" in said, said
        assert "Run `sync-pipeline db migrate`." in said
    with old.serving() as before:
        assert world.asks(before) < 300
        # The migration comes while an old process pulls.
        world.store.latency = 2.0
        pull = old.start("pull", "acme", "--full", "--json")
        wait_until(lambda: world.store.most_in_flight >= 2, "the old version pulls")
        new.done("db", "migrate")
        assert world.revision() == NEXT
        assert pull.poll() is None, "it was in the middle of it"
        world.store.latency = 0.0
        out, err = pull.communicate(timeout=300)
        assert pull.returncode == 0, err
        [products] = [one for one in _entities(out) if one["entity"] == "products"]
        assert (products["new"], products["quarantined"]) == (PRODUCTS, 0)
        # What was running works on; what starts is told that a newer version was here.
        assert world.asks(before) < 300
        code, _, said = old.run("status", "acme")
        assert code == 2
        assert f"The database is at revision {NEXT}, which this version does not know: a newer one migrated it" in said
        code, _, said = old.run("db", "migrate")
        assert code == 2
        assert "Nothing was changed." in said
        with new.serving() as after:
            assert world.asks(after) < 300
            assert world.asks(before) < 300
        assert json.loads(new.done("reconcile", "acme", "--json"))["ok"]


def test_calls_wait_for_a_migration_that_is_at_work(world: World) -> None:
    """Between its first statement and its commit: an old process's calls wait and are answered, none fails."""
    found: list[int] = []
    with world.old.serving() as url:
        assert world.asks(url) < 300
        with psycopg.connect(world.postgres.url("sync")) as migrating:
            migrating.execute("ALTER TABLE connect.organization ADD COLUMN region text")
            migrating.execute("UPDATE alembic_version SET version_num = %s", [NEXT])
            caller = threading.Thread(target=lambda: found.append(world.asks(url)))
            caller.start()
            caller.join(3)
            assert not found, "it waits"
            # A new process sees the revision that is committed.
            code, _, said = world.new.run("status", "acme")
            assert code == 2
            assert f"The database is at revision {head()}, this version needs {NEXT}" in said
            migrating.commit()
        caller.join(120)
        assert found
        assert found[0] < 300


def _entities(out: str) -> list[dict[str, object]]:
    return [one for connection in json.loads(out)["connections"] for one in connection["entities"]]
