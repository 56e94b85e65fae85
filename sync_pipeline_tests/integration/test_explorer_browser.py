"""The Explorer in a real browser: by keys and by pointer, back and forward, and while the service goes away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, Route, expect

from sandbox.woocommerce import Store, seed
from sync_pipeline.api.application import build
from sync_pipeline.explorer.mount import mount
from sync_pipeline.steps import promote, select
from sync_pipeline.steps.connect import tokens
from sync_pipeline_tests.barriers import barriers, in_views
from sync_pipeline_tests.captured import Clock, captured_once
from sync_pipeline_tests.chromium import log_in, needs_chromium, visiting
from sync_pipeline_tests.proxy import proxied
from sync_pipeline_tests.served import listening
from sync_pipeline_tests.stores import Shop, shop
from sync_pipeline_tests.waiting import wait_until

pytestmark = needs_chromium
LIST = "/ui/acme/shop/data/products"
DECIDED = "SELECT external_id, decision, why FROM selection.sync_selective_config ORDER BY length(external_id), 1"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\u202egnp.exe",
    "W" * 20_000,
    "o" + "\u0301" * 200,
)


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=70, variable=0, customers=3, orders=4)
    for number, name in enumerate(HOSTILE):
        made.add_product(name=name, sku=f"QX-{number}")
    made.add_product(name="Large", sku="LARGE", description="<p>" + "much " * 300_000)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull("products")
    opened.preview("products")


template = captured_once(shop, fill, capture_all)


@contextmanager
def opened(
    browser: Browser, store: Shop, path: str = LIST, role: str = "operator", **options: object
) -> Iterator[Page]:
    """A page of somebody with the role who has logged in."""
    token = tokens.add_token(store.db, store.org, role, actor="test").plain
    app = mount(build(store.settings, store.db))
    with listening(app) as url, visiting(browser, url, **options) as page:
        log_in(page, token, path)
        yield page


def test_twelve_new_products_are_included_by_keys_alone(browser: Browser, store: Shop) -> None:
    with opened(browser, store, "/ui/acme") as page:
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # skip to the content
        while page.evaluate("document.activeElement.closest('.list a') === null"):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{LIST}?choice=undecided")
        page.keyboard.press("2")
        expect(page.locator(".chip.new")).to_have_attribute("aria-current", "true")
        page.keyboard.press("j")
        page.keyboard.press("x")
        for _ in range(11):
            page.keyboard.press("j")
        page.keyboard.press("Shift+X")
        expect(page.locator(".bulk [data-count]")).to_have_text("12 selected")
        page.keyboard.press("i")
        expect(page.locator(".notice")).to_contain_text("12 records are included.")
    assert [row.decision for row in store.rows(DECIDED)] == ["include"] * 12


def test_twelve_new_products_are_included_by_pointer_alone(browser: Browser, store: Shop) -> None:
    with opened(browser, store, "/ui/acme") as page:
        page.locator(".list a", has_text="Products").first.click()
        page.locator(".chip.new").click()
        expect(page.locator(".chip.new")).to_have_attribute("aria-current", "true")
        boxes = page.locator(".grid tbody input")
        boxes.nth(0).click()
        boxes.nth(11).click(modifiers=["Shift"])
        page.locator(".bulk [name=why]").fill("the spring range")
        page.locator(".bulk").get_by_role("button", name="Include").click()
        expect(page.locator(".notice")).to_contain_text("12 records are included.")
        expect(page.locator(".bulk")).to_be_hidden()
    assert {row.why for row in store.rows(DECIDED)} == {"the spring range"}
    assert len(store.rows(DECIDED)) == 12


def test_shift_a_ticks_all_that_match_where_they_fit_one_page_and_where_they_do_not(
    browser: Browser, store: Shop
) -> None:
    ticked = ".bulk [data-count]"
    with opened(browser, store, f"{LIST}?q=QX-") as page:
        page.keyboard.press("Shift+A")
        expect(page.locator(ticked)).to_have_text(f"{len(HOSTILE)} selected")
    # On the first page most are in sync: fewer differ than it has rows, and most of these are on the second one.
    stream = store.connection.source.stream("products")
    ids = sorted(store.table("products", "new"), key=int)
    select.select(store.db, store.connection, stream, ids=ids[:45], include=True, actor="ann", draft=True)
    made = select.make_plan(store.db, store.org, actor="ann")
    assert made is not None
    promote.apply(store.db, store.org.org_id, made.plan_id, actor="run")
    store.preview("products")
    with opened(browser, store) as page:
        page.keyboard.press("Shift+A")
        expect(page.locator(ticked)).to_have_text(f"{len(ids) - 45} selected")


def test_a_late_answer_is_not_shown_over_what_was_done_since(browser: Browser, store: Shop) -> None:
    with opened(browser, store) as page:
        late: list[Route] = []
        page.route("**/*status=new*", lambda route: late.append(route))
        page.locator(".chip.new").click()
        page.locator(".grid tbody input").first.click()
        page.keyboard.press("i")
        expect(page.locator(".notice")).to_contain_text("1 record is included.")
        with suppress(Error):  # the browser has given it up
            late[0].continue_()
        page.evaluate("fetch(location.href).then((answer) => answer.text())")
        expect(page.locator(".notice")).to_be_visible()


def test_ticks_stay_while_pages_change_and_all_that_match_can_have_exceptions(browser: Browser, store: Shop) -> None:
    with opened(browser, store) as page:
        page.locator(".grid [data-page]").click()
        expect(page.locator(".bulk [data-count]")).to_have_text("50 selected")
        page.locator("[rel=next]").click()
        expect(page.locator(".grid tbody tr")).to_have_count(26)
        expect(page.locator(".bulk [data-count]")).to_have_text("50 selected")
        page.locator(".grid tbody input").first.click()
        expect(page.locator(".bulk [data-count]")).to_have_text("51 selected")
        page.reload()
        expect(page.locator(".bulk [data-count]")).to_have_text("51 selected")
        page.locator(".bulk [data-all]").click()
        expect(page.locator(".bulk [data-count]")).to_have_text("76 selected")
        for number in range(3):
            page.locator(".grid tbody input").nth(number).click()
        expect(page.locator(".bulk [data-count]")).to_have_text("73 selected")
        left_out = page.locator(".grid tbody tr").evaluate_all("rows => rows.slice(0, 3).map(row => row.dataset.id)")
        page.keyboard.press("g")
        expect(page.locator(".notice")).to_contain_text("73 records are ignored.")
    decided = {row.external_id for row in store.rows(DECIDED)}
    assert decided == store.table("products", "new") - set(left_out)


def test_back_and_forward_restore_filters_pages_and_the_open_record(browser: Browser, store: Shop) -> None:
    with opened(browser, store) as page:
        first = page.locator(".grid tbody tr").first.get_attribute("data-id")
        page.locator("[rel=next]").click()
        page.wait_for_url(re.compile("after="))
        expect(page.locator(".grid tbody tr")).to_have_count(26)
        page.locator(".grid tbody [data-open]").first.click()
        expect(page.locator("dialog.drawer")).to_be_visible()
        opened_name = page.locator("dialog h1").inner_text()
        page.locator("dialog .tabs a", has_text="Versions").click()
        expect(page.locator("dialog .tabs [aria-current]")).to_contain_text("Versions")
        address = page.url
        page.keyboard.press("Escape")
        expect(page.locator("dialog.drawer")).to_be_hidden()
        assert page.evaluate("document.activeElement.closest('tr') !== null"), "the focus returns to the row"
        page.go_back()
        expect(page.locator("dialog h1")).to_have_text(opened_name)
        expect(page.locator("dialog .tabs [aria-current]")).to_contain_text("Versions")
        page.go_back()
        expect(page.locator("dialog.drawer")).to_be_hidden()
        page.go_back()
        expect(page.locator(".grid tbody tr").first).to_have_attribute("data-id", first or "")
        page.goto(address)
        expect(page.locator("dialog h1")).to_have_text(opened_name)
        page.keyboard.press("]")
        expect(page.locator("dialog h1")).not_to_have_text(opened_name)


def test_a_search_finds_while_it_is_typed_and_keeps_the_caret(browser: Browser, store: Shop) -> None:
    with opened(browser, store) as page:
        page.keyboard.press("/")
        page.keyboard.type("QX-", delay=30)
        expect(page.locator(".grid tbody tr")).to_have_count(len(HOSTILE))
        assert "q=QX-" in page.url
        page.keyboard.type("zzz")
        expect(page.locator(".empty")).to_contain_text("Nothing is called “QX-zzz” here")
        assert page.locator("[type=search]").input_value() == "QX-zzz"
        page.get_by_role("link", name="Show all products").click()
        expect(page.locator(".grid tbody tr")).to_have_count(50)


def test_a_search_is_one_step_back_however_it_was_typed(browser: Browser, store: Shop) -> None:
    with opened(browser, store) as page:
        expect(page.locator(".grid tbody tr")).to_have_count(50)
        page.keyboard.press("/")
        for typed in ("Q", "X-"):
            page.keyboard.type(typed)
            page.wait_for_url(re.compile(f"q=Q{typed.strip('Q')}$"))
        page.keyboard.press("Enter")
        expect(page.locator(".grid tbody tr")).to_have_count(len(HOSTILE))
        page.evaluate("fetch(location.href).then((answer) => answer.text())")
        page.go_back()
        expect(page.locator(".grid tbody tr")).to_have_count(50)
        assert "q=" not in page.url


def test_the_first_card_of_a_plan_keeps_its_distance(browser: Browser, store: Shop) -> None:
    stream = store.connection.source.stream("products")
    select.select(store.db, store.connection, stream, everything=True, include=True, actor="ann", draft=True)
    made = select.make_plan(store.db, store.org, actor="ann")
    assert made is not None
    with opened(browser, store, f"/ui/acme/plans/{made.plan_id}") as page:
        card = page.locator("main section.card").first
        expect(card).to_contain_text("ann included")
        above = "one => one.getBoundingClientRect().top - one.previousElementSibling.getBoundingClientRect().bottom"
        assert card.evaluate(above) >= 8


@pytest.mark.parametrize("width", [1280, 390])
def test_a_list_of_orders_hides_no_column_and_heads_no_two_alike(browser: Browser, store: Shop, width: int) -> None:
    store.pull("orders")
    store.preview("orders")
    stream = store.connection.source.stream("orders")
    select.select(store.db, store.connection, stream, everything=True, include=True, actor="ann", draft=True)
    made = select.make_plan(store.db, store.org, actor="ann")
    assert made is not None
    promote.apply(store.db, store.org.org_id, made.plan_id, actor="run")
    for one in store.ids("orders"):
        store.store.update(
            "orders", int(one), status="on-hold", total="12345.67", currency="GBP", number=f"2026-00{one}"
        )
    store.pull("orders")
    store.preview("orders")
    select.select(store.db, store.connection, stream, everything=True, include=True, actor="ann", draft=True)
    with opened(browser, store, "/ui/acme/shop/data/orders", viewport={"width": width, "height": 800}) as page:
        expect(page.locator(".grid")).to_be_visible()
        heads = [one.strip() for one in page.locator(".grid thead th:not(.tick)").all_text_contents()]
        assert len(set(heads)) == len(heads)
        assert {"Status", "Store status", "Changed", "Choice"} <= set(heads)
        frame = page.evaluate(
            "(({scrollWidth, clientWidth}) => scrollWidth - clientWidth)(document.querySelector('.frame'))"
        )
        assert frame <= 0, "nothing is under the column that stays"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        expect(page.locator("tbody td[data-label='Store status']").first).to_be_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_names_neither_run_nor_overflow(browser: Browser, store: Shop, width: int) -> None:
    with opened(browser, store, f"{LIST}?q=QX-", viewport={"width": width, "height": 800}) as page:
        page.on("dialog", lambda _: pytest.fail("a script of a store ran"))
        expect(page.locator(".grid tbody tr")).to_have_count(len(HOSTILE))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        heights = page.locator(".grid tbody tr").evaluate_all("rows => rows.map(row => row.offsetHeight)")
        assert max(heights) == min(heights)
        for row in range(len(HOSTILE)):
            page.locator(".grid tbody [data-open]").nth(row).click()
            expect(page.locator("dialog h1")).to_be_visible()
            assert page.evaluate("document.querySelector('dialog').scrollWidth") <= width
            page.locator("dialog [data-close]").click()


def test_a_large_json_opens_without_a_long_task_and_is_searched(browser: Browser, store: Shop) -> None:
    with opened(browser, store, f"{LIST}?q=LARGE") as page:
        page.evaluate(
            "() => { window.longest = 0; new PerformanceObserver(list => { for (const one of list.getEntries())"
            " window.longest = Math.max(window.longest, one.duration); }).observe({type: 'longtask'});"
            " window.piece = 0; new MutationObserver(list => { const added = list.filter(one =>"
            " one.target.matches?.('.json')).flatMap(one => [...one.addedNodes]).map(one => one.textContent.length);"
            " window.piece = Math.max(window.piece, added.reduce((sum, one) => sum + one, 0)); })"
            ".observe(document.body, {childList: true, subtree: true}); }"
        )
        page.locator(".grid tbody [data-open]").click()
        page.locator("dialog .tabs a", has_text="JSON").click()
        size = "document.querySelector('.json')?.textContent.length ?? 0"
        wait_until(lambda: page.evaluate(size) > 1_500_000, "the JSON is shown")
        assert 0 < page.evaluate("window.piece") < 100_000  # characters that one task lays out
        assert page.evaluate("window.longest") < 5000  # of a machine with other work; alone it is below 200
        page.locator("[data-find]").fill('"sku"')
        expect(page.locator("[data-found]")).to_have_text("1 of 1")


def test_while_the_service_is_away_a_banner_says_so_and_what_was_typed_is_kept(browser: Browser, store: Shop) -> None:
    token = tokens.add_token(store.db, store.org, "operator", actor="test").plain
    with ExitStack() as stack:
        with ExitStack() as first:
            url = first.enter_context(listening(mount(build(store.settings, store.db))))
            page = stack.enter_context(visiting(browser, url))
            log_in(page, token, LIST)
            page.locator(".grid tbody input").nth(2).click()
            page.locator(".bulk [name=why]").fill("for the fair")
        page.locator(".chip.new").click()
        expect(page.locator(".banner")).to_contain_text("The connection is lost. What you chose is kept")
        stream = store.connection.source.stream("products")
        ticked = page.locator(".grid tbody tr").nth(2).get_attribute("data-id") or ""
        select.select(store.db, store.connection, stream, ids=[ticked], include=True, actor="bo")
        stack.enter_context(listening(mount(build(store.settings, store.db)), int(url.rsplit(":", 1)[1])))
        expect(page.locator(".chip.new")).to_have_attribute("aria-current", "true")
        expect(page.locator(".banner")).to_have_count(0)
        expect(page.locator(".chip", has_text="Included")).to_contain_text("1")
        page.go_back()
        expect(page.locator(".bulk [data-count]")).to_have_text("1 selected")
        expect(page.locator(".bulk [name=why]")).to_have_value("for the fair")
        page.locator(".bulk [data-decide=ignore]").click()
        expect(page.locator(".notice")).to_contain_text("bo included it")
        page.get_by_role("button", name="Replace").click()
        expect(page.locator(".notice")).to_contain_text("1 record is ignored.")
    assert [(row.external_id, row.decision) for row in store.rows(DECIDED)] == [(ticked, "ignore")]


def test_an_answer_that_breaks_off_is_asked_for_again(browser: Browser, store: Shop) -> None:
    token = tokens.add_token(store.db, store.org, "operator", actor="test").plain
    with (
        listening(mount(build(store.settings, store.db))) as url,
        proxied(("127.0.0.1", int(url.rsplit(":", 1)[1]))) as between,
        visiting(browser, f"http://127.0.0.1:{between.port}") as page,
    ):
        log_in(page, token, LIST)
        between.break_off(after=3_000)  # behind the headers
        page.locator(".chip.new").click()
        expect(page.locator(".chip.new")).to_have_attribute("aria-current", "true")
        expect(page.locator(".banner")).to_have_count(0)
        between.break_off(after=1_500)
        page.locator(".grid tbody tr a").first.click()
        expect(page.locator("dialog .record")).to_be_visible()


def test_after_the_session_has_ended_a_login_leads_back(browser: Browser, store: Shop) -> None:
    with opened(browser, store) as page:
        for row in tokens.list_tokens(store.db, store.org):
            tokens.revoke_token(store.db, store.org, row.token_id, actor="test")
        page.evaluate("document.querySelector('.chip.new')?.click()")  # or the stream has noticed before
        page.wait_for_url("**/ui/login?ended=page&next=*")
        assert "Your session has ended." in page.locator(".login").inner_text()
        token = tokens.add_token(store.db, store.org, "operator", actor="test").plain
        page.get_by_text("Use a token").click()
        page.get_by_label("Token").fill(token)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{LIST}")


def test_the_colours_that_were_chosen_stay(browser: Browser, store: Shop) -> None:
    with opened(browser, store, color_scheme="light") as page:
        bright = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.get_by_role("button", name="Light or dark").click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != bright
        page.reload()
        assert page.locator("html").get_attribute("data-theme") == "dark"
        page.get_by_role("button", name="Light or dark").click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == bright


def test_without_scripts_links_and_forms_work(browser: Browser, store: Shop) -> None:
    with opened(browser, store, "/ui/acme", java_script_enabled=False) as page:
        page.locator(".list a", has_text="Products").first.click()
        page.locator(".chip.new").click()
        page.locator("[rel=next]").click()
        assert page.locator(".grid tbody tr").count() == 26
        page.locator("[type=search]").fill("QX-")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("q=QX-"))
        page.locator(".grid tbody [data-open]").first.click()
        assert page.locator("h1").inner_text() == HOSTILE[0]
        page.locator(".tabs a", has_text="In core").click()
        assert "It is not in core" in page.locator(".record").inner_text()


def test_without_scripts_records_are_included_one_by_one_and_ticked(browser: Browser, store: Shop) -> None:
    with opened(browser, store, java_script_enabled=False) as page:
        rows = page.locator(".grid tbody tr")
        ids = [rows.nth(n).get_attribute("data-id") or "" for n in range(4)]
        rows.nth(0).get_by_role("button", name="Include").click()
        expect(page.locator(".notice")).to_contain_text("1 record is included.")
        for n in (1, 2):
            rows.nth(n).locator("[type=checkbox]").check()
        page.locator(".bulk [name=why]").fill("old")
        page.locator(".bulk").get_by_role("button", name="Ignore").click()
        expect(page.locator(".notice")).to_contain_text("2 records are ignored.")
        rows.nth(3).locator("[data-open]").click()
        page.get_by_role("button", name="Include").click()
        page.wait_for_url(f"**/{ids[3]}")
        expect(page.get_by_role("button", name="Include")).to_have_attribute("aria-pressed", "true")
        page.get_by_role("button", name="Undo the choice").click()
        expect(page.get_by_role("button", name="Include")).to_have_attribute("aria-pressed", "false")
    decided = {row.external_id: (row.decision, row.why) for row in store.rows(DECIDED)}
    assert decided == {ids[0]: ("include", None), ids[1]: ("ignore", "old"), ids[2]: ("ignore", "old")}


def test_enter_in_the_reason_decides_nothing(browser: Browser, store: Shop) -> None:
    with opened(browser, store) as page:
        page.locator(".grid tbody input").first.click()
        page.locator(".bulk [name=why]").fill("for the fair")
        page.keyboard.press("Enter")
        page.locator(".bulk").get_by_role("button", name="Include").click()
        expect(page.locator(".notice")).to_contain_text("1 record is included.")
        page.locator(".grid tbody tr").nth(1).get_by_role("button", name="Ignore").click()
        expect(page.locator(".notice")).to_contain_text("1 record is ignored.")
    assert sorted(row.decision for row in store.rows(DECIDED)) == ["ignore", "include"]


@in_views
def test_no_page_has_a_barrier(browser: Browser, store: Shop, whole: bool) -> None:
    found: dict[str, list[str]] = {}

    def look(page: Page, name: str) -> None:
        # What slides in is half transparent meanwhile.
        wait_until(lambda: page.evaluate("document.getAnimations().length === 0"), "nothing moves")
        found.update(barriers(page, name, whole=whole))

    with opened(browser, store, "/ui/acme", reduced_motion="reduce") as page:
        look(page, "overview")
        page.goto("/ui/login")
        look(page, "login")
        page.goto("/ui/other")
        look(page, "not found")
        page.goto(f"{LIST}?q=zzz")
        look(page, "no match")
        page.goto(LIST)
        page.locator(".grid tbody input").first.click()
        look(page, "ticked")
        page.locator(".bulk [data-decide=include]").click()
        page.locator(".notice").wait_for()
        look(page, "decided")
        page.locator(".grid [data-open]").first.click()
        for tab in ("Changes", "JSON", "Versions", "In core", "Related", "Events"):
            page.locator("dialog .tabs a", has_text=tab).click()
            expect(page.locator("dialog .tabs [aria-current]")).to_contain_text(tab)
            look(page, tab)
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        look(page, "keys")
    assert found == {}


def test_scripts_are_few(store: Shop) -> None:
    folder = Path(mount.__code__.co_filename).parent / "static"
    lines = [line.strip() for file in folder.glob("*.js") for line in file.read_text("utf-8").splitlines()]
    assert len([line for line in lines if line and not line.startswith(("//", "/**"))]) <= 500
