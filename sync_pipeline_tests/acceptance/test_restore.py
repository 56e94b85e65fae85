"""A loaded system is backed up and restored, as docs/operations.md says: by a dump, and to a point in time."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from sandbox.woocommerce import Server, Store, running, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.open import migrate_to_head, open_database
from sync_pipeline.steps import capture, connect, observe, preview, promote, select
from sync_pipeline_tests.folders import data_folder
from sync_pipeline_tests.processes import free_port
from sync_pipeline_tests.tcp_postgres import TcpPostgres, initialize, made_in
from sync_pipeline_tests.waiting import wait_until

pytestmark = pytest.mark.torture
ORGS = 4


@dataclass
class System:
    """The pipeline on one server."""

    postgres: TcpPostgres
    settings: Settings

    def opened(self) -> Database:
        return open_database(self.settings)

    def ask(self, sql: str, database: str = "sync") -> list[Any]:
        with psycopg.connect(self.postgres.url(database), autocommit=True) as conn:
            ran = conn.execute(sql)
            return ran.fetchall() if ran.description else []


def on(postgres: TcpPostgres, home: Path, key: SecretStr) -> System:
    url = SecretStr(postgres.url("sync"))
    return System(postgres, Settings(home=home, database_url=url, secret_key=key, allow_private_hosts=True))


@dataclass
class Loaded:
    """A system at work: organizations with a shop each, one of which promotes all the time while the others pull."""

    system: System
    db: Database
    stores: dict[str, Server]
    over: threading.Event
    errors: list[BaseException]
    workers: list[threading.Thread]

    def stop(self) -> None:
        """Let everybody end what they are at."""
        self.over.set()
        for worker in self.workers:
            worker.join(120)

    def shop(self, slug: str) -> connect.Connection:
        [made] = connect.connections(self.db, connect.organization(self.db, slug))
        return made

    def pull(self, slug: str, *, full: bool = False) -> None:
        shop = self.shop(slug)
        with capture.session(self.db, self.system.settings, shop) as session:
            for stream in shop.source.streams.values():
                assert session.pull(stream, full=full).closed

    def promote(self, slug: str) -> None:
        shop, org = self.shop(slug), connect.organization(self.db, slug)
        for stream in shop.source.streams.values():
            preview.recompute(self.db, shop, stream)
            select.select(self.db, shop, stream, everything=True, include=True, actor="test")
        plan = select.make_plan(self.db, org, actor="test")
        if plan is not None:
            promote.apply(self.db, org.org_id, plan.plan_id, actor="test")

    def work(self, slug: str) -> None:
        """Products change and are added, pulled and promoted, until it is over."""
        table, number = self.stores[slug].store.tables["products"], 0
        try:
            while not self.over.is_set():
                number += 1
                self.stores[slug].store.update("products", next(iter(table.ids)), regular_price=str(number))
                self.stores[slug].store.add_product(name=f"{slug} {number}", sku=f"{slug}-{number}")
                self.pull(slug)
                self.promote(slug)
        except BaseException as error:  # noqa: BLE001 - the test tells it
            self.errors.append(error)


@pytest.fixture
def loaded() -> Iterator[Loaded]:
    with ExitStack() as stack:
        folder = stack.enter_context(data_folder())
        archive = folder / "archive"
        archive.mkdir()
        archive.chmod(0o777)
        postgres = made_in(folder)
        initialize(postgres)
        keep = f"archive_command='test ! -f {archive}/%f && cp %p {archive}/%f'"
        postgres.start("wal_level=replica", "archive_mode=on", keep)
        stack.callback(postgres.stop)
        system = on(postgres, folder / "home", SecretStr(Fernet.generate_key().decode()))
        migrate_to_head(system.settings)
        db = stack.enter_context(closing(system.opened()))
        made = Loaded(system, db, {}, threading.Event(), [], [])
        for number in range(ORGS):
            store = Store()
            store.shuffle_related = False
            seed(store, products=20, variable=2, customers=5, orders=10, random_seed=number)
            server = stack.enter_context(running(store))
            slug = f"o{number}"
            given = {"store_url": server.url, "consumer_key": server.key, "consumer_secret": server.secret}
            given |= {"promote_on_select": "false"}
            org = connect.add_organization(db, slug)
            connect.add_connection(db, system.settings, org, "woocommerce", "shop", given, actor="test")
            made.stores[slug] = server
            made.pull(slug)
            made.promote(slug)
        made.workers += [threading.Thread(target=made.work, args=(slug,)) for slug in made.stores]
        for worker in made.workers:
            worker.start()
        stack.callback(made.stop)
        yield made
        made.stop()
        assert made.errors == []


def changes(system: System) -> int:
    return int(system.ask("SELECT count(*) FROM capture.sync_record_version")[0][0])


def is_whole(system: System, loaded: Loaded) -> None:
    """What a restored system has is of one moment, and it goes on from there until it has what the stores have."""
    with closing(system.opened()) as db:
        for slug, server in loaded.stores.items():
            org = connect.organization(db, slug)
            assert promote.check_core(db, org).differences == [], slug
            [shop] = connect.connections(db, org)
            with capture.session(db, system.settings, shop) as session:
                assert all(session.pull(stream).closed for stream in shop.source.streams.values())
            compared = observe.reconcile(db, system.settings, org, entities=("orders", "customers"))
            assert compared.ok, (slug, compared)
            with db.org(org.org_id) as conn:
                ids = {
                    row[0]
                    for row in conn.exec_driver_sql(
                        "SELECT external_id FROM capture.sync_record WHERE entity_type = 'product'"
                    )
                }
                twice = conn.exec_driver_sql(
                    "SELECT count(*) FROM (SELECT 1 FROM capture.sync_record_version "
                    "GROUP BY connection_id, entity_type, external_id, version_no HAVING count(*) > 1) d"
                ).scalar_one()
            assert ids == {str(number) for number in server.store.tables["products"].ids}
            assert twice == 0


def test_a_dump_of_a_loaded_system_is_restored(loaded: Loaded) -> None:
    system, postgres = loaded.system, loaded.system.postgres
    begun = changes(system)
    wait_until(lambda: changes(system) > begun + 20, "it is loaded")
    dump = postgres.data.parent / "sync.dump"
    postgres.run("pg_dump", "--format=custom", f"--file={dump}", postgres.url("sync"))
    at_dump = changes(system)
    wait_until(lambda: changes(system) > at_dump + 10, "it goes on meanwhile and afterwards")
    loaded.stop()
    with data_folder() as folder, ExitStack() as stack:
        other = made_in(folder)
        initialize(other)
        other.start()
        stack.callback(other.stop)
        for statement in ("CREATE ROLE sync_app NOLOGIN", "CREATE ROLE sync_router NOLOGIN", "CREATE DATABASE sync"):
            other.run("psql", "-v", "ON_ERROR_STOP=1", other.url("postgres"), "-c", statement)
        shutil.copy(dump, folder / "sync.dump")
        (folder / "sync.dump").chmod(0o644)
        other.run("pg_restore", "--exit-on-error", f"--dbname={other.url('sync')}", str(folder / "sync.dump"))
        assert loaded.system.settings.secret_key is not None
        restored = on(other, folder / "home", loaded.system.settings.secret_key)
        migrate_to_head(restored.settings)  # makes the application's login again
        assert begun < changes(restored) <= at_dump
        is_whole(restored, loaded)


def test_a_loaded_system_is_recovered_to_the_moment_before_a_mistake(loaded: Loaded) -> None:
    system, postgres = loaded.system, loaded.system.postgres
    begun = changes(system)
    wait_until(lambda: changes(system) > begun + 5, "it is loaded")
    base = postgres.data.parent / "base"
    postgres.run("pg_basebackup", "-D", str(base), "-d", postgres.url("postgres"), "-X", "stream", "-c", "fast")
    after_backup = changes(system)
    wait_until(lambda: changes(system) > after_backup + 10, "what happens after the backup is in the archive alone")
    loaded.stop()
    kept = changes(system)
    [[moment]] = system.ask("SELECT clock_timestamp()::text")
    time.sleep(0.2)
    system.ask("TRUNCATE capture.sync_record, capture.record_history, core.products CASCADE")
    assert changes(system) == 0
    system.ask("SELECT pg_switch_wal()")
    [[last]] = system.ask("SELECT pg_walfile_name(pg_current_wal_lsn())")
    archive = postgres.data.parent / "archive"
    wait_until(lambda: _archived_before(archive, str(last)), "the log is archived")
    with ExitStack() as stack:
        other = replace(postgres, data=base, port=free_port())
        with (base / "postgresql.auto.conf").open("a") as file:
            file.write(f"restore_command = 'cp {archive}/%f %p'\nrecovery_target_time = '{moment}'\n")
            file.write("recovery_target_action = promote\narchive_mode = off\n")
        (base / "recovery.signal").touch()
        other.start()
        stack.callback(other.stop)
        assert loaded.system.settings.secret_key is not None
        recovered = on(other, base.parent / "recovered", loaded.system.settings.secret_key)
        wait_until(lambda: recovered.ask("SELECT pg_is_in_recovery()") == [(False,)], "it is recovered")
        assert changes(recovered) == kept > after_backup
        is_whole(recovered, loaded)


def _archived_before(archive: Path, segment: str) -> bool:
    """The last segment before this one is in the archive."""
    return any(len(file.name) == 24 and int(file.name, 16) >= int(segment, 16) - 1 for file in archive.iterdir())
