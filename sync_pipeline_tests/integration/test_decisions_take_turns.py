"""Whoever writes several decisions locks them in the order of their keys, so that nobody waits for each other for ever;
and a rule replaces nothing that a person decides at the same moment.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps import connect, promote, select
from sync_pipeline.steps.preview import compare_some
from sync_pipeline_tests.captured import Captured, Clock, captured_once
from sync_pipeline_tests.stores import Shop, shop
from sync_pipeline_tests.waiting import wait_until

CHOOSE = load("sync_pipeline.steps.select", "choose.sql")
DECIDED = """
INSERT INTO selection.sync_selective_config
(org_id, connection_id, entity_type, external_id, decision, content_hash, decided_by)
SELECT org_id, connection_id, entity_type, external_id, 'ignore', content_hash, 'bo' FROM preview.difference
WHERE entity_type = %(entity_type)s AND external_id = %(id)s
"""
TAGS = 12
WAITING = "SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) WHERE NOT l.granted AND \
a.datname = current_database()"


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=2, variable=0, customers=2, orders=0, random_seed=9)
    for number in range(TAGS - len(made.ids("tags"))):
        made.add_tag(f"Tag {number}")
    return made


def capture_all(opened: Shop) -> None:
    opened.pull("tags", full=True)
    opened.preview("tags")


template = captured_once(shop, fill, capture_all)


@pytest.fixture
def opened(template: Captured[Shop], database: Database, settings: Settings, org: connect.Organization) -> Shop:
    # Also where the planner takes no way that happens to meet the keys in their order.
    for way in ("nestloop", "mergejoin", "indexscan", "bitmapscan"):
        event.listen(database.engine, "connect", lambda made, _, way=way: made.execute(f"SET enable_{way} = off"))
    database.engine.dispose()
    return template.copy(database, settings, org)


def _ids(opened: Shop) -> list[str]:
    """In the order of the keys."""
    return sorted(map(str, opened.store.ids("tags")))


def _tags(opened: Shop) -> Any:
    return opened.connection.source.stream("tags")


def _choose(opened: Shop, ids: list[str], *, include: bool = True, actor: str = "ann", **more: Any) -> None:
    select.select(opened.db, opened.connection, _tags(opened), ids=ids, include=include, actor=actor, **more)


def _approve(opened: Shop, plan: Any) -> None:
    promote.start(opened.db, opened.org.org_id, plan, actor="bo")


def _refuse(opened: Shop, plan: Any) -> None:
    select.refuse(opened.db, opened.org, plan, actor="bo")


def _applied(opened: Shop, plan: Any) -> None:
    promote.apply(opened.db, opened.org.org_id, plan, actor="bo")


def _undo(opened: Shop, plan: Any) -> None:
    promote.undo(opened.db, opened.org.org_id, plan, actor="bo")


def _ignore(opened: Shop, _: Any) -> None:
    _choose(opened, _ids(opened)[::-1], include=False, actor="bo", replace=True)


def _undecide(opened: Shop, _: Any) -> None:
    select.undecide(opened.db, opened.connection, _tags(opened), ids=_ids(opened)[::-1], actor="bo", replace=True)


def _changed(opened: Shop, _: Any) -> None:
    for one in _ids(opened):
        opened.store.update("tags", int(one), name=f"Renamed {one}")
    capture_all(opened)
    select.add_rule(opened.db, opened.connection, _tags(opened), kind="include_new", actor="ann")


def _rule(opened: Shop, _: Any) -> None:
    select.apply_rules(opened.db, opened.connection, _tags(opened))


def _nothing(opened: Shop, _: Any) -> None:
    pass


Step = Callable[[Shop, Any], None]
WRITERS: dict[str, tuple[Step, Step]] = {
    "approve": (_nothing, _approve),
    "refuse": (_nothing, _refuse),
    "undo": (_applied, _undo),
    "select": (_nothing, _ignore),
    "undecide": (_nothing, _undecide),
    "rule": (_changed, _rule),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_decisions_are_locked_in_the_order_of_their_keys(opened: Shop, writer: str) -> None:
    before, write = WRITERS[writer]
    ids = _ids(opened)
    for one in ids[::-1]:  # they lie in the table the other way round
        _choose(opened, [one], draft=True)
    plan = select.make_plan(opened.db, opened.org, actor="ann")
    assert plan is not None
    before(opened, plan.plan_id)
    held = "SELECT 1 FROM selection.sync_selective_config WHERE external_id = %(id)s FOR UPDATE"
    free = "SELECT external_id FROM selection.sync_selective_config FOR UPDATE SKIP LOCKED"
    middle = TAGS // 2
    with ThreadPoolExecutor() as pool:
        with opened.db.org(opened.org.org_id) as conn:
            execute(conn, held, id=ids[middle])
            begun = pool.submit(write, opened, plan.plan_id)
            wait_until(lambda: begun.done() or opened.value(WAITING), "it waits")
            assert not begun.done()
            assert sorted(row[0] for row in opened.rows(free)) == ids[middle + 1 :]
        begun.result()


def test_a_rule_replaces_nothing_that_a_person_decides_at_the_same_moment(opened: Shop) -> None:
    select.add_rule(opened.db, opened.connection, _tags(opened), kind="include_new", actor="ann")
    ids = _ids(opened)
    with ThreadPoolExecutor() as pool:
        with opened.db.org(opened.org.org_id) as conn:
            here = {"connection_id": opened.connection.connection_id, "entity_type": _tags(opened).entity_type}
            execute(conn, CHOOSE["hold_entity"], **here)
            execute(conn, DECIDED, **here, id=ids[0])
            begun = pool.submit(_rule, opened, None)
            wait_until(lambda: begun.done() or opened.value(WAITING), "it waits")
        begun.result()
    found = opened.rows("SELECT external_id, decision, decided_by FROM selection.sync_selective_config")
    assert sorted((row[0], row[1]) for row in found) == [(ids[0], "ignore"), *((one, "include") for one in ids[1:])]


def test_who_compares_waits_before_it_has_written_a_difference(opened: Shop) -> None:
    """A push compares what it brings while others compare the whole entity: neither waits for a row of the other."""
    tags = _tags(opened)
    ids = _ids(opened)
    free = "SELECT external_id FROM preview.difference WHERE entity_type = %(entity_type)s FOR UPDATE SKIP LOCKED"
    for one in ids:
        opened.store.update("tags", int(one), name=f"Renamed {one}")
    opened.pull("tags", full=True)
    with ThreadPoolExecutor() as pool:
        with opened.db.org(opened.org.org_id) as conn:
            compare_some(conn, opened.connection, tags, ids[-1:])
            begun = pool.submit(opened.preview, "tags")
            wait_until(lambda: begun.done() or opened.value(WAITING), "it waits")
            assert sorted(row[0] for row in opened.rows(free, entity_type=tags.entity_type)) == ids[:-1]
        assert begun.result().new == TAGS
