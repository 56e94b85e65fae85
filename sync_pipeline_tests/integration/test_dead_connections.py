"""A pool gives out no connection that the server has ended, and asks for none that lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from sync_pipeline.db.engine import psycopg_url, replace_dead_connections
from sync_pipeline.defs.storage import _engine


def application(url: str) -> Engine:
    engine = create_engine(psycopg_url(url))
    replace_dead_connections(engine)
    return engine


def dagster(url: str) -> Engine:
    return _engine(make_url(url).set(drivername="postgresql+psycopg2").render_as_string(hide_password=False))


def process_of(engine: Engine) -> int:
    with engine.connect() as conn:
        return int(conn.execute(text("SELECT pg_backend_pid()")).scalar_one())


@pytest.mark.parametrize("pool", [application, dagster])
def test_a_connection_that_the_server_ended_is_replaced(owner_url: str, pool: Callable[[str], Engine]) -> None:
    engine, other = pool(owner_url), create_engine(psycopg_url(owner_url), isolation_level="AUTOCOMMIT")
    first = process_of(engine)
    assert process_of(engine) == first
    with other.connect() as conn:
        conn.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": first})
    assert process_of(engine) != first
    engine.dispose()
    other.dispose()


@pytest.mark.parametrize("pool", [application, dagster])
def test_one_that_was_idle_for_long_is_tested(
    owner_url: str, pool: Callable[[str], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = pool(owner_url)
    first = process_of(engine)
    asked: list[object] = []
    ping = engine.dialect.do_ping

    def noted(made: Any) -> bool:
        asked.append(made)
        return ping(made)

    monkeypatch.setattr(engine.dialect, "do_ping", noted)
    assert process_of(engine) == first
    assert asked == []
    monkeypatch.setattr("sync_pipeline.db.engine._PROBE_AFTER", -1.0)
    assert process_of(engine) == first
    assert len(asked) == 1
    engine.dispose()
