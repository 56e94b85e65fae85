"""A decision binds to the version that was seen; a plan to all that it depends on; nothing else reaches core."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import ConfigurationError, Conflict, StalePlan
from sync_pipeline.steps import connect, preview, promote, select
from sync_pipeline.steps.approve import staleness
from sync_pipeline.steps.select import reading
from sync_pipeline_tests.captured import Captured, Clock, captured_once
from sync_pipeline_tests.stores import Shop, shop


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    made.shuffle_related = False
    seed(made, products=6, variable=0, customers=6, orders=2, random_seed=5)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull(full=True)
    for name in opened.streams:
        opened.preview(name)


template = captured_once(shop, fill, capture_all)


@pytest.fixture
def it(template: Captured[Shop], database: Database, settings: Settings, org: connect.Organization) -> Shop:
    return template.copy(database, settings, org)


def listed(it: Shop, **which: Any) -> preview.RecordPage:
    return preview.table(it.db, it.connection, it.connection.source.stream("customers"), **which)


def choose(it: Shop, actor: str = "ann", *, include: bool = True, draft: bool = False, **which: Any) -> select.Selected:
    stream = it.connection.source.stream("customers")
    return select.select(it.db, it.connection, stream, include=include, actor=actor, draft=draft, **which)


def planned(it: Shop, actor: str = "ann", **more: Any) -> select.Plan:
    made = select.make_plan(it.db, it.org, actor=actor, **more)
    assert made is not None
    return made


def by_sensor(it: Shop) -> select.Plan | None:
    return select.make_plan(it.db, it.org, actor="selection", origin="selection")


def apply(it: Shop, plan: select.Plan) -> promote.ApplyReport:
    return promote.apply(it.db, it.org.org_id, plan.plan_id, actor="ann")


def ids_of(it: Shop, plan: select.Plan) -> set[str]:
    return {
        item.external_id
        for item in select.plan_items(it.db, it.org, plan.plan_id, page_size=500, effects=promote.effects)[0]
    }


def in_core(it: Shop) -> set[str]:
    return {row[0] for row in it.rows("SELECT external_id FROM promote.integration_mapping WHERE NOT promoted_deleted")}


def change(it: Shop, customer: str, **fields: Any) -> None:
    it.store.update("customers", int(customer), touch=False, **(fields or {"last_name": "Other"}))
    it.pull("customers")
    it.preview("customers")


def customers(it: Shop) -> list[str]:
    """Those with a name, who can be deleted: not the shop's administrator."""
    return [row["external_id"] for row in listed(it).data if row["external_id"] != "1"]


def test_what_moved_since_it_was_seen_is_not_decided_and_is_named(it: Shop) -> None:
    seen = {row["external_id"]: row["version"] for row in listed(it).data}
    one, *rest = seen
    change(it, one)
    now = next(row["version"] for row in listed(it).data if row["external_id"] == one)
    assert now != seen[one]
    done = choose(it, seen=seen)
    assert done.records == len(rest)
    assert (list(done.moved), done.moved_count) == ([{"external_id": one, "seen": seen[one], "now": now}], 1)
    assert ids_of(it, planned(it)) == set(rest)


def test_a_deletion_is_another_version(it: Shop) -> None:
    one = customers(it)[0]
    choose(it, ids=[one])
    apply(it, planned(it))
    change(it, one)
    seen = {row["external_id"]: row["version"] for row in listed(it).data}
    it.store.delete("customers", int(one))
    it.pull("customers", full=True)
    it.preview("customers")
    done = choose(it, ids=[one], seen={one: seen[one]})
    assert (done.records, [moved["now"] for moved in done.moved]) == (0, [seen[one] + "-deleted"])
    row = next(row for row in listed(it).data if row["external_id"] == one)
    assert (row["status"], row["version"]) == ("deleted", seen[one] + "-deleted")
    assert choose(it, seen={one: row["version"]}).records == 1
    assert [
        item.action for item in select.plan_items(it.db, it.org, planned(it).plan_id, effects=promote.effects)[0]
    ] == ["delete"]


def test_a_filter_decides_what_its_list_had(it: Shop) -> None:
    page = listed(it, status="new")
    one, two, *rest = (row["external_id"] for row in page.data)
    change(it, one)
    with pytest.raises(Conflict, match=r"7 records now, and 8 were expected\. Nothing was decided"):
        choose(it, status="new", as_of=page.as_of, expected=8)
    assert listed(it, selection="include").row_count == 0
    done = choose(it, status="new", as_of=page.as_of, expected=page.row_count, excluding=[two])
    versions = {row["external_id"]: row["version"] for row in page.data}
    assert done.records == len(rest)
    assert [(moved["external_id"], moved["seen"]) for moved in done.moved] == [(one, versions[one])]


def test_what_binds_a_decision_to_nothing_is_refused(it: Shop) -> None:
    """Versions of other records, no version of some, a list of tomorrow: by ids, by a filter, and taken back."""
    page = listed(it)
    seen = {row["external_id"]: row["version"] for row in page.data}
    one, two, three = list(seen)[:3]
    tomorrow = page.as_of + timedelta(days=1)
    for more, said in (
        ({"ids": [one], "seen": {two: seen[two]}}, f"not among the ids: {two}"),
        ({"ids": [one], "seen": {one: seen[one], two: seen[two]}}, f"not among the ids: {two}"),
        ({"ids": [one, two, three], "seen": {one: seen[one]}}, f"no version of {two}, {three}"),
        ({"ids": [one], "seen": {}}, f"no version of {one}"),
        ({"ids": [one], "as_of": tomorrow}, "later than now"),
        ({"seen": {one: seen[one]}, "as_of": tomorrow}, "later than now"),
        ({"status": "new", "as_of": tomorrow}, "later than now"),
    ):
        with pytest.raises(ConfigurationError, match=rf"{said}.*Nothing was decided"):
            choose(it, **more)
        with pytest.raises(ConfigurationError, match=rf"{said}.*Nothing was decided"):
            select.undecide(it.db, it.connection, it.connection.source.stream("customers"), actor="ann", **more)
    assert listed(it, selection="include").row_count == 0
    assert choose(it, ids=[one, two, three], excluding=[three], seen={one: seen[one], two: seen[two]}).records == 2
    assert choose(it, ids=[one, three], seen={three: seen[three]}, as_of=page.as_of).records == 2, (
        "as_of binds the other"
    )


def test_with_a_filter_and_versions_what_nobody_saw_is_left_out(it: Shop) -> None:
    seen = {row["external_id"]: row["version"] for row in listed(it).data}
    one = next(iter(seen))
    version = seen.pop(one)
    done = choose(it, status="new", seen=seen)
    assert done.records == len(seen)
    assert list(done.moved) == [{"external_id": one, "seen": None, "now": version}]


def test_the_list_of_a_capture_at_work_is_as_old_as_its_last_commit(it: Shop) -> None:
    one = customers(it)[0]
    stamped = it.value("SELECT changed_at FROM capture.sync_cursor WHERE entity_type = 'customer'")
    keys = {"connection": it.connection.connection_id}
    with it.db.org(it.org.org_id) as writer:
        writer.exec_driver_sql(
            "SELECT pg_advisory_xact_lock(capture.entity_lock(%(connection)s, 'customer'))", keys
        ).one()
        writer.exec_driver_sql(
            "UPDATE capture.sync_record SET content_hash = '\\x01', captured_at = clock_timestamp() "
            "WHERE org_id = connect.current_org() AND entity_type = 'customer' AND external_id = %(id)s",
            {"id": one},
        )
        page = listed(it, status="new")  # sees the old version, after the new one was stamped
    assert page.as_of == stamped
    done = choose(it, status="new", as_of=page.as_of)
    assert [moved["external_id"] for moved in done.moved] == [one]


def test_what_somebody_else_decided_stands_and_is_named(it: Shop) -> None:
    one, two, three, four, *_ = customers(it)
    page = listed(it)
    choose(it, "bob", ids=[one], include=False)
    choose(it, "bob", ids=[two])
    choose(it, "bob", ids=[three], draft=True)
    choose(it, "ann", ids=[four], include=False)
    done = choose(it, "ann", ids=[one, two, three, four])
    assert [(k["external_id"], k["who"], k["decision"]) for k in done.replaced_by_others] == [(one, "bob", "ignore")]
    assert isinstance(done.replaced_by_others[0]["when"], datetime)
    assert done.records == 3  # the same decision, a proposal, one's own
    assert listed(it, selection="ignore").data[0]["external_id"] == one
    # A proposal does not take back what somebody else decided.
    assert choose(it, "cid", ids=[two], draft=True).records == 0
    # A decision that was there when the list was made was seen.
    assert choose(it, "ann", status="new", as_of=page.as_of).replaced_by_others_count == 1
    assert choose(it, "ann", status="new", as_of=listed(it).as_of).replaced_by_others_count == 0
    choose(it, "bob", ids=[one], include=False, replace=True)
    assert choose(it, "ann", ids=[one], replace=True).records == 1
    assert ids_of(it, planned(it)) >= {one, two}


def test_a_rules_decision_is_anybodys_to_change(it: Shop) -> None:
    stream = it.connection.source.stream("customers")
    select.add_rule(it.db, it.connection, stream, kind="include_new", actor="bob")
    select.apply_rules(it.db, it.connection, stream)
    one = customers(it)[0]
    assert choose(it, ids=[one], include=False).records == 1


def test_what_a_rule_had_decided_otherwise_is_counted(it: Shop) -> None:
    stream = it.connection.source.stream("customers")
    one, two, three, *others = customers(it)
    [first, second] = [
        select.add_rule(it.db, it.connection, stream, kind="ignore_where", field="id", value=int(id_), actor="bob")
        for id_ in (one, two)
    ]
    select.apply_rules(it.db, it.connection, stream)
    choose(it, "bob", ids=[three], include=False)
    done = choose(it, status="new", excluding=others[:1])
    told = [(rule.rule_id, rule.decision, rule.records) for rule in done.rules_replaced]
    assert told == [(first, "ignore", 1), (second, "ignore", 1)]
    assert [kept["external_id"] for kept in done.replaced_by_others] == [three]
    assert choose(it, status="new").rules_replaced == [], "they are a person's now"


def test_selecting_all_compares_first(it: Shop) -> None:
    it.rows("DELETE FROM preview.difference WHERE org_id = connect.current_org() RETURNING 1")
    it.rows("DELETE FROM preview.summary WHERE org_id = connect.current_org() RETURNING 1")
    assert choose(it, everything=True).records == 7


def test_a_draft_waits_in_its_own_plan(it: Shop) -> None:
    one, two, three, *_ = customers(it)
    choose(it, "agent", ids=[one], draft=True)
    proposed = planned(it, "agent", waiting=False)
    choose(it, "ann", ids=[two])
    sensors = by_sensor(it)
    assert sensors is not None
    assert ids_of(it, sensors) == {two}
    apply(it, sensors)
    choose(it, "ann", ids=[three], draft=True)
    assert ids_of(it, planned(it, "ann")) == {three}  # not what the agent's plan proposes
    assert ids_of(it, planned(it, "agent")) == {one}  # its own again, and not what waits in ann's
    assert in_core(it) == {two}
    apply(it, proposed)
    assert in_core(it) == {one, two}


def test_a_person_makes_no_second_plan_of_what_the_sensor_promotes(it: Shop) -> None:
    one, two, three, *_ = customers(it)
    choose(it, ids=[one, two])
    sensors = by_sensor(it)
    assert sensors is not None
    assert select.make_plan(it.db, it.org, actor="ann") is None
    assert select.included(it.db, it.org, actor="ann") == [], "the button counts none"
    waits = select.plan_that_waits(it.db, it.org, [(it.connection.connection_id, "customer")])
    assert waits is not None
    assert waits.plan_id == sensors.plan_id
    choose(it, ids=[three])
    hers = planned(it)
    assert ids_of(it, hers) == {three}
    assert apply(it, sensors).state == "done"
    assert apply(it, hers).state == "done", "it is not stale because of the other"
    assert in_core(it) == {one, two, three}


def test_what_the_sensor_gave_up_is_planned_by_a_person(it: Shop) -> None:
    one, two, *_ = customers(it)
    choose(it, ids=[one, two])
    sensors = by_sensor(it)
    assert sensors is not None
    change(it, one)
    with pytest.raises(StalePlan):
        promote.apply(it.db, it.org.org_id, sensors.plan_id, actor="selection")
    assert ids_of(it, planned(it)) == {two}


def test_a_refused_plan_leaves_its_records_undecided(it: Shop) -> None:
    one, two, *_ = customers(it)
    stream = it.connection.source.stream("customers")
    select.add_rule(it.db, it.connection, stream, kind="follow_updates", actor="ann")
    select.add_rule(it.db, it.connection, stream, kind="include_new", actor="ann")
    choose(it, "agent", ids=[one], draft=True)
    plan = planned(it, "agent")
    select.refuse(it.db, it.org, plan.plan_id, actor="bob", why="not ours")
    row = next(row for row in listed(it).data if row["external_id"] == one)
    assert row["decision"] is None
    assert {key: row["withdrawn"][key] for key in ("cause", "by", "why")} == {
        "cause": "refused",
        "by": "bob",
        "why": "not ours",
    }
    detail = preview.record(it.db, it.connection, stream, one)
    assert (detail.decision, detail.withdrawn and detail.withdrawn["cause"]) == (None, "refused")
    select.apply_rules(it.db, it.connection, stream)  # a rule does not decide again what a person refused
    choose(it, "ann", ids=[two])
    assert one not in ids_of(it, planned(it))
    with pytest.raises(Conflict, match="refused"):
        apply(it, plan)
    change(it, one)
    select.apply_rules(it.db, it.connection, stream)  # another version is another decision
    assert one in ids_of(it, planned(it))


def test_an_undone_record_is_undecided_and_says_so(it: Shop) -> None:
    one, two, *_ = customers(it)
    choose(it, ids=[one])
    plan = planned(it)
    apply(it, plan)
    promote.undo(it.db, it.org.org_id, plan.plan_id, actor="bob", why="too early")
    row = next(row for row in listed(it).data if row["external_id"] == one)
    assert (row["status"], row["decision"], row["withdrawn"]["cause"], row["withdrawn"]["why"]) == (
        "new",
        None,
        "undone",
        "too early",
    )
    choose(it, ids=[two])
    sensors = by_sensor(it)
    assert sensors is not None
    apply(it, sensors)
    assert in_core(it) == {two}
    assert choose(it, ids=[one]).records == 1
    assert next(row for row in listed(it).data if row["external_id"] == one)["withdrawn"] is None
    apply(it, planned(it))
    assert in_core(it) == {one, two}


def _deleted(it: Shop, one: str) -> None:
    it.store.delete("customers", int(one))
    it.pull("customers", full=True)


def _promoted_elsewhere(it: Shop, one: str) -> None:
    del one
    apply(it, planned(it, "bob"))


def _promoted_and_undone(it: Shop, one: str) -> None:
    choose(it, "bob", ids=[one])
    other = planned(it, "bob")
    apply(it, other)
    promote.undo(it.db, it.org.org_id, other.plan_id, actor="bob")


MOVES: dict[str, tuple[Callable[[Shop, str], object], str]] = {
    "changed": (change, "changed in the store"),
    "deleted": (_deleted, "deleted in the store"),
    "ignored": (lambda it, one: choose(it, "bob", ids=[one], include=False, replace=True), "ignored by bob"),
    "promoted": (_promoted_elsewhere, "promoted by another plan"),
    "undone": (_promoted_and_undone, "undone by bob"),
}


@pytest.mark.parametrize("compared", [False, True], ids=["before a comparison", "after it"])
@pytest.mark.parametrize("move", MOVES)
def test_whatever_moves_makes_a_plan_stale_and_is_named(it: Shop, move: str, compared: bool) -> None:
    one, two, *_ = customers(it)
    choose(it, ids=[one, two])
    plan = planned(it)
    assert promote.stale(it.db, it.org.org_id, plan.plan_id) == promote.Staleness(0, 2, [])
    how, words = MOVES[move]
    how(it, one)
    if compared:
        it.preview("customers")
    told = promote.stale(it.db, it.org.org_id, plan.plan_id)
    before = it.rows("SELECT to_jsonb(c) FROM core.customers AS c ORDER BY c.id")
    with pytest.raises(StalePlan) as caught:
        apply(it, plan)
    assert [item["external_id"] for item in caught.value.stale if item["external_id"] != two] == [one]
    assert all(words in item["moved"] for item in caught.value.stale)
    assert (told.records, told.count) == (list(caught.value.stale), len(caught.value.stale)), "as people read it"
    assert it.rows("SELECT to_jsonb(c) FROM core.customers AS c ORDER BY c.id") == before


def test_people_read_what_moved_of_a_plan_without_its_records_being_read(
    it: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the entity was compared since its last write, its differences say it. What is left is looked up."""
    one, two, three, *_ = customers(it)
    choose(it, ids=[one, two, three])
    plan = planned(it)
    looked_up: list[list[str]] = []
    run = staleness.execute

    def counted(conn: Any, statement: str, /, **given: Any) -> Any:
        if statement == staleness.SQL["stale_among"]:
            looked_up.append(given["ids"])
        assert statement != staleness.SQL["stale"]
        return run(conn, statement, **given)

    with monkeypatch.context() as patched:
        patched.setattr(staleness, "execute", counted)
        assert promote.stale(it.db, it.org.org_id, plan.plan_id).count == 0
        assert looked_up == []
        change(it, two)
        assert promote.stale(it.db, it.org.org_id, plan.plan_id).count == 1
        assert looked_up == [[two]]
    monkeypatch.setattr(staleness, "_SUSPECTS", 0)  # too many to look each of them up
    [moved] = promote.stale(it.db, it.org.org_id, plan.plan_id).records
    assert (moved["external_id"], moved["moved"]) == (two, "it changed in the store")


def test_a_page_of_a_plan_is_put_in_order_without_the_rest(it: Shop) -> None:
    """Entity by entity, deletions first; the same lines as if all were put in order, wherever a page begins."""
    choose(it, ids=customers(it)[:4])
    apply(it, planned(it))
    one, two, three, *_ = customers(it)
    it.store.delete("customers", int(one))
    for changed in (two, three):
        it.store.update("customers", int(changed), touch=False, last_name="Other")
    it.pull("customers", full=True)
    it.preview("customers")
    for name in ("customers", "products"):
        stream = it.connection.source.stream(name)
        select.select(it.db, it.connection, stream, everything=True, include=True, actor="ann")
    plan = planned(it)
    kinds = select.plan_kinds(it.db, it.org, plan.plan_id)
    assert (plan.creates > 3, plan.updates, plan.deletes) == (True, 2, 1)
    with it.db.org(it.org.org_id) as conn:
        actions: tuple[reading.Action | None, ...] = (None, "delete", "update", "create")
        for action in actions:
            total, whole = reading._found(conn, plan.plan_id, kinds, action, None, 0, 500)
            for size in (1, 3, 500):
                for after in range(total + 2):
                    count, keys = reading._in_order(conn, plan.plan_id, kinds, action, after, size)
                    assert count == total
                    assert [tuple(key)[:3] for key in keys] == [tuple(key)[:3] for key in whole[after : after + size]]
    page = select.browse_items(it.db, it.org, plan.plan_id, kinds, after=2, size=3, effects=promote.effects)
    assert [line.number for line in page.lines] == [3, 4, 5]
    assert page.total == plan.items
    searched = select.browse_items(it.db, it.org, plan.plan_id, kinds, search=one, effects=promote.effects)
    assert one in [line.item.external_id for line in searched.lines]
    assert searched.total == len(searched.lines) < plan.items


def test_of_two_plans_that_start_at_once_one_promotes_a_record(it: Shop) -> None:
    choose(it, ids=customers(it))
    plans = [planned(it, actor) for actor in ("ann", "bob")]
    queues = [promote.start(it.db, it.org.org_id, plan.plan_id, actor="ann") for plan in plans]
    workers = [threading.Thread(target=promote.work, args=(it.db, it.org.org_id, queue)) for queue in queues]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    lines = [line for queue in queues for line in promote.lines(it.db, it.org.org_id, queue)]
    done = [line.external_id for line in lines if line.state == "done"]
    assert sorted(done) == sorted(customers(it))
    assert {line.reason for line in lines if line.state == "failed"} == {
        "Since the plan was made it was promoted by another plan. Make a new plan."
    }


def test_a_line_is_not_promoted_after_its_record_was_ignored(it: Shop) -> None:
    one, two, *_ = customers(it)
    choose(it, ids=[one, two])
    queue = promote.start(it.db, it.org.org_id, planned(it).plan_id, actor="ann")
    choose(it, "bob", ids=[one], include=False, replace=True)
    promote.work(it.db, it.org.org_id, queue)
    promote.retry(it.db, it.org.org_id, queue, actor="ann")
    promote.work(it.db, it.org.org_id, queue)
    assert in_core(it) == {two}


def test_a_plans_records_are_those_of_its_batches_whatever_commits_meanwhile(it: Shop) -> None:
    everybody = customers(it)
    stop = threading.Event()
    plans: list[select.Plan] = []

    def plan() -> None:
        while not stop.is_set():
            made = by_sensor(it)
            if made is not None:
                plans.append(made)

    sensor = threading.Thread(target=plan)
    sensor.start()
    for _ in range(5):
        for one in everybody:
            choose(it, f"p{one}", ids=[one], replace=True)
    stop.set()
    sensor.join()
    if (last := by_sensor(it)) is not None:
        plans.append(last)
    waiting = it.value(
        "SELECT count(*) FROM selection.selection_batch WHERE org_id = connect.current_org() AND plan_id IS NULL"
    )
    assert waiting == 0
    differing = it.rows(
        "SELECT i.external_id FROM selection.sync_plan_item AS i "
        "JOIN selection.selection_batch AS b ON b.org_id = i.org_id AND b.batch_id = i.batch_id "
        "WHERE i.org_id = connect.current_org() AND b.plan_id <> i.plan_id"
    )
    assert differing == []
    newest = {row[0]: row[1] for row in it.rows("SELECT external_id, batch_id FROM selection.sync_selective_config")}
    in_plans = {(row[0], row[1]) for row in it.rows("SELECT external_id, batch_id FROM selection.sync_plan_item")}
    assert in_plans >= set(newest.items())


def test_a_plan_can_be_read(it: Shop) -> None:
    one, two, *_ = customers(it)
    choose(it, ids=[one])
    apply(it, planned(it))
    change(it, one, last_name=None, first_name="Eve")
    choose(it, ids=[one, two])
    plan = planned(it)
    update, create = select.plan_items(it.db, it.org, plan.plan_id, effects=promote.effects)[0]
    assert (update.entity, update.action, update.connection) == ("customers", "update", "shop")
    changes = {change["field"]: change for change in update.changes}
    assert changes["first_name"]["after"] == "Eve"
    assert changes["last_name"]["after"] is None
    assert changes["last_name"]["before"]
    assert (create.action, create.changes) == ("create", [])
    assert create.name
    assert create.version == next(row["version"] for row in listed(it).data if row["external_id"] == two)


def test_nothing_of_a_connection_that_does_not_promote_on_select_is_promoted_by_the_sensor(it: Shop) -> None:
    one, two, *_ = customers(it)
    connect.update_settings(it.db, it.connection, {"promote_on_select": False}, actor="ann")
    it.connection = connect.connection(it.db, it.org, "shop")
    choose(it, ids=[one])
    assert by_sensor(it) is None
    connect.update_settings(it.db, it.connection, {"promote_on_select": True}, actor="ann")
    it.connection = connect.connection(it.db, it.org, "shop")
    choose(it, ids=[two])
    sensors = by_sensor(it)
    assert sensors is not None
    assert ids_of(it, sensors) == {two}
    assert ids_of(it, planned(it)) == {one}, "the other is what the sensor promotes"
