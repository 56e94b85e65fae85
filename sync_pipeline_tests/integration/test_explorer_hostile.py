"""Lists and records whose contents are hostile or huge: text everywhere, no overflow, no task that takes long."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from sandbox.woocommerce import Store, seed
from sync_pipeline.api.application import build
from sync_pipeline.explorer.mount import mount
from sync_pipeline.steps.connect import tokens
from sync_pipeline_tests.captured import Clock, captured_once
from sync_pipeline_tests.chromium import log_in, needs_chromium, visiting
from sync_pipeline_tests.served import listening
from sync_pipeline_tests.stores import Shop, shop
from sync_pipeline_tests.waiting import wait_until

pytestmark = needs_chromium
LIST = "/ui/acme/shop/data/products"
NAMES = {
    "<script>document.title = 'run'</script>": "<script>document.title = 'run'</script>",
    "<img src=x onerror=\"document.title='run'\">": "<img src=x onerror=\"document.title='run'\">",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}": "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "invoice\u202efdp.exe": "invoice⟨U+202E⟩fdp.exe",
    "z\u200b\u2066e\u2069r\ufeffo": "z⟨U+200B⟩⟨U+2066⟩e⟨U+2069⟩r⟨U+FEFF⟩o",
}
TABS = ("Changes", "JSON", "Versions", "In core", "Related", "Events")
_PATIENCE = 20_000  # milliseconds, on a machine with other work
_LONGEST = 200.0  # milliseconds of processor time of a task: what else the machine does counts for nothing


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=3, variable=0, customers=1, orders=1)
    for number, name in enumerate(NAMES):
        made.add_product(name=name, sku=f"HOST-{number}")
    made.add_product(name="e" + "\u0301" * 5_000, sku="HUGE-1")
    made.add_product(name="word " * 200_000, sku="HUGE-2")
    made.add_product(name="W" * 1_000_000, sku="HUGE-3")
    many = [{"id": n, "name": f"Category {n} <b>", "slug": f"category-{n}"} for n in range(1, 5_001)]
    made.add_product(name="Many categories", sku="HUGE-4", categories=many)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull("products")
    opened.preview("products")


template = captured_once(shop, fill, capture_all)


@contextmanager
def opened(browser: Browser, store: Shop, path: str, **options: object) -> Iterator[Page]:
    token = tokens.add_token(store.db, store.org, "operator", actor="test").plain
    with listening(mount(build(store.settings, store.db))) as url, visiting(browser, url, **options) as page:
        log_in(page, token, path)
        yield page


@contextmanager
def watched(browser: Browser, page: Page, file: Path) -> Iterator[list[float]]:
    """Gives the processor time of the page's longest task, once it is over."""
    longest: list[float] = []
    browser.start_tracing(page=page, path=str(file), categories=["disabled-by-default-devtools.timeline"])
    yield longest
    browser.stop_tracing()
    events = json.loads(file.read_text("utf-8"))["traceEvents"]
    mains = {
        (one["pid"], one["tid"])
        for one in events
        if one["name"] == "thread_name" and one["args"]["name"] == "CrRendererMain"
    }
    tasks = [one for one in events if one["name"] == "RunTask" and (one["pid"], one["tid"]) in mains and "tdur" in one]
    assert len(tasks) > 20, "the trace holds the page's tasks"
    longest.append(max(one["tdur"] for one in tasks) / 1000)


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_names_are_text_in_lists_and_on_every_tab(browser: Browser, store: Shop, width: int) -> None:
    with opened(browser, store, f"{LIST}?q=HOST-", viewport={"width": width, "height": 800}) as page:
        expect(page.locator(".grid tbody tr")).to_have_count(len(NAMES))
        assert set(page.locator(".grid [data-open]").all_text_contents()) == set(NAMES.values())
        for row, shown in enumerate(page.locator(".grid [data-open]").all_text_contents()):
            page.locator(".grid [data-open]").nth(row).click()
            expect(page.locator("dialog h1")).to_have_text(shown, timeout=_PATIENCE)
            for tab in TABS:
                if tab != TABS[0]:  # that one is open: what it answers would take the next tab from under the pointer
                    page.locator("dialog .tabs a", has_text=tab).click()
                expect(page.locator("dialog .tabs [aria-current]")).to_contain_text(tab, timeout=_PATIENCE)
                assert page.evaluate("document.querySelector('dialog').scrollWidth") <= width
            page.locator("dialog [data-close]").click()
        assert "run" not in page.title()
        assert page.locator("main script, dialog script, main img, dialog img").count() == 0


@pytest.mark.parametrize("width", [pytest.param(1280, marks=pytest.mark.torture), 390])
def test_huge_contents_neither_overflow_nor_hold_the_browser_up(
    browser: Browser, store: Shop, width: int, tmp_path: Path
) -> None:
    with opened(browser, store, LIST, viewport={"width": width, "height": 800}) as page:
        with watched(browser, page, tmp_path / "trace.json") as longest:
            page.goto(f"{LIST}?q=HUGE-")
            expect(page.locator(".grid tbody tr")).to_have_count(4, timeout=_PATIENCE)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            heights = page.locator(".grid tbody tr").evaluate_all("rows => rows.map(row => row.offsetHeight)")
            assert max(heights) <= 2 * min(heights)
            for row in range(4):
                page.locator(".grid [data-open]").nth(row).click()
                for tab in TABS:
                    if (
                        tab != TABS[0]
                    ):  # that one is open: what it answers would take the next tab from under the pointer
                        page.locator("dialog .tabs a", has_text=tab).click()
                    expect(page.locator("dialog .tabs [aria-current]")).to_contain_text(tab, timeout=_PATIENCE)
                    assert page.evaluate("document.querySelector('dialog').scrollWidth") <= width
                    assert page.locator("dialog h1").evaluate("one => one.offsetHeight") <= 120
                page.locator("dialog [data-close]").click()
        assert longest[0] < _LONGEST


def _still(page: Page) -> bool:
    return bool(page.evaluate("document.getAnimations().length === 0"))


def test_nothing_moves_for_who_asked_for_that(browser: Browser, store: Shop) -> None:
    found = {}
    for motion in ("no-preference", "reduce"):
        with opened(browser, store, LIST, reduced_motion=motion) as page:
            page.locator(".grid [data-open]").first.evaluate(
                "link => { document.addEventListener('animationstart', () => window.moved = true); link.click(); }"
            )
            expect(page.locator("dialog h1")).to_be_visible(timeout=_PATIENCE)
            wait_until(partial(_still, page), "the drawer stands still")
            found[motion] = bool(page.evaluate("window.moved"))
            slow = (
                "[...document.querySelectorAll('*')].filter(one => getComputedStyle(one).transitionDuration !== '0s')"
            )
            found[f"{motion}, transitions"] = bool(page.evaluate(f"{slow}.length"))
    assert found == {
        "no-preference": True, "no-preference, transitions": True, "reduce": False, "reduce, transitions": False,
    }  # fmt: skip


@pytest.mark.parametrize("path", [LIST, f"{LIST}?q=HUGE-", "/ui/acme"])
def test_at_twice_the_size_nothing_is_lost(browser: Browser, store: Shop, path: str) -> None:
    """A window of 1280 by 1024 at 200 % has 640 by 512 of the page's pixels."""
    with opened(
        browser, store, path, viewport={"width": 640, "height": 512}, device_scale_factor=2, reduced_motion="reduce"
    ) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 640
        lost = page.locator("main :is(a, button, input, h1, td)").evaluate_all(
            "all => all.filter(one => { const box = one.getBoundingClientRect(); "
            "return one.checkVisibility() && box.width && (box.left < -1 || box.right > innerWidth + 1); })"
            ".filter(one => !one.closest('.chips')).map(one => one.outerHTML.slice(0, 80))"
        )
        assert lost == []
        if path == "/ui/acme":
            return
        page.locator(".grid tbody input").first.click()
        expect(page.locator(".bulk [data-decide=include]")).to_be_in_viewport(timeout=_PATIENCE)
        page.locator(".grid [data-open]").first.click()
        expect(page.locator("dialog [data-decide=include]")).to_be_in_viewport(timeout=_PATIENCE)
