"""Work that a person watches in a real browser: a refresh and a promotion, live, also while the service is killed."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page, expect

from sandbox.woocommerce import Store, seed
from sync_pipeline.api.application import build
from sync_pipeline.explorer.mount import mount
from sync_pipeline.steps import capture, observe, promote, select
from sync_pipeline.steps.connect import tokens
from sync_pipeline.steps.observe.heartbeat import record_heartbeat
from sync_pipeline_tests.barriers import barriers, in_views
from sync_pipeline_tests.captured import Clock, captured_once
from sync_pipeline_tests.chromium import log_in, needs_chromium, visiting
from sync_pipeline_tests.served import listening, serving
from sync_pipeline_tests.stores import Shop, shop
from sync_pipeline_tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = needs_chromium
HOME, HERE, LIST = "/ui/acme", "/ui/acme/shop", "/ui/acme/shop/data/products"
HOSTILE = "W" * 3_000
KNOWN, ADDED = 60, 400


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=KNOWN, variable=0, customers=3, orders=2)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull("products")
    opened.preview("products")


template = captured_once(shop, fill, capture_all)


@contextmanager
def opened(browser: Browser, store: Shop, path: str, **options: object) -> Iterator[Page]:
    token = tokens.add_token(store.db, store.org, "admin", actor="test").plain
    with listening(mount(build(store.settings, store.db))) as url, visiting(browser, url, **options) as page:
        log_in(page, token, path)
        yield page


@dataclass
class Worker:
    """Work in another thread, as another process does it: it stops in the middle until it may go on."""

    work: Callable[[Callable[[], None]], Any]
    half: int = 2  # steps before it stops
    may_go_on: threading.Event = field(default_factory=threading.Event)
    failed: list[BaseException] = field(default_factory=list)
    _steps: int = 0

    @contextmanager
    def running(self) -> Iterator[Worker]:
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.may_go_on.set()
            thread.join(PATIENCE_SECONDS)
        assert self.failed == []
        assert not thread.is_alive()

    def _run(self) -> None:
        try:
            self.work(self._step)
        except BaseException as error:  # noqa: BLE001 - the test's thread tells it
            self.failed.append(error)

    def _step(self) -> None:
        self._steps += 1
        if self._steps == self.half:
            assert self.may_go_on.wait(PATIENCE_SECONDS)


def sensor(store: Shop) -> Worker:
    """What Dagster does with a request for the products: a run that pulls, compares and ends it."""

    def work(step: Callable[[], None]) -> None:
        record_heartbeat(store.db)
        wait_until(lambda: store.rows("SELECT FROM observe.request WHERE state = 'waiting'"), "a request")
        store.rows("UPDATE observe.request SET state = 'launched', orchestrator_run = 'run-1' RETURNING 1")
        stream = store.connection.source.stream("products")
        with capture.session(
            store.db, store.settings, store.connection, orchestrator_run="run-1", report=lambda *_: step()
        ) as session:
            session.pull(stream, full=True)
        store.preview("products")
        store.rows("UPDATE observe.request SET state = 'done', finished_at = now() RETURNING 1")

    return Worker(work)


def add_products(store: Shop) -> None:
    for number in range(ADDED):
        store.store.add_product(name=f"Late {number}", sku=f"LATE-{number}")


def ask_for_everything(page: Page) -> None:
    page.get_by_label("Entity").select_option("products")
    page.get_by_role("button", name="Refresh everything").click()


def bar(page: Page) -> str | None:
    """How far the bar of the pull is, as it is shown."""
    value: str | None = page.locator(".work progress[value]").first.get_attribute("value")
    return value


def test_a_refresh_moves_a_bar_and_brings_new_counts_without_a_reload(browser: Browser, store: Shop) -> None:
    add_products(store)
    with opened(browser, store, HERE) as page, sensor(store).running() as dagster:
        page.evaluate("window.here = 1")
        expect(page.locator("tr", has_text="Products")).to_contain_text(f"+ {KNOWN}")
        ask_for_everything(page)
        expect(page.locator("[role=status].note")).to_contain_text(re.compile("The refresh is (requested|at work)"))
        wait_until(lambda: page.locator(".work progress[value]").count(), "the bar is shown")
        half = int(bar(page) or 0)
        assert 0 < half < KNOWN + ADDED
        expect(page.locator(".work li")).to_contain_text(f"of {KNOWN + ADDED}")
        assert page.evaluate("document.querySelector('main').innerText").count("Cancel") == 1
        page.get_by_label("Entity").select_option("customers")
        page.get_by_role("link", name="Settings", exact=True).focus()
        dagster.may_go_on.set()
        expect(page.locator("tr", has_text="Products")).to_contain_text(f"+ {KNOWN + ADDED}")
        expect(page.locator("[role=status].note")).to_contain_text("✓ The refresh is done")
        expect(page.locator(".work")).to_have_text("Nothing is at work.")
        expect(page.get_by_label("Entity")).to_have_value("customers")
        expect(page.get_by_role("link", name="Settings", exact=True)).to_be_focused()
        assert page.evaluate("window.here") == 1, "it was not loaded anew"


def test_a_pull_of_another_process_appears_and_ends_on_an_open_page(browser: Browser, store: Shop) -> None:
    add_products(store)
    observe.create_request(store.db, store.org, "pull", actor="bo", entities=["products"])
    with opened(browser, store, HOME) as page:
        page.evaluate("window.here = 1")
        expect(page.locator(".work")).to_contain_text("Refresh what changed")
        with sensor(store).running() as dagster:
            expect(page.locator(".work")).to_contain_text(re.compile("Products shop.*of 460", re.DOTALL))
            dagster.may_go_on.set()
            expect(page.locator(".card .counts").first).to_contain_text(f"+ {KNOWN + ADDED}")
        expect(page.locator(".work")).to_have_text("Nothing is at work.")
        assert page.evaluate("window.here") == 1


def test_a_request_is_made_and_cancelled_by_keys_alone(browser: Browser, store: Shop) -> None:
    with opened(browser, store, HERE) as page:
        for name in ("Refresh what changed", "Cancel"):
            while page.evaluate("document.activeElement.innerText") != name:
                page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            expect(page.locator("main [role=status]")).to_be_visible()
        expect(page.locator("main [role=status]")).to_contain_text("cancelled it before it began.")


def test_killed_during_a_refresh_the_page_says_so_and_then_shows_what_is(
    browser: Browser, store: Shop, owner_url: str
) -> None:
    add_products(store)
    token = tokens.add_token(store.db, store.org, "operator", actor="test").plain
    with ExitStack() as stack:
        with serving(owner_url, store.db, store.settings) as (service, url):
            page = stack.enter_context(visiting(browser, url))
            log_in(page, token, HERE)
            page.evaluate("window.here = 1")
            dagster = stack.enter_context(sensor(store).running())
            ask_for_everything(page)
            wait_until(lambda: page.locator(".work progress[value]").count(), "the bar is shown")
            service.send_signal(signal.SIGKILL)
            service.wait(60)
            expect(page.locator(".banner")).to_contain_text("The connection is lost.")
        dagster.may_go_on.set()
        wait_until(lambda: store.rows("SELECT FROM observe.request WHERE state = 'done'"), "the refresh ends")
        stack.enter_context(serving(owner_url, store.db, store.settings, int(url.rsplit(":", 1)[1])))
        expect(page.locator("tr", has_text="Products")).to_contain_text(f"+ {KNOWN + ADDED}", timeout=60_000)
        expect(page.locator("[role=status].note")).to_contain_text("✓ The refresh is done")
        expect(page.locator(".banner")).to_have_count(0)
        assert page.evaluate("window.here") == 1


def test_killed_during_a_promotion_counts_are_right_afterwards_and_typed_reasons_stay(
    browser: Browser, store: Shop, owner_url: str
) -> None:
    token = tokens.add_token(store.db, store.org, "operator", actor="test").plain
    stream = store.connection.source.stream("products")
    keep = sorted(store.table("products", "new"), key=int)[:10]
    select.select(
        store.db, store.connection, stream, everything=True, excluding=keep, include=True, actor="bo", draft=True
    )
    plan = select.make_plan(store.db, store.org, actor="bo")
    assert plan is not None
    promote.start(store.db, store.org.org_id, plan.plan_id, actor="bo")
    store.rows("UPDATE promote.sync_queue SET batch_size = 10 RETURNING 1")

    def apply(step: Callable[[], None]) -> None:
        promote.apply(store.db, store.org.org_id, plan.plan_id, actor="bo", progress=lambda _: step())

    with ExitStack() as stack:
        with serving(owner_url, store.db, store.settings) as (service, url):
            page = stack.enter_context(visiting(browser, url))
            log_in(page, token, HOME)
            listed = page.context.new_page()
            listed.goto(LIST)
            listed.locator(".grid tbody input").nth(2).click()
            listed.locator(".bulk [name=why]").fill("for the fair")
            page.evaluate("window.here = 1")
            worker = stack.enter_context(Worker(apply, half=1).running())
            expect(page.locator(".work")).to_contain_text("Apply a plan")
            service.send_signal(signal.SIGKILL)
            service.wait(60)
            for one in (page, listed):
                expect(one.locator(".banner")).to_contain_text("What you chose is kept")
        worker.may_go_on.set()
        wait_until(lambda: store.rows("SELECT FROM promote.sync_queue WHERE state = 'done'"), "the queue ends")
        stack.enter_context(serving(owner_url, store.db, store.settings, int(url.rsplit(":", 1)[1])))
        expect(page.locator(".card .counts").first).to_contain_text(f"= {KNOWN - 10}", timeout=60_000)
        expect(page.locator(".card .counts").first).to_contain_text("+ 10")
        assert page.evaluate("window.here") == 1
        for one in (page, listed):
            expect(one.locator(".banner")).to_have_count(0)
        expect(listed.locator(".bulk [name=why]")).to_have_value("for the fair")
        expect(listed.locator(".bulk [data-count]")).to_have_text("1 selected")


def everything_at_once(store: Shop) -> list[str]:
    """A store with something of each kind that the pages show; the addresses of the pages."""
    one = sorted(store.ids("products"), key=int)[3]
    store.server.faults.poison("products", one)
    store.pull("products", full=True)
    store.server.faults.clear()
    store.rows("UPDATE capture.sync_quarantine SET reason = %(reason)s RETURNING 1", reason=HOSTILE)
    store.rows(
        "UPDATE connect.integration_connector SET health = 'failing', health_detail = %(said)s RETURNING 1",
        said=HOSTILE,
    )
    observe.create_request(store.db, store.org, "pull", actor="o" * 300, connection="shop", entities=["products"])
    observe.reconcile(store.db, store.settings, store.org, entities=["products", "customers"], actor="ann")
    stream = store.connection.source.stream("products")
    select.select(store.db, store.connection, stream, ids=[one], include=True, actor="o" * 300, draft=True)
    select.make_plan(store.db, store.org, actor="o" * 300)
    number = store.value("SELECT quarantine_id FROM capture.sync_quarantine")
    return [HOME, HERE, f"{HERE}/history", f"{HERE}/quarantine", f"{HERE}/quarantine/{number}"]


@in_views
def test_no_page_has_a_barrier_or_overflows(browser: Browser, store: Shop, whole: bool) -> None:
    found: dict[str, Any] = {}
    addresses = everything_at_once(store)
    with opened(browser, store, HOME, reduced_motion="reduce") as page:
        for address in addresses:
            page.goto(address)
            found.update(barriers(page, address, whole=whole))
    assert found == {}


def test_back_and_forward_restore_the_filters_of_the_history(browser: Browser, store: Shop) -> None:
    with opened(browser, store, f"{HERE}/history") as page:
        page.get_by_role("navigation", name="Filters").get_by_role("link", name="Plans").click()
        expect(page.locator(".empty")).to_contain_text("No plans in these days")
        page.get_by_role("link", name="7 days", exact=True).click()
        page.wait_for_url("**/history?days=7&kind=plans")
        page.go_back()
        expect(page.locator(".chip[aria-current]").first).to_have_text("30 days")
        page.go_back()
        expect(page.locator(".events .line")).to_have_count(1)
        page.locator(".chart summary").first.click()
        expect(page.locator(".chart table").first).to_contain_text(str(KNOWN))
