"""Saved views: named in the list or by a call, found by everybody of the organization, deleted by who made them."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.errors import Conflict
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps import connect, preview
from sync_pipeline_tests.captured import Clock, captured_once
from sync_pipeline_tests.explored import Browser, browser
from sync_pipeline_tests.served import Served
from sync_pipeline_tests.stores import Shop, shop

LIST = "/ui/acme/shop/data/products"
VIEWS = "/ui/acme/shop/views/products"
CALLS = "/api/v1/connections/shop/views"
HOSTILE = '"><script>alert(1)</script>'


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=6, variable=0, customers=2, orders=1)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull("products")
    opened.preview("products")


template = captured_once(shop, fill, capture_all)


@pytest.fixture
def ann(api: Served, store: Shop) -> Browser:
    return browser(api).as_(store.org, "operator")


def saved(html: str) -> dict[str, tuple[str, bool]]:
    """The chips of saved views: name → address, and whether it is the one that is shown."""
    [part] = re.findall(r'aria-label="Saved views">(.*?)</nav>', html, re.DOTALL) or [""]
    found = re.findall(
        r'<a class="chip" href="([^"]+)"[^>]*?( aria-current="true")?(?: title="[^"]*")?>([^<]+)</a>', part
    )
    return {unescape(name): (unescape(address), bool(shown)) for address, shown, name in found}


def test_the_view_that_is_shown_is_saved_and_found_again_by_others(ann: Browser, api: Served, store: Shop) -> None:
    assert "Save this view" not in ann.get(LIST).text
    asked = f"{LIST}?status=new&choice=undecided&q=running&sort=name%3Adesc&after=9"
    page = ann.get(asked).text
    assert "Save this view" in page
    [action] = re.findall(rf'action="({VIEWS}[^"]*)"', page)
    sent = ann.form(unescape(action), name="  new   shoes ")
    shown = f"{LIST}?status=new&choice=undecided&sort=name%3Adesc&q=running"
    assert sent.headers["location"] == shown
    page = ann.get(shown).text
    assert saved(page) == {"new shoes": (shown, True)}
    assert re.search(r"“new shoes” is saved, by token:1 \d+ s ago\.", page)
    bo = browser(api).as_(store.org, "viewer")
    assert saved(bo.get(LIST).text) == {"new shoes": (shown, False)}
    assert saved(bo.get("/ui/acme/shop/data/customers").text) == {}
    looked = bo.get(shown).text
    assert ("Save this view" in looked, "Delete this view" in looked) == (False, False)


def test_who_made_a_view_deletes_it_and_an_admin_anybodys(ann: Browser, api: Served, store: Shop) -> None:
    for name in ("one", "two"):
        ann.form(f"{VIEWS}?warned=1&sort=name" if name == "one" else f"{VIEWS}?status=new", name=name)
    ids = {one.name: one.view_id for one in preview.saved_views(api.db, store.connection, _products(store))}
    agent, admin = browser(api).as_(store.org, "agent"), browser(api).as_(store.org, "admin")
    refused = agent.form(f"{VIEWS}/{ids['one']}/delete")
    assert (refused.status_code, "made this view. Ask them or an admin." in refused.text) == (403, True)
    assert "Delete this view" not in agent.get(f"{LIST}?status=new").text
    assert "Delete this view" in admin.get(f"{LIST}?status=new").text
    assert ann.form(f"{VIEWS}/{ids['one']}/delete").headers["location"] == LIST
    assert admin.form(f"{VIEWS}/{ids['two']}/delete").status_code == 303
    assert ann.form(f"{VIEWS}/{ids['two']}/delete").status_code == 404
    assert saved(ann.get(LIST).text) == {}
    events = store.rows("SELECT event FROM observe.sync_activity WHERE event LIKE 'view.%%' ORDER BY activity_id")
    assert [row.event for row in events] == ["view.saved", "view.saved", "view.deleted", "view.deleted"]


@pytest.mark.parametrize(
    ("query", "name", "code", "said"),
    [
        ("status=new", "", 400, "name"),
        ("status=new", "x" * 61, 400, "name"),
        ("status=new", "a\x00b", 400, "1 to 60 characters"),
        ("status=new", "a\u202eb", 400, "1 to 60 characters"),
        ("", "all", 400, "This view shows everything."),
        ("after=5", "all", 400, "This view shows everything."),
        ("status=great", "great", 400, "great"),
        ("sort=price", "price", 400, "Sort by"),
        ("status=new", "taken", 409, "There is a view “taken” already."),
    ],
)
def test_a_view_that_cannot_be_saved_says_why(ann: Browser, query: str, name: str, code: int, said: str) -> None:
    assert ann.form(f"{VIEWS}?warned=1", name="taken").status_code == 303
    answer = ann.form(f"{VIEWS}?{query}", name=name)
    assert answer.status_code == code
    assert said in answer.text
    assert list(saved(ann.get(LIST).text)) == ["taken"]


def test_a_hostile_name_and_search_are_text(ann: Browser) -> None:
    assert ann.call("POST", VIEWS, params={"q": HOSTILE}, data={"name": HOSTILE}).status_code == 303
    page = ann.get(LIST).text
    assert "<script>alert" not in page
    [(name, (address, _))] = saved(page).items()
    assert name == HOSTILE
    assert saved(ann.get(address).text)[HOSTILE][1] is True


def test_fifty_views_are_the_most_of_an_entity_also_for_two_at_once(api: Served, store: Shop) -> None:
    view = preview.RecordView(status="new")
    for number in range(preview.MOST_VIEWS - 1):
        preview.save_view(api.db, store.connection, _products(store), f"view {number:02}", view, actor="ann")

    def one_more(name: str) -> str:
        try:
            return preview.save_view(api.db, store.connection, _products(store), name, view, actor="bo").name
        except Conflict as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        said = sorted(pool.map(one_more, ("a", "b", "c", "d")))
    assert said[:3] == ["Products has 50 views already. Delete one first."] * 3
    assert said[3] in ("a", "b", "c", "d")
    assert len(preview.saved_views(api.db, store.connection, _products(store))) == preview.MOST_VIEWS
    customers = store.connection.source.stream("customers")
    preview.save_view(api.db, store.connection, customers, "view 00", view, actor="ann")


def test_calls_save_list_and_delete_views(api: Served, store: Shop) -> None:
    given = {"entity": "products", "name": "warned", "warned": True, "sort": "name"}
    made = api.call("POST", CALLS, store.org, "operator", json=given)
    assert made.status_code == 201
    assert made.json()["data"] | {"made_at": None, "made_by": None} == {
        "view_id": 1, "name": "warned", "status": None, "choice": None, "warned": True, "search": None, "sort": "name",
        "made_by": None, "made_at": None,
    }  # fmt: skip
    assert api.call("POST", CALLS, store.org, "operator", json=given).status_code == 409
    assert api.call("POST", CALLS, store.org, "operator", json={**given, "name": "a\x00b"}).status_code == 400
    listed = api.call("GET", CALLS, store.org, "viewer", params={"entity": "products"}).json()
    assert ([one["name"] for one in listed["data"]], listed["rowCount"]) == (["warned"], 1)
    assert api.call("DELETE", f"{CALLS}/1", store.org, "agent").status_code == 403
    other = connect.add_organization(api.db, "globex", "Globex")
    assert api.call("DELETE", f"{CALLS}/1", other).status_code == 404
    assert api.call("DELETE", f"{CALLS}/1", store.org, "operator").json()["data"] == {"view_id": 1, "deleted": True}
    assert api.call("DELETE", f"{CALLS}/1", store.org, "operator").status_code == 404


def _products(store: Shop) -> Stream:
    return store.connection.source.stream("products")
