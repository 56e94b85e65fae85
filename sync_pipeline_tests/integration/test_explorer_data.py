"""The Explorer's lists and records: what is found, counted and paged, and what a decision does."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal
from html import unescape
from urllib.parse import quote

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline import gates
from sync_pipeline.api.auth import NEEDED, RIGHTS, Right, needs
from sync_pipeline.explorer.mount import routers
from sync_pipeline.explorer.session import PageRoute
from sync_pipeline.steps import approve, connect, observe, preview, promote, select
from sync_pipeline.steps.connect import tokens, users
from sync_pipeline.steps.connect.party import Party
from sync_pipeline.steps.observe import validation
from sync_pipeline_tests.captured import Clock, captured_once
from sync_pipeline_tests.explored import Browser, browser, words
from sync_pipeline_tests.served import Served
from sync_pipeline_tests.stores import Shop, shop

LIST = "/ui/acme/shop/data/products"
HOSTILE = {
    "script": "<script>alert(1)</script>",
    "attribute": '"><img src=x onerror=alert(1)>',
    "template": "{{ 7 * 7 }}{% raw %}",
    "direction": "\u202egnp.exe",
    "null": "a\u200bb",
}
# What every page and action needs. One that is not here fails the test: whoever adds one says who may.
PAGES: dict[str, Right | None] = {
    "GET /ui/{org}": Right.READ,
    "GET /ui/{org}/connect": Right.READ,
    "POST /ui/{org}/connect": Right.CONNECT,
    "GET /ui/{org}/live": Right.READ,
    "GET /ui/{org}/{connection}": Right.READ,
    "POST /ui/{org}/{connection}/refresh": Right.FETCH,
    "POST /ui/{org}/{connection}/compare": Right.FETCH,
    "POST /ui/{org}/{connection}/reconcile": Right.FETCH,
    "POST /ui/{org}/{connection}/requests/{request_id}/cancel": Right.FETCH,
    "GET /ui/{org}/{connection}/history": Right.READ,
    "GET /ui/{org}/{connection}/quarantine": Right.READ,
    "GET /ui/{org}/{connection}/quarantine/{quarantine_id}": Right.READ,
    "GET /ui/{org}/people": Right.READ,
    "POST /ui/{org}/people": Right.PEOPLE,
    "POST /ui/{org}/people/tokens/{token_id}/revoke": Right.PEOPLE,
    "POST /ui/{org}/people/sessions/{token_id}/end": Right.READ,
    "POST /ui/{org}/people/password": Right.READ,
    "POST /ui/{org}/people/users": Right.PEOPLE,
    "POST /ui/{org}/people/users/{user_id}": Right.PEOPLE,
    "GET /ui/{org}/settings": Right.READ,
    "POST /ui/{org}/settings": Right.CONNECT,
    "GET /ui/{org}/{connection}/configuration": Right.READ,
    "POST /ui/{org}/{connection}/configuration": Right.CONNECT,
    "POST /ui/{org}/{connection}/configuration/test": Right.FETCH,
    "POST /ui/{org}/{connection}/configuration/credentials": Right.CONNECT,
    "POST /ui/{org}/{connection}/configuration/disconnect": Right.CONNECT,
    "GET /ui/{org}/{connection}/settings": Right.READ,
    "POST /ui/{org}/{connection}/settings": Right.CONNECT,
    "POST /ui/{org}/{connection}/settings/rules": Right.SELECT,
    "POST /ui/{org}/{connection}/settings/rules/{rule_id}/drop": Right.SELECT,
    "POST /ui/{org}/logout": None,
    "GET /ui/{org}/plans": Right.READ,
    "POST /ui/{org}/plans": Right.PROPOSE,
    "GET /ui/{org}/plans/{plan_id}": Right.READ,
    "POST /ui/{org}/plans/{plan_id}/approve": Right.PROMOTE,
    "POST /ui/{org}/plans/{plan_id}/withdraw": Right.PROMOTE,
    "POST /ui/{org}/plans/{plan_id}/apply": Right.PROMOTE,
    "POST /ui/{org}/plans/{plan_id}/refuse": Right.PROMOTE,
    "POST /ui/{org}/plans/{plan_id}/replace": Right.PROMOTE,
    "POST /ui/{org}/plans/{plan_id}/queue/{action}": Right.PROMOTE,
    "GET /ui/{org}/plans/{plan_id}/undo": Right.PROMOTE,
    "POST /ui/{org}/plans/{plan_id}/undo": Right.PROMOTE,
    "GET /ui/{org}/decisions": Right.READ,
    "GET /ui/{org}/decisions/{decision_id}": Right.READ,
    "POST /ui/{org}/decisions/{decision_id}": Right.DECIDE,
    "POST /ui/{org}/decisions/{decision_id}/accept": Right.DECIDE,
    "GET /ui/{org}/decisions/log": Right.READ,
    "GET /ui/{org}/validation": Right.READ,
    "POST /ui/{org}/validation": Right.FETCH,
    "GET /ui/{org}/validation/{validation_id}": Right.READ,
    "POST /ui/{org}/validation/signoff": Right.DECIDE,
    "GET /ui/{org}/policies": Right.READ,
    "POST /ui/{org}/policies": Right.PROMOTE,
    "POST /ui/{org}/policies/{policy_id}/revoke": Right.PROMOTE,
    "POST /ui/{org}/policies/{policy_id}/resume": Right.PROMOTE,
    "GET /ui/{org}/{connection}/data/{entity}": Right.READ,
    "POST /ui/{org}/{connection}/data/{entity}": Right.PROPOSE,
    "GET /ui/{org}/{connection}/data/{entity}/{external_id:path}": Right.READ,
    "POST /ui/{org}/{connection}/views/{entity}": Right.PROPOSE,
    "POST /ui/{org}/{connection}/views/{entity}/{view_id}/delete": Right.PROPOSE,
    "GET /ui/{org}/{connection}/raw/{entity}/{external_id:path}": Right.READ,
}
STREAMS = {"GET /ui/{org}/live"}  # have no end
OPEN = {"GET /", "GET /docs", "GET /ui", "GET /ui/login", "POST /ui/login", "GET /ui/{path:path}"}
OF_PEOPLE = {"POST /ui/{org}/people/sessions/{token_id}/end"}  # who came with a token has no sessions to end
# What the forms of actions send; an action that is not here takes JSON.
STORE = {"consumer_key": "ck_5a9d5a9d", "consumer_secret": "cs_c0dec0de"}
FORMS: dict[str, dict[str, str]] = {
    "POST /ui/{org}/connect": {"provider": "woocommerce", "name": "n", "store_url": "http://127.0.0.1:1", **STORE},
    "POST /ui/{org}/people": {"role": "viewer"},
    "POST /ui/{org}/people/tokens/{token_id}/revoke": {},
    "POST /ui/{org}/people/sessions/{token_id}/end": {},
    "POST /ui/{org}/people/users": {"email": "cy@acme.example", "role": "viewer", "password": "x" * 12},
    "POST /ui/{org}/people/users/{user_id}": {"role": "operator"},
    "POST /ui/{org}/settings": {"sku": "halt", "priority": "odoo", "why": "x"},
    "POST /ui/{org}/plans/{plan_id}/withdraw": {},
    "POST /ui/{org}/decisions/{decision_id}/accept": {},
    "POST /ui/{org}/validation": {},
    "POST /ui/{org}/validation/signoff": {},
    "POST /ui/{org}/policies": {},
    "POST /ui/{org}/policies/{policy_id}/revoke": {},
    "POST /ui/{org}/policies/{policy_id}/resume": {},
    "POST /ui/{org}/{connection}/configuration": {"how": "make"},
    "POST /ui/{org}/{connection}/configuration/test": {},
    "POST /ui/{org}/{connection}/configuration/credentials": {**STORE, "untested": "1"},
    "POST /ui/{org}/{connection}/configuration/disconnect": {},  # without a reason: the other actions need it
    "POST /ui/{org}/people/password": {"current": "x" * 12, "password": "y" * 12, "again": "y" * 12},
    "POST /ui/{org}/{connection}/settings": {"seen": "{{}}"},
    "POST /ui/{org}/{connection}/settings/rules": {"entity": "products", "kind": "include_new"},
    "POST /ui/{org}/{connection}/settings/rules/{rule_id}/drop": {},
    "POST /ui/{org}/{connection}/views/{entity}": {"name": "the new ones of {role}"},
    "POST /ui/{org}/{connection}/views/{entity}/{view_id}/delete": {},
}


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=60, variable=0, customers=3, orders=4)
    for name in HOSTILE.values():
        made.add_product(name=name, sku=f"H-{name[:3]}")
    return made


def capture_all(opened: Shop) -> None:
    opened.pull("products", "customers")
    opened.preview("products")
    opened.preview("customers")


template = captured_once(shop, fill, capture_all)


@pytest.fixture
def ann(api: Served, store: Shop) -> Browser:
    return browser(api).as_(store.org, "operator")


def rows(html: str) -> dict[str, str]:
    """Ids and versions of the rows; a record that is in sync has none."""
    found = re.findall(r'<tr data-id="([^"]+)"(?: data-version="([^"]+)")?', html)
    return dict(found)


def attribute(html: str, name: str) -> str:
    return unescape(re.findall(rf'{name}="([^"]*)"', html)[0])


def chips(html: str) -> dict[str, int]:
    found = re.findall(r'<a class="chip[^>]*>([^<]+)<b>([\d,]+)</b>', html)
    return {words.strip(): int(count.replace(",", "")) for words, count in found}


def promote_some(store: Shop, ids: list[str], entity: str = "products", *, compare: bool = True) -> None:
    stream = store.connection.source.stream(entity)
    select.select(store.db, store.connection, stream, ids=ids, include=True, actor="eve", draft=True)
    plan = select.make_plan(store.db, store.org, actor="eve")
    assert plan is not None
    promote.apply(store.db, store.org.org_id, plan.plan_id, actor="eve")
    if compare:
        store.preview(entity)


def test_pages_hold_every_record_once_forwards_and_backwards_in_every_order(ann: Browser, store: Shop) -> None:
    every = store.table("products", "new")
    for sort in (None, "external_id:desc", "name", "name:desc", "modified", "modified:desc"):
        page = ann.get(LIST, params={"sort": sort} if sort else {}).text
        forwards = [list(rows(page))]
        while following := re.search(r'rel="next" href="([^"]+)"', page):
            page = ann.get(unescape(following[1])).text
            forwards.append(list(rows(page)))
        seen = [one for part in forwards for one in part]
        assert len(seen) == len(set(seen)), sort
        assert set(seen) == every, sort
        backwards = [list(rows(page))]
        while earlier := re.search(r'rel="prev" href="([^"]+)"', page):
            page = ann.get(unescape(earlier[1])).text
            backwards.insert(0, list(rows(page)))
        assert backwards == forwards, sort


def test_the_menu_counts_what_is_in_core_before_the_next_comparison(ann: Browser, store: Shop) -> None:
    products, customers = store.table("products", "new"), store.table("customers", "new")
    promote_some(store, list(products))
    promote_some(store, list(customers), "customers", compare=False)
    totals = preview.entity_totals(store.db, store.org)
    here = store.connection.connection_id
    assert totals[here, "product"] == preview.EntityTotals(in_sync=len(products))
    assert totals[here, "customer"] == preview.EntityTotals(in_sync=len(customers))
    assert "Nothing is captured yet" not in ann.get("/ui/acme").text


def test_a_page_does_not_shift_when_records_arrive_before_it(ann: Browser, store: Shop) -> None:
    page = ann.get(LIST, params={"sort": "external_id:desc"}).text
    following = unescape(re.findall(r'rel="next" href="([^"]+)"', page)[0])
    before = list(rows(ann.get(following).text))
    for number in range(3):
        store.store.add_product(name=f"Late {number}", sku=f"LATE-{number}")
    store.pull("products")
    store.preview("products")
    assert list(rows(ann.get(following).text)) == before


def test_a_search_that_finds_only_under_other_filters_says_so(ann: Browser, store: Shop) -> None:
    stream = store.connection.source.stream("products")
    [found] = preview.table(store.db, store.connection, stream, status="new", page_size=1).data
    sku = store.store.payload("products", int(found["external_id"]))["sku"]
    select.select(store.db, store.connection, stream, ids=[found["external_id"]], include=True, actor="ann")
    shown = ann.get(LIST, params={"choice": "undecided", "q": sku}).text
    assert f"1 record that matches “{sku}” is not undecided" in words(shown)
    assert "Nothing is called" not in shown
    assert f'<a class="link" href="{LIST}?q={quote(sku)}" data-swap>Show it</a>' in shown
    shown = words(ann.get(LIST, params={"status": "deleted", "q": sku}).text)
    assert f"1 record that matches “{sku}” is under other filters" in shown
    assert "Nothing is called “zebra” here" in words(ann.get(LIST, params={"choice": "undecided", "q": "zebra"}).text)


def test_counts_and_lists_agree_for_every_status_choice_and_search(ann: Browser, store: Shop) -> None:
    ids = sorted(store.table("products", "new"), key=int)
    promote_some(store, ids[:10])
    for one in ids[:4]:
        store.store.update("products", int(one), regular_price="77.00")
    store.store.delete("products", int(ids[5]))
    store.pull("products")
    store.preview("products")
    stream = store.connection.source.stream("products")
    for chosen, include in ((ids[0:1] + ids[20:23], True), (ids[1:2] + ids[30:35], False)):
        select.select(store.db, store.connection, stream, ids=chosen, include=include, actor="eve", draft=True)
    for search in (None, "running"):
        for status in (None, "new", "updated", "deleted", "in_sync"):
            for choice in (None, "undecided", "include", "ignore"):
                asked = {"status": status, "choice": choice, "q": search}
                view = preview.RecordView(status=status, choice=choice, search=search)
                found = preview.browse(store.db, store.connection, stream, view, size=500)
                assert len(found.rows) == found.total, asked
                assert {row.status for row in found.rows} <= ({status} if status else set(preview.STATUSES)), asked
                if choice:
                    assert {row.decision or "undecided" for row in found.rows} <= {choice}, asked
                    assert found.differ == found.total, asked
                undecided = [row for row in found.rows if row.status != "in_sync"]
                assert found.differ == len(undecided), asked
    assert chips(ann.get(LIST).text) == {
        "All": 65, "+ new": 55, "~ updated": 4, "− deleted": 1, "= in sync": 5, "Undecided": 50, "Included": 4,
        "Ignored": 6,
    }  # fmt: skip
    assert chips(ann.get(LIST, params={"status": "updated"}).text)["Undecided"] == 2
    assert chips(ann.get(LIST, params={"choice": "ignore"}).text)["+ new"] == 5


def test_what_was_seen_is_decided_with_its_reason_and_shown_as_it_is_now(ann: Browser, store: Shop) -> None:
    page = ann.get(LIST).text
    seen = dict(list(rows(page).items())[:12])
    answer = ann.send(
        LIST, {"decision": "include", "seen": seen, "as_of": attribute(page, "data-as-of"), "why": "spring"}
    )
    assert "<strong>12 records are included.</strong>" in answer.text
    assert "<html" not in answer.text
    assert chips(answer.text)["Included"] == 12
    found = store.rows("SELECT external_id, decision, decided_by, why, draft FROM selection.sync_selective_config")
    assert {row.external_id for row in found} == set(seen)
    assert {(row.decision, row.why, row.draft) for row in found} == {("include", "spring", False)}


def test_a_record_that_changed_since_is_named_and_stays_undecided(ann: Browser, store: Shop) -> None:
    page = ann.get(LIST).text
    seen = dict(list(rows(page).items())[:3])
    changed = next(iter(seen))
    store.store.update("products", int(changed), name="Quite another name")
    store.pull("products")
    store.preview("products")
    answer = ann.send(LIST, {"decision": "include", "seen": seen, "as_of": attribute(page, "data-as-of")})
    assert "2 records are included." in answer.text
    assert "1 changed since you looked; it stays undecided:" in answer.text
    assert ">Quite another name</a>" in answer.text
    assert changed not in {r.external_id for r in store.rows("SELECT external_id FROM selection.sync_selective_config")}


def test_the_later_of_two_is_told_whose_decision_stands_and_can_replace_it(
    ann: Browser, api: Served, store: Shop
) -> None:
    bo = browser(api).as_(store.org, "admin")
    page = ann.get(LIST).text
    [(one, version), *_] = rows(page).items()
    as_of = attribute(page, "data-as-of")
    bo.send(LIST, {"decision": "ignore", "seen": {one: version}, "as_of": as_of, "why": "<i>old</i> stock"})
    answer = ann.send(LIST, {"decision": "include", "seen": {one: version}, "as_of": as_of})
    assert "0 records are included." in answer.text
    assert "1 was decided by somebody else meanwhile:" in answer.text
    assert re.search(r"ignored it \d+ s ago \(why: &lt;i&gt;old&lt;/i&gt; stock\)", answer.text)
    assert f'data-replace data-id="{one}" data-version="{version}"' in answer.text
    again = ann.send(LIST, {"decision": "include", "seen": {one: version}, "as_of": as_of, "replace": True})
    assert "1 record is included." in again.text


def test_all_that_match_but_some_decides_exactly_those_and_none_that_arrived_since(ann: Browser, store: Shop) -> None:
    page = ann.get(LIST, params={"status": "new"}).text
    assert "Select all 65 that match" in page
    ids = list(rows(page))
    store.store.add_product(name="Late", sku="LATE-1")
    body = {"decision": "include", "all": True, "excluding": ids[:3], "as_of": attribute(page, "data-as-of")}
    store.pull("products")
    store.preview("products")
    told = ann.send(f"{LIST}?status=new", {**body, "expected": 65})
    assert told.status_code == 409
    assert "The list has 66 records now, and 65 were expected." in told.text
    assert store.value("SELECT count(*) FROM selection.sync_selective_config") == 0
    answer = ann.send(f"{LIST}?status=new", {**body, "expected": 66})
    assert "62 records are included." in answer.text
    assert ">Late</a>" in answer.text
    decided = {r.external_id for r in store.rows("SELECT external_id FROM selection.sync_selective_config")}
    assert decided == store.table("products", "new") - set(ids[:3]) - {max(store.table("products", "new"), key=int)}


def test_warnings_are_found_and_decided_as_they_are_shown(ann: Browser, store: Shop) -> None:
    store.store.add_product(name="Twin", sku="H-{{ ")
    store.pull("products")
    store.preview("products")
    page = ann.get(LIST, params={"warned": "1"}).text
    warned = rows(page)
    counted = int(attribute(page, "data-differ"))
    assert 0 < len(warned) == counted < 66
    body = {"decision": "ignore", "all": True, "as_of": attribute(page, "data-as-of"), "expected": counted}
    assert f"{counted} records are ignored." in ann.send(f"{LIST}?warned=1", body).text
    decided = {r.external_id for r in store.rows("SELECT external_id FROM selection.sync_selective_config")}
    assert decided == set(warned)


def test_an_agent_proposes_and_a_viewer_only_looks(api: Served, store: Shop) -> None:
    agent, viewer = browser(api).as_(store.org, "agent"), browser(api).as_(store.org, "viewer")
    page = agent.get(LIST).text
    [(one, version), *_] = rows(page).items()
    answer = agent.send(LIST, {"decision": "include", "seen": {one: version}})
    assert "1 record is proposed." in answer.text
    assert [tuple(r) for r in store.rows("SELECT draft FROM selection.sync_selective_config")] == [(True,)]
    assert agent.send(LIST, {"decision": "include", "seen": {one: version}, "replace": True}).status_code == 403
    looked = viewer.get(LIST).text
    assert "data-decide" not in looked
    assert "Viewers cannot include. Ask an admin of acme." in looked
    assert viewer.send(LIST, {"decision": "include", "seen": {one: version}}).status_code == 403


def test_agents_propose_and_people_include(api: Served, ann: Browser, store: Shop) -> None:
    """In the list, on the record's page and in its history, a draft too."""
    agent = browser(api).as_(store.org, "agent")
    ids = dict(list(rows(agent.get(LIST).text).items())[:3])
    one, two, three = ids
    agent.send(LIST, {"decision": "include", "seen": {one: ids[one]}})
    agent.send(LIST, {"decision": "ignore", "seen": {two: ids[two]}})
    stream = store.connection.source.stream("products")
    select.select(store.db, store.connection, stream, ids=[three], include=True, actor="ann", draft=True)
    listed = words(ann.get(LIST).text)
    assert listed.count("proposed by token:") == 2
    assert "waits for a plan · ann" in listed
    for record, said, event in (
        (one, "proposed by token:", "Proposed by token:"),
        (two, "proposed by token:", "Ignoring proposed by token:"),
        (three, "waits for a plan · ann", "Included by ann"),
    ):
        page = words(ann.get(f"{LIST}/{record}").text)
        assert said in page
        assert event in words(ann.get(f"{LIST}/{record}?tab=events").text)


def test_every_page_and_action_is_open_to_exactly_the_roles_with_its_right(api: Served, store: Shop) -> None:
    there: dict[str, Right | None] = {}
    for route in (one for router in routers() for one in router.routes):
        assert isinstance(route, PageRoute)
        needed = [NEEDED[need.call] for need in needs(route.dependant) if need.call in NEEDED]
        for name in (f"{method} {route.path}" for method in route.methods or ()):
            if name not in OPEN:
                there[name] = needed[0] if needed else None
    assert there == PAGES
    one = next(iter(store.table("products", "new")))
    place = {"org": "acme", "connection": "shop", "entity": "products", "external_id:path": one}
    store.server.faults.poison("products", one)
    store.pull("products", full=True)
    place["quarantine_id"] = str(store.value("SELECT quarantine_id FROM capture.sync_quarantine"))
    person = users.add_user(store.db, store.org, "bo@acme.example", "x" * 12, "viewer", actor="test")
    place["user_id"] = str(person.user_id)
    stream = store.connection.source.stream("products")
    promote_some(store, sorted(store.table("products", "new"), key=int)[-1:])
    place |= {"plan_id": str(select.plans(store.db, store.org)[0][0].plan_id), "action": "retry"}
    with store.db.org(store.org.org_id) as conn:
        gate = gates.open_gate(
            conn, gates.by_name("destructive_migration"), subject="x", values={"target": "x", "lost": "y"}
        )
    place["decision_id"] = str(gate)
    agent = tokens.add_token(store.db, store.org, "agent", actor="test")
    limits = approve.Limits(connections=["shop"], entities=["products"], max_plan=1, max_day=1, max_share=Decimal(1))
    granted = approve.add_policy(
        store.db, store.org, agent.token_id, limits, holds=timedelta(days=1), by=Party("ann", "command")
    )
    place["policy_id"] = str(granted.policy_id)
    kept, _, _ = validation.validate(store.db, store.settings, store.org, by="test")
    place["validation_id"] = str(kept.validation_id)
    for name, right in ((one, PAGES[one]) for one in PAGES if one not in STREAMS):
        method, path = name.split(" ")
        for role in (role for role, rights in RIGHTS.items() if Right.READ in rights):
            someone = browser(api).as_(store.org, role)
            asked = observe.create_request(store.db, store.org, "pull", actor="test", connection="shop")
            place["request_id"] = str(asked.request_id)
            place["token_id"] = str(tokens.add_token(store.db, store.org, "viewer", actor="test").token_id)
            place["rule_id"] = str(select.add_rule(store.db, store.connection, stream, kind="include_new", actor="t"))
            if "{view_id}" in path:
                actor = Party.of(tokens.authenticate(store.db, someone.token(store.org, role)), "explorer")
                view = preview.RecordView(status="new")
                saved = preview.save_view(store.db, store.connection, stream, f"of {role}", view, actor=actor)
                place["view_id"] = str(saved.view_id)
            address = re.sub(r"{([^}]+)}", lambda found: place[found[1]], path)
            body = {"decision": "ignore", "seen": {one: "another"}}
            if name in FORMS:
                fields = {field: value.format(role=role) for field, value in FORMS[name].items()}
                answer = someone.form(f"{address}?status=new", **fields)
            else:
                answer = someone.send(address, body) if method == "POST" else someone.get(address)
            allowed = right is None or right in RIGHTS[role]
            assert (answer.status_code == 403) == (not allowed), (name, role, answer.text)
            done = answer.status_code < 400 or (name in OF_PEOPLE and answer.status_code == 404)
            # An action that is allowed may be refused for what it was sent.
            refused = method == "POST" and answer.status_code in (400, 409)
            assert done or refused or not allowed, (name, role, answer.text)


def test_nothing_of_another_organization_is_found(api: Served, store: Shop) -> None:
    globex = connect.add_organization(api.db, "globex", "Globex")
    bo = browser(api).as_(globex, "admin")
    one = next(iter(store.table("products", "new")))
    pages = [
        f"/ui/acme/shop{page}"
        for page in ("", "/quarantine", "/quarantine/1", "/history", "/configuration", "/settings")
    ]
    for path in (LIST, f"{LIST}/{one}", f"/ui/acme/shop/raw/products/{one}", *pages):
        assert bo.get(path).status_code == 404
        theirs = bo.get(path.replace("/acme/", "/globex/"))
        assert theirs.status_code == 404
        assert "data-id" not in theirs.text
        assert "There is no connection “shop”." in theirs.text
    assert bo.send(LIST, {"decision": "include", "all": True}).status_code == 404
    assert store.value("SELECT count(*) FROM selection.sync_selective_config") == 0


def test_hostile_names_are_text_on_every_page(ann: Browser, store: Shop) -> None:
    store.store.add_product(name="x" * 1_000_000, sku="LONG")
    store.pull("products")
    store.preview("products")
    for search in ("H-", "LONG"):
        listed = ann.get(LIST, params={"q": search})
        ids = list(rows(listed.text))
        assert ids
        for path in (LIST, *(f"{LIST}/{one}{tab}" for one in ids for tab in ("", "?tab=raw", "?tab=versions",
            "?tab=core", "?tab=related", "?tab=events"))):  # fmt: skip
            page = ann.get(path, params={"q": search} if path == LIST else None)
            assert page.status_code == 200, path
            for forbidden in ("<script>alert", "<img src=x", "\u202e", "\u200b"):
                assert forbidden not in page.text, path
            assert len(page.text) < 60_000, path
    shown = ann.get(LIST, params={"q": "H-"}).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "⟨U+202E⟩gnp.exe" in shown
    assert "{{ 7 * 7 }}" in shown


def test_a_record_shows_core_now_and_after_its_versions_and_what_happened(ann: Browser, store: Shop) -> None:
    one = min(store.table("products", "new"), key=int)
    page = ann.get(f"{LIST}/{one}").text
    assert "<td>–</td>" in page
    promote_some(store, [one])
    store.store.update("products", int(one), regular_price="12.50", name="Renamed")
    store.pull("products")
    store.preview("products")
    page = ann.get(f"{LIST}/{one}").text
    price = r'<th scope="row">Regular price</th><td class="was">.*?[\d.]+</span></td><td class="will">.*?12.50</span>'
    assert re.search(price, page)
    assert '<td class="will">Renamed</td>' in page
    versions = ann.get(f"{LIST}/{one}?tab=versions&from=1&to=2").text
    assert re.search(r'<th scope="row">name</th><td class="was">[^<]+</td><td class="will">Renamed</td>', versions)
    core = ann.get(f"{LIST}/{one}?tab=core").text
    assert "core.products" in core
    events = ann.get(f"{LIST}/{one}?tab=events").text
    assert re.findall(r'grow"><strong>(\w+)</strong>', events) == [
        "Captured", "Promoted", "Included", "Captured"
    ]  # fmt: skip
    assert "by eve" in events
    assert ann.get(f"{LIST}/no-such-record").status_code == 404
    assert ann.get(f"{LIST}/{one}?tab=versions&from=1&to=9").status_code == 404


def test_a_record_names_what_hangs_on_it_and_what_it_hangs_on(ann: Browser, store: Shop) -> None:
    store.pull("orders")
    store.preview("orders")
    order = store.rows(
        "SELECT external_id, parent_id, code FROM capture.sync_record WHERE entity_type = 'order' "
        "AND parent_id IN (SELECT external_id FROM capture.sync_record WHERE entity_type = 'customer') LIMIT 1"
    )[0]
    customer = ann.get(f"/ui/acme/shop/data/customers/{order.parent_id}?tab=related").text
    assert f'href="/ui/acme/shop/data/orders/{order.external_id}"' in customer
    back = ann.get(f"/ui/acme/shop/data/orders/{order.external_id}?tab=related").text
    assert f'href="/ui/acme/shop/data/customers/{order.parent_id}"' in back


def test_a_warning_says_what_to_do(ann: Browser, store: Shop) -> None:
    for _ in range(2):
        store.store.add_product(name="Twin", sku="TWIN")
    store.pull("products")
    store.preview("products")
    [_, second] = rows(ann.get(LIST, params={"q": "TWIN"}).text)
    page = ann.get(f"{LIST}/{second}").text
    assert "▲ Its SKU TWIN belongs to" in page
    assert "Give one of them another SKU in the store." in page


def test_json_keeps_every_digit_and_is_saved_as_it_is(ann: Browser, store: Shop) -> None:
    exact = '{"id": 900, "n": 12345678901234567890.1234567890, "name": "a\u202eb"}'
    store.rows(
        "UPDATE capture.sync_record SET sync_data = %(exact)s::jsonb WHERE external_id = %(one)s RETURNING 1",
        exact=exact,
        one=min(store.table("products", "new"), key=int),
    )
    one = min(store.table("products", "new"), key=int)
    saved = ann.get(f"/ui/acme/shop/raw/products/{one}")
    assert saved.headers["content-disposition"] == f'attachment; filename="products-{one}.json"'
    assert "12345678901234567890.1234567890" in saved.text
    assert json.loads(saved.text)["name"] == "a\u202eb"
    looked = ann.get(f"/ui/acme/shop/raw/products/{one}", headers={"X-Fragment": "1"})
    assert "a⟨U+202E⟩b" in looked.text


@pytest.mark.parametrize(
    "query", ["status=great", "choice=perhaps", "sort=price", "sort=name:up", "after=" + "x" * 300, "tab=secrets"]
)
def test_an_unknown_filter_says_so(ann: Browser, store: Shop, query: str) -> None:
    one = next(iter(store.table("products", "new")))
    answer = ann.get(f"{LIST}/{one}?{query}" if query.startswith("tab") else f"{LIST}?{query}")
    assert answer.status_code == 400
    assert "That did not work" in answer.text


def test_a_click_costs_few_bytes_also_where_all_is_decided_and_warned(ann: Browser, store: Shop) -> None:
    stream = store.connection.source.stream("products")
    why = "for the fair in spring, as the buyers asked"
    select.select(store.db, store.connection, stream, everything=True, include=True, actor="ann@acme.example", why=why)
    warning = '[{"code": "unreadable_price", "message": "regular_price is no number: 12,50 EUR"}]'
    store.rows("UPDATE preview.difference SET warnings = %(w)s::jsonb RETURNING 1", w=warning)
    page = ann.get(LIST, headers={"X-Fragment": "1"})
    assert (page.text.count("▲</span>"), page.text.count(f'title="{why[:40]}…"')) == (50, 50)
    assert len(page.content) <= 40_000
