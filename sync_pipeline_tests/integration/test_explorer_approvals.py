"""What agents propose, in the Explorer: their words as a quote, a person's approval, policies, accepted answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline import gates
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import approve, connect, observe, promote, select
from sync_pipeline.steps.connect import tokens, users
from sync_pipeline.steps.connect.party import Party
from sync_pipeline_tests.captured import Clock, captured_once
from sync_pipeline_tests.explored import PASSWORD, Browser, browser, words
from sync_pipeline_tests.served import Served, served
from sync_pipeline_tests.stores import Shop, shop

ANN = "ann@acme.example"


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=1, variable=0, customers=1, orders=0, random_seed=9)
    return made


def capture_tags(opened: Shop) -> None:
    opened.pull("tags", full=True)
    opened.preview("tags")


template = captured_once(shop, fill, capture_tags)


@pytest.fixture
def api(store: Shop, database: Database, settings: Settings) -> Iterator[Served]:
    with served(database, settings) as running:
        yield running


def logged_in(api: Served, org: connect.Organization) -> Browser:
    users.add_user(api.db, org, ANN, PASSWORD, "operator", actor="test")
    person = browser(api)
    assert person.form("/ui/login", org=org.slug, email=ANN, password=PASSWORD).status_code == 303
    return person


def test_a_person_approves_what_an_agent_proposes_and_grants_a_policy(api: Served, store: Shop) -> None:
    token = tokens.add_token(store.db, store.org, "agent", name="bot", actor="test")
    agent = Party("token:bot", "mcp", "agent", token.token_id, client="a client 1.0")
    stream = store.connection.source.stream("tags")
    select.select(store.db, store.connection, stream, everything=True, include=True, actor=agent)
    plan = select.make_plan(
        store.db, store.org, actor=agent, origin="agent", why="<b>Trust me</b>, approve it without looking."
    )
    assert plan is not None
    page, hash_ = f"/ui/acme/plans/{plan.plan_id}", {"hash": plan.hash}
    assert "an agent proposes it: “<b>Trust me</b>" in words(
        browser(api).as_(store.org, "operator").get("/ui/acme").text
    )

    machine = browser(api).as_(store.org, "operator")
    shown = machine.get(page).text
    assert "&lt;b&gt;Trust me&lt;/b&gt;" in shown
    assert "with a client 1.0. These are its words, not ours. No policy holds for it." in words(shown)
    assert "so a person approves it: log in with your e-mail and password" in shown
    assert "Approve and apply" not in shown
    for action in ("approve", "apply"):
        answer = machine.form(f"{page}/{action}", **hash_)
        assert answer.status_code == {"approve": 403, "apply": 409}[action]
        assert "logged in with a password" in words(answer.text)

    person = logged_in(api, store.org)
    assert "Approve and apply" in person.get(page).text
    assert person.form(f"{page}/approve", **hash_).status_code == 303
    shown = words(person.get(page).text)
    assert f"It is approved by {ANN}" in shown
    assert "Holds until" in shown
    assert person.form(f"{page}/withdraw").status_code == 303
    shown = words(person.get(page).text)
    assert "It waits for approval by a person." in shown
    assert f"Withdrawn: {ANN}, in the Explorer; withdrawn by {ANN}" in shown

    limits = {
        "token": str(token.token_id), "connections": "shop", "entities": "tags", "actions": "create", "plan": "50",
        "day": "50", "share": "100", "allows": "first", "days": "30", "why": "tags are harmless",
    }  # fmt: skip
    policies = "/ui/acme/policies"
    assert "A person grants policies: log in" in machine.get(policies).text
    assert machine.form(policies, **limits).status_code == 403
    assert person.form(policies, **{**limits, "days": "91"}).status_code == 400
    assert person.form(policies, **limits).status_code == 303
    shown = words(person.get(policies).text)
    assert "create of tag in shop" in shown
    assert f"by {ANN}" in shown
    assert "lets it through" in words(person.get(page).text)
    queue = promote.create_request(store.db, store.org.org_id, plan.plan_id, actor=agent).queue
    assert queue.total == plan.items
    assert "Spent: policy:1, in advance; spent by token:bot" in words(person.get(page).text)
    assert person.form(f"{policies}/1/revoke").status_code == 303
    assert "revoked" in words(machine.get(policies).text)

    # A gate that an agent would answer.
    with store.db.org(store.org.org_id) as conn:
        values: dict[str, str | int] = {"store": "shop", "missing": 9, "known": 10, "title": "tags", "share": "20%"}
        gate = gates.open_gate(conn, gates.by_name("mass_deletion"), subject="tag", values=values)
    given = {"choose": "keep", "why": "The store is being moved."}
    proposed = api.call("POST", f"/api/v1/decisions/{gate}/proposals", store.org, "agent", json=given)
    assert proposed.status_code == 201
    again = api.call("POST", f"/api/v1/decisions/{gate}/proposals", store.org, "agent", json=given)
    number = proposed.json()["data"]["proposal_id"]
    assert again.json()["data"]["proposal_id"] == number
    decision = f"/ui/acme/decisions/{gate}"
    assert "“The store is being moved.”" in words(machine.get(decision).text)
    assert machine.form(f"{decision}/accept", proposal=str(number)).status_code == 403
    refused = api.call("POST", f"/api/v1/proposals/{number}/accept", store.org, "operator")
    assert refused.status_code == 403
    assert person.form(f"{decision}/accept", proposal=str(number)).status_code == 303
    [answered] = observe.decisions(store.db, store.org, everything=True, decision_id=gate)
    assert (answered.answer, answered.answered_by, answered.why) == ("keep", ANN, "The store is being moved.")
    assert f"accepted by {ANN}" in words(person.get(decision).text)
    kept, _ = approve.approvals(store.db, store.org, subject="answer")
    assert [(one.subject_id, one.state, one.granted_by) for one in kept] == [(str(gate), "spent", ANN)]
    assert person.form(f"{decision}/accept", proposal=str(number)).status_code == 409


def test_a_persons_plan_leaves_out_what_agents_proposed_and_every_plan_names_whose_its_records_are(
    api: Served, store: Shop
) -> None:
    token = tokens.add_token(store.db, store.org, "agent", name="bot", actor="test")
    agent = Party("token:bot", "mcp", "agent", token.token_id, client="a client 1.0")
    stream, person = store.connection.source.stream("tags"), logged_in(api, store.org)
    one, two, *rest = sorted(store.ids("tags"), key=int)
    ann = Party(ANN, "explorer", "operator", None, 1)

    def include(by: Party, ids: list[str], why: str, *, draft: bool = True) -> int:
        made = select.select(store.db, store.connection, stream, ids=ids, include=True, actor=by, why=why, draft=draft)
        assert made.batch_id is not None
        return made.batch_id

    def plan_page(address: str) -> str:
        return words(person.get(address).text)

    proposed = include(agent, [one, *rest], "<i>trust me</i> APPROVED BY ann")
    plans = "/ui/acme/plans"
    shown = words(person.get(plans).text)
    left = f"{len(rest) + 1} records that agents proposed are left out: shop · Tags {len(rest) + 1}"
    assert "Nothing waits for a new plan." in shown
    assert left in shown
    refused = person.form(plans, connection="shop", entity="tags")
    assert refused.status_code == 409
    assert f"{len(rest) + 1} records that agents proposed are left out: shop tags" in words(refused.text)

    own = include(ann, [two], "spring")
    shown = words(person.get(plans).text)
    assert "1 record waits for a plan" in shown
    mine = person.form(plans, connection="shop", entity="tags").headers["location"]
    shown = plan_page(mine)
    assert f"Who included it {ANN} included 1 record: “spring”" in shown
    assert left in shown
    assert "agent proposes" not in shown
    assert "not ours" not in shown
    shown = plan_page(plans)
    assert f"What is included is in core, or in a plan that waits: {mine.rsplit('/', 1)[1][:8]}" in shown

    mixed = select.make_plan(store.db, store.org, actor=ann, origin="api", batches=[proposed, own])
    assert mixed is not None
    shown = plan_page(f"{plans}/{mixed.plan_id}")
    assert f"Agents proposed {len(rest) + 1} of {len(rest) + 2} records" in shown
    assert f"token:bot, an agent with a client 1.0, proposed {len(rest) + 1} records: “<i>trust me</i>" in shown
    assert f"{ANN} included 1 record: “spring”" in shown
    assert f"{ANN}. These are its words" not in shown
    assert "What agents wrote is their words, not ours." in shown
    assert "it holds what agents proposed" in plan_page("/ui/acme")

    include(ann, [two], "now", draft=False)
    by_sensor = select.make_plan(store.db, store.org, actor="selection", origin="selection")
    assert by_sensor is not None
    shown = plan_page(f"{plans}/{by_sensor.plan_id}")
    assert "Made by the sensor, of what was included" in shown
    assert f"{ANN} included 1 record: “now”" in shown
    assert "by selection" not in shown
