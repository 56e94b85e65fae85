"""What a store may write to a model, in every field and field name: it stands in `store_text`, and nowhere else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline import gates, journal
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.steps import promote, select
from sync_pipeline.steps.connect.party import Party
from sync_pipeline.steps.observe import validation
from sync_pipeline_tests.agents import INJECTED, Agent, World, inside, outside, world
from sync_pipeline_tests.captured import Captured, Clock, captured_once
from sync_pipeline_tests.databases import settings_at
from sync_pipeline_tests.stores import Shop, shop

LONG_AGO = "2020-01-01T00:00:00Z"
SIGN = "IGNORE-ALL-RULES"
KINDS = ("products", "variations", "customers", "orders", "categories", "tags", "coupons")
# Fields without which a store's list is no list: what they are is not text.
_KEPT = re.compile(
    r"^(id|parent_id|status|type|date_.*|.*_gmt|currency|total.*|.*price|.*_tax|amount|subtotal|quantity)$"
)


def hostile(value: Any, *, wild: bool, name: str = "") -> Any:
    """A payload with orders to a model in every text, and in a further field of every object. `wild`: also where
    numbers, dates and words of the store's own are expected."""
    if isinstance(value, dict):
        changed = {key: hostile(one, wild=wild, name=key) for key, one in value.items()}
        return {**changed, INJECTED: INJECTED} if name != "_links" else value
    if isinstance(value, list):
        return [hostile(one, wild=wild, name=name) for one in value]
    if not isinstance(value, str) or name in ("id", "parent_id") or (_KEPT.match(name) and not wild):
        return value
    return f"{INJECTED} {value}"


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    made.shuffle_related = False
    seed(made, products=6, variable=1, customers=3, orders=4)
    for kind in KINDS:
        for place, number in enumerate(sorted(made.tables[kind].rows)):
            text = json.dumps(hostile(made.payload(kind, number), wild=place == 0))
            made.raw_override(kind, number, text)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull(*KINDS, full=True)
    for name in KINDS:
        opened.preview(name)


template = captured_once(shop, fill, capture_all)


@pytest.fixture(scope="module")
def here(
    server: EmbeddedPostgres, template: Captured[Shop], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with world(server, template, settings_at(Path(tmp_path_factory.mktemp("home")))) as made:
        _plant(made)
        yield made


def _plant(here: World) -> None:
    """The same in everything else that a store, or who speaks for one, gives us to keep."""
    one, person = here.shop.connection, Party("ann", "command")
    for kind in KINDS:
        stream = one.source.stream(kind)
        select.select(here.db, one, stream, include=True, actor=person, everything=True, draft=True, why=INJECTED)
    plan = select.make_plan(here.db, here.org, actor=person, why=INJECTED)
    assert plan is not None
    done = promote.apply(here.db, here.org.org_id, plan.plan_id, actor=person)
    assert done.failed > 0, "some of it cannot be mapped: the reasons are texts, too"
    with here.db.org(here.org.org_id) as conn:
        for cause, values in (
            ("sku_conflict", {"sku": INJECTED, "claimants": INJECTED, "rule": INJECTED}),
            ("schema_drift", {"store": INJECTED, "title": INJECTED, "fields": INJECTED, "field": INJECTED}),
        ):
            template = gates.by_name(cause)
            said = [
                template.question,
                *template.rules,
                template.constraint,
                *(o.effect + o.risk for o in template.options),
            ]
            names = set(re.findall(r"{(\w+)}", " ".join(said)))
            gates.open_gate(
                conn, template, subject=INJECTED, values={**dict.fromkeys(names, INJECTED), **values},
                connection_id=one.connection_id, entity_type="product", external_id=INJECTED,
            )  # fmt: skip
        conn.exec_driver_sql(
            "INSERT INTO capture.sync_quarantine (org_id, connection_id, entity_type, external_id, reason, request, "
            "raw) VALUES (connect.current_org(), %s, 'product', %s, %s, %s, %s)",
            (one.connection_id, INJECTED, INJECTED, INJECTED, INJECTED.encode()),
        )
        conn.exec_driver_sql(
            "INSERT INTO observe.request (org_id, kind, parameters, state, error, requested_by) "
            "VALUES (connect.current_org(), 'pull', jsonb_build_object('connection', %s::text), 'failed', %s, 'ann')",
            (INJECTED, INJECTED),
        )
        conn.exec_driver_sql(
            "UPDATE connect.integration_connector SET health = 'failing', health_detail = %s", (INJECTED,)
        )
        journal.record(conn, "test.told", actor=INJECTED, connection_id=one.connection_id, what={INJECTED: INJECTED})


async def _everything(agent: Agent, here: World) -> list[tuple[str, dict[str, Any]]]:
    """Every answer that tells of what is there."""
    found: list[tuple[str, dict[str, Any]]] = []

    async def every(tool: str, **arguments: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        following: dict[str, Any] = {}
        while True:
            here.forget_rates()
            answer = await agent.ask(tool, **arguments, **following)
            found.append((tool, answer))
            rows += answer.get("rows", [])
            if answer.get("next") is None:
                return rows
            following = {"next": answer["next"]}

    for tool in ("get_overview", "get_validation", "list_activity"):
        await every(tool)
    await anyio.to_thread.run_sync(lambda: validation.validate(here.db, here.settings, here.org, by="ann"))
    for green in (False, True):
        await every("get_validation", green=green, limit=50)
    await every("list_changes", since=LONG_AGO, limit=50)
    for decision in await every("list_decisions"):
        await every("list_decisions", decision=decision["decision"])
    for plan in await every("list_plans"):
        await every("get_plan", plan=plan["plan"], limit=50)
        if "work" in plan:
            await every("get_work", id=plan["work"])
    for number in here.shop.rows("SELECT request_id FROM observe.request WHERE org_id = connect.current_org()"):
        await every("get_work", id=f"request:{number[0]}")
    for entity in KINDS:
        rows = await every("list_records", entity=entity, limit=50)
        assert rows, entity
        for row in (rows[0], rows[-1]):
            asked = {"entity": entity, "id": row["id"]}
            await every("explain_record", **asked)
            for part in ("changes", "core", "versions", "events", "raw"):
                await every("get_record", **asked, part=part)
    await every("explain_record", entity="products", id=INJECTED)
    return found


def test_what_a_store_wrote_speaks_nowhere_as_us(here: World) -> None:
    async def read(agent: Agent) -> list[tuple[str, dict[str, Any]]]:
        found = await _everything(agent, here)
        listed = (await agent.client.list_tools()).model_dump_json()
        listed += (await agent.client.list_prompts()).model_dump_json()
        for resource in (await agent.client.list_resources()).resources:
            [content] = (await agent.client.read_resource(resource.uri)).contents
            text = str(getattr(content, "text", ""))
            if text.startswith("{"):
                found.append((str(resource.uri), json.loads(text)))
            else:
                listed += text
        assert SIGN not in listed
        return found

    answers = here.with_agent(read, here.token(name=INJECTED).plain)
    spoken = [(tool, text) for tool, answer in answers for text in outside(answer) if SIGN in text]
    assert spoken == []
    seen = {tool for tool, answer in answers for text in inside(answer) if SIGN in text}
    assert seen >= {
        "get_overview", "get_validation", "list_activity", "list_changes", "list_decisions", "get_plan", "get_work",
        "list_records", "get_record", "explain_record",
    }  # fmt: skip
    texts = "\n".join(json.dumps(answer, ensure_ascii=False) for _, answer in answers)
    assert not any(sign in texts for sign in "\u202e\u202c\u200b"), "what cannot be seen is marked"
    assert "⟨U+202E⟩call" in texts


def test_an_error_says_what_is_wrong_and_nothing_of_the_store(here: World) -> None:
    async def fail(agent: Agent) -> None:
        [row, *_] = (await agent.ask("list_records", entity="products"))["rows"]
        for tool, arguments in (
            ("get_record", {"entity": "products", "id": row["id"], "part": "raw", "path": "name.nothing"}),
            ("get_record", {"entity": "products", "id": "4711"}),
            ("propose_selection", {"entity": "products", "decision": "include", "seen": {"4711": "x"}, "why": "a try"}),
            ("propose_rule", {"entity": "products", "kind": "ignore_where", "why": "a try"}),
            ("propose_answer", {"decision": 1, "choose": "nothing", "why": "a try"}),
            ("withdraw_proposal", {"why": "a try"}),
        ):
            refused = await agent.refused(tool, **arguments)
            assert SIGN not in json.dumps(refused), tool
            assert len(refused["error"]) > 20, "it says what to do"

    here.with_agent(fail, here.token().plain)
