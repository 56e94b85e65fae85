"""A record's page where core has more than the record: rows of several records, deletions, what is in quarantine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.db.queries import execute
from sync_pipeline.steps import trace
from sync_pipeline_tests.captured import Clock, captured_once
from sync_pipeline_tests.explored import Browser, browser, words
from sync_pipeline_tests.integration.test_explorer_data import promote_some
from sync_pipeline_tests.served import Served
from sync_pipeline_tests.stores import Shop, shop

LIST = "/ui/acme/shop/data/products"
ANNOUNCED = "In core now After"


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=3, variable=0, customers=0, orders=0)
    made.add_product(name="Robust Lamp", sku="ONE", regular_price="8.00")
    return made


def capture_all(opened: Shop) -> None:
    opened.pull("products")
    opened.preview("products")


template = captured_once(shop, fill, capture_all)


@pytest.fixture
def ann(api: Served, store: Shop) -> Browser:
    return browser(api).as_(store.org, "operator")


@pytest.fixture
def second(store: Shop) -> Iterator[Shop]:
    """Another shop of the organization, which has the product with the SKU too, under another name."""
    other = Store()
    other.add_product(name="Organic Candle", sku="one", regular_price="7.00")
    with shop(store.db, store.settings, store.org, other, name="second") as opened:
        capture_all(opened)
        yield opened


def lamp(of: Shop) -> str:
    found: str = of.value(
        "SELECT external_id FROM capture.sync_record WHERE connection_id = %(c)s AND lower(code) = 'one'",
        c=of.connection.connection_id,
    )
    return found


def page(ann: Browser, one: str, connection: str = "shop", tab: str = "changes") -> str:
    answer = ann.get(f"/ui/acme/{connection}/data/products/{one}?tab={tab}")
    assert answer.status_code == 200
    return re.sub(r" (?=[.,:])", "", words(answer.text))  # a link ends before the sentence does


def row(store: Shop) -> dict[str, Any]:
    found: dict[str, Any] = store.value("SELECT to_jsonb(p) FROM core.products AS p WHERE sku_key = 'one'")
    return found


def test_a_shared_row_says_with_whom_and_announces_no_change(ann: Browser, store: Shop, second: Shop) -> None:
    promote_some(store, [lamp(store)])
    promote_some(second, [lamp(second)])
    store.preview("products")
    assert row(store)["name"] == "Robust Lamp"
    mine, theirs = page(ann, lamp(store)), page(ann, lamp(second), "second")
    for said in (mine, theirs):
        assert "= in sync" in said
        assert ANNOUNCED not in said
        assert f"this record, then second product {lamp(second)}." in said or "then this record." in said
    assert f"It shares its core row with second product {lamp(second)}." in mine
    assert f"It shares its core row with shop product {lamp(store)}." in theirs
    assert "Core keeps the values of the records that come first." in theirs
    assert "Name Robust Lamp Organic Candle" in theirs
    assert "Organic Candle" not in mine
    assert "order of providers" in page(ann, lamp(second), "second", "core")
    stream = second.connection.source.stream("products")
    explained = trace.explain(second.db, second.connection, stream, lamp(second))
    assert [fact.code for fact in explained.facts] == ["in_core", "shared_row"]
    assert explained.facts[1].values == {"records": [f"shop {lamp(store)}", f"second {lamp(second)}"]}


def test_what_was_captured_since_the_last_comparison_is_not_called_in_core(ann: Browser, store: Shop) -> None:
    promote_some(store, [lamp(store)])
    store.rows("UPDATE capture.sync_record SET content_hash = '\\x00' WHERE lower(code) = 'one' RETURNING 1")
    said = page(ann, lamp(store))
    assert "It changed since the last comparison with core; the next one says what differs." in said
    assert "Core has the captured version" not in said
    stream = store.connection.source.stream("products")
    assert trace.explain(store.db, store.connection, stream, lamp(store)).state == "outdated"


def test_what_a_shared_row_becomes_is_what_the_plan_makes_of_it(ann: Browser, store: Shop, second: Shop) -> None:
    promote_some(store, [lamp(store)])
    joins = page(ann, lamp(second), "second")
    assert f"Promoted, it becomes the core row that is already shop product {lamp(store)}." in joins
    assert "No field of the core row changes." in joins
    promote_some(second, [lamp(second)])
    second.store.update("products", int(lamp(second)), name="Third Name", description="It is of wood.")
    second.pull("products")
    second.preview("products")
    said = page(ann, lamp(second), "second")
    assert ANNOUNCED in said
    assert "Description null It is of wood." in said
    assert "Name Robust Lamp Third Name" in said  # kept, and not announced
    assert said.index("Description") < said.index("Core keeps the values") < said.index("Name Robust Lamp")
    before = row(store)
    promote_some(second, [lamp(second)])
    after = row(store)
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"description", "updated_at", "queue_id", "metadata"}


def test_a_record_whose_sku_changes_leaves_the_row(ann: Browser, store: Shop, second: Shop) -> None:
    promote_some(store, [lamp(store)])
    promote_some(second, [lamp(second)])
    one = lamp(second)
    second.store.update("products", int(one), sku="OTHER")
    second.pull("products")
    second.preview("products")
    said = page(ann, one, "second")
    assert f"it leaves the core row that it shares with shop product {lamp(store)} and has a row of its own" in said
    assert "– Organic Candle" in said
    promote_some(second, [one])
    assert row(store)["name"] == "Robust Lamp"
    assert store.value("SELECT name FROM core.products WHERE sku_key = 'other'") == "Organic Candle"


def test_a_deletion_is_said_before_and_after_it_is_promoted(ann: Browser, store: Shop, second: Shop) -> None:
    one = lamp(store)
    promote_some(store, [one])
    promote_some(second, [lamp(second)])
    store.store.delete("products", int(one))
    store.pull("products", full=True)
    store.preview("products")
    said = page(ann, one)
    assert "− deleted" in said
    assert f"It shares its core row with second product {lamp(second)}: including it takes it off the row" in said
    assert "Name Robust Lamp Organic Candle" in said
    promote_some(store, [one])
    assert row(store)["name"] == "Organic Candle"
    assert row(store)["deleted_at"] is None
    for tab in ("changes", "core", "versions"):
        assert "− deleted in the store" in page(ann, one, tab=tab)
    said = page(ann, one)
    assert f"Its deletion is in core: the row that it shared stays for second product {lamp(second)}." in said
    assert "Core has the captured version" not in said
    assert ANNOUNCED not in said
    explained = trace.explain(store.db, store.connection, store.connection.source.stream("products"), one)
    assert [fact.code for fact in explained.facts] == ["deleted_in_core"]


def test_a_deletion_of_a_row_of_its_own_and_of_what_was_never_promoted(ann: Browser, store: Shop) -> None:
    kept, never = sorted(store.table("products", "new"), key=int)[:2]
    promote_some(store, [kept])
    for one in (kept, never):
        store.store.delete("products", int(one))
    store.pull("products", full=True)
    store.preview("products")
    promote_some(store, [kept])
    assert "Its deletion is in core: its row is marked deleted" in page(ann, kept)
    assert "It was never promoted, so core never had it." in page(ann, never)
    explained = trace.explain(store.db, store.connection, store.connection.source.stream("products"), never)
    assert [fact.code for fact in explained.facts] == ["not_in_core", "deleted"]


def test_a_record_in_quarantine_says_why_its_newest_content_is_missing(ann: Browser, store: Shop) -> None:
    one = lamp(store)
    promote_some(store, [one])
    with store.db.org(store.org.org_id) as conn:
        execute(
            conn,
            "INSERT INTO capture.sync_quarantine (org_id, connection_id, entity_type, external_id, reason, status) "
            "VALUES (connect.current_org(), %(c)s, 'product', %(one)s, 'The answer is no JSON.', 500)",
            c=store.connection.connection_id,
            one=one,
        )
    number = store.value("SELECT max(quarantine_id) FROM capture.sync_quarantine")
    html = ann.get(f"{LIST}/{one}").text
    said = words(html)
    assert "Its newest content could not be captured" in said
    assert "the store answered 500: The answer is no JSON. This page shows what was captured before." in said
    assert f'href="/ui/acme/shop/quarantine/{number}"' in html
    assert "Core has what was captured before." in said
    assert "Core has the captured version" not in said
    events = page(ann, one, tab="events")
    assert "Quarantined The answer is no JSON." in events
    explained = trace.explain(store.db, store.connection, store.connection.source.stream("products"), one)
    assert [fact.code for fact in explained.facts] == ["in_core", "quarantined"]


def fields(html: str, one: str, decision: str) -> dict[str, str]:
    """What a browser without scripts sends where the button of a record is pressed."""
    assert re.search(rf'<button name="?{decision}"? value="{one}"', html)
    return {"as_of": re.findall(r'name="as_of" value="([^"]+)"', html)[0], decision: one}


def choice(store: Shop, one: str) -> tuple[str | None, str | None]:
    [found] = store.rows("SELECT decision, decided_why FROM selection.record_now WHERE external_id = %(one)s", one=one)
    return found.decision, found.decided_why


def test_include_and_ignore_are_forms(ann: Browser, store: Shop) -> None:
    first, second, third = sorted(store.table("products", "new"), key=int)[:3]
    listed = ann.get(LIST).text
    answer = ann.form(LIST, **fields(listed, first, "include"), id=third)
    assert answer.status_code == 200
    assert "1 record is included. The sensor promotes it" in words(answer.text)
    ticked = {"as_of": fields(listed, first, "ignore")["as_of"], "decision": "ignore", "why": "old", "id": second}
    assert "1 record is ignored." in words(ann.form(LIST, **ticked).text)
    assert (choice(store, first), choice(store, second)) == (("include", None), ("ignore", "old"))
    assert choice(store, third) == (None, None)
    own = ann.get(f"{LIST}/{first}").text
    answer = ann.form(LIST, **fields(own, first, "undecided"), record="yes")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{LIST}/{first}")
    assert choice(store, first)[0] is None


def test_a_form_decides_nothing_that_changed_since_and_nothing_without_a_choice(ann: Browser, store: Shop) -> None:
    one = lamp(store)
    own = ann.get(f"{LIST}/{one}").text
    store.store.update("products", int(one), name="Renamed")
    store.pull("products")
    store.preview("products")
    answer = ann.form(LIST, **fields(own, one, "include"), record="yes")
    assert "1 changed since you looked; it stays undecided: Renamed" in words(answer.text)
    assert choice(store, one)[0] is None
    as_of = fields(own, one, "include")["as_of"]
    assert "Choose Include or Ignore." in ann.form(LIST, as_of=as_of, id=one).text
    assert "Select records first." in ann.form(LIST, as_of=as_of, decision="include").text
    bodies: list[Any] = [{"decision": "maybe"}, {"decision": "include", "seen": 1}, [], "no object"]
    for body in bodies:
        assert ann.send(LIST, body).status_code == 400
    assert ann.form(LIST, include=one).status_code == 400  # as of when?
