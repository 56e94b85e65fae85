"""The environment of benchmarks: an embedded server in a temporary folder, and stores in their own processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from bench.report import Turn
from sync_pipeline.config import PROJECT, Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.open import embedded, open_database, owner_url
from sync_pipeline.steps import connect, promote

Result = TypeVar("Result")
LATENCY = 0.05  # seconds a store takes to answer
# Variables that contestants must not inherit: another database, and one that prevents cached bytecode.
_DROPPED = {
    "SYNC_DATABASE_URL",
    "SYNC_APP_DATABASE_URL",
    "SYNC_DAGSTER_DATABASE_URL",
    "SYNC_SECRET_KEY",
    "PYTHONDONTWRITEBYTECODE",
}
_leaving = ExitStack()
_shared: dict[Any, Any] = {}
_seen: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Store:
    """A sandbox store in another process."""

    url: str
    key: str
    secret: str
    ca_file: str


@dataclass
class Ground:
    """A migrated database, with connections as the application's role and as the owner."""

    home: Path
    settings: Settings
    db: Database
    owner: psycopg.Connection = field(repr=False)  # autocommit

    @property
    def dsn(self) -> str:
        """The owner's address for psycopg."""
        return owner_url(self.settings).set(drivername="postgresql").render_as_string(hide_password=False)

    @property
    def socket(self) -> str:
        """The folder of the server's socket."""
        return str(owner_url(self.settings).query["host"])

    @property
    def database(self) -> str:
        """The database's name."""
        return str(owner_url(self.settings).database)

    def connect_store(self, org: str, store: Store) -> connect.Connection:
        """Add an organization with this store as its only connection."""
        made = connect.add_organization(self.db, org)
        given = {
            "store_url": store.url,
            "consumer_key": store.key,
            "consumer_secret": store.secret,
            "ca_file": store.ca_file,
        }
        return connect.add_connection(self.db, self.settings, made, "woocommerce", "shop", given, actor="bench")

    def connect_odoo(self, org: str, given: dict[str, str]) -> connect.Connection:
        """The same with an Odoo."""
        made = connect.add_organization(self.db, org)
        config = {name: given[name] for name in ("url", "db", "password", "ca_file")} | {"username": given["user"]}
        return connect.add_connection(self.db, self.settings, made, "odoo", "erp", config, actor="bench")

    def one(self, sql: str, parameters: Any = None) -> Any:
        """The first value of a statement's first row, as the owner."""
        row = self.owner.execute(sql, parameters).fetchone()
        assert row is not None
        return row[0]

    def forget_captured(self) -> None:
        """Remove what captures wrote and let the server settle, so that all contestants start alike."""
        tables = self.one(
            "SELECT string_agg(c.oid::regclass::text, ', ') FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = 'capture' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        )
        self.owner.execute(f"TRUNCATE {tables}, connect.request_budget, connect.request_lease")
        # TRUNCATE keeps the column statistics, and a first pull has none.
        self.owner.execute(
            "SELECT pg_clear_attribute_stats(schemaname::text, tablename::text, attname::text, inherited) "
            "FROM pg_stats WHERE schemaname = 'capture'"
        )
        self.owner.execute("DROP TABLE IF EXISTS public.bench_floor")
        self.owner.execute("DROP SCHEMA IF EXISTS bench_dlt CASCADE")
        self.settle()

    def settle(self) -> None:
        """Checkpoint, so that earlier work is not written during the measurement."""
        self.owner.execute("CHECKPOINT")

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process that works on this database."""
        kept = {name: value for name, value in os.environ.items() if name not in _DROPPED}
        return {**kept, "SYNC_HOME": str(self.home), "SYNC_ALLOW_PRIVATE_HOSTS": "1", "TMPDIR": str(self.home)}

    def child(self, python: Path | str, arguments: Sequence[str], **environment: str) -> dict[str, Any]:
        """Run a contestant; returns the last line it printed.

        Raises:
            RuntimeError: it failed; the message has its last output.
        """
        before = self.server_cpu()
        done = subprocess.run(
            [str(python), *arguments],
            cwd=PROJECT,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError((done.stderr.strip() or done.stdout.strip() or "it said nothing")[-2000:])
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return {**found, "server_cpu": self.server_cpu() - before}

    def turn(self, work: Callable[[], Result]) -> tuple[Turn, Result]:
        """Do some work in this process; what it took, and what it returned."""
        before, began, own = self.server_cpu(), time.perf_counter(), time.process_time()
        result = work()
        seconds = time.perf_counter() - began
        return Turn(seconds, time.process_time() - own, self.server_cpu() - before), result

    def server_cpu(self) -> float:
        """CPU seconds of the server and its ended children; 0 where /proc does not say."""
        try:
            postmaster = (self.home / "postgres" / "postmaster.pid").read_text().split()[0]
            living = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
            ticks = sum(_ticks(postmaster)) + sum(sum(_ticks(child)[:2]) for child in living)
        except (OSError, IndexError):
            return 0.0
        return ticks / os.sysconf("SC_CLK_TCK")

    def pull(self, org: str, *arguments: str) -> dict[str, Any]:
        """Pull the organization's products in its own process."""
        return self.child(sys.executable, ["-m", "bench.children.pull", org, *arguments])


def _ticks(process: str) -> list[int]:
    """CPU time in user and system mode, then of ended children."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return [int(field) for field in fields[11:15]]


@contextmanager
def ground(kept: Path | None = None) -> Iterator[Ground]:
    """A private embedded server, removed at the end, or in a folder that is kept."""
    with ExitStack() as stack:
        home = kept or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sync-bench-")))
        settings = Settings(
            home=home,
            database_url=None,
            app_database_url=None,
            dagster_database_url=None,
            secret_key=None,
            allow_private_hosts=True,
        )
        server = embedded(settings)
        server.use()
        try:
            db = open_database(settings)
            url = owner_url(settings).set(drivername="postgresql").render_as_string(hide_password=False)
            with psycopg.connect(url, autocommit=True) as owner:
                _seen["postgresql"] = str(owner.info.parameter_status("server_version"))
                yield Ground(home, settings, db, owner)
            db.close()
        finally:
            server.stop()
            server.release()


def promote_all(at: Ground, org_id: int, which: str = "true") -> tuple[int, Turn]:
    """Plan the captured records that a condition names, and apply the plan; returns their number and what it took."""
    plan = at.one(
        "INSERT INTO selection.sync_plan (org_id, plan_hash, origin, created_by) VALUES (%s, 'x', 'bench', 'bench') "
        "RETURNING plan_id",
        (org_id,),
    )
    at.owner.execute(
        "INSERT INTO selection.sync_plan_item (org_id, plan_id, connection_id, entity_type, external_id, action, "
        "content_hash) SELECT org_id, %s, connection_id, entity_type, external_id, 'create', content_hash "
        f"FROM capture.sync_record WHERE {which}",
        (plan,),
    )
    turn, report = at.turn(lambda: promote.apply(at.db, org_id, str(plan), actor="bench"))
    assert (report.state, report.failed) == ("done", 0), str(report)[:1000]
    return report.done, turn


def shared(key: str, make: Any, *arguments: Any) -> Any:
    """Data that several benchmarks of a run share: `make` creates it once; it is removed when the process ends."""
    if (key, arguments) not in _shared:
        _shared[key, arguments] = _leaving.enter_context(make(*arguments))
    return _shared[key, arguments]


def postgresql() -> str:
    """The version of the server that was used last."""
    return _seen.get("postgresql", "")


def leave() -> None:
    """Remove the shared data."""
    _shared.clear()
    _leaving.close()


@contextmanager
def serving(at: Ground, products: int, orders: int = 0, latency: float = LATENCY) -> Iterator[Store]:
    """A WooCommerce store with this many products and orders, over https; `latency` in seconds before each answer."""
    scale = f"{products}-products" + (f"-{orders}-orders" if orders else "")
    with _store(at, "woocommerce", scale, latency) as ready:
        yield Store(**ready)


@contextmanager
def serving_odoo(at: Ground, scale: str) -> Iterator[dict[str, str]]:
    """An Odoo store of this scale, over https: url, db, user, password (an API key) and ca_file."""
    with _store(at, "odoo", scale) as ready:
        yield {**ready, "password": ready["key"]}


@contextmanager
def _store(at: Ground, provider: str, scale: str, latency: float = LATENCY) -> Iterator[dict[str, str]]:
    process = subprocess.Popen(
        [*(sys.executable, "-m", "sandbox", provider), *("--scale", scale, "--latency", str(latency), "--https")],
        cwd=PROJECT,
        env={**os.environ, "TMPDIR": str(at.home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the sandbox store did not start")
        yield json.loads(line)
    finally:
        process.terminate()
        process.wait(30)
