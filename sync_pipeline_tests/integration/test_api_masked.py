"""An agent's token over the HTTP API and in the Explorer: personal data is masked in every answer, or there is none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline import gates, journal
from sync_pipeline.api.auth import RIGHTS
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.errors import Forbidden
from sync_pipeline.mcp.tool import Call
from sync_pipeline.mcp.tools import TOOLS
from sync_pipeline.steps import connect, observe, preview, promote, select
from sync_pipeline.steps.connect import tokens
from sync_pipeline.steps.observe import validation
from sync_pipeline_tests.captured import Captured, Clock, captured_once
from sync_pipeline_tests.databases import cloned, opened_as_the_application, settings_at
from sync_pipeline_tests.explored import browser
from sync_pipeline_tests.served import Served, served
from sync_pipeline_tests.stores import Shop, shop

TABLE = "/api/v1/integrations/woocommerce/table"
SELECT = "/api/v1/integrations/sync/preview?action=select&entity_type=customers"
EMAIL, NAME, STREET, PHONE = "ottilie@private.example", "Wanderscheidt", "Rosenweg 17/3", "+43 660 7654321"
PRIVATE = (EMAIL, NAME, STREET, PHONE)
# Where a person's data stands for people: it must, or looking for it there says nothing.
TELLING = {
    "GET /api/v1/integrations/{provider}/table", "GET /api/v1/integrations/{provider}/records/{entity}/{external_id}",
    "GET /api/v1/plans/{plan_id}/items", "GET /api/v1/connections/{connection}/quarantine/{quarantine_id}",
    "GET /api/v1/connections/{connection}/quarantine", "GET /api/v1/connections/{connection}/views",
    "GET /api/v1/connections/{connection}/rules", "GET /api/v1/decisions", "GET /api/v1/decisions/{decision_id}",
    "GET /api/v1/integrations/sync/activity", "GET /api/v1/requests", "GET /api/v1/requests/{request_id}",
    "GET /api/v1/checks", "GET /api/v1/decision-log",
}  # fmt: skip


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=4, variable=0, customers=4, orders=4)
    billing = {"first_name": "Ottilie", "last_name": NAME, "address_1": STREET, "phone": PHONE, "email": EMAIL}
    who = made.add_customer(
        email=EMAIL, first_name="Ottilie", last_name=NAME, billing={**billing, "city": "Graz", "country": "AT"}
    )
    made.add_order(customer_id=who, items=[(int(min(made.tables["products"].rows)), 0, 1)], billing=billing)
    return made


def capture_all(opened: Shop) -> None:
    names = ("products", "customers", "orders")
    opened.pull(*names)
    for name in names:
        opened.preview(name)


template = captured_once(shop, fill, capture_all)


@dataclass
class Masked:
    """The service, the shop, and where the person is."""

    api: Served
    shop: Shop
    place: dict[str, str]

    def call(self, role: str, method: str, path: str, *, unmasked: bool = False, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.api.token(self.shop.org, role, unmasked=unmasked)}"}
        return self.api.client.request(method, path, headers=headers, **options)


@pytest.fixture(scope="module")
def here(
    server: EmbeddedPostgres, template: Captured[Shop], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Masked]:
    settings = settings_at(Path(tmp_path_factory.mktemp("home")))
    with (
        cloned(server, template) as owner_url,
        opened_as_the_application(owner_url) as db,
        served(db, settings) as api,
    ):
        store = template.copy(db, settings, connect.organization(db, "acme"))
        yield Masked(api, store, _planted(store))


def _planted(store: Shop) -> dict[str, str]:
    """The person is in a plan, in quarantine, in a rule, a view, a decision, a request and the audit log."""
    db, one, org = store.db, store.connection, store.org
    customers = one.source.stream("customers")
    who = str(
        store.value(
            "SELECT external_id FROM capture.sync_record WHERE email = %(email)s AND entity_type = 'customer'",
            email=EMAIL,
        )
    )
    for name in ("customers", "orders"):
        select.select(db, one, one.source.stream(name), include=True, actor="ann", everything=True, draft=True)
    plan = select.make_plan(db, org, actor="ann")
    assert plan is not None
    asked = promote.create_request(db, org.org_id, plan.plan_id, actor="ann")
    payload = store.store.payload("customers", int(who))
    words = f"Frau {NAME}, {STREET}: write to {EMAIL} or call {PHONE}"
    with db.org(org.org_id) as conn:
        aside = conn.exec_driver_sql(
            "INSERT INTO capture.sync_quarantine (org_id, connection_id, entity_type, external_id, reason, raw) "
            "VALUES (connect.current_org(), %s, 'customer', '7', %s, %s) RETURNING quarantine_id",
            (one.connection_id, f"not a record: {EMAIL}", json.dumps({**payload, "note": words}).encode()),
        ).scalar_one()
        values: dict[str, str | int] = {"sku": EMAIL, "claimants": f"customer {who}", "rule": "the lowest id"}
        gate = gates.open_gate(conn, gates.by_name("sku_conflict"), subject=EMAIL, values=values)
        journal.record(conn, "test.told", actor="ann", connection_id=one.connection_id, what=f"call {PHONE}, {EMAIL}")
        request = conn.exec_driver_sql(
            "INSERT INTO observe.request (org_id, kind, parameters, state, error, requested_by) "
            "VALUES (connect.current_org(), 'pull', '{}', 'failed', %s, 'ann') RETURNING request_id",
            (f"The store says: {EMAIL}",),
        ).scalar_one()
    preview.save_view(db, one, customers, "ours", preview.RecordView(search=EMAIL), actor="ann")
    rule = select.add_rule(db, one, customers, kind="ignore_where", field="last_name", value=NAME, actor="ann")
    logs, _ = observe.sync_logs(db, org, [one])
    kept, _, _ = validation.validate(db, store.settings, org, by="ann")
    return {
        "provider": "woocommerce", "connection": "shop", "entity": "customers", "external_id": who,
        "plan_id": str(plan.plan_id), "queue_id": str(asked.queue.queue_id), "quarantine_id": str(aside),
        "decision_id": str(gate), "request_id": str(request), "rule_id": str(rule), "log_id": str(logs[0].log_id),
        "validation_id": str(kept.validation_id),
    }  # fmt: skip


def told(text: str) -> list[str]:
    """What an answer tells of the person."""
    read = json.dumps(json.loads(text), ensure_ascii=False) if text.startswith(("{", "[")) else text
    return [one for one in PRIVATE if one.casefold() in read.casefold()]


def test_no_answer_of_any_call_tells_an_agent_who_or_where_somebody_is(here: Masked) -> None:
    telling = set()
    for path, operations in here.api.app.openapi()["paths"].items():
        if "get" not in operations or "x-right" not in operations["get"]:
            continue
        name, right = f"GET {path}", operations["get"]["x-right"]
        if right not in RIGHTS["agent"] or path.endswith("/events"):
            continue
        address = path.format(**here.place)
        for entity in ("customers", "orders"):
            params = {"entity": entity, "pageSize": "100"} if path.endswith("/table") else {}
            params |= {"entity": "customers"} if path.endswith("/views") else {}
            people = here.call("viewer", "GET", address, params=params)
            agents = here.call("agent", "GET", address, params=params)
            assert (people.status_code, agents.status_code) == (200, 200), (name, agents.text)
            assert told(agents.text) == [], (name, agents.text)
            assert agents.headers["content-type"] == people.headers["content-type"] == "application/json"
            assert _shape(agents.json()) == _shape(people.json()), name
            if told(people.text):
                telling.add(name)
    assert telling == TELLING


def _shape(value: Any) -> Any:
    """The names and lists of an answer: what is masked has the same."""
    if isinstance(value, dict):
        return {name: _shape(one) for name, one in value.items()}
    return [_shape(one) for one in value] if isinstance(value, list) else None


def test_what_is_not_personal_stays_and_a_pseudonym_is_the_same_everywhere(here: Masked) -> None:
    where = f"/api/v1/integrations/woocommerce/records/customers/{here.place['external_id']}"
    record = here.call("agent", "GET", where).json()["data"]
    assert record["raw"]["billing"]["city"] == "Graz"
    orders = here.call("agent", "GET", TABLE, params={"entity": "orders"}).json()["data"]
    masked = record["raw"]["email"]
    assert masked.startswith("masked-")
    assert [row["raw"]["billing"]["email"] for row in orders if row["display"]["email"] == masked] == [masked]
    plain = here.call("viewer", "GET", where).json()["data"]
    assert (record["version"], record["external_id"]) == (plain["version"], plain["external_id"])
    assert here.call("agent", "GET", where, unmasked=True).json()["data"] == plain


@pytest.mark.parametrize(
    ("search", "found"),
    [(EMAIL, 1), (EMAIL.upper(), 1), (EMAIL[:6], 0), (NAME, 0), ("Ottilie", 0), ("private", 0)],
)
def test_a_search_of_people_finds_who_is_named_exactly(here: Masked, search: str, found: int) -> None:
    asked = {"entity": "customers", "search": search}
    answer = here.call("agent", "GET", TABLE, params=asked).json()
    assert (answer["rowCount"], len(answer["data"])) == (found, found)
    assert here.call("viewer", "GET", TABLE, params=asked).json()["rowCount"] == 1


def test_what_would_spell_a_name_letter_by_letter_is_refused(here: Masked) -> None:
    counts = "/api/v1/connections/shop/counts"
    for method, path, options in (
        ("GET", counts, {"params": {"search": "otti", "entity": "customers"}}),
        ("GET", counts, {"params": {"search": "otti"}}),
        ("GET", TABLE, {"params": {"entity": "customers", "sort": "name"}}),
        ("POST", SELECT, {"json": {"decision": "include", "filter": {"search": "otti"}}}),
        ("POST", SELECT, {"json": {"decision": "undecided", "search": "otti"}}),
    ):
        answer = here.call("agent", method, path, **options)
        assert answer.status_code == 403, (path, answer.text)
        assert "masked for this token" in answer.json()["error"]
    assert here.call("agent", "GET", counts, params={"search": "sku", "entity": "products"}).status_code == 200
    assert here.call("agent", "GET", TABLE, params={"entity": "products", "sort": "name"}).status_code == 200
    assert here.call("agent", "GET", counts, params={"search": "otti"}, unmasked=True).status_code == 200


def test_an_error_repeats_no_address(here: Masked) -> None:
    for path in (f"/api/v1/integrations/woocommerce/records/customers/{EMAIL}", f"/api/v1/connections/{EMAIL}"):
        answer = here.call("agent", "GET", path)
        assert answer.status_code == 404
        assert told(answer.text) == []
        assert EMAIL in here.call("viewer", "GET", path).text


def test_an_agents_proposal_is_answered_masked_too(here: Masked) -> None:
    one = here.place["external_id"]
    body = {"decision": "include", "ids": [one], "seen": {one: "another"}, "why": f"for {EMAIL}"}
    answer = here.call("agent", "POST", SELECT, json=body)
    assert answer.status_code == 200
    assert told(answer.text) == []
    assert answer.json()["data"]["moved"][0]["external_id"] == one
    saved = {"entity": "customers", "name": "hers", "search": EMAIL}
    assert told(here.call("agent", "POST", "/api/v1/connections/shop/views", json=saved).text) == []


def test_pages_are_closed_to_who_reads_masks(here: Masked) -> None:
    api, org = here.api, here.shop.org
    token = api.token(org, "agent")
    agent = browser(api)
    refused = agent.form("/ui/login", token=token)
    assert refused.status_code == 401
    assert "this token reads it masked" in refused.text
    agent.cookies["session"] = f"acme:{token}"  # as one that was typed in before
    for path in ("/ui/acme", f"/ui/acme/shop/data/customers/{here.place['external_id']}", "/ui/acme/live"):
        answer = agent.get(path)
        assert answer.status_code == 403
        assert told(answer.text) == []
    reads = browser(api).as_(org, "agent")  # an unmasked one
    assert EMAIL in reads.get(f"/ui/acme/shop/data/customers/{here.place['external_id']}").text


@pytest.mark.parametrize("role", ["viewer", "agent", "operator", "admin"])
def test_no_answer_of_any_tool_tells_a_model(here: Masked, role: str) -> None:
    """Whatever role its token has: a model reads it."""
    caller = tokens.authenticate(here.api.db, here.api.token(here.shop.org, role))
    call = Call(here.api.db, here.api.settings, caller)
    one, plan = here.place["external_id"], here.place["plan_id"]
    record, everything = {"entity": "customers", "id": one}, {"limit": 50}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("get_overview", {}),
        ("list_changes", {"since": "2020-01-01T00:00:00Z", **everything}),
        ("list_activity", everything),
        ("list_decisions", {}),
        ("list_decisions", {"decision": int(here.place["decision_id"])}),
        ("get_validation", {}),
        ("list_plans", {}),
        ("get_plan", {"plan": plan, **everything}),
        ("get_work", {"id": f"queue:{here.place['queue_id']}"}),
        ("get_work", {"id": f"request:{here.place['request_id']}"}),
        ("explain_record", record),
        ("explain_record", {"entity": "customers", "id": "7"}),
        ("list_records", {"entity": "customers", "search": EMAIL}),
        *(("list_records", {"entity": entity, **everything}) for entity in ("customers", "orders")),
        *(("get_record", {**record, "part": part}) for part in ("changes", "core", "versions", "events", "raw")),
        ("get_record", {**record, "part": "raw", "path": "billing"}),
    ]
    for tool, given in asked:
        found = TOOLS[tool].run(call, TOOLS[tool].arguments.model_validate(given))
        assert told(found.read_by(call.reads).text()) == [], (tool, given)
    asked_for = {tool for tool, _ in asked}
    assert asked_for == {name for name, tool in TOOLS.items() if tool.kind == "look"}, "a tool that looks is left out"
    rule = {"entity": "customers", "kind": "ignore_where", "field": "last_name", "value": NAME, "why": "because"}
    with pytest.raises(Forbidden, match="is masked for this token"):
        TOOLS["propose_rule"].run(call, TOOLS["propose_rule"].arguments.model_validate(rule))
