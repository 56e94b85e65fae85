"""Clicks in the Explorer with very many captured records: from the click to painted rows, in Chromium."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import psutil
from playwright.sync_api import Page

from bench.endpoint import Spending, ask, p95, prepared, serving, serving_process, timed
from bench.million import Million
from bench.report import Row, measured, skipped
from sync_pipeline.explorer.session import PLAIN
from sync_pipeline.steps import connect
from sync_pipeline.steps.connect import tokens
from sync_pipeline_tests.chromium import CHROMIUM, chromium, log_in, visiting

NAME = "explorer"
TITLE = "The Explorer: from a click to painted rows"
SCALE = 1_000_000
_CLICKS = 34  # of each kind in each run: some hundred with three runs
_PAGES = 50  # open at once, each with a stream of what is at work
_MB = 1_000_000
_KEYS = "org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = 'product'"
_COLUMNS = "SELECT external_id, name, code, sync_data -> 'price' FROM capture.sync_record"
_BARE = f"{_COLUMNS} WHERE {_KEYS} ORDER BY length(external_id), external_id LIMIT 50"
_FOUND = (
    f"{_COLUMNS} WHERE {_KEYS} AND external_id = ANY (ARRAY("
    "SELECT external_id FROM capture.search(%(connection_id)s, 'product', '{}', 50)))"
)
# A click, and the milliseconds until the frame after the one that shows its rows.
_CLICK = """async selector => {
    const began = performance.now();
    const shown = new Promise(done => document.addEventListener("shown", done, {once: true}));
    document.querySelector(selector).click();
    await shown;
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - began;
}"""
# The same for a search that is sent with Enter; while somebody types, the page waits 200 ms for the next key.
_SEARCH = _CLICK.replace(
    "document.querySelector(selector).click()",
    "const field = document.querySelector('[type=search]'); field.value = selector; field.form.requestSubmit()",
)
# Where it begins, what is clicked, and what leads back.
_KINDS = {
    "next page": ("", "[rel=next]", "[rel=prev]"),
    "next page, in the middle": ("?after={middle}", "[rel=next]", "[rel=prev]"),
    "status": ("", ".chip.updated", ".chip:first-child"),
    "choice": ("", ".chip:nth-last-child(4)", ".chip:nth-last-child(4)"),
    "order by id": ("", "th.id a", "th.id a"),
    "order by time": ("", "th.widest a", "th.id a"),
}
_TERMS: dict[str, Callable[[int], str]] = {
    "search, a word of all": lambda number: "organic" if number % 2 else "shirt",
    "search, a rare word": lambda number: str(777_000 + number),
    "search, the beginning of a SKU": lambda number: f"sku-{100 + number}",
}
_QUEUE = """
INSERT INTO promote.sync_queue (org_id, plan_id, idempotency_key, state, total, waiting, created_by, started_at)
VALUES (%s, gen_random_uuid(), 'bench', 'processing', 1000000, 1000000, 'bench', now())
"""
_MOVE = "UPDATE promote.sync_queue SET done = done + 1000, waiting = waiting - 1000 WHERE created_by = 'bench'"


@dataclass
class _Clicking:
    """A page of somebody who has logged in, and the processes whose time a click costs."""

    page: Page
    address: str
    bare: Sequence[float]
    spending: Spending

    def row(self, name: str, values: Sequence[float], cpu: tuple[float, float], bare: Sequence[float]) -> Row:
        script = "fetch(location, {headers: {'X-Fragment': '1'}}).then(a => a.text()).then(t => new Blob([t]).size)"
        size = self.page.evaluate(script)
        note = f"p95 {p95(values):.0f} ms of {len(values)} clicks; {size / 1000:.0f} kB"
        return measured(
            name,
            values,
            unit="ms",
            ratio=p95(values) / p95(bare),
            ratio_to="the SQL of its rows, p95",
            target="p95 < 300 ms, ≤ 40 kB",
            reached=p95(values) < 300 and size <= 40_000,
            processor=cpu,
            note=note,
        )

    def clicked(self, name: str, there: str, back: str, times: int) -> Row:
        for _ in range(3):  # what is not warm yet
            self.page.evaluate(_CLICK, there)
            self.page.evaluate(_CLICK, back)
        values = []
        with self.spending.counted(2 * times) as spent:
            for _ in range(times):
                values += [self.page.evaluate(_CLICK, there)]
                self.page.evaluate(_CLICK, back)
        self.page.evaluate(_CLICK, there)
        return self.row(name, values, (spent[0], spent[1]), self.bare)

    def searched(self, name: str, term: Callable[[int], str], times: int, bare: Sequence[float]) -> Row:
        self.page.evaluate(_SEARCH, term(-1))
        with self.spending.counted(times) as spent:
            values = [self.page.evaluate(_SEARCH, term(number)) for number in range(times)]
        return self.row(name, values, (spent[0], spent[1]), bare)


def run(scale: int, runs: int) -> list[Row]:
    """The clicks of one person, each kind some hundred times; then fifty open pages."""
    if CHROMIUM is None:
        return [skipped("a click", "there is no Chromium")]
    of = prepared(scale)
    bare = timed(runs, lambda: ask(of, _BARE))
    rows = [measured("SQL: the rows of a page", bare, unit="ms", note=f"p95 {p95(bare):.1f} ms")]
    org = connect.organizations(of.ground.db)[0]
    token = tokens.add_token(of.ground.db, org, "operator", actor="bench").plain
    address = f"/ui/{org.slug}/{of.connection.name}/data/products"
    with serving(of) as url:
        service = serving_process()
        with chromium() as browser, visiting(browser, url) as page:
            log_in(page, token, address)
            clicking = _Clicking(page, address, bare, Spending(of.ground, service))
            for name, (begin, there, back) in _KINDS.items():
                page.goto(address + begin.format(middle=scale // 2))
                rows.append(clicking.clicked(name, there, back, runs * _CLICKS))
            page.goto(address)
            for name, term in _TERMS.items():
                found = timed(runs, lambda term=term: ask(of, _FOUND.format(term(0))))
                rows.append(measured(f"SQL: {name}", found, unit="ms", note=f"p95 {p95(found):.1f} ms"))
                rows.append(clicking.searched(name, term, runs * _CLICKS, found))
        rows += _open_pages(of, url, address, token, service)
    return rows


def _open_pages(of: Million, url: str, address: str, token: str, service: psutil.Process) -> list[Row]:
    """The memory of the service before, while and after many pages are open, each with a stream of its own."""
    of.ground.owner.execute(_QUEUE, (of.connection.org_id,))
    cookies = {PLAIN: f"{connect.organizations(of.ground.db)[0].slug}:{token}"}
    heard = [0]
    with httpx.Client(base_url=url, cookies=cookies, timeout=None) as client:
        for _ in range(20):
            client.get(address).raise_for_status()
        before = service.memory_info().rss
        with ExitStack() as streams:
            limits = httpx.Limits(max_connections=None)
            many = streams.enter_context(httpx.Client(base_url=url, cookies=cookies, timeout=None, limits=limits))
            for _ in range(_PAGES):
                client.get(address).raise_for_status()
                stream = streams.enter_context(many.stream("GET", _live(address)))
                threading.Thread(target=_listen, args=(stream, heard), daemon=True).start()
            for _ in range(10):  # ten seconds, in each of which every bar moves
                of.ground.owner.execute(_MOVE)
                time.sleep(1)
            during = service.memory_info().rss
        time.sleep(5)
        after = service.memory_info().rss
    of.ground.owner.execute("DELETE FROM promote.sync_queue WHERE created_by = 'bench'")
    note = f"{heard[0]} parts were heard"
    return [
        Row(what=f"memory of the service, {_PAGES} open pages", value=(during - before) / _MB, unit="MB more",
            target="≤ 50 MB", reached=during - before <= 50 * _MB, note=f"{before / _MB:.0f} MB before; {note}"),
        Row(what="after they were closed", value=(after - before) / _MB, unit="MB more", target="≤ 10 MB",
            reached=after - before <= 10 * _MB),
    ]  # fmt: skip


def _live(address: str) -> str:
    return "/".join([*address.split("/")[:3], "live"])


def _listen(stream: httpx.Response, heard: list[int]) -> None:
    try:
        for line in stream.iter_lines():
            heard[0] += line.startswith("data:")
    except (httpx.HTTPError, RuntimeError):
        pass  # it was closed
