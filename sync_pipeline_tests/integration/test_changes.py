"""What changed since a time: equal to the records however it is paged, and read along an index."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect, observe
from sync_pipeline.steps.observe import changed
from sync_pipeline_tests.captured import Captured, Clock, captured
from sync_pipeline_tests.stores import Shop, shop

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
RECORDS = 20_000
# A record a second; every tenth was captured before, every thousandth is deleted, an hour after everything.
_RECORDS = """
INSERT INTO capture.sync_record
(org_id, connection_id, entity_type, external_id, provider, sync_data, content_hash, raw_hash, captured_at,
 first_captured_at, deletion_state, deletion_at)
SELECT connect.current_org(), %(connection)s, CASE WHEN n %% 2 = 0 THEN 'product' ELSE 'tag' END, (1000000 + n)::text,
       'woocommerce', '{}', sha256(int8send(n)), '', %(began)s + n * interval '1 second',
       %(began)s + n * interval '1 second' - CASE WHEN n %% 10 = 0 THEN interval '9 days' ELSE '0' END,
       CASE WHEN n %% 1000 = 0 THEN 'deleted' ELSE 'present' END,
       CASE WHEN n %% 1000 = 0 THEN %(began)s + interval '10 hours' + n * interval '1 second' END
FROM generate_series(1::bigint, %(records)s) AS n
"""


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=1, variable=0, customers=0, orders=0)
    return made


@pytest.fixture(scope="module")
def template(server: EmbeddedPostgres) -> Iterator[Captured[Shop]]:
    with captured(server, shop, fill, lambda _opened: None) as made:
        yield made


@pytest.fixture
def store(template: Captured[Shop], database: Database, settings: Settings, org: connect.Organization) -> Shop:
    made = template.copy(database, settings, org)
    with made.db.org(made.org.org_id) as conn:
        given = {"connection": made.connection.connection_id, "began": BEGAN, "records": RECORDS}
        conn.exec_driver_sql(_RECORDS, given)
        conn.exec_driver_sql("ANALYZE capture.sync_record")
    return made


def walked(store: Shop, since: datetime, until: datetime, size: int, **only: Any) -> list[tuple[str, str, str]]:
    rows: list[observe.Changed] = []
    more, place = True, None
    while more:
        found, more = observe.changed_records(store.db, store.org, since, until, after=place, size=size, **only)
        rows += found
        place = found[-1].place if found else None
    assert [one.at for one in rows] == sorted(one.at for one in rows)
    return [(one.entity_type, one.external_id, one.kind) for one in rows]


@pytest.mark.parametrize(("hours", "length"), [(0, 2), (2, 1), (10, 1), (20, 1)])
def test_every_page_size_finds_what_the_records_say(store: Shop, hours: int, length: int) -> None:
    since = BEGAN + timedelta(hours=hours)
    until = since + timedelta(hours=length)
    at = "CASE WHEN deletion_state = 'deleted' THEN deletion_at ELSE captured_at END"
    true = {
        (row.entity_type, row.external_id, row.kind)
        for row in store.rows(
            "SELECT entity_type, external_id, CASE WHEN deletion_state = 'deleted' THEN 'deleted' "
            "WHEN first_captured_at >= %(since)s THEN 'new' ELSE 'updated' END AS kind FROM capture.sync_record "
            f"WHERE org_id = connect.current_org() AND {at} >= %(since)s AND {at} < %(until)s",
            since=since,
            until=until,
        )
    }
    assert bool(true) is (hours < 20)
    for size in (997, 10_000):
        rows = walked(store, since, until, size)
        assert len(rows) == len(set(rows))
        assert set(rows) == true
    tags = store.connection.source.stream("tags")
    some = walked(store, since, until, 997, only=(store.connection, tags))
    assert set(some) == {one for one in true if one[0] == "tag"}
    counts = {
        (one.entity_type, kind): getattr(one, kind)
        for one in observe.changed_counts(store.db, store.org, since, until)
        for kind in ("new", "updated", "deleted")
        if getattr(one, kind)
    }
    assert sum(counts.values()) == len(true)
    for (entity_type, kind), number in counts.items():
        assert number == sum(one[0] == entity_type and one[2] == kind for one in true)


def test_a_page_reads_as_little_at_the_end_as_at_the_beginning_and_counts_read_their_span(store: Shop) -> None:
    until = BEGAN + timedelta(days=9)

    def plan(name: str, at: datetime, limit: int = 21) -> dict[str, Any]:
        """What the application would do; the first time also reads what the planner needs."""
        given = {
            "since": at, "begin": at, "until": until, "connection_id": None, "entity_type": None, "after_at": None,
            "after_connection": None, "after_type": None, "after_id": None, "limit": limit,
        }  # fmt: skip
        wanted = {key: one for key, one in given.items() if f"%({key})s" in changed._SQL[name]}
        with store.db.org(store.org.org_id) as conn:
            conn.exec_driver_sql(changed._SQL["plan_each_time"])
            conn.exec_driver_sql(changed._SQL[name], wanted).all()
            text = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + changed._SQL[name]
            found: dict[str, Any] = conn.exec_driver_sql(text, wanted).scalar_one()[0]["Plan"]
            return found

    def blocks(one: dict[str, Any]) -> int:
        return int(one["Shared Hit Blocks"]) + int(one["Shared Read Blocks"])

    everything = blocks(plan("changed_records", BEGAN, RECORDS))
    for second in (0, RECORDS // 2, RECORDS - 50):
        page = plan("changed_records", BEGAN + timedelta(seconds=second))
        assert blocks(page) * 5 < everything, second
    assert blocks(plan("changed_counts", BEGAN + timedelta(seconds=RECORDS - 600))) * 5 < everything
