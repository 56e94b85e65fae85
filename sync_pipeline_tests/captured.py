"""Stores that are captured once for a module: each test has its own copy of the database and of the store.

Capturing a small store takes ten times as long as copying the database that holds it. A module defines

- `template = captured_once(shop, fill, capture)`; every `database` of the module is then its copy;
- where the fixture `store`, which calls `copy`, is not enough, one of its own that does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest
from sqlalchemy import make_url

from sync_pipeline.config import Settings
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect
from sync_pipeline_tests.databases import Template, cloned, opened_as_the_application, settings_at
from sync_pipeline_tests.odoo_stores import Odoo
from sync_pipeline_tests.stores import Shop

Clock = Callable[[], datetime]
C = TypeVar("C", Shop, Odoo)


@dataclass(frozen=True)
class Captured(Template, Generic[C]):
    """A database with a captured store in it."""

    made: C
    fill: Callable[[Clock], Any]
    began: datetime

    def copy(self, database: Database, settings: Settings, org: connect.Organization) -> C:
        """A test's own store, as it was when it was captured, at the same address; and the test's database."""
        store = _filled(self.fill, self.began)
        self.made.server.faults.clear()
        self.made.server.latency = 0
        self.made.server.serve(store)
        return replace(self.made, db=database, settings=settings, org=org, store=store)


@contextmanager
def captured(
    server: EmbeddedPostgres,
    opening: Callable[[Database, Settings, connect.Organization, Any], AbstractContextManager[C]],
    fill: Callable[[Clock], Any],
    capture: Callable[[C], None],
) -> Iterator[Captured[C]]:
    """Connect the store that `fill` makes by `opening` (`shop`, `odoo`), and `capture` it.

    `fill` makes the same store each time; its clock stands still meanwhile, and then shows the time.
    """
    began = datetime.now(UTC)
    with (
        tempfile.TemporaryDirectory() as home,
        cloned(server) as owner_url,
        opened_as_the_application(owner_url) as database,
        opening(
            database, settings_at(Path(home)), connect.add_organization(database, "acme", "Acme"), _filled(fill, began)
        ) as made,
    ):
        capture(made)
        database.close()  # a database can only be cloned while nobody is connected to it
        yield Captured(str(make_url(owner_url).database), made, fill, began)


def captured_once(
    opening: Callable[[Database, Settings, connect.Organization, Any], AbstractContextManager[C]],
    fill: Callable[[Clock], Any],
    capture: Callable[[C], None],
) -> Any:
    """The fixture `template` of a module: what `captured` opens, once."""

    @pytest.fixture(scope="module", name="template")
    def template(server: EmbeddedPostgres) -> Iterator[Captured[C]]:
        with captured(server, opening, fill, capture) as made:
            yield made

    return template


def _filled(fill: Callable[[Clock], Any], began: datetime) -> Any:
    filling = True
    store = fill(lambda: began if filling else datetime.now(UTC))
    filling = False
    return store
