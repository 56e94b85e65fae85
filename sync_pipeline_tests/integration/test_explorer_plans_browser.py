"""Plans in a real browser: the way from the data page into core, by keys and by pointer; live; no barriers."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from sync_pipeline import gates
from sync_pipeline.api.application import build
from sync_pipeline.explorer.mount import mount
from sync_pipeline.gates.causes.mass_deletion import CAUSE as MASS_DELETION
from sync_pipeline.steps import promote, select
from sync_pipeline.steps.connect import tokens
from sync_pipeline.steps.observe.heartbeat import record_heartbeat
from sync_pipeline.steps.select import Plan
from sync_pipeline_tests.barriers import barriers, in_views
from sync_pipeline_tests.captured import captured_once
from sync_pipeline_tests.chromium import log_in, needs_chromium, tab_to, visiting
from sync_pipeline_tests.integration.test_explorer_browser import HOSTILE, capture_all, fill
from sync_pipeline_tests.served import listening
from sync_pipeline_tests.stores import Shop, shop
from sync_pipeline_tests.waiting import wait_until

pytestmark = needs_chromium
LIST = "/ui/acme/shop/data/products"
PLANS = "/ui/acme/plans"


template = captured_once(shop, fill, capture_all)


@contextmanager
def opened(browser: Browser, store: Shop, path: str, role: str = "operator", **options: object) -> Iterator[Page]:
    """A page of somebody with the role who has logged in."""
    token = tokens.add_token(store.db, store.org, role, actor="test").plain
    with (
        listening(mount(build(store.settings, store.db))) as url,
        visiting(browser, url, **options) as page,
    ):
        log_in(page, token, path)
        yield page


@contextmanager
def running(store: Shop) -> Iterator[None]:
    """What Dagster does: plans that are requested are applied, one after the other."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(0.2):
            record_heartbeat(store.db)
            for row in store.rows(
                "UPDATE observe.request SET state = 'done', finished_at = now() WHERE state = 'waiting' "
                "RETURNING parameters ->> 'plan' AS plan"
            ):
                promote.apply(store.db, store.org.org_id, row.plan, actor="run")

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(60)


def planned(store: Shop, count: int) -> Plan:
    ids = sorted(store.table("products", "new"), key=int)[:count]
    stream = store.connection.source.stream("products")
    select.select(store.db, store.connection, stream, ids=ids, include=True, actor="eve", draft=True, why="spring")
    made = select.make_plan(store.db, store.org, actor="eve")
    assert made is not None
    return made


def test_twelve_new_products_reach_core_by_keys_alone(browser: Browser, store: Shop) -> None:
    with opened(browser, store, f"{LIST}?status=new") as page, running(store):
        page.keyboard.press("j")
        page.keyboard.press("x")
        for _ in range(11):
            page.keyboard.press("j")
        page.keyboard.press("Shift+X")
        page.keyboard.press("i")
        expect(page.locator(".notice")).to_contain_text("12 records are included.")
        page.keyboard.press("j")
        page.keyboard.press("i")  # one too many,
        expect(page.get_by_role("button", name="Review plan (13)")).to_be_visible()
        page.keyboard.press("u")  # and back
        expect(page.locator(".notice")).to_contain_text("1 record is undecided again.")
        review = page.get_by_role("button", name="Review plan (12)")
        tab_to(page, review, "Shift+Tab")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{PLANS}/*")
        expect(page.locator("main [role=status]")).to_contain_text("It waits for approval.")
        line = page.locator(".planned summary").first
        tab_to(page, line)
        page.keyboard.press("Enter")
        expect(page.locator(".planned[open] .diff")).to_be_visible()
        tab_to(page, page.get_by_role("button", name="Approve and apply"))
        page.keyboard.press("Enter")
        expect(page.locator("main [role=status]")).to_have_text("It is applied. 12 of 12 are in core.")
    assert store.value("SELECT count(*) FROM core.products") == 12


def test_twelve_new_products_reach_core_and_go_back_by_pointer_alone(browser: Browser, store: Shop) -> None:
    with opened(browser, store, f"{LIST}?status=new") as page, running(store):
        boxes = page.locator(".grid tbody input")
        boxes.nth(0).click()
        boxes.nth(11).click(modifiers=["Shift"])
        page.locator(".bulk").get_by_role("button", name="Include").click()
        page.get_by_role("button", name="Review plan (12)").click()
        page.wait_for_url(f"**{PLANS}/*")
        address = page.url
        expect(page).to_have_title(re.compile("^Plan "))
        expect(page.locator(".side [aria-current]")).to_contain_text("Plans")
        page.locator(".planned summary").nth(3).click()
        expect(page.locator(".planned[open] .diff")).to_be_visible()
        page.get_by_role("button", name="Approve", exact=True).click()
        expect(page.locator("main [role=status]")).to_contain_text("It is approved by")
        page.get_by_role("button", name="Apply", exact=True).click()
        expect(page.locator("main [role=status]")).to_have_text("It is applied. 12 of 12 are in core.")
        assert store.value("SELECT count(*) FROM core.products") == 12
        page.get_by_role("link", name="Undo…").click()
        expect(page.locator("main h2").first).to_have_text("12 leave core")
        page.locator("textarea").fill("the wrong range")
        page.get_by_role("button", name="Undo the promotion").click()
        page.wait_for_url(address)
        expect(page.locator("main [role=status]")).to_contain_text("Its promotion was undone")
        page.go_back()
        page.wait_for_url("**/undo")
    assert store.value("SELECT count(*) FROM core.products") == 0


def test_while_it_is_applied_the_bar_moves_and_the_end_shows_by_itself(browser: Browser, store: Shop) -> None:
    plan = planned(store, 20)
    with opened(browser, store, f"{PLANS}/{plan.plan_id}") as page:
        page.get_by_role("button", name="Approve and apply").click()
        expect(page.locator("main [role=status]")).to_contain_text("It waits for Dagster")
        bar = page.locator("[data-live] progress")
        expect(bar).to_have_attribute("max", "20")
        with store.db.org(store.org.org_id) as conn:
            conn.exec_driver_sql("UPDATE promote.sync_queue SET started_at = now()")
            conn.exec_driver_sql(
                "UPDATE promote.sync_queue_line SET state = 'failed', finished_at = now(), reason = 'A test.' "
                "WHERE line_no <= 5"
            )
        expect(bar).to_have_attribute("value", "5")
        expect(page.locator("[data-live]")).to_contain_text("5 failed")
        page.locator(".planned summary").nth(3).click()
        with running(store):
            expect(page.locator("main [role=status]")).to_have_text("It is applied. 15 of 20 are in core, 5 failed.")
            expect(page.locator(".planned").nth(3)).to_have_attribute("open", "")
            expect(page.locator(".planned[open]")).to_have_count(1)
            page.get_by_role("button", name="Retry failed").click()
            expect(page.locator("main [role=status]")).to_have_text("It is applied. 20 of 20 are in core.")


def test_what_changed_after_the_page_was_opened_is_named_and_nothing_is_left_to_approve(
    browser: Browser, store: Shop
) -> None:
    plan = planned(store, 3)
    with opened(browser, store, f"{PLANS}/{plan.plan_id}") as page:
        page.get_by_text("Refuse…").click()
        page.locator("textarea").fill("typed before")
        one = store.value("SELECT min(external_id) FROM selection.sync_plan_item")
        store.store.update("products", int(one), name="Quite another name")
        store.pull("products")
        store.preview("products")
        page.get_by_role("button", name="Approve and apply").click()
        expect(page.locator("main .changed")).to_contain_text("1 of 3 changed since")
        expect(page.locator("main .changed li")).to_contain_text("it changed in the store")
        expect(page.get_by_role("button", name="Approve")).to_have_count(0)
        expect(page.locator("textarea")).to_have_value("typed before")
        expect(page).to_have_url(re.compile(f"{PLANS}/{plan.plan_id}$"))
        page.get_by_role("button", name="New plan with the rest").click()
        expect(page.locator(".planned")).to_have_count(2)
        page.get_by_role("link", name="Plans").first.click()
        expect(page.locator(".plan-row")).to_have_count(2)


def test_a_plan_is_searched_and_filtered_and_back_restores_it(browser: Browser, store: Shop) -> None:
    plan = planned(store, 60)
    with opened(browser, store, f"{PLANS}/{plan.plan_id}") as page:
        page.get_by_role("link", name="Next").click()
        expect(page.locator(".pages").first).to_contain_text("26–50 of 60")
        page.locator("main [type=search]").fill("sku-0000")
        expect(page.locator(".pages").first).to_contain_text("found, 60 in all")
        page.go_back()
        expect(page.locator(".pages").first).to_contain_text("26–50 of 60")
        page.go_back()
        expect(page.locator(".pages").first).to_contain_text("1–25 of 60")


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_names_neither_run_nor_overflow(browser: Browser, store: Shop, width: int) -> None:
    plan = planned(store, 76)
    with opened(browser, store, f"{PLANS}/{plan.plan_id}?q=QX-", viewport={"width": width, "height": 800}) as page:
        page.on("dialog", lambda _: pytest.fail("a script of a store ran"))
        lines = page.locator(".planned summary")
        expect(lines).to_have_count(len(HOSTILE))
        for number in range(len(HOSTILE)):
            lines.nth(number).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        promote.apply(store.db, store.org.org_id, plan.plan_id, actor="run")
        page.goto(f"{PLANS}/{plan.plan_id}/undo")
        page.locator(".planned summary").last.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_decision_is_answered_by_keys(browser: Browser, store: Shop) -> None:
    number = gate(store)
    with opened(browser, store, "/ui/acme/decisions") as page:
        tab_to(page, page.locator(".plan-row"))
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/decisions/{number}")
        tab_to(page, page.locator("[name=choose]").first)
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        page.keyboard.type("it moves")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("main [role=status]")).to_contain_text("Keep, answered by")
    wait_until(lambda: store.value("SELECT why FROM observe.decision") == "it moves", "the answer is kept")


def gate(store: Shop) -> int:
    with store.db.org(store.org.org_id) as conn:
        return gates.open_gate(
            conn,
            MASS_DELETION,
            subject="products",
            values={"store": "shop", "missing": 30, "known": 45, "title": "products", "share": "20%"},
            connection_id=store.connection.connection_id,
            entity_type="product",
        )


@in_views
def test_no_page_has_a_barrier(browser: Browser, store: Shop, whole: bool) -> None:
    found: dict[str, list[str]] = {}

    def look(page: Page, name: str) -> None:
        found.update(barriers(page, name, whole=whole))

    with opened(browser, store, PLANS, reduced_motion="reduce") as page:
        look(page, "no plans")
        plan = planned(store, 30)
        address = f"{PLANS}/{plan.plan_id}"
        page.goto(address)
        for place in range(2):
            page.locator(".planned summary").nth(place).click()
        page.get_by_text("Refuse…").click()
        look(page, "a plan")
        one = store.value("SELECT min(external_id) FROM selection.sync_plan_item")
        store.store.update("products", int(one), name="Quite another name")
        store.pull("products")
        page.goto(address)
        look(page, "a stale plan")
        page.get_by_role("button", name="New plan with the rest").click()
        page.get_by_role("button", name="Approve and apply").click()
        page.locator("[data-live]").wait_for()
        look(page, "at work")
        rest = page.url.rsplit("/", 1)[1]
        promote.apply(store.db, store.org.org_id, rest, actor="run")
        page.goto(f"{PLANS}/{rest}/undo")
        page.locator(".planned summary").first.click()
        look(page, "an undo")
        page.goto(PLANS)
        look(page, "plans")
        number = gate(store)
        page.goto("/ui/acme/decisions")
        look(page, "decisions")
        page.goto(f"/ui/acme/decisions/{number}")
        look(page, "a decision")
        page.locator("[name=choose]").first.check()
        page.locator("textarea").fill("it moves")
        page.get_by_role("button", name="Answer").click()
        page.locator("main [role=status]").wait_for()
        look(page, "an answered decision")
        page.goto(f"{LIST}?choice=include")
        look(page, "the data page")
    assert found == {}
