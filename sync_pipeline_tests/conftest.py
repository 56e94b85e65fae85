"""A real PostgreSQL for every test that needs one: one embedded server a test process, one clone a test."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy import NullPool, create_engine

from sync_pipeline.config import Settings
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect
from sync_pipeline_tests.branches import branch_at_once
from sync_pipeline_tests.databases import (
    MIGRATED,
    Template,
    administration,
    cloned,
    opened_as_the_application,
    settings_at,
)
from sync_pipeline_tests.folders import data_folder
from sync_pipeline_tests.homes import copy_home, shared_home
from sync_pipeline_tests.passwords import hash_at_once
from sync_pipeline_tests.waiting import do_not_delay

if TYPE_CHECKING:  # a unit test starts without them
    from playwright.sync_api import Browser

    from sync_pipeline_tests.captured import Captured
    from sync_pipeline_tests.served import Served
    from sync_pipeline_tests.stores import Shop

# A developer's own settings must not reach a test. And processes share what one of them has compiled.
for name in [n for n in os.environ if n.startswith(("SYNC_", "DAGSTER_", "PYTHONDONTWRITEBYTECODE"))]:
    del os.environ[name]

# A machine with other work is slow, and no test's fault.
hypothesis_settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("any machine")

do_not_delay()
hash_at_once()
branch_at_once()

# structlog's default draws a traceback with all its locals, which takes seconds.
structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()])


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """What a command sets for the processes it starts ends with its test."""
    before = {name: value for name, value in os.environ.items() if name.startswith("SYNC_")}
    yield
    for name in [n for n in os.environ if n.startswith("SYNC_") and n not in before]:
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="session")
def prepared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder with a migrated database, to be copied."""
    folder = tmp_path_factory.getbasetemp()
    with shared_home(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) as home:
        yield home


@pytest.fixture(scope="session")
def server(prepared_home: Path) -> Iterator[EmbeddedPostgres]:
    """An embedded PostgreSQL of this test process, with a migrated database to clone."""
    with data_folder() as home:
        copy_home(prepared_home, home)
        postgres = EmbeddedPostgres(home)
        postgres.use()
        admin = administration(postgres.url("postgres"))
        with admin.connect() as conn:
            # A test's data may be lost with the machine; waiting for the disk at each commit is most of its time.
            for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
                conn.exec_driver_sql(f"ALTER SYSTEM SET {setting}")
            conn.exec_driver_sql("SELECT pg_reload_conf()")
        # Who is first to connect reads the whole catalogue, and leaves for others, in clones too, what they need of it.
        create_engine(postgres.url(MIGRATED.name), poolclass=NullPool).connect().close()
        yield postgres
        admin.dispose()
        postgres.release()


@pytest.fixture(scope="module")
def template() -> Template:
    """What the databases of a module's tests are clones of."""
    return MIGRATED


@pytest.fixture
def owner_url(server: EmbeddedPostgres, template: Template) -> Iterator[str]:
    """A fresh database as its owner sees it: a clone of the template."""
    with cloned(server, template) as url:
        yield url


@pytest.fixture
def database(owner_url: str) -> Iterator[Database]:
    """The same database as the application sees it: through a role that owns nothing."""
    with opened_as_the_application(owner_url) as db:
        yield db


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a process that may reach loopback stores."""
    return settings_at(tmp_path / "home")


@pytest.fixture
def org(database: Database) -> connect.Organization:
    """An organization with nothing in it."""
    return connect.add_organization(database, "acme", "Acme")


@pytest.fixture
def store(template: Captured[Shop], database: Database, settings: Settings, org: connect.Organization) -> Shop:
    """The test's own copy of the shop that its module captures once (`captured_once`)."""
    return template.copy(database, settings, org)


@pytest.fixture
def api(database: Database, settings: Settings) -> Iterator[Served]:
    """The service on the test's database, over HTTP."""
    from sync_pipeline_tests.served import served

    with served(database, settings) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    from sync_pipeline_tests.chromium import chromium

    with chromium() as one:
        yield one


def pytest_collection_finish() -> None:
    """What is imported and collected by now stays, and the garbage collector need not look through it again."""
    gc.collect()
    gc.freeze()


# Minutes each: their tests start processes or a browser, or wait for what Dagster does.
_LONGEST = (
    "test_demo.py", "test_kill.py", "test_explorer_browser.py", "test_dagster_served.py", "test_secrets.py",
    "test_cli.py", "test_odoo_complete.py", "test_cli_up.py", "test_explorer_hostile.py", "test_core_dictionary.py",
    "test_explorer_work.py", "test_core_model.py", "test_explorer_docs.py", "test_explorer_plans_browser.py",
    "test_explorer_settings_browser.py", "test_explorer_live.py", "test_remap.py", "test_promote_odoo_two_stores.py",
    "test_new_provider.py",
)  # fmt: skip


@pytest.hookimpl(trylast=True)  # after those that are not to be run are taken out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each process begins with some of the longest modules: begun last, one would run alone for minutes.

    `--dist worksteal` deals the tests out in equal parts, in this order.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    first: list[list[pytest.Item]] = [[] for _ in range(processes)]
    for place, module in enumerate(_LONGEST):
        first[place % processes] += [item for item in items if item.path.name == module]
    rest = [item for item in items if item.path.name not in _LONGEST]
    count, items[:] = len(items), []
    for number, own in enumerate(first):
        part = (count - len(items)) // (processes - number)
        items += own + rest[: max(0, part - len(own))]
        del rest[: max(0, part - len(own))]
    items += rest
