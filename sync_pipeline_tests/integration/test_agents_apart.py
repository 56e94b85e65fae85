"""Agents apart: two tokens of one name, an agent and what people or other agents decided, another organization's ids, a
client that accepts everything, a token that is revoked while its call waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import anyio.to_thread
import pytest
from mcp_types import ElicitResult

from bench.agents.deciding import propose
from bench.agents.scene import ANN, Scene, fill, in_core
from sync_pipeline import gates
from sync_pipeline.api.auth import RIGHTS
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.errors import Forbidden
from sync_pipeline.mcp.tools import TOOLS
from sync_pipeline.steps import approve, connect, observe, preview, promote, select
from sync_pipeline.steps.connect import tokens
from sync_pipeline.steps.connect.party import Party
from sync_pipeline_tests.agents import Agent, Transport, world
from sync_pipeline_tests.captured import captured
from sync_pipeline_tests.databases import settings_at
from sync_pipeline_tests.stores import shop
from sync_pipeline_tests.waiting import wait_until

BECAUSE = "because it is so"


@pytest.fixture(scope="module")
def scene(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home = Path(tmp_path_factory.mktemp("home"))
    with captured(server, shop, fill, in_core) as template, world(server, template, settings_at(home)) as made:
        yield Scene.after_the_night(made)


def changed(scene: Scene, number: int) -> list[str]:
    """Products in core whose text changed since, and that nobody has decided about."""
    store = scene.world.shop.store
    there = sorted(scene.in_core("product") & {str(row) for row in store.tables["products"].rows}, key=int)[:number]
    for one in there:
        store.update("products", int(one), short_description=f"changed {uuid4()}")
    scene.pull("products")
    return there


def versions(scene: Scene, ids: list[str]) -> dict[str, str]:
    one = scene.world.shop.connection
    found = preview.browse_some(scene.world.db, one, one.source.stream("products"), ids)
    return {row.external_id: row.version for row in found}


async def call(tool: str, arguments: Mapping[str, Any], agent: Agent) -> dict[str, Any]:
    return (await agent.call(tool, **arguments)).value


def test_two_tokens_of_one_name_are_two_agents(scene: Scene) -> None:
    here = scene.world
    first, second = here.token(name="twin"), here.token(name="twin")
    ids = changed(scene, 2)
    plan = here.with_agent(partial(propose, ids=ids, why=BECAUSE), first.plain)
    with here.db.org(here.org.org_id) as conn:
        gate = gates.open_gate(
            conn, gates.by_name("mass_deletion"), subject="twins",
            values={"store": "shop", "missing": 9, "known": 10, "title": "products", "share": "20%"},
        )  # fmt: skip

    def ask(token: tokens.Token, tool: str, **arguments: Any) -> dict[str, Any]:
        return here.with_agent(partial(call, tool, arguments), token.plain)

    answer = {"decision": gate, "choose": "keep", "why": BECAUSE}
    mine, theirs = (ask(one, "propose_answer", **answer)["proposal"] for one in (first, second))
    assert mine != theirs, "each has a proposal of its own"
    assert ask(first, "propose_answer", **answer)["proposal"] == mine, "and proposing it again is the same one"

    assert "not yours" in ask(second, "withdraw_proposal", plan=plan["plan"], why=BECAUSE)["error"]
    assert ask(second, "withdraw_proposal", proposal=mine, why=BECAUSE)["kind"] == "not_found"
    drafts = {"entity": "products", "connection": "shop", "ids": ids, "why": BECAUSE}
    assert ask(second, "withdraw_proposal", **drafts)["taken_back"] == 0
    [listed] = [one for one in ask(second, "list_plans")["rows"] if one["plan"] == plan["plan"]]
    assert "mine" not in listed
    assert ask(second, "get_plan", plan=plan["plan"]).get("mine") is None
    assert ask(second, "propose_plan", why=BECAUSE)["plan"] is None, "it has no drafts"
    assert select.plan(here.db, here.org, plan["plan"]).state == "proposed"

    assert ask(first, "get_plan", plan=plan["plan"])["mine"] is True
    assert ask(first, "withdraw_proposal", proposal=mine, why=BECAUSE)["state"] == "withdrawn"
    assert ask(first, "withdraw_proposal", plan=plan["plan"], why=BECAUSE)["state"] == "refused"


def test_what_another_token_drafted_planned_or_had_approved_stays(scene: Scene) -> None:
    """Of an agent with the same name too, whatever role its token has."""
    here = scene.world
    ids = drafted, waits, approved, _ = changed(scene, 4)
    watch = here.token(name="night watch")

    async def draft(agent: Agent) -> None:
        wanted = {"entity": "products", "connection": "shop", "decision": "include", "why": BECAUSE}
        await agent.ask("propose_selection", **wanted, seen=versions(scene, [drafted]))

    plans = [here.with_agent(partial(propose, ids=[one], why=BECAUSE), watch.plain) for one in (waits, approved)]
    approve.approve(here.db, here.org, plans[1]["plan"], plan_hash=plans[1]["hash"], by=ANN)
    here.with_agent(draft, watch.plain)
    before = _decisions(scene, [drafted, waits, approved])
    seen = versions(scene, ids)

    async def spoil(agent: Agent) -> None:
        wanted = {"entity": "products", "connection": "shop", "why": BECAUSE}
        for decision in ("ignore", "include"):
            done = await agent.ask("propose_selection", **wanted, decision=decision, seen=seen)
            assert (done["decided"], done["decided_by_others"]) == (1, 3)
            named = {row["id"]: (row["decision"], row["quoted"]["who"]) for row in done["others"]}
            assert named == dict.fromkeys([drafted, waits, approved], ("include", "token:night watch"))
            assert all(datetime.fromisoformat(row["when"]) <= datetime.now(UTC) for row in done["others"])
        taken = await agent.ask("withdraw_proposal", entity="products", connection="shop", ids=ids, why=BECAUSE)
        assert taken == {"taken_back": 1, "not_yours": 3}

    for token in (here.token(name="other"), here.token("admin", name="boss"), here.token(name="night watch")):
        here.with_agent(spoil, token.plain)
    assert _decisions(scene, ids) == before
    for plan in plans:
        assert promote.stale(here.db, here.org.org_id, plan["plan"]).count == 0
        select.refuse(here.db, here.org, plan["plan"], actor=ANN)
    select.undecide(here.db, here.shop.connection, here.shop.connection.source.stream("products"), actor=ANN, ids=ids)


def test_a_view_belongs_to_the_token_that_saved_it(scene: Scene) -> None:
    here, one = scene.world, scene.world.shop.connection
    first, second = (Party("token:same", "api", "agent", number) for number in (41, 42))
    view = preview.save_view(
        here.db, one, one.source.stream("products"), "mine", preview.RecordView(status="new"), actor=first
    )
    with pytest.raises(Forbidden, match="made this view"):
        preview.delete_view(here.db, one, view.view_id, any_of=False, actor=second)
    preview.delete_view(here.db, one, view.view_id, any_of=False, actor=first)


def test_an_agent_replaces_nothing_that_a_person_or_a_rule_decided(scene: Scene) -> None:
    here, one = scene.world, scene.world.shop.connection
    stream = one.source.stream("products")
    committed, draft, ruled, free = ids = changed(scene, 4)
    select.select(here.db, one, stream, include=False, actor=ANN, ids=[committed], why="not this one")
    select.select(here.db, one, stream, include=True, actor=ANN, ids=[draft], draft=True)
    rule = select.add_rule(here.db, one, stream, kind="ignore_where", field="id", value=int(ruled), actor="ann")
    select.apply_rules(here.db, one, stream)
    before = _decisions(scene, ids)
    seen, read_at = versions(scene, ids), datetime.now(UTC).isoformat()

    async def overrule(agent: Agent) -> None:
        wanted = {"entity": "products", "connection": "shop", "why": BECAUSE}
        for decision in ("ignore", "include"):
            for more in ({"seen": seen}, {"seen": seen, "as_of": read_at}):
                done = await agent.ask("propose_selection", **wanted, decision=decision, **more)
                assert done["decided"] == 1
                assert {row["id"] for row in done["others"]} == {committed, draft, ruled}
        assert (await agent.ask("withdraw_proposal", entity="products", connection="shop", ids=ids, why=BECAUSE)) == {
            "taken_back": 1, "not_yours": 3,
        }  # fmt: skip

    here.with_agent(overrule, here.token().plain)
    assert _decisions(scene, ids) == before
    assert free not in before
    select.drop_rule(here.db, here.org, rule, connection=one, actor="ann")
    select.undecide(here.db, one, stream, actor=ANN, ids=[committed, draft, ruled], replace=True)


def _decisions(scene: Scene, ids: list[str]) -> dict[str, tuple[Any, ...]]:
    found = scene.rows(
        "SELECT external_id, decision, draft, decided_by, batch_id FROM selection.sync_selective_config "
        "WHERE org_id = connect.current_org() AND entity_type = 'product' AND external_id = ANY (%(ids)s)",
        ids=ids,
    )
    return {row.external_id: tuple(row) for row in found}


def test_a_client_that_accepts_everything_changes_nothing_in_core(scene: Scene) -> None:
    here = scene.world
    asked: list[Any] = []

    async def accept(context: Any, params: Any) -> ElicitResult:
        asked.append(params)
        return ElicitResult(action="accept", content={"approve": True})

    before = _core(scene)
    ids = changed(scene, 2)

    async def work() -> None:
        for role in ("agent", "admin"):
            async with here.agent(here.token(role).plain, accepts=accept) as agent:
                plan = await propose(agent, ids, BECAUSE)
                for _ in range(3):
                    done = await agent.ask("apply_plan", plan=plan["plan"], hash=plan["hash"])
                    assert done["state"] == "waiting"
                await agent.ask("withdraw_proposal", plan=plan["plan"], why=BECAUSE)

    anyio.run(work)
    assert asked == [], "nothing here is decided by a client's form"
    assert _core(scene) == before


def _core(scene: Scene) -> Mapping[str, str]:
    return {name: one for name, one in scene.data().items() if name.startswith("core.") or "mapping" in name}


def test_a_call_that_waits_ends_with_its_token(scene: Scene) -> None:
    here = scene.world
    asked = observe.create_request(here.db, here.org, "pull", actor="test", connection="shop")
    token = here.token()
    begun = "SELECT count(*) FROM connect.rate_limit WHERE org_id = connect.current_org() AND subject = %(subject)s"

    def revoke_meanwhile() -> None:
        wait_until(lambda: here.shop.value(begun, subject=f"agent:{token.token_id}") == 1, "the call has begun")
        tokens.revoke_token(here.db, here.org, token.token_id, actor="test")

    async def work(agent: Agent) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.to_thread.run_sync, revoke_meanwhile)
            refused = await agent.refused("get_work", id=f"request:{asked.request_id}", wait=25)
        assert refused["kind"] == "unauthenticated"

    here.with_agent(work, token.plain)


@pytest.mark.parametrize("transport", ["http", "stdio"])
def test_every_tool_answers_another_organizations_ids_as_missing_ones(scene: Scene, transport: Transport) -> None:
    """Each role over HTTP; an admin, who has most, over stdio too."""
    here = scene.world
    other = connect.add_organization(here.db, f"other-{transport}")
    theirs, missing = _things_of(scene, other), _things_of(scene, None)
    before = _everything(scene, other)

    async def look(agent: Agent, role: str, bound: bool) -> None:
        tried = set()
        for tool, arguments in _with_ids():
            if RIGHTS_OF[tool] not in RIGHTS[role] or (bound and TOOLS[tool].everywhere):
                continue
            said = []
            for ids in (theirs, missing):
                text = (await agent.call(tool, **_filled(arguments, ids))).text
                for value in sorted(map(str, ids.values()), key=len, reverse=True):
                    text = text.replace(value, "…")
                said.append(text)
            assert said[0] == said[1], (role, tool)
            kinds = ("not_found", "forbidden") if bound else ("not_found",)  # what concerns everything is closed to it
            assert any(f'"kind":"{kind}"' in said[0] for kind in kinds), (role, tool, said[0])
            tried.add(tool)
        assert len(tried) > 3

    roles = [("admin", False)] if transport == "stdio" else [
        ("viewer", False), ("agent", False), ("agent", True), ("operator", False), ("admin", False)
    ]  # fmt: skip
    for role, bound in roles:
        plain = here.token(role, bound=bound).plain
        here.with_agent(partial(look, role=role, bound=bound), plain, transport=transport)
    assert _everything(scene, other) == before


RIGHTS_OF = {name: {"look": "read", "ask": "fetch"}.get(one.kind, "propose") for name, one in TOOLS.items()}


def _with_ids() -> list[tuple[str, dict[str, Any]]]:
    """Every tool that takes an id, with the ids that `_things_of` has, by name."""
    record = {"connection": "$connection", "entity": "products"}
    why = {"why": BECAUSE}
    return [
        ("list_changes", {"since": "2020-01-01T00:00:00Z", "connection": "$connection"}),
        ("list_records", record),
        ("get_record", {**record, "id": "17"}),
        ("get_record", {"connection": "shop", "entity": "products", "id": "$record"}),
        ("explain_record", {**record, "id": "17"}),
        ("list_activity", {"connection": "$connection"}),
        ("get_plan", {"plan": "$plan"}),
        ("list_decisions", {"decision": "$decision"}),
        ("get_work", {"id": "request:$request"}),
        ("get_work", {"id": "queue:$plan"}),
        ("refresh_connection", {"connection": "$connection"}),
        ("diagnose_connection", {"connection": "$connection"}),
        ("propose_selection", {**record, "decision": "include", "seen": {"17": "x"}, **why}),
        ("propose_rule", {**record, "kind": "include_new", **why}),
        ("propose_answer", {"decision": "$decision", "choose": "keep", **why}),
        ("withdraw_proposal", {"plan": "$plan", **why}),
        ("withdraw_proposal", {"proposal": "$proposal", **why}),
        ("withdraw_proposal", {**record, "ids": ["17"], **why}),
        ("apply_plan", {"plan": "$plan", "hash": "0" * 64}),
    ]


def _filled(given: Any, ids: Mapping[str, Any]) -> Any:
    if isinstance(given, dict):
        return {name: _filled(one, ids) for name, one in given.items()}
    if not isinstance(given, str) or "$" not in given:
        return given
    head, _, name = given.partition("$")
    return ids[name] if not head else f"{head}{ids[name]}"


def _things_of(scene: Scene, other: connect.Organization | None) -> dict[str, Any]:
    """A plan, a decision, a request, a proposal, a connection and a record of another organization; or none."""
    if other is None:
        return {
            "plan": str(uuid4()), "decision": 999_998, "request": 999_997, "proposal": 999_996,
            "connection": "nowhere", "record": "777777777",
        }  # fmt: skip
    db, settings, server = scene.world.db, scene.world.settings, scene.world.shop.server
    given = {"store_url": server.url, "consumer_key": server.key, "consumer_secret": server.secret}
    one = connect.add_connection(db, settings, other, "woocommerce", f"their-{other.slug}", given, actor="t")
    with db.org(other.org_id) as conn:
        plan = conn.exec_driver_sql(
            "INSERT INTO selection.sync_plan (org_id, plan_hash, origin, created_by) "
            "VALUES (connect.current_org(), 'x', 'test', 'tester') RETURNING plan_id"
        ).scalar_one()
        values: dict[str, str | int] = {"store": "shop", "missing": 9, "known": 10, "title": "products", "share": "20%"}
        gate = gates.open_gate(conn, gates.by_name("mass_deletion"), subject="product", values=values)
        conn.exec_driver_sql(
            "INSERT INTO capture.sync_record (org_id, connection_id, entity_type, external_id, provider, sync_data, "
            "content_hash, raw_hash) VALUES (connect.current_org(), %s, 'product', '888888888', 'woocommerce', '{}', "
            "'\\x01', '\\x02')",
            (one.connection_id,),
        )
    request = observe.create_request(db, other, "pull", actor="test")
    proposal = approve.propose_answer(db, other, gate, "keep", by=Party("token:bot", "mcp", "agent", 7), why="a guess")
    return {
        "plan": str(plan), "decision": gate, "request": request.request_id, "proposal": proposal.proposal_id,
        "connection": one.name, "record": "888888888",
    }  # fmt: skip


def _everything(scene: Scene, other: connect.Organization) -> Any:
    db = scene.world.db
    return (
        observe.decisions(db, other, everything=True),
        select.plans(db, other),
        approve.approvals(db, other),
        approve.proposed_answers(db, other),
        observe.requests(db, other),
        connect.connections(db, other),
    )
