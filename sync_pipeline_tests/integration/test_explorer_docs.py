"""The API's documents as a page: complete, public, without another host, and readable at every width."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from sync_pipeline.api.application import build
from sync_pipeline.api.examples import command, walk
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.explorer.mount import mount
from sync_pipeline.explorer.render import CSP
from sync_pipeline_tests.barriers import barriers
from sync_pipeline_tests.chromium import needs_chromium, visiting
from sync_pipeline_tests.served import Served, listening


@contextmanager
def opened(browser: Browser, db: Database, settings: Settings, width: int, **options: object) -> Iterator[Page]:
    with (
        listening(mount(build(settings, db))) as url,
        visiting(browser, url, viewport={"width": width, "height": 800}, **options) as page,
    ):
        page.goto("/docs")
        yield page


def test_it_is_public_and_protected_as_a_page_and_quick(api: Served) -> None:
    api.client.cookies.clear()
    page = api.client.get("/docs", headers={"Accept-Encoding": "gzip"})
    assert page.status_code == 200
    assert page.headers["content-encoding"] == "gzip"
    assert page.headers["content-security-policy"] == CSP
    assert page.headers["x-frame-options"] == "DENY"
    assert page.text == api.client.get("/docs", headers={"Accept-Encoding": "identity"}).text
    assert api.client.get("/openapi.json").status_code == 200
    assert api.client.get("/redoc").status_code == 404
    assert "data-theme" not in page.text
    for theme, marked in (("dark", ' data-theme="dark"'), ("light", ' data-theme="light"'), ('"><script>', "")):
        themed = api.client.get("/docs", headers={"Cookie": f"theme={theme}"}).text
        assert themed.replace(marked, "", 1) == page.text
        assert marked in themed
    assert "sp_1_" not in page.text.replace("sp_1_…", "")


@needs_chromium
def test_every_call_and_example_is_on_it(browser: Browser, database: Database, settings: Settings) -> None:
    document = build(settings, database).openapi()
    with opened(browser, database, settings, 1280) as page:
        shown = page.locator("article").evaluate_all(
            "all => all.map(one => [one.id, one.querySelector('h3 .method').textContent, "
            "one.querySelector('h3 code').textContent, one.textContent])"
        )
        calls = {one: (method, path, text) for one, method, path, text in shown}
        assert len(calls) == len(shown)
        linked = page.locator(".index li a").evaluate_all("all => all.map(one => one.hash.slice(1))")
        examples = page.locator("pre").all_text_contents()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                found_method, found_path, text = calls.pop(operation["operationId"])
                assert (found_method, found_path) == (method.upper(), path)
                linked.remove(operation["operationId"])
                for one in operation.get("parameters", []):
                    assert one["name"] in text, (path, one["name"])
                for status, answer in operation["responses"].items():
                    assert status in text, (path, status)
                    assert answer["description"].replace("`", "") in text, (path, status)
                for role in operation.get("x-roles", ()):
                    assert role in text, (path, role)
        assert (calls, linked) == ({}, [])
        assert not [example for example in walk() if command(example) not in examples]
        with page.expect_download() as saved:
            page.get_by_role("link", name="openapi.json").click()
        assert json.loads(saved.value.path().read_text("utf-8")) == document


@needs_chromium
@pytest.mark.parametrize("scripts", [True, False])
def test_the_index_leads_to_a_call_without_a_script_or_another_host(
    browser: Browser, database: Database, settings: Settings, scripts: bool
) -> None:
    with opened(browser, database, settings, 1280, java_script_enabled=scripts) as page:
        asked: list[str] = []
        page.on("request", lambda one: asked.append(one.url))
        page.reload()
        page.locator(".index a", has_text="/integrations/{provider}/table").click()
        assert page.url.endswith("#table")
        expect(page.locator("#table h3")).to_be_in_viewport()
        expect(page.locator("nav")).to_have_count(1)
        assert page.locator("script").count() == 0
        here = urlsplit(page.url).netloc
        assert {urlsplit(one).netloc for one in asked} == {here}


@needs_chromium
@pytest.mark.parametrize("calls", [12, pytest.param(1000, marks=pytest.mark.torture)])
def test_it_has_no_barrier_and_does_not_overflow(
    browser: Browser, database: Database, settings: Settings, calls: int
) -> None:
    """All calls are shown alike; in every view they take half a minute."""
    with opened(browser, database, settings, 390) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.evaluate(
            "calls => [...document.querySelectorAll('article')].slice(calls).forEach(one => one.remove())", calls
        )
        assert barriers(page, "docs", whole=calls > 12) == {}
