"""Plans in the Explorer: what is shown, what each role can do, and what happens when others were first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event

from sandbox.woocommerce import Store, seed
from sync_pipeline import gates
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import Conflict, StalePlan, Unauthenticated
from sync_pipeline.gates.causes.currency_conflict import CAUSE as CURRENCY_CONFLICT
from sync_pipeline.gates.causes.mass_deletion import CAUSE as MASS_DELETION
from sync_pipeline.steps import capture, connect, observe, preview, promote, select
from sync_pipeline.steps.connect import tokens
from sync_pipeline.steps.observe.heartbeat import record_heartbeat
from sync_pipeline.steps.select import Plan
from sync_pipeline_tests.captured import Clock, captured_once
from sync_pipeline_tests.explored import Browser, browser
from sync_pipeline_tests.explored import words as text_of
from sync_pipeline_tests.served import Served
from sync_pipeline_tests.stores import Shop, shop

PLANS = "/ui/acme/plans"
LIST = "/ui/acme/shop/data/products"
HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "\u202egnp.exe", "x" * 300_000)


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=40, variable=0, customers=3, orders=0)
    for number, name in enumerate(HOSTILE):
        made.add_product(name=name, sku=f"QX-{number}")
    return made


def capture_all(opened: Shop) -> None:
    opened.pull("products", "customers")
    opened.preview("products")
    opened.preview("customers")


template = captured_once(shop, fill, capture_all)


@pytest.fixture
def ann(api: Served, store: Shop) -> Browser:
    return browser(api).as_(store.org, "operator")


def include(store: Shop, ids: list[str] | None = None, entity: str = "products", actor: str = "eve") -> None:
    """Include records as drafts, which no sensor takes."""
    stream = store.connection.source.stream(entity)
    which: select.Which = {"ids": ids} if ids is not None else {"everything": True}
    select.select(store.db, store.connection, stream, include=True, actor=actor, draft=True, why="spring", **which)


def planned(store: Shop, ids: list[str] | None = None, actor: str = "eve") -> Plan:
    include(store, ids, actor=actor)
    made = select.make_plan(store.db, store.org, actor=actor)
    assert made is not None
    return made


def some(store: Shop, count: int) -> list[str]:
    return sorted(store.table("products", "new"), key=int)[:count]


def change(store: Shop, external_id: str, **fields: Any) -> None:
    store.store.update("products", int(external_id), **fields)
    store.pull("products")
    store.preview("products")


def work(store: Shop, plan: Plan | UUID) -> None:
    """What a run does."""
    promote.apply(store.db, store.org.org_id, plan.plan_id if isinstance(plan, Plan) else plan, actor="run")


def at(plan: Plan) -> str:
    return f"{PLANS}/{plan.plan_id}"


def test_an_application_whose_process_is_gone_goes_on_with_a_click(ann: Browser, store: Shop) -> None:
    plan = planned(store, some(store, 3))
    queue = promote.start(store.db, store.org.org_id, plan.plan_id, actor="eve")
    record_heartbeat(store.db)
    assert "Go on" not in ann.get(at(plan)).text
    with store.db.org(store.org.org_id) as conn:
        conn.exec_driver_sql("UPDATE promote.sync_queue SET started_at = now() - interval '1 minute'")
    shown = text_of(ann.get(at(plan)).text)
    assert "It stopped before it was done: whatever applied it is gone." in shown
    assert "stopped; applying the plan again goes on with it" in shown
    for _ in range(2):
        assert ann.form(f"{at(plan)}/apply", hash=plan.hash).status_code == 303
    assert "Go on" not in ann.get(at(plan)).text, "Dagster was asked"
    assert store.value("SELECT parameters ->> 'plan' FROM observe.request") == str(plan.plan_id)
    work(store, plan)
    assert promote.status(store.db, store.org.org_id, queue).state == "done"


def test_a_plan_says_which_decision_holds_its_records_back(ann: Browser, store: Shop) -> None:
    plan = planned(store, some(store, 3))
    assert "holds back" not in ann.get(at(plan)).text
    number = gate(store, blocks=["product"])
    assert f"Decision {number} holds back 3 records: they are not promoted" in text_of(ann.get(at(plan)).text)


def test_a_store_is_disconnected_and_connected_again_where_it_was(api: Served, store: Shop) -> None:
    admin, here = browser(api).as_(store.org, "admin"), "/ui/acme/shop/configuration"
    plan = planned(store, some(store, 2))
    held = admin.form(f"{here}/disconnect", why="it closes")
    assert (held.status_code, str(plan.plan_id)[:8] in held.text) == (409, True)
    work(store, plan)
    plugin = tokens.add_token(store.db, store.org, "plugin", connection=store.connection, actor="test").plain
    waits = observe.create_request(store.db, store.org, "pull", actor="eve", connection="shop").request_id
    gate(store)
    before = store.value("SELECT count(*) FROM core.products"), store.value("SELECT count(*) FROM capture.sync_record")
    assert admin.form(f"{here}/disconnect", why="it closes").headers["location"] == "/ui/acme/connect"
    assert admin.get(here).status_code == 404
    assert store.server.url in admin.get("/ui/acme/connect").text
    assert store.value("SELECT octet_length(credentials) FROM connect.integration_connector") == 0
    with pytest.raises(Unauthenticated):
        tokens.authenticate(store.db, plugin)
    assert observe.request(store.db, store.org, waits).error == "token:1 disconnected shop."
    assert "No decision waits" in admin.get("/ui/acme/decisions").text
    why = "SELECT detail ->> 'why' FROM observe.sync_activity WHERE event = 'connect.disconnected'"
    assert store.value(why) == "it closes"
    again = {"provider": "woocommerce", "name": "shop", "store_url": store.server.url, "consumer_key": store.server.key}
    other = admin.form("/ui/acme/connect", **{**again, "store_url": "http://127.0.0.1:1", "consumer_secret": "cs_x"})
    assert (other.status_code, "is kept for" in other.text) == (400, True)
    assert admin.form("/ui/acme/connect", **again, consumer_secret=store.server.secret).status_code == 303
    assert (store.value("SELECT count(*) FROM core.products"), len(store.ids("products"))) == (2, 45)
    assert before == (2, store.value("SELECT count(*) FROM capture.sync_record"))
    with capture.session(store.db, store.settings, connect.connection(store.db, store.org, "shop")) as session:
        assert session.pull(store.connection.source.stream("products")).closed


# What each action of a plan's page sends.
FORMS = ("approve", "apply", "refuse", "undo", "replace", "queue/retry", "queue/cancel", "queue/force-done")


def act(someone: Browser, plan: Plan, action: str, org: str = "acme") -> int:
    """The answer to an action's form."""
    fields = {"approve": {"hash": plan.hash}, "apply": {"hash": plan.hash}, "undo": {"why": "x"}}.get(action, {})
    return someone.form(f"/ui/{org}/plans/{plan.plan_id}/{action}", **fields).status_code


def state(store: Shop, plan: Plan) -> str:
    return select.plan(store.db, store.org, plan.plan_id).state


def only_plan(store: Shop) -> Plan:
    [plan], count = select.plans(store.db, store.org)
    assert count == 1
    return plan


def without_ages(html: str) -> str:
    """A page without what the clock and the log write into it."""
    main = html[html.index("<main") : html.index("</main>")]
    return re.sub(r"\d+ (?:s|min) ago|request [0-9a-f]+", "", main)


def told(html: str) -> str:
    """What the page says of the plan now."""
    return re.sub(r"<[^>]+>|\s+", " ", re.findall(r'<p role="status">(.*?)</p>', html, re.DOTALL)[0]).strip()


def test_from_the_data_page_a_plan_is_made_once_and_shown_again(ann: Browser, store: Shop) -> None:
    include(store, some(store, 12))
    page = ann.get(LIST).text
    assert "Review plan (12)" in page
    form = {"connection": "shop", "entity": "products"}
    first = ann.form(PLANS, **form)
    assert first.status_code == 303
    shown = ann.get(first.headers["location"]).text
    plan = only_plan(store)
    assert plan.hash in shown
    assert "“spring”" in shown
    assert told(shown) == "It waits for approval. Nothing is promoted before that."
    assert shown.count('<details class="planned">') == 12
    assert ann.form(PLANS, **form).headers["location"] == first.headers["location"]
    assert only_plan(store).plan_id == plan.plan_id
    # A part of what is included is another plan.
    include(store, some(store, 13))
    assert ann.form(PLANS, **form).headers["location"] != first.headers["location"]


def test_the_button_counts_what_is_included_whatever_is_looked_for(ann: Browser, store: Shop) -> None:
    include(store, some(store, 12))
    for query in ("?q=QX-", "?status=updated", "?choice=ignore", "?warned=1"):
        assert "Review plan (12)" in ann.get(LIST + query).text, query
    proposed = some(store, 15)[12:]
    include(store, proposed, actor="agent-7")
    records = [(store.connection.connection_id, "product", one) for one in proposed]
    agents = select.make_plan(store.db, store.org, actor="agent-7", records=records)
    assert agents is not None
    assert "Review plan (12)" in ann.get(LIST).text, "three wait in the plan of somebody else"
    ann.form(PLANS, connection="shop", entity="products")
    bo = browser(ann.api).as_(store.org, "admin")
    assert re.search(r">Review plan</button>", bo.get(LIST).text), "all wait in plans of others"
    shown = bo.form(PLANS, connection="shop", entity="products").headers["location"]
    assert shown.startswith(PLANS)
    assert shown != at(agents), "the newest is shown"
    include(store)
    nothing = ann.get(f"{LIST}?choice=undecided").text
    assert "Nothing waits" in nothing
    assert "45 included, 0 ignored." in nothing
    assert ">Review the plan</button>" in nothing
    viewer = browser(ann.api).as_(store.org, "viewer")
    assert "Review plan" not in viewer.get(LIST).text


def test_what_a_new_plan_would_hold_is_what_it_holds(ann: Browser, store: Shop) -> None:
    ids = some(store, 20)
    work(store, planned(store, ids[:6]))
    store.preview("products")
    store.store.update("products", int(ids[0]), name="Renamed")
    store.store.delete("products", int(ids[1]))
    store.pull("products")
    store.preview("products")
    agent = planned(store, ids[10:13], actor="agent")
    include(store, [ids[0], ids[1], *ids[6:9]])
    include(store, entity="customers")
    for actor in ("ann", "agent"):
        for waiting in (True, False):
            kinds = select.included(store.db, store.org, actor=actor, waiting=waiting)
            made = select.make_plan(store.db, store.org, actor=actor, waiting=waiting)
            assert made is not None
            found = select.plan_kinds(store.db, store.org, made.plan_id)
            assert kinds == found, (actor, waiting)
    assert state(store, agent) == "proposed"


def test_the_list_says_what_waits_by_whom_and_pages_without_shifting(ann: Browser, store: Shop) -> None:
    assert "There is no plan yet" in ann.get(PLANS).text
    ids = some(store, 5)
    first = planned(store, ids[:1])
    work(store, first)
    second = planned(store, ids[1:2], actor="agent-7")
    select.refuse(store.db, store.org, second.plan_id, actor="ann", why="no")
    third = planned(store, ids[2:4])
    page = ann.get(PLANS).text
    assert [one[:8] for one in re.findall(r'<span class="mono">(\w+)</span>', page)] == [
        str(plan.plan_id)[:8] for plan in (third, second, first)
    ]
    for words in ("○ waits for approval", "✕ refused", "✓ applied", "agent-7 · on the command line"):
        assert words in page
    assert "Nothing waits for a new plan." in page, "they wait in the plan of somebody else"
    include(store, ids[4:])
    page = ann.get(PLANS).text
    assert "1 record waits for a plan" in page
    for query, plan in (("state=proposed", third), ("state=refused", second), ("state=applied", first)):
        assert re.findall(r'class="plan-row" href="[^"]+/([^"/]+)"', ann.get(f"{PLANS}?{query}").text) == [
            str(plan.plan_id)
        ]
    older, more = select.browse_plans(store.db, store.org, after=third.plan_id, size=1)
    assert ([row.plan.plan_id for row in older], more) == ([second.plan_id], True)
    assert "No plan is like that" in ann.get(f"{PLANS}?state=undone").text


def test_a_plan_is_read_entity_by_entity_deletions_first_and_searched(ann: Browser, store: Shop) -> None:
    ids = some(store, 44)
    work(store, planned(store, ids[:3]))
    store.preview("products")
    store.store.update("products", int(ids[0]), name="Renamed", regular_price="12.50")
    store.store.delete("products", int(ids[1]))
    store.pull("products")
    store.preview("products")
    include(store, entity="customers")
    plan = planned(store, [ids[0], ids[1], *ids[3:]])
    html = ann.get(at(plan)).text
    headings = re.findall(r"<h2 class=\"kind\">([^<]+)</h2>|<h3 class=\"\w+\">([^<]+)</h3>", html)
    assert [one or other for one, other in headings] == [
        "shop · Customers", "+ created in core", "shop · Products", "− deleted in core", "~ updated in core",
        "+ created in core",
    ]  # fmt: skip
    assert re.search(r'<th scope="row">name</th><td class="was">[^<]+</td><td class="will">Renamed</td>', html)
    assert "Its core row is marked deleted; the row and its history stay." in html
    assert re.search(r'<th scope="row">Regular price</th><td class="will">', html)
    assert f'href="{LIST}/{ids[0]}"' in html
    assert f"1–25 of {plan.items}" in html
    # Every line once, page by page.
    seen: list[str] = []
    address: str | None = at(plan)
    while address:
        html = ann.get(address).text
        seen += re.findall(r'href="(/ui/acme/shop/data/[^"]+)">Open the record', html)
        following = re.search(r'rel="next" href="([^"]+)"', html)
        address = unescape(following[1]) if following else None
    assert len(seen) == len(set(seen)) == plan.items
    customers = len(store.table("customers", "new"))
    for query, count in (
        ("action=delete", 1), ("action=update&entity=shop/products", 1), ("entity=shop/customers", customers),
        ("q=renamed", 1), ("q=qx-1", 1), ("q=nothing at all", 0),
    ):  # fmt: skip
        page = ann.get(f"{at(plan)}?{query}")
        assert page.text.count('<details class="planned">') == count, query
    assert "Nothing in this plan is called “nothing at all”" in page.text
    assert f'href="{LIST}/{ids[9]}">Open' in ann.get(f"{at(plan)}?q={ids[9]}").text
    assert ann.get(f"{at(plan)}?entity=shop/orders").status_code == 400
    assert ann.get(f"{at(plan)}?action=destroy").status_code == 400


def test_hostile_names_are_text_and_large_values_are_cut(ann: Browser, store: Shop) -> None:
    ids = sorted(store.table("products", "new"), key=int)[-len(HOSTILE) :]
    plan = planned(store, ids)
    html = ann.get(at(plan)).text
    for forbidden in ("<script>alert", "<img src=x", "\u202e"):
        assert forbidden not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert len(html) < 60_000
    work(store, plan)
    for number, one in enumerate(ids):
        store.store.update("products", int(one), name=HOSTILE[number] + "!", description="y" * 300_000)
    store.pull("products")
    store.preview("products")
    plan = planned(store, ids)
    html = ann.get(at(plan)).text
    assert "<script>alert" not in html
    assert len(html) < 60_000
    work(store, plan)
    undo = ann.get(f"{at(plan)}/undo").text
    assert "<script>alert" not in undo
    assert len(undo) < 60_000


def test_approve_then_apply_then_undo_and_each_page_says_what_is(ann: Browser, store: Shop) -> None:
    plan = planned(store, some(store, 12))
    assert ann.form(f"{at(plan)}/approve", hash=plan.hash).headers["location"] == at(plan)
    html = ann.get(at(plan)).text
    assert told(html).startswith("It is approved by token:")
    assert ann.form(f"{at(plan)}/apply", hash=plan.hash).status_code == 303
    html = ann.get(at(plan)).text
    assert told(html).startswith("It waits for Dagster , which does not answer.")
    record_heartbeat(store.db)
    html = ann.get(at(plan)).text
    assert told(html) == "It begins within seconds."
    queue = select.plan(store.db, store.org, plan.plan_id).queue
    assert f'<div data-live="queue:{queue}"><progress value="0" max="12"' in html
    assert store.rows("SELECT kind, state FROM observe.request") == [("promote", "waiting")]
    work(store, plan)
    html = ann.get(at(plan)).text
    assert told(html) == "It is applied. 12 of 12 are in core."
    assert f'href="{at(plan)}/undo"' in html
    undo = ann.get(f"{at(plan)}/undo").text
    assert "12 leave core" in undo
    assert undo.count("leaves core") == 12
    assert store.value("SELECT count(*) FROM core.products") == 12, "looking undoes nothing"
    assert "<p>why is missing</p>" in ann.form(f"{at(plan)}/undo").text
    assert store.value("SELECT count(*) FROM core.products") == 12, "an undo needs a reason"
    assert ann.form(f"{at(plan)}/undo", why="the wrong range").status_code == 303
    html = ann.get(at(plan)).text
    assert told(html).startswith("Its promotion was undone: core is as it was before")
    assert "“the wrong range”" in html
    assert store.value("SELECT count(*) FROM core.products") == 0
    happened = re.findall(r'class="grow"><strong>([^<]+)</strong>', html)
    assert happened == ["Made", "Approved", "Application requested", "Applied:", "Undone"]
    assert "It is undone already" in ann.get(f"{at(plan)}/undo").text


def test_an_approved_plan_whose_records_changed_says_that_it_cannot_be_applied(ann: Browser, store: Shop) -> None:
    ids = some(store, 2)
    plan = planned(store, ids)
    assert ann.form(f"{at(plan)}/approve", hash=plan.hash).status_code == 303
    change(store, ids[0], name="Quite another name")
    html = ann.get(at(plan)).text
    assert re.fullmatch(r"It was approved by token:\d+ \d+ s ago, and cannot be applied: 1 of its 2 .*\.", told(html))
    assert "Apply it to change core" not in html
    assert ">Apply</button>" not in html


def test_what_is_clicked_on_an_old_page_is_answered_by_the_page_as_it_is_now(ann: Browser, store: Shop) -> None:
    plan = planned(store, some(store, 1))
    assert ann.form(f"{at(plan)}/apply", hash=plan.hash).status_code == 303
    record_heartbeat(store.db)
    late = ann.form(f"{at(plan)}/refuse", why="too late")
    assert (late.status_code, late.headers["x-instead"]) == (409, "page")
    assert "The plan was not refused: it is being applied already." in late.text
    assert told(late.text) == "It begins within seconds."
    assert "It waits for approval" not in late.text
    work(store, plan)
    assert "The plan was not refused: it is applied already." in ann.form(f"{at(plan)}/refuse").text


def test_approve_and_apply_in_one(ann: Browser, store: Shop) -> None:
    plan = planned(store, some(store, 2))
    assert ">Approve and apply</button>" in ann.get(at(plan)).text
    assert ann.form(f"{at(plan)}/apply", hash=plan.hash).status_code == 303
    assert state(store, plan) == "approved"
    work(store, plan)
    assert store.value("SELECT count(*) FROM core.products") == 2


@pytest.mark.parametrize("action", ["approve", "apply"])
def test_another_hash_than_the_one_that_was_shown_is_a_conflict(ann: Browser, store: Shop, action: str) -> None:
    plan = planned(store, some(store, 2))
    answer = ann.form(f"{at(plan)}/{action}", hash="0" * 64)
    assert answer.status_code == 409
    assert "The plan has a different hash." in answer.text
    assert ann.form(f"{at(plan)}/{action}", hash="no hash").status_code == 400
    assert ann.form(f"{at(plan)}/{action}").status_code == 400
    assert state(store, plan) == "proposed"


@pytest.mark.parametrize("action", ["approve", "apply"])
def test_a_record_that_changes_between_looking_and_approving_stops_it(ann: Browser, store: Shop, action: str) -> None:
    ids = some(store, 4)
    plan = planned(store, ids)
    looked = ann.get(at(plan)).text
    assert "changed since" not in looked
    change(store, ids[1], name="Quite another name")
    answer = ann.form(f"{at(plan)}/{action}", hash=plan.hash)
    assert answer.status_code == 409
    assert state(store, plan) == "proposed"
    html = ann.get(at(plan)).text
    assert without_ages(answer.text) == without_ages(html), "what was refused shows what is so now"
    assert "▲ 1 of 4 changed since" in html
    assert "it changed in the store" in html
    assert f'href="/ui/acme/shop/data/product/{ids[1]}"' in html
    assert ann.get(f"/ui/acme/shop/data/product/{ids[1]}").status_code == 200, "the link leads to the record"
    assert ">Approve" not in html
    made = ann.form(f"{at(plan)}/replace")
    assert made.status_code == 303
    html = ann.get(made.headers["location"]).text
    assert html.count('<details class="planned">') == 3
    assert f'href="{made.headers["location"]}">a new plan of what has not changed' in ann.get(at(plan)).text
    assert state(store, plan) == "refused"
    html = ann.get(at(plan)).text
    assert told(html) == "It was replaced by another plan and is never applied."
    assert ("✕ replaced" in html, "✕ refused" in html) == (True, False)
    assert store.table("products", "new") >= {ids[1]}
    rest = select.plan(store.db, store.org, made.headers["location"].rsplit("/", 1)[1])
    ann.form(f"{PLANS}/{rest.plan_id}/apply", hash=rest.hash)
    work(store, rest)
    assert store.value("SELECT count(*) FROM core.products") == 3


def test_a_new_plan_of_the_rest_holds_what_an_agent_proposed(ann: Browser, api: Served, store: Shop) -> None:
    ids = some(store, 3)
    plan = planned(store, ids, actor="agent-7")
    change(store, ids[0], name="Another")
    agent = browser(api).as_(store.org, "agent")
    assert "New plan with the rest" not in agent.get(at(plan)).text
    assert agent.form(f"{at(plan)}/replace").status_code == 403
    made = ann.form(f"{at(plan)}/replace").headers["location"]
    assert ann.get(made).text.count('<details class="planned">') == 2
    for one in ids[1:]:
        change(store, one, name="Also another")
    answer = ann.form(f"{made}/replace")
    assert answer.status_code == 409
    assert "Nothing of this plan is left to plan" in answer.text
    assert select.plan(store.db, store.org, made.rsplit("/", 1)[1]).state == "proposed", "nothing was changed"


def test_two_operators_and_one_plan(ann: Browser, api: Served, store: Shop) -> None:
    bo = browser(api).as_(store.org, "admin")
    ids = some(store, 3)
    refused = planned(store, ids[:1])
    for one in (ann, bo):
        assert ">Refuse the plan</button>" in one.get(at(refused)).text
    assert bo.form(f"{at(refused)}/refuse", why="old stock").status_code == 303
    for action in ("approve", "apply"):
        late = ann.form(f"{at(refused)}/{action}", hash=refused.hash)
        assert late.status_code == 409
        assert "refused" in late.text
    assert "“old stock”" in ann.get(at(refused)).text
    assert ann.form(f"{at(refused)}/refuse").status_code == 303, "it is what was wanted"
    applied = planned(store, ids[1:2])
    for one in (ann, bo):
        assert one.form(f"{at(applied)}/approve", hash=applied.hash).status_code == 303
        assert one.form(f"{at(applied)}/apply", hash=applied.hash).status_code == 303
    assert store.value("SELECT count(*) FROM promote.sync_queue") == 1
    assert store.value("SELECT count(*) FROM observe.request") == 1
    late = bo.form(f"{at(applied)}/refuse")
    assert late.status_code == 409
    work(store, applied)
    assert store.value("SELECT count(*) FROM core.products") == 1


def test_a_queue_is_cancelled_retried_and_closed(ann: Browser, store: Shop) -> None:
    ids = some(store, 3)
    plan = planned(store, ids)
    assert ann.form(f"{at(plan)}/queue/cancel").status_code == 409
    ann.form(f"{at(plan)}/apply", hash=plan.hash)
    assert ">Cancel what is not done</button>" in ann.get(at(plan)).text
    ann.form(f"{at(plan)}/queue/cancel")
    html = ann.get(at(plan)).text
    assert told(html).startswith("It was cancelled. 0 of 3 are in core, 3 were not done.")
    # One fails with its reason, is retried, and is closed by hand.
    store.rows("UPDATE capture.sync_record SET sync_data = sync_data || '{\"regular_price\": \"twelve\"}' "
               "WHERE external_id = %(one)s RETURNING 1", one=ids[0])  # fmt: skip
    plan = planned(store, ids)
    ann.form(f"{at(plan)}/apply", hash=plan.hash)
    work(store, plan)
    html = ann.get(at(plan)).text
    assert told(html) == "It is applied. 2 of 3 are in core, 1 failed."
    assert "▲ 1 failed" in html
    assert "twelve" in html
    assert str(plan.plan_id)[:8] in ann.get(f"{PLANS}?failed=1").text
    assert ann.form(f"{at(plan)}/queue/retry").status_code == 303
    assert "being applied" in ann.get(at(plan)).text
    assert store.value("SELECT count(*) FROM observe.request WHERE state = 'waiting'") >= 1
    work(store, plan)
    assert ann.form(f"{at(plan)}/queue/force-done").status_code == 303
    assert "Closed as done" in ann.get(at(plan)).text
    assert store.value("SELECT state FROM promote.sync_queue ORDER BY created_at DESC LIMIT 1") == "done"
    assert ann.form(f"{at(plan)}/queue/burn").status_code == 400


def test_an_undo_that_later_plans_stand_on_names_them(ann: Browser, store: Shop) -> None:
    [one] = some(store, 1)
    first = planned(store, [one])
    work(store, first)
    store.preview("products")
    change(store, one, name="Later")
    second = planned(store, [one])
    work(store, second)
    html = ann.get(f"{at(first)}/undo").text
    assert "It cannot be undone yet" in html
    assert f'href="{at(second)}/undo"' in html
    assert "<textarea" not in html
    assert ann.form(f"{at(first)}/undo", why="x").status_code == 409
    html = ann.get(f"{at(second)}/undo").text
    assert "1 record goes back" in html
    assert re.search(r'<th scope="row">name</th><td class="was">Later</td><td class="will">[^<]+</td>', html)
    ann.form(f"{at(second)}/undo", why="x")
    assert "1 leaves core" in ann.get(f"{at(first)}/undo").text
    assert ann.get(f"{at(planned(store, some(store, 3)[1:2]))}/undo").status_code == 409


def test_a_plan_of_the_sensor_that_was_given_up_says_so(ann: Browser, store: Shop) -> None:
    ids = some(store, 2)
    stream = store.connection.source.stream("products")
    select.select(store.db, store.connection, stream, ids=ids, include=True, actor="eve")
    plan = select.make_plan(store.db, store.org, actor="selection", origin="selection")
    assert plan is not None
    html = ann.get(at(plan)).text
    assert told(html).endswith("The sensor applies it within seconds.")
    assert "by the sensor, of what was included" in html
    change(store, ids[0], name="Another")
    with pytest.raises(StalePlan):
        work(store, plan)
    html = ann.get(at(plan)).text
    assert told(html).startswith("Its records had changed, so it was given up.")
    assert "<strong>Not applied:</strong>" in html


def test_who_may_not_reads_who_may(api: Served, store: Shop) -> None:
    plan = planned(store, some(store, 2))
    for role, words in (
        ("viewer", "Viewers cannot approve. Ask an operator or an admin of acme."),
        ("agent", "You may propose; operators and admins of acme approve, refuse and apply."),
    ):
        someone = browser(api).as_(store.org, role)
        html = someone.get(at(plan)).text
        assert words in html
        assert re.findall(r'<form[^>]+action="/ui/acme/plans/[^"]+/(?:approve|apply|refuse)"', html) == []
        for action in FORMS:
            assert act(someone, plan, action) == 403, (role, action)
    assert state(store, plan) == "proposed"
    include(store, some(store, 3)[2:])
    agent = browser(api).as_(store.org, "agent")
    assert ">New plan</button>" not in agent.get(PLANS).text, "an agent plans what it proposed itself"
    mine = some(store, 4)[3]
    agent.send(LIST, {"decision": "include", "seen": {mine: version_of(agent, mine)}})
    assert ">New plan</button>" in agent.get(PLANS).text
    assert ">New plan</button>" not in browser(api).as_(store.org, "viewer").get(PLANS).text


def test_a_plan_of_another_organization_does_not_exist(api: Served, store: Shop) -> None:
    plan = planned(store, some(store, 2))
    globex = connect.add_organization(api.db, "globex", "Globex")
    bo = browser(api).as_(globex, "admin")
    theirs, none = f"/ui/globex/plans/{plan.plan_id}", f"/ui/globex/plans/{uuid4()}"
    for tail in ("", "/undo"):
        assert bo.get(at(plan) + tail).status_code == 404
        answers = [bo.get(one + tail) for one in (theirs, none)]
        assert [one.status_code for one in answers] == [404, 404]
        assert plan.hash not in answers[0].text
    for action in FORMS:
        assert act(bo, plan, action, "globex") == 404, action
    assert state(store, plan) == "proposed"
    assert bo.get("/ui/globex/plans").status_code == 200


def test_a_plan_of_twenty_thousand_records_opens_with_few_statements_and_bytes(
    ann: Browser, database: Database, store: Shop
) -> None:
    store.rows(
        "INSERT INTO capture.sync_record (org_id, connection_id, entity_type, external_id, provider, sync_data, "
        "content_hash, raw_hash, name, code, deletion_state, captured_at) SELECT r.org_id, r.connection_id, "
        "r.entity_type, (g + 900000)::text, r.provider, r.sync_data || jsonb_build_object('id', g + 900000, 'sku', "
        "'N-' || g), sha256(g::text::bytea), sha256(g::text::bytea), 'Copy ' || g, 'N-' || g, 'present', now() "
        "FROM capture.sync_record AS r CROSS JOIN generate_series(1, 20000) AS g WHERE r.external_id = %(one)s "
        "AND r.entity_type = 'product' RETURNING 1",
        one=some(store, 1)[0],
    )
    store.rows("UPDATE capture.sync_cursor SET changed_at = clock_timestamp() RETURNING 1")
    with database.org(store.org.org_id) as conn:
        conn.exec_driver_sql("ANALYZE capture.woocommerce_sync")
    store.preview("products")
    plan = planned(store)
    assert plan.items == 20_045
    statements: list[str] = []

    def counted(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", counted)
    for query in ("", "?after=19000", "?q=copy 1999", "?action=create&entity=shop/products&after=5000"):
        statements.clear()
        answer = ann.get(at(plan) + query, headers={"X-Fragment": "1"})
        assert answer.status_code == 200, (query, answer.text)
        assert len(statements) <= 22, (query, len(statements))
        assert len(answer.text) <= 70_000, (query, len(answer.text))
    event.remove(database.engine, "before_cursor_execute", counted)
    assert "11 found, 20,045 in all" in ann.get(f"{at(plan)}?q=copy 1999").text


def test_a_choice_is_undone_and_no_rule_makes_it_again(ann: Browser, api: Served, store: Shop) -> None:
    ids = some(store, 3)
    plan = planned(store, ids)
    page = ann.get(f"{LIST}/{ids[0]}").text
    assert 'data-decide="undecided">Undo the choice</button>' in page
    version = re.findall(r'data-version="([^"]+)"', page)[0]
    answer = ann.send(LIST, {"decision": "undecided", "seen": {ids[0]: version}, "why": "too early"})
    assert "<strong>1 record is undecided again.</strong>" in answer.text
    page = ann.get(f"{LIST}/{ids[0]}").text
    assert "Undo the choice" not in page
    assert re.search(r"It is undecided again: its choice was undone by token:\d+ \(operator\)|undone by ", page)
    assert "“too early”" in page
    assert select.summary(store.db, store.connection, store.connection.source.stream("products")).included == 2
    log = observe.activity(store.db, store.org).data[0]
    assert (log["event"], log["detail"]["records"], log["detail"]["why"]) == ("selection.undone", 1, "too early")
    # The plan that holds it says so, and is not applied.
    html = ann.get(at(plan)).text
    assert "its inclusion was undone by" in html
    stream = store.connection.source.stream("products")
    select.add_rule(store.db, store.connection, stream, kind="include_new", actor="ann")
    select.apply_rules(store.db, store.connection, stream)
    undecided = preview.browse(store.db, store.connection, stream, preview.RecordView(choice="undecided"))
    assert [row.external_id for row in undecided.rows] == [ids[0]]
    # What somebody else decided since stands; who may only propose takes back only what they proposed.
    agent = browser(api).as_(store.org, "agent")
    left = agent.send(LIST, {"decision": "undecided", "seen": {ids[1]: version_of(ann, ids[1])}})
    assert "0 records are undecided again." in left.text
    mine = ids[0]
    # The plan still waits: what it holds is not the agent's, who would make it good again.
    proposed = agent.send(LIST, {"decision": "include", "seen": {mine: version}}).text
    assert "0 records are proposed." in proposed
    assert "1 was decided by somebody else meanwhile" in proposed
    assert "its inclusion was undone by" in ann.get(at(plan)).text
    select.refuse(store.db, store.org, plan.plan_id, actor="ann")
    agent.send(LIST, {"decision": "include", "seen": {mine: version}})
    assert "Undo the choice" in agent.get(f"{LIST}/{mine}").text
    assert "1 record is undecided again." in agent.send(LIST, {"decision": "undecided", "seen": {mine: version}}).text


def version_of(ann: Browser, external_id: str) -> str:
    return str(re.findall(r'data-version="([^"]+)"', ann.get(f"{LIST}/{external_id}").text)[0])


def test_what_happened_to_a_record_leads_to_the_plan(ann: Browser, store: Shop) -> None:
    [one] = some(store, 1)
    plan = planned(store, [one])
    work(store, plan)
    events = ann.get(f"{LIST}/{one}?tab=events").text
    assert events.count(f'href="{at(plan)}"') == 2
    assert f'href="{at(plan)}"' in ann.get(f"{LIST}/{one}?tab=core").text
    promote.undo(store.db, store.org.org_id, plan.plan_id, actor="bo", why="no")
    assert f'href="{at(plan)}"' in ann.get(f"{LIST}/{one}?tab=events").text


def gate(store: Shop, subject: str = "products", blocks: Sequence[str] = ()) -> int:
    with store.db.org(store.org.org_id) as conn:
        return gates.open_gate(
            conn,
            MASS_DELETION,
            subject=subject,
            values={"store": "shop", "missing": 30, "known": 45, "title": "products", "share": "20%"},
            connection_id=store.connection.connection_id,
            entity_type="product",
            blocks=blocks,
            examples=some(store, 2),
            missing=30,
        )


def test_a_decision_is_read_answered_and_kept(ann: Browser, api: Served, store: Shop) -> None:
    assert "No decision waits" in ann.get("/ui/acme/decisions").text
    number = gate(store)
    address = f"/ui/acme/decisions/{number}"
    listed = ann.get("/ui/acme/decisions").text
    assert f'href="{address}"' in listed
    assert "shop no longer lists 30 of its 45 products." in listed
    assert 'title="1 wait">1</span>' in ann.get("/ui/acme").text, "the menu counts it"
    viewer = browser(api).as_(store.org, "viewer")
    looked = viewer.get(address).text
    assert '<form method="post" action="/ui/acme/decisions' not in looked
    assert "You cannot answer. Ask an operator or an admin of acme." in looked
    for role in ("viewer", "agent"):
        assert browser(api).as_(store.org, role).form(address, choose="keep", why="x").status_code == 403
    page = ann.get(address).text
    for words in (
        "at most 20% of an entity may be marked deleted", "missing from a complete list → suspected",
        "★ recommended: the safest", "Nothing is marked deleted; the records stay as they are.",
        "If the store has a fault that also hides single records", f'href="{LIST}/{some(store, 1)[0]}"',
        "the first of 30",
    ):  # fmt: skip
        assert words in page, words
    assert ann.form(address, choose="keep").status_code == 400, "why is required"
    assert ann.form(address, choose="burn", why="x").status_code == 400
    assert ann.form(address, choose="keep", why="<b>moved</b>").headers["location"] == address
    page = ann.get(address).text
    assert told(page).startswith("Keep , answered by token:")
    assert "“&lt;b&gt;moved&lt;/b&gt;”" in page
    assert ann.form(address, choose="confirm", why="x").status_code == 409
    assert "No decision waits" in ann.get("/ui/acme/decisions").text
    assert f'href="{address}"' in ann.get("/ui/acme/decisions?answered=1").text
    assert "Nothing was decided yet" in ann.get("/ui/acme/decisions?answered=1&cause=sku_conflict").text
    globex = connect.add_organization(api.db, "globex", "Globex")
    bo = browser(api).as_(globex, "admin")
    assert bo.get(f"/ui/globex/decisions/{number}").status_code == 404
    assert bo.form(f"/ui/globex/decisions/{number}", choose="keep", why="x").status_code == 404


def test_a_token_of_one_connection_sees_neither_plans_nor_decisions(api: Served, store: Shop) -> None:
    from sync_pipeline.steps.connect import tokens

    include(store, some(store, 2))
    bound = tokens.add_token(store.db, store.org, "operator", connection=store.connection, actor="test").plain
    someone = browser(api)
    assert someone.form("/ui/login", token=bound).status_code == 303
    page = someone.get(LIST).text
    assert "/ui/acme/plans" not in page
    assert "/ui/acme/decisions" not in page
    assert someone.get(PLANS).status_code == 403
    assert someone.get("/ui/acme/decisions").status_code == 403


def test_a_plan_is_replaced_once_and_a_second_click_says_by_which(ann: Browser, store: Shop) -> None:
    ids = some(store, 3)
    plan = planned(store, ids)
    change(store, ids[0], name="Another")
    made = ann.form(f"{at(plan)}/replace").headers["location"]
    late = ann.form(f"{at(plan)}/replace")
    assert late.status_code == 409
    assert f"This plan was replaced already: plan {made.rsplit('/', 1)[1]} has what had not changed." in late.text
    assert "✕ replaced" in late.text, "the plan as it is now"
    assert len(select.plans(store.db, store.org)[0]) == 2
    refused = planned(store, some(store, 4)[3:])
    select.refuse(store.db, store.org, refused.plan_id, actor="ann", why="no")
    with pytest.raises(Conflict, match="This plan was refused already"):
        select.replace_plan(store.db, store.org, refused.plan_id, actor="ann")


def test_two_who_replace_a_plan_at_the_same_moment_make_one(store: Shop) -> None:
    ids = some(store, 3)
    plan = planned(store, ids)
    change(store, ids[0], name="Another")

    def replace(_: int) -> Plan | str:
        try:
            return select.replace_plan(store.db, store.org, plan.plan_id, actor="ann")
        except Conflict as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(replace, range(4)))
    [made] = [one for one in answers if isinstance(one, Plan)]
    assert {one for one in answers if isinstance(one, str)} == {
        f"This plan was replaced already: plan {made.plan_id} has what had not changed."
    }


def test_a_plan_whose_record_another_plan_promoted_says_so_and_is_found_as_closed(ann: Browser, store: Shop) -> None:
    one, two = some(store, 2)
    first, second = planned(store, [one]), planned(store, [one], actor="bo")
    for plan in (first, second):
        promote.start(store.db, store.org.org_id, plan.plan_id, actor="eve")
    work(store, first)
    with pytest.raises(StalePlan):
        work(store, second)
    cancelled = planned(store, [two])
    queue = promote.start(store.db, store.org.org_id, cancelled.plan_id, actor="eve")
    assert_stages(ann, {"applied": [first], "applying": [cancelled], "closed": [second]})
    promote.cancel(store.db, store.org.org_id, queue, actor="ann")
    html = ann.get(at(second)).text
    assert told(html) == "It was closed: another plan promoted its record. This plan promoted nothing."
    assert "✕ closed: another plan promoted its record" in ann.get(PLANS).text
    assert "✕ cancelled" not in html
    assert_stages(ann, {"applied": [first], "closed": [cancelled, second]})
    assert "✕ cancelled" in ann.get(at(cancelled)).text


def assert_stages(ann: Browser, expected: dict[str, list[Plan]]) -> None:
    """A filter's count and list are what the page shows."""
    for stage in ("proposed", "approved", "applying", "applied", "closed", "refused", "undone"):
        html = ann.get(f"{PLANS}?state={stage}").text
        rows = re.findall(r'class="plan-row" href="[^"]+/([^"/]+)"', html)
        assert rows == [str(plan.plan_id) for plan in expected.get(stage, [])], stage
        assert re.findall(rf'\?state={stage}"[^>]*>[^<]+<b>(\d+)', html) == [str(len(rows))], stage


def test_a_second_answer_shows_the_decision_as_it_is_now(ann: Browser, store: Shop) -> None:
    number = gate(store)
    address = f"/ui/acme/decisions/{number}"
    ann.form(address, choose="keep", why="they moved")
    late = ann.form(address, choose="confirm", why="gone")
    assert late.status_code == 409
    assert f"Decision {number} was already answered: keep by token:" in late.text
    assert ("✓ answered" in late.text, "○ open" in late.text) == (True, False)
    assert f'<form class="answer" method="post" action="{address}"' not in late.text
    assert told(late.text).startswith("Keep , answered by token:")


def test_what_is_on_hold_says_what_stays_stopped_and_how_that_ends(ann: Browser, store: Shop) -> None:
    with store.db.org(store.org.org_id) as conn:
        number = gates.open_gate(
            conn,
            CURRENCY_CONFLICT,
            subject="shop",
            values={"store": "shop", "theirs": "USD", "ours": "EUR", "organization": "Acme"},
            connection_id=store.connection.connection_id,
            blocks=["product"],
            store_currency="USD",
        )
    address = f"/ui/acme/decisions/{number}"
    assert "on hold" not in text_of(ann.get("/ui/acme").text)
    ann.form(address, choose="hold", why="we ask them")
    shown = text_of(ann.get(address).text)
    assert "On hold: Products of shop stays stopped" in shown
    assert "until the currencies agree, or the connection's currency is set." in shown
    assert "This answer stands until then" in shown
    assert 'href="/ui/acme/shop/settings">its settings</a>' in ann.get(address).text
    home = ann.get("/ui/acme").text
    assert "Products of shop on hold" in text_of(home)
    assert f'<a href="{address}">' in home
    with store.db.org(store.org.org_id) as conn:
        connection_id = store.connection.connection_id
        gates.end_gates(
            conn, CURRENCY_CONFLICT, connection_id=connection_id, entity_type=None, keep=[], outcome="x", actor="y"
        )
    assert "on hold" not in text_of(ann.get("/ui/acme").text)


def test_an_undo_that_another_tab_has_done_says_that_nothing_was_done(ann: Browser, store: Shop) -> None:
    plan = planned(store, some(store, 2))
    work(store, plan)
    assert ann.form(f"{at(plan)}/undo", why="first").status_code == 303
    late = ann.form(f"{at(plan)}/undo", why="second")
    assert late.status_code == 409
    assert "The plan was undone before: nothing was done now" in late.text
    assert "↩ undone" in late.text
    assert "second" not in text_of(ann.get(at(plan)).text)
