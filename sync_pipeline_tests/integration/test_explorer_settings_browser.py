"""Connecting, settings, tokens and saved views in a real browser: by keys, by pointer, and without barriers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from sandbox.woocommerce import Store, seed
from sync_pipeline.api.application import build
from sync_pipeline.explorer.mount import mount
from sync_pipeline.steps import connect, preview, select
from sync_pipeline.steps.connect import tokens, users
from sync_pipeline_tests.barriers import barriers, in_views
from sync_pipeline_tests.captured import Clock, captured_once
from sync_pipeline_tests.chromium import log_in, needs_chromium, visiting
from sync_pipeline_tests.explored import PASSWORD
from sync_pipeline_tests.served import listening
from sync_pipeline_tests.stores import Shop, shop

pytestmark = needs_chromium
CONFIGURATION = "/ui/acme/shop/configuration"
SETTINGS = "/ui/acme/shop/settings"
PEOPLE = "/ui/acme/people"
LIST = "/ui/acme/shop/data/products"
HOSTILE = ("<script>alert(1)</script>", "W" * 60, "a\u202eb")


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=12, variable=0, customers=2, orders=1)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull("products")
    opened.preview("products")


template = captured_once(shop, fill, capture_all)


@contextmanager
def opened(browser: Browser, store: Shop, path: str, role: str = "admin", **options: object) -> Iterator[Page]:
    """A page of somebody with the role who has logged in."""
    token = tokens.add_token(store.db, store.org, role, actor="test").plain
    with listening(mount(build(store.settings, store.db))) as url, visiting(browser, url, **options) as page:
        log_in(page, token, path)
        yield page


def test_a_store_is_connected_and_tested_by_keys_alone(browser: Browser, store: Shop) -> None:
    with opened(browser, store, "/ui/acme/connect") as page:

        def tab_to(selector: str) -> None:
            for _ in range(60):
                page.keyboard.press("Tab")
                if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                    return
            raise AssertionError(f"no Tab leads to {selector}")

        tab_to("a.chip[href$=woocommerce]")
        page.keyboard.press("Enter")
        page.wait_for_url("**/connect?provider=woocommerce")
        for name, value in (("name", "shop"), ("store_url", store.server.url), ("consumer_key", store.server.key),
                            ("consumer_secret", store.server.secret)):  # fmt: skip
            tab_to(f"[name={name}]")
            page.keyboard.type(value)
        page.keyboard.press("Enter")
        expect(page.locator("form .error")).to_contain_text("The connection “shop” exists already.")
        expect(page.locator("[name=store_url]")).to_have_value(store.server.url)  # what was typed is kept
        page.locator("[name=name]").focus()
        page.keyboard.press("Control+A")
        page.keyboard.type("second")
        page.keyboard.press("Enter")
        page.wait_for_url("**/ui/acme/second/configuration?connected=1")
        expect(page.locator("main [role=status]").first).to_contain_text("no errors, 2 warnings.")
        expect(page.locator("#said")).to_contain_text("no errors")
        tab_to("form[action$='/test'] button")
        page.keyboard.press("Enter")
        page.wait_for_url("**/ui/acme/second/configuration")
        page.reload()
        expect(page.locator(".findings li")).to_have_count(6)


def test_settings_and_a_rule_are_changed_by_pointer_alone(browser: Browser, store: Shop) -> None:
    with opened(browser, store, SETTINGS) as page:
        page.get_by_label("Promote what is selected").click()
        page.get_by_label("Records in a batch").fill("9000")
        page.get_by_role("button", name="Save the settings").click()
        assert page.evaluate("document.querySelector('[name=batch_size]').validity.rangeOverflow")
        page.get_by_label("Records in a batch").fill("70")
        page.get_by_role("button", name="Save the settings").click()
        expect(page.locator("main [role=status]").first).to_contain_text("batch size is 70")
        expect(page.get_by_text("● differs")).to_have_count(2)
        page.locator("#rules [name=entity]").select_option("products")
        page.locator("#rules [name=kind]").select_option("include_new")
        page.get_by_role("button", name="Count").click()
        expect(page.locator("form.notice")).to_contain_text("It would include 12 undecided records now")
        assert "kind=include_new" in page.url
        page.get_by_role("button", name="Add the rule").click()
        expect(page.locator("#rules table")).to_contain_text("Include every new record")
        page.go_back()
        expect(page.locator("form.notice")).to_contain_text("undecided records now")
        page.go_forward()
        page.get_by_role("button", name="End rule 1").click()
        expect(page.get_by_text("There is no rule")).to_be_visible()
    assert store.rows("SELECT settings FROM connect.integration_connector")[0].settings == {
        "batch_size": 70,
        "promote_on_select": False,
    }


def test_a_token_is_on_one_page_and_on_none_that_one_goes_back_to(browser: Browser, store: Shop) -> None:
    with opened(browser, store, f"{PEOPLE}?role=operator") as page:
        page.get_by_role("button", name="Make the token").click()
        expect(page.locator("main [role=status]")).to_contain_text("shown this once")
        plain = page.locator("main [role=status] code").inner_text()
        assert tokens.authenticate(store.db, plain).role == "operator"
        assert "sp_" not in page.url
        kept = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
        assert plain not in page.evaluate(kept)
        page.get_by_role("link", name="Organization").click()
        page.wait_for_url("**/ui/acme/settings")
        page.go_back()
        expect(page.get_by_role("heading", name="Your sessions")).to_be_visible()
        assert plain not in page.content()
        page.reload()
        assert plain not in page.content()


def test_a_view_is_saved_found_and_deleted(browser: Browser, store: Shop) -> None:
    with opened(browser, store, LIST) as page:
        page.locator(".chip.new").click()
        page.get_by_text("Save this view").click()
        page.get_by_label("Name of the view").fill("new ones")
        page.keyboard.press("Enter")
        chip = page.locator(".saved .chip", has_text="new ones")
        expect(chip).to_have_attribute("aria-current", "true")
        page.locator(".chip", has_text="All").click()
        expect(chip).not_to_have_attribute("aria-current", "true")
        chip.click()
        page.wait_for_url(f"**{LIST}?status=new")
        expect(chip).to_have_attribute("aria-current", "true")
        page.get_by_role("button", name="Delete this view").click()
        expect(chip).to_have_count(0)


@pytest.fixture
def crowded(store: Shop) -> Shop:
    """Long and hostile names wherever people or stores may put them."""
    products, said = store.connection.source.stream("products"), "W" * 3000 + HOSTILE[0]
    connect.diagnose(store.db, store.settings, store.connection)
    connect.update_settings(
        store.db, store.connection, {"owner": "W" * 200, "noise": {"W" * 150: ["x" * 190]}}, actor="a" * 90
    )
    connect.set_policy(store.db, store.org, sku="halt", actor="ann", why="W" * 400)
    for number, name in enumerate(HOSTILE):
        value = name * 5
        select.add_rule(store.db, store.connection, products, kind="ignore_where", field="sku", value=value,
                        actor="b" * 80, why=value)  # fmt: skip
        users.add_user(store.db, store.org, f"{'w' * 100}{number}@acme.example", PASSWORD, "admin", actor="test")
        tokens.add_token(store.db, store.org, "viewer", name=name, actor="test")
        if name.isprintable():
            view = preview.RecordView(status="new", sort="name" if number else None)
            preview.save_view(store.db, store.connection, products, name, view, actor="c" * 90)
    store.rows(
        "UPDATE connect.integration_connector SET health = 'failing', health_detail = %(said)s, "
        "findings = findings || %(finding)s::jsonb RETURNING 1",
        said=said,
        finding=json.dumps([{"level": "error", "code": "x", "message": said, "remedy": said}]),
    )
    return store


@in_views
def test_no_page_has_a_barrier_overflows_or_runs_what_a_store_says(
    browser: Browser, crowded: Shop, whole: bool
) -> None:
    found: dict[str, list[str]] = {}
    pages = {
        "connect": "/ui/acme/connect",
        "woocommerce": "/ui/acme/connect?provider=woocommerce",
        "configuration": CONFIGURATION,
        "settings": f"{SETTINGS}?entity=products&kind=ignore_where&field=sku&value={'W' * 300}",
        "organization": "/ui/acme/settings",
        "people": PEOPLE,
        "saved views": f"{LIST}?status=new&sort=name",
    }
    with opened(browser, crowded, "/ui/acme", reduced_motion="reduce") as page:
        page.on("dialog", lambda _: pytest.fail("a script of a store ran"))
        for name, address in pages.items():
            page.goto(address)
            page.evaluate("document.querySelectorAll('main details').forEach(one => one.open = true)")
            found.update(barriers(page, name, whole=whole))
            assert not re.search("[\u202a-\u202e]", page.content())
    assert found == {}
