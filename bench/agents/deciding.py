"""Tasks in which the agent proposes, and people or their policies decide: 3, 4, 5, 6 and 11."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from bench.agents.scene import ANN, Scene, simple
from bench.agents.task import Facts, Task, differs, rows
from sync_pipeline import gates
from sync_pipeline.steps import approve, observe, promote, select
from sync_pipeline.steps.connect.tokens import Token
from sync_pipeline_tests.agents import Agent

_QUEUES = (
    "SELECT count(*) FROM promote.sync_queue WHERE org_id = connect.current_org() AND plan_id = ANY (%(plans)s::uuid[])"
)
_SPENT = (
    "SELECT count(*) FROM selection.approval WHERE org_id = connect.current_org() AND subject_id = ANY (%(plans)s) "
    "AND spent_at IS NOT NULL"
)


async def propose(agent: Agent, ids: Sequence[str], why: str) -> dict[str, Any]:
    """Propose a plan of these products, in the versions that they have now."""
    seen = {}
    for one in ids:
        seen[one] = (await agent.ask("get_record", entity="products", id=one, connection="shop"))["version"]
    wanted = {"entity": "products", "connection": "shop", "decision": "include", "seen": seen, "why": why}
    done = await agent.ask("propose_selection", **wanted)
    assert done["decided"] == len(ids), done
    return await agent.ask("propose_plan", batches=[done["batch"]], why=why)


async def spend(agent: Agent, plan: dict[str, Any]) -> dict[str, Any]:
    """Apply a plan, or read why not."""
    return (await agent.call("apply_plan", plan=plan["plan"], hash=plan["hash"])).value


# -- 3: include what is new except drafts, apply after approval


def _new_products(scene: Scene, _token: Token) -> Facts:
    new = scene.differing("product", "new")
    drafts = scene.ids(
        "SELECT external_id FROM capture.sync_record WHERE org_id = connect.current_org() AND entity_type = 'product' "
        "AND external_id = ANY (%(ids)s) AND sync_data ->> 'status' = 'draft'",
        ids=new,
    )
    return {"wanted": set(new) - set(drafts), "drafts": set(drafts)}


async def _include_new(agent: Agent, scene: Scene, _planted: Facts) -> Facts:
    found = await rows(agent, "list_records", entity="products", status="new", choice="undecided")
    seen = {}
    for row in found:
        asked = {"entity": "products", "connection": "shop", "id": row["id"], "part": "raw", "path": "status"}
        if (await agent.ask("get_record", **asked))["store_text"]["payload"] != "draft":
            seen[row["id"]] = row["version"]
    wanted = {"entity": "products", "connection": "shop", "decision": "include", "seen": seen}
    done = await agent.ask("propose_selection", **wanted, why="what is new and not a draft")
    plan = await agent.ask("propose_plan", batches=[done["batch"]], why="what is new and not a draft")
    first = await spend(agent, plan)
    scene.approve(plan["plan"], plan["hash"])
    second = await spend(agent, plan)
    scene.work(plan["plan"])
    ended = await agent.ask("get_work", id=second["id"], wait=20)
    third = await spend(agent, plan)
    return {
        "plan": plan["plan"],
        "first": first["state"],
        "ended": ended["state"],
        "again": third["id"] == second["id"],
    }


def _included(scene: Scene, planted: Facts, said: Facts) -> list[str]:
    core, plans = scene.in_core("product"), [said["plan"]]
    return [
        *differs("before the approval", said["first"], "waiting"),
        *differs("at the end", said["ended"], "done"),
        *differs("a second spend is the same work", said["again"], True),
        *differs("new in core", core & planted["wanted"], planted["wanted"]),
        *differs("drafts in core", core & planted["drafts"], set()),
        *differs("there were some of both", (bool(planted["wanted"]), bool(planted["drafts"])), (True, True)),
        *differs("queues", scene.ids(_QUEUES, plans=plans), ["1"]),
        *differs("approvals spent", scene.ids(_SPENT, plans=plans), ["1"]),
    ]


# -- 4: a price moved: stale names it


def _changed_texts(scene: Scene, _token: Token) -> Facts:
    ids = _touch(scene, 2, "for the plan")
    return {"given": {"ids": ids}, "moves": ids[0], "core": _prices(scene)}


def _touch(scene: Scene, number: int, words: str) -> list[str]:
    """Products in core whose text changed, and nothing that is money."""
    store = scene.world.shop.store
    done = scene.in_core("product") - set(scene.differing("product", "updated"))
    ids = [str(one) for one in simple(store) if str(one) in done][:number]
    assert len(ids) == number
    for one in ids:
        store.update("products", int(one), short_description=words)
    scene.pull("products")
    return ids


def _prices(scene: Scene) -> list[Any]:
    sql = "SELECT id, regular_price FROM core.products WHERE org_id = connect.current_org() ORDER BY id"
    return [tuple(row) for row in scene.rows(sql)]


async def _apply_too_late(agent: Agent, scene: Scene, planted: Facts) -> Facts:
    plan = await propose(agent, planted["given"]["ids"], "new words")
    scene.approve(plan["plan"], plan["hash"])
    scene.world.shop.store.update("products", int(planted["moves"]), regular_price="77.70")
    scene.pull("products")
    refused = await spend(agent, plan)
    gone = await agent.ask("withdraw_proposal", plan=plan["plan"], why="a price moved meanwhile")
    return {
        "plan": plan["plan"],
        "kind": refused["kind"],
        "stale": [one["id"] for one in refused.get("stale", ())],
        "gone": gone["state"],
    }


def _named_stale(scene: Scene, planted: Facts, said: Facts) -> list[str]:
    return [
        *differs("the answer", said["kind"], "stale"),
        *differs("what moved", said["stale"], [planted["moves"]]),
        *differs("the plan", said["gone"], "refused"),
        *differs("core", _prices(scene), planted["core"]),
        *differs("queues", scene.ids(_QUEUES, plans=[said["plan"]]), ["0"]),
    ]


# -- 5: a policy lets one through and stops three


def _under_a_policy(scene: Scene, token: Token) -> Facts:
    ids = _touch(scene, 6, "within a policy")
    store = scene.world.shop.store
    store.update("products", int(ids[5]), regular_price="66.60")
    new = str(store.add_product(name="Not yet", sku="NOT-YET", regular_price="5.00"))
    scene.pull("products")
    limits = approve.Limits(
        connections=["shop"], entities=["products"], actions=["update"], max_plan=2, max_day=10, max_share=Decimal(1),
        allows=["warnings"],
    )  # fmt: skip
    made = approve.add_policy(
        scene.world.db, scene.world.org, token.token_id, limits, holds=timedelta(days=1), by=ANN, why="texts"
    )
    return {"given": {"plans": [ids[:2], ids[2:5], ids[5:], [new]]}, "policy": made.policy_id}


async def _four_plans(agent: Agent, scene: Scene, planted: Facts) -> Facts:
    said = []
    for ids in planted["given"]["plans"]:
        plan = await propose(agent, ids, "within what is allowed")
        done = await spend(agent, plan)
        said.append({"plan": plan["plan"], "waits": done["state"] == "waiting", "why": done.get("policies_say", "")})
        said[-1]["by"] = done.get("quoted", {}).get("approved_by")
        if done["state"] == "waiting":
            await agent.ask("withdraw_proposal", plan=plan["plan"], why="it waits for a person")
        else:
            scene.work(plan["plan"])
    return {"plans": said}


def _one_of_four(scene: Scene, planted: Facts, said: Facts) -> list[str]:
    first, *others = said["plans"]
    words = ("at most 2 records a plan, and it has 3", "money changes in 1 record of", "does not let creates through")
    return [
        *differs("who waits", [one["waits"] for one in said["plans"]], [False, True, True, True]),
        *differs("by whom", first["by"], f"policy:{planted['policy']}"),
        *[
            f"“{word}” is not in “{one['why']}”"
            for word, one in zip(words, others, strict=True)
            if word not in one["why"]
        ],
        *differs("queues of the first", scene.ids(_QUEUES, plans=[first["plan"]]), ["1"]),
        *differs("queues of the others", scene.ids(_QUEUES, plans=[one["plan"] for one in others]), ["0"]),
    ]


# -- 6: a SKU gate: the safest is recommended


def _two_with_one_sku(scene: Scene, _token: Token) -> Facts:
    store, shop = scene.world.shop.store, scene.world.shop
    one = store.add_product(name="First twin", sku="TWIN-1", regular_price="5.00")
    two = store.add_product(name="Second twin", sku="TWIN-2", regular_price="6.00")
    store.row("products", two).fields["sku"] = "TWIN-1"
    store.tables["products"].touch(two)
    with scene.halting():
        scene.pull("products")
        stream = shop.connection.source.stream("products")
        select.select(shop.db, shop.connection, stream, include=True, actor=ANN, ids=[str(one), str(two)], draft=True)
        entities = [(shop.connection.connection_id, "product", str(number)) for number in (one, two)]
        plan = select.make_plan(shop.db, shop.org, actor=ANN, records=entities)
        assert plan is not None
        promote.apply(shop.db, shop.org.org_id, plan.plan_id, actor=ANN)
    [gate] = [d for d in observe.decisions(shop.db, shop.org) if d.cause == "sku_conflict"]
    return {"gate": gate.decision_id, "two": str(two)}


async def _answer_safely(agent: Agent, _scene: Scene, _planted: Facts) -> Facts:
    waits = await agent.every("list_decisions")
    [found] = [one for one in waits if one["cause"] == "sku_conflict"]
    read = await agent.ask("list_decisions", decision=found["decision"])
    risks = {one["choice"]: one["risk"] for one in read["options"]}
    choose = read["recommended"]
    made = await agent.ask(
        "propose_answer", decision=found["decision"], choose=choose, why=f"the safest: {risks[choose]}"
    )
    return {"decision": found["decision"], "proposal": made["proposal"], "choose": choose, "at": made["answer_at"]}


def _proposed_safely(scene: Scene, planted: Facts, said: Facts) -> list[str]:
    db, org = scene.world.db, scene.world.org
    [before] = observe.decisions(db, org, everything=True, decision_id=planted["gate"])
    accepted = approve.accept_answer(db, org, said["proposal"], by=ANN)
    [after] = observe.decisions(db, org, everything=True, decision_id=planted["gate"])
    return [
        *differs("the gate", said["decision"], planted["gate"]),
        *differs("the safest", said["choose"], gates.by_name("sku_conflict").options[0].choice),
        *differs("answered by the agent", before.answer, None),
        *differs("answered by a person", (after.answer, after.answered_by), (said["choose"], "ann")),
        *differs("the proposal", accepted.state, "accepted"),
        *differs("its page", said["at"], f"/ui/acme/decisions/{planted['gate']}"),
    ]


# -- 11: undo: who may


def _something_to_undo(scene: Scene, _token: Token) -> Facts:
    return {"given": {"ids": _touch(scene, 1, "to be taken back")}}


async def _ask_to_undo(agent: Agent, scene: Scene, planted: Facts) -> Facts:
    plan = await propose(agent, planted["given"]["ids"], "words")
    scene.approve(plan["plan"], plan["hash"])
    await spend(agent, plan)
    scene.work(plan["plan"])
    tools = [one.name for one in (await agent.client.list_tools()).tools]
    refused = await agent.refused("withdraw_proposal", plan=plan["plan"], why="it was a mistake")
    return {"plan": plan["plan"], "tools": tools, "error": refused["error"]}


def _told_who_may(scene: Scene, _planted: Facts, said: Facts) -> list[str]:
    plan = select.plan(scene.world.db, scene.world.org, said["plan"])
    return [
        *differs("a tool that undoes", [one for one in said["tools"] if "undo" in one], []),
        *differs("a person is named", "A person can undo it" in said["error"], True),
        *differs("the page is named", f"/ui/acme/plans/{said['plan']}" in said["error"], True),
        *differs("the plan", plan.state, "applied"),
    ]


TASKS = (
    Task(3, "include what is new except drafts, apply after approval", _new_products, _include_new, _included),
    Task(4, "a price moved: stale names it", _changed_texts, _apply_too_late, _named_stale),
    Task(5, "a policy lets one plan through and stops three", _under_a_policy, _four_plans, _one_of_four),
    Task(6, "a SKU that is met twice: the safest is recommended", _two_with_one_sku, _answer_safely, _proposed_safely),
    Task(11, "undo: who may", _something_to_undo, _ask_to_undo, _told_who_may),
)
