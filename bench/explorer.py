"""Clicks in the Explorer with very many captured records: from the click to painted rows, in Chromium."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Page

from bench.endpoint import ask, p95, prepared, serving, timed
from bench.million import Million
from bench.report import Row, measured, skipped
from sync_pipeline.steps import connect
from sync_pipeline.steps.connect import tokens
from sync_pipeline_tests.chromium import CHROMIUM, chromium, log_in, visiting

NAME = "explorer"
TITLE = "The Explorer: from a click to painted rows"
SCALE = 1_000_000
_CLICKS = 34  # of each kind in each run: some hundred with three runs
_KEYS = "org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = 'product'"
_ROWS = f"SELECT external_id, name, code, sync_data -> 'price' FROM capture.sync_record WHERE {_KEYS}"
_BARE = f"{_ROWS} ORDER BY length(external_id), external_id LIMIT 50"
# A click, and the milliseconds until the frame after the one that shows its rows.
_CLICK = """async selector => {
    const began = performance.now();
    const shown = new Promise(done => document.addEventListener("shown", done, {once: true}));
    document.querySelector(selector).click();
    await shown;
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - began;
}"""
# What is clicked, and what leads back.
_KINDS = {
    "next page": ("[rel=next]", "[rel=prev]"),
    "status": (".chip.updated", ".chip:first-child"),
    "choice": (".chip:nth-last-child(4)", ".chip:nth-last-child(4)"),
    "order": ("th.id a", "th.id a"),
}


def run(scale: int, runs: int) -> list[Row]:
    """The clicks of one person, each kind some hundred times."""
    if CHROMIUM is None:
        return [skipped("a click", "there is no Chromium")]
    of = prepared(scale)
    bare = timed(runs, lambda: ask(of, _BARE))
    rows = [measured("SQL: the rows of a page", bare, unit="ms", note=f"p95 {p95(bare):.1f} ms")]
    token = tokens.add_token(of.ground.db, connect.organizations(of.ground.db)[0], "operator", actor="bench").plain
    with serving(of) as url, chromium() as browser, visiting(browser, url) as page:
        log_in(page, token, _list_of(of))
        for name, (there, back) in _KINDS.items():
            values = _clicked(page, there, back, runs * _CLICKS)
            size = page.evaluate(
                "fetch(location, {headers: {'X-Fragment': '1'}}).then(a => a.text()).then(t => t.length)"
            )
            rows.append(
                measured(
                    name,
                    values,
                    unit="ms",
                    ratio=p95(values) / p95(bare),
                    ratio_to="the SQL of its rows, p95",
                    target="p95 < 300 ms, ≤ 40 kB",
                    reached=p95(values) < 300 and size <= 40_000,
                    note=f"p95 {p95(values):.0f} ms of {len(values)} clicks; {size / 1000:.0f} kB",
                )
            )
        values = _typed(page, runs * _CLICKS)
        note = f"p95 {p95(values):.0f} ms of {len(values)} searches, 200 of them waiting for the next key"
        rows.append(measured("search", values, unit="ms", reached=p95(values) < 500, target="p95 < 500 ms", note=note))
    return rows


def _list_of(of: Million) -> str:
    org = connect.organizations(of.ground.db)[0]
    return f"/ui/{org.slug}/{of.connection.name}/data/products"


def _clicked(page: Page, there: str, back: str, times: int) -> Sequence[float]:
    values: list[Any] = []
    page.evaluate(_CLICK, there)
    page.evaluate(_CLICK, back)
    for _ in range(times):
        values += [page.evaluate(_CLICK, there)]
        page.evaluate(_CLICK, back)
    return values


def _typed(page: Page, times: int) -> Sequence[float]:
    """From the last key to painted finds."""
    script = _CLICK.replace(
        "document.querySelector(selector).click()",
        "const field = document.querySelector('[type=search]'); field.value = selector;"
        " field.dispatchEvent(new InputEvent('input', {bubbles: true}))",
    )
    return [page.evaluate(script, f"sku-{777 + number}") for number in range(times)]
