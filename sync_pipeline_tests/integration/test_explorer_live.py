"""What is at work, live on every open page, by one stream a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI
from playwright.sync_api import Browser, Page, Route, expect

from sandbox.woocommerce import Store, seed
from sync_pipeline.api.application import build
from sync_pipeline.explorer.mount import mount
from sync_pipeline.steps import promote, select
from sync_pipeline.steps.connect import tokens
from sync_pipeline_tests.captured import Clock, captured_once
from sync_pipeline_tests.chromium import log_in, needs_chromium, visiting
from sync_pipeline_tests.served import listening
from sync_pipeline_tests.stores import Shop, shop
from sync_pipeline_tests.waiting import wait_until

pytestmark = needs_chromium
LIST = "/ui/acme/shop/data/products"
# A place as the pages have it; the pages' own are tested with them.
PLACE = """key => {
  const place = Object.assign(document.createElement("div"), { id: "place" });
  place.dataset.live = key;
  document.querySelector("main").append(place);
  document.dispatchEvent(new CustomEvent("shown"));
}"""


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=3, variable=0, customers=1, orders=1)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull("products")
    opened.preview("products")


template = captured_once(shop, fill, capture_all)


@contextmanager
def opened(browser: Browser, store: Shop) -> Iterator[tuple[FastAPI, Page]]:
    app = mount(build(store.settings, store.db))
    token = tokens.add_token(store.db, store.org, "operator", actor="test").plain
    with listening(app) as url, visiting(browser, url) as page:
        log_in(page, token, LIST)
        yield app, page


def queue_all(store: Shop) -> tuple[select.Plan, str]:
    stream = store.connection.source.stream("products")
    select.select(store.db, store.connection, stream, everything=True, include=True, actor="test", draft=True)
    plan = select.make_plan(store.db, store.org, actor="test")
    assert plan is not None
    return plan, promote.start(store.db, store.org.org_id, plan.plan_id, actor="test")


def test_the_pages_of_a_browser_share_one_stream_and_hand_it_on(browser: Browser, store: Shop) -> None:
    with opened(browser, store) as (app, first):
        wait_until(lambda: app.state.live.following == 1, "the first page follows")
        others = [first.context.new_page() for _ in range(9)]  # with a stream each the seventh would wait for ever
        for page in others:
            page.goto(LIST)
        plan, queue = queue_all(store)
        for page in (first, *others):
            page.evaluate(PLACE, f"queue:{queue}")
            expect(page.locator("#place progress")).to_have_count(1)
        assert app.state.live.following == 1
        first.close()
        promote.apply(store.db, store.org.org_id, plan.plan_id, actor="test")
        for page in others:  # the work has ended: each shows itself anew
            expect(page.locator("#place")).to_have_count(0)
            expect(page.locator(".chip.in_sync b")).to_have_text("3")
        assert app.state.live.following == 1


def test_what_ended_before_the_stream_named_it_is_shown_anew(browser: Browser, store: Shop) -> None:
    with opened(browser, store) as (_, page):
        page.evaluate(PLACE, "queue:00000000-0000-4000-8000-000000000000")
        expect(page.locator("#place")).to_have_count(0)


def test_what_was_typed_stays_when_a_page_shows_itself_anew(browser: Browser, store: Shop) -> None:
    with opened(browser, store) as (_, page):
        plan, queue = queue_all(store)
        page.evaluate(PLACE, f"queue:{queue}")
        expect(page.locator("#place progress")).to_have_count(1)
        page.locator(".grid tbody input").nth(0).click()
        page.get_by_placeholder("Why? (optional)").fill("because")
        promote.apply(store.db, store.org.org_id, plan.plan_id, actor="test")
        expect(page.locator("#place")).to_have_count(0)
        expect(page.locator("input[name=why]")).to_have_value("because")


def test_who_goes_on_while_a_page_asks_for_itself_anew_stays_there(browser: Browser, store: Shop) -> None:
    with opened(browser, store) as (_, page):
        plan, queue = queue_all(store)
        page.evaluate(PLACE, f"queue:{queue}")
        expect(page.locator("#place progress")).to_have_count(1)
        page.locator(".grid tbody input").nth(0).click()
        why = page.get_by_placeholder("Why? (optional)")
        why.fill("bec")
        held: list[Route] = []
        page.route(lambda address: address == page.url, lambda route: held.append(route))
        promote.apply(store.db, store.org.org_id, plan.plan_id, actor="test")
        while not held:
            page.wait_for_timeout(20)
        why.fill("because")
        why.press("Tab")
        there = page.evaluate("document.activeElement.textContent.trim()")
        assert there
        held[0].continue_()
        expect(page.locator("#place")).to_have_count(0)
        expect(page.locator("input[name=why]")).to_have_value("because")
        assert page.evaluate("document.activeElement.textContent.trim()") == there


def test_a_revoked_token_ends_its_stream(browser: Browser, store: Shop) -> None:
    with opened(browser, store) as (app, page):
        wait_until(lambda: app.state.live.following == 1, "the page follows")
        for row in tokens.list_tokens(store.db, store.org):
            tokens.revoke_token(store.db, store.org, row.token_id, actor="test")
        page.wait_for_url("**/ui/login?ended=page&next=*")
        wait_until(lambda: app.state.live.following == 0, "nobody follows")
