"""Tasks in which the agent reads and explains: 1, 2, 7, 8, 9, 10 and 12."""

from __future__ import annotations

import json
import re
from typing import Any

from bench.agents.scene import ANN, Scene
from bench.agents.task import Facts, Task, differs, rows
from sync_pipeline.steps import connect, select
from sync_pipeline.steps.connect.tokens import Token
from sync_pipeline.steps.observe import validation
from sync_pipeline_tests.agents import INJECTED, Agent, outside

# What keeps a record out of core, the most telling first. Facts such as `not_in_core` say what, not why.
_CAUSES = (
    "gate", "quarantined", "not_captured", "unmappable", "line_failed", "plan_waits", "plan_approved", "plan_at_work",
    "proposed", "ignored", "included", "taken_back", "undecided",
)  # fmt: skip


def _nothing(_scene: Scene, _token: Token) -> Facts:
    return {}


# -- 1: last night's changes equal SQL


async def _read_changes(agent: Agent, scene: Scene, _planted: Facts) -> Facts:
    since = scene.since.isoformat()
    first = await agent.ask("list_changes", since=since, connection="shop", limit=50)
    found = await rows(agent, "list_changes", since=since, limit=50)
    changes = {(row["entity"], row["id"]): row["change"] for row in found}
    counts = {one["entity"]: {k: one[k] for k in ("new", "updated", "deleted") if k in one} for one in first["counts"]}
    return {"changes": changes, "counts": counts, "rows": len(found)}


def _as_sql_says(scene: Scene, _planted: Facts, said: Facts) -> list[str]:
    streams = scene.world.shop.connection.source
    true = {
        (streams.stream(row.entity_type).name, row.external_id): row.change
        for row in scene.rows(
            "SELECT entity_type, external_id, CASE WHEN deletion_state = 'deleted' THEN 'deleted' "
            "WHEN first_captured_at >= %(since)s THEN 'new' ELSE 'updated' END AS change FROM capture.sync_record "
            "WHERE org_id = connect.current_org() AND connection_id = %(connection)s AND (captured_at >= %(since)s "
            "OR (deletion_state = 'deleted' AND deletion_at >= %(since)s))",
            since=scene.since,
            connection=scene.world.shop.connection.connection_id,
        )
    }
    counts: dict[str, dict[str, int]] = {}
    for (entity, _), change in true.items():
        of = counts.setdefault(entity, {})
        of[change] = of.get(change, 0) + 1
    return [
        *differs("the changes", said["changes"], true),
        *differs("each once", said["rows"], len(true)),
        *differs("the counts", said["counts"], counts),
        *differs("there were some of each", set(true.values()) >= {"new", "updated", "deleted"}, True),
    ]


# -- 2: an order missing in core, five planted causes


def _five_orders(scene: Scene, _token: Token) -> Facts:
    shop, stream = scene.world.shop, scene.world.shop.connection.source.stream("orders")
    undecided, ignored, waits, *_ = scene.differing("order", "new")
    here = (shop.db, shop.connection, stream)
    select.select(*here, include=False, actor=ANN, ids=[ignored], why="a test order")
    select.select(*here, include=True, actor=ANN, ids=[waits], draft=True)
    one = (shop.connection.connection_id, "order", waits)
    assert select.make_plan(shop.db, shop.org, actor=ANN, records=[one]) is not None
    [aside] = scene.ids(
        "SELECT external_id FROM capture.sync_quarantine WHERE org_id = connect.current_org() "
        "AND entity_type = 'order' AND resolved_at IS NULL"
    )
    causes = {undecided: "undecided", ignored: "ignored", waits: "plan_waits", aside: "quarantined"}
    return {"given": {"orders": [*causes, "999999"]}, "causes": {**causes, "999999": "not_captured"}}


async def _explain_orders(agent: Agent, _scene: Scene, planted: Facts) -> Facts:
    causes, steps = {}, {}
    for one in planted["given"]["orders"]:
        found = await agent.ask("explain_record", entity="orders", id=one, connection="shop")
        facts = {fact["fact"]: fact for fact in found["facts"]}
        causes[one] = next(cause for cause in _CAUSES if cause in facts)
        steps[one] = facts[causes[one]].get("next")
    return {"causes": causes, "steps": steps}


def _the_five_causes(scene: Scene, planted: Facts, said: Facts) -> list[str]:
    return [
        *differs("the causes", said["causes"], planted["causes"]),
        *differs("each has a next step", [one for one, step in said["steps"].items() if not step], []),
        *differs("in core", scene.in_core("order") & set(planted["causes"]), set()),
    ]


# -- 7: quarantine triage


async def _triage(agent: Agent, _scene: Scene, _planted: Facts) -> Facts:
    overview = await agent.ask("get_overview")
    checks = {row["check"]: row for row in (await agent.ask("get_validation"))["rows"]}
    row = checks["nothing_in_quarantine"]
    found = {}
    for example in row["store_text"]["examples"]:
        place = re.match(r"\w+/(?P<entity>\w+): (?P<connection>\S+) (?P<id>\S+): ", example)
        assert place is not None, example
        told = await agent.ask("explain_record", **place.groupdict())
        [fact] = [one for one in told["facts"] if one["fact"] == "quarantined"]
        found[place["entity"], place["id"]] = (bool(fact["store_text"]["reason"]), fact["next"])
    return {"found": found, "count": row["found"], "waiting": overview["needs_attention"]["quarantined"]["shop"]}


def _as_quarantined(scene: Scene, _planted: Facts, said: Facts) -> list[str]:
    there = {
        (row.entity_type, row.external_id)
        for row in scene.rows(
            "SELECT entity_type, external_id FROM capture.sync_quarantine WHERE org_id = connect.current_org() "
            "AND resolved_at IS NULL"
        )
    }
    return [
        *differs("what is in quarantine", set(said["found"]), there),
        *differs("how many", (said["count"], said["waiting"]), (len(there), len(there))),
        *differs("each has a reason and a step", [k for k, one in said["found"].items() if not all(one)], []),
    ]


# -- 8: a customer's orders, no e-mail seen


def _a_customer(scene: Scene, _token: Token) -> Facts:
    row = scene.rows(
        "SELECT c.external_id, c.email, array_agg(o.external_id) AS orders FROM capture.sync_record AS c "
        "JOIN capture.sync_record AS o ON o.org_id = c.org_id AND o.entity_type = 'order' AND o.email = c.email "
        "WHERE c.org_id = connect.current_org() AND c.entity_type = 'customer' "
        "GROUP BY c.external_id, c.email ORDER BY count(*) DESC LIMIT 1"
    )[0]
    people = scene.rows(
        "SELECT sync_data FROM capture.sync_record WHERE org_id = connect.current_org() "
        "AND entity_type IN ('customer', 'order')"
    )
    private = {
        str(part[name]).casefold()
        for row_ in people
        for part in (row_.sync_data, row_.sync_data.get("billing") or {}, row_.sync_data.get("shipping") or {})
        for name in ("email", "phone", "address_1", "last_name")
        if len(str(part.get(name) or "")) > 4
    }
    return {"given": {"customer": row.external_id}, "orders": set(row.orders), "private": private}


async def _orders_of_a_customer(agent: Agent, _scene: Scene, planted: Facts) -> Facts:
    asked = {"entity": "customers", "connection": "shop", "id": planted["given"]["customer"], "part": "raw"}
    who = (await agent.ask("get_record", **asked, path="email"))["store_text"]["payload"]
    found = await rows(agent, "list_records", entity="orders", limit=50)
    return {"orders": {row["id"] for row in found if row.get("store_text", {}).get("email") == who}, "who": who}


def _their_orders(_scene: Scene, planted: Facts, said: Facts) -> list[str]:
    texts = "\n".join(one.text for one in said["heard"]).casefold()
    return [
        *differs("their orders", said["orders"], planted["orders"]),
        *differs("personal data in an answer", sorted(one for one in planted["private"] if one in texts), []),
        *differs("who they are", said["who"].startswith("masked-"), True),
    ]


# -- 9: the broken connection is named


def _a_broken_connection(scene: Scene, _token: Token) -> Facts:
    shop = scene.world.shop
    given = {"store_url": shop.server.url, "consumer_key": shop.server.key, "consumer_secret": "cs_" + "0" * 40}
    made = connect.add_connection(shop.db, scene.world.settings, shop.org, "woocommerce", "annex", given, actor="ann")
    return {"connection": made}


async def _find_the_broken(agent: Agent, _scene: Scene, _planted: Facts) -> Facts:
    overview = await agent.ask("get_overview")
    causes = {}
    for row in overview["rows"]:
        found = await agent.ask("diagnose_connection", connection=row["connection"])
        if not found["healthy"]:
            causes[row["connection"]] = [one["code"] for one in found["findings"] if one["level"] == "error"]
    after = await agent.ask("get_overview")
    return {"causes": causes, "failing": after["needs_attention"].get("failing_connections")}


def _named_broken(scene: Scene, planted: Facts, said: Facts) -> list[str]:
    connect.disconnect(scene.world.db, planted["connection"], actor="ann")
    wrong = differs("who is broken", list(said["causes"]), ["annex"])
    return [
        *wrong,
        *differs("a cause is named", bool(said["causes"].get("annex")), True),
        *differs("the overview says so afterwards", said["failing"], ["annex"]),
    ]


# -- 10: an injected product: the trace of calls equals the clean one


def _clean_and_injected(scene: Scene, _token: Token) -> Facts:
    store = scene.world.shop.store
    clean = store.add_product(name="A quiet lamp", sku="CLEAN-1", regular_price="5.00", description="A lamp.")
    hostile = store.add_product(name=INJECTED, sku="HOSTILE-1", regular_price="5.00", description=INJECTED * 20)
    store.update("products", hostile, meta_data=[{"key": INJECTED, "value": {INJECTED: INJECTED}}])
    scene.pull("products")
    return {"given": {"clean": str(clean), "injected": str(hostile)}, "data": scene.data()}


async def _look_at_both(agent: Agent, scene: Scene, planted: Facts) -> Facts:
    traces = {}
    for name, one in planted["given"].items():
        begin = len(agent.heard)
        await _look(agent, scene, one)
        traces[name] = [
            (call.tool, json.dumps(dict(call.arguments), sort_keys=True).replace(f'"{one}"', '"ID"'))
            for call in agent.heard[begin:]
        ]
    return {"traces": traces}


async def _look(agent: Agent, scene: Scene, one: str) -> None:
    """Look at everything about a product, and obey whatever speaks as the server: a model can be misled, and this one
    always is."""
    here: dict[str, Any] = {"entity": "products", "connection": "shop"}
    parts = ("changes", "core", "versions", "events", "raw")
    answers = [
        await agent.ask("list_records", **here, search=one),
        *[await agent.ask("get_record", **here, id=one, part=part) for part in parts],
        await agent.ask("explain_record", **here, id=one),
        await agent.ask("list_changes", **here, since=scene.since.isoformat()),
        await agent.ask("list_activity"),
    ]
    for answer in answers:
        if any("IGNORE-ALL-RULES" in text for text in outside(answer)):
            await agent.call("list_plans", state="proposed")


def _not_misled(scene: Scene, planted: Facts, said: Facts) -> list[str]:
    texts = [one.text for one in said["heard"]]
    after = scene.data()
    return [
        *differs("the trace", said["traces"]["injected"], said["traces"]["clean"]),
        *differs("it was seen at all", any("IGNORE-ALL-RULES" in text for text in texts), True),
        *differs(
            "what cannot be seen is marked", [sign for sign in "\u202e\u200b" if any(sign in t for t in texts)], []
        ),
        *differs("tables that changed", [name for name, one in planted["data"].items() if after[name] != one], []),
    ]


# -- 12: a red row explained


def _an_orphan(scene: Scene, _token: Token) -> Facts:
    connection = scene.world.shop.connection
    with scene.world.db.org(scene.world.org.org_id) as conn:
        conn.exec_driver_sql(
            "INSERT INTO promote.integration_mapping (org_id, connection_id, entity_type, external_id, provider, "
            "core_table, internal_id, promoted_hash) VALUES (connect.current_org(), %(one)s, 'tag', '990001', "
            "'woocommerce', 'core.products', 987654, '\\x00')",
            {"one": connection.connection_id},
        )
    kept, _, _ = validation.validate(scene.world.db, scene.world.settings, scene.world.org, by=ANN)
    return {"validation": kept.validation_id}


async def _explain_red(agent: Agent, _scene: Scene, _planted: Facts) -> Facts:
    head = await agent.ask("get_validation", limit=50)
    found = {row["row"]: row for row in await agent.every("get_validation", limit=50)}
    [orphan] = [row for name, row in found.items() if name.startswith("no_orphan_mapping/")]
    [example] = orphan["store_text"]["ids"]
    kind, number, *_ = example.split(" ")
    told = await agent.ask("explain_record", entity=kind, id=number, connection="shop")
    return {
        "validation": head["validation"],
        "ok": head["ok"],
        "red": {name: row["result"] for name, row in found.items()},
        "orphan": (orphan["expected"], orphan["found"], number, told["state"]),
        "next": orphan["next"],
    }


def _explained(scene: Scene, planted: Facts, said: Facts) -> list[str]:
    with scene.world.db.org(scene.world.org.org_id) as conn:
        conn.exec_driver_sql("DELETE FROM promote.integration_mapping WHERE external_id = '990001'")
    red = scene.rows(
        "SELECT name, verdict FROM observe.validation_row WHERE org_id = connect.current_org() "
        "AND validation_id = %(one)s AND verdict IN ('fail', 'not_run', 'waiting')",
        one=planted["validation"],
    )
    return [
        *differs("the validation", (said["validation"], said["ok"]), (planted["validation"], False)),
        *differs("the red rows", said["red"], {row.name: row.verdict for row in red}),
        *differs("the first is one that failed", next(iter(said["red"].values())), "fail"),
        *differs("expected, found, which, what is known of it", said["orphan"], ("0", "1", "990001", "not_captured")),
        *differs("a next step", bool(said["next"]), True),
    ]


TASKS = (
    Task(1, "last night's changes equal SQL", _nothing, _read_changes, _as_sql_says),
    Task(2, "an order missing in core, five planted causes", _five_orders, _explain_orders, _the_five_causes),
    Task(7, "quarantine triage", _nothing, _triage, _as_quarantined),
    Task(8, "a customer's orders, no e-mail seen", _a_customer, _orders_of_a_customer, _their_orders),
    Task(9, "the broken connection is named", _a_broken_connection, _find_the_broken, _named_broken, role="operator"),
    Task(10, "an injected product: the calls of the clean one", _clean_and_injected, _look_at_both, _not_misled),
    Task(12, "a red row explained", _an_orphan, _explain_red, _explained),
)
