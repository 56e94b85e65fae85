"""One store a case."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.woocommerce import Store
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect
from sync_pipeline_tests.cases.running import Case
from sync_pipeline_tests.stores import shop


@pytest.fixture
def case(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Case]:
    """A store in euros with nothing in it, nor its administrator."""
    store = Store(currency="EUR")
    store.tables["customers"].remove(1)
    with shop(database, settings, org, store) as made:
        made.rows("UPDATE connect.organization SET currency = 'EUR' RETURNING 1")
        yield Case(made)
