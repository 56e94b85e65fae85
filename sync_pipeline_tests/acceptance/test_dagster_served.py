"""Dagster as people meet it: `up` with its real webserver, daemon and code server, on an embedded PostgreSQL."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from sandbox.woocommerce import Server, Store, running, seed
from sync_pipeline.config import PROJECT, Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.open import embedded, open_database
from sync_pipeline.defs import launch
from sync_pipeline.errors import Conflict
from sync_pipeline.steps import capture, connect, observe, preview, select
from sync_pipeline.steps.connect import tokens, users
from sync_pipeline_tests import dagster_walk
from sync_pipeline_tests.chromium import chromium, needs_chromium, tab_to, visiting
from sync_pipeline_tests.commands import COMMAND
from sync_pipeline_tests.explored import PASSWORD
from sync_pipeline_tests.processes import children, free_port, gone
from sync_pipeline_tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.dagster
_RUN = 600_000  # milliseconds that a run may take on a machine with other work


@dataclass
class Served:
    """Everything that runs, and the one organization in it."""

    settings: Settings
    db: Database
    shop: connect.Connection
    org: connect.Organization
    store: Server
    url: str
    explorer: str
    up: subprocess.Popen[str]

    def ask(self, query: str) -> Any:
        return dagster_walk.ask(self.url, query)

    def one(self, statement: str) -> Any:
        with self.db.org(self.org.org_id) as conn:
            return conn.exec_driver_sql(statement).scalar()


def _ours(folder: Path) -> Path:
    """The workspace and the assets that docs/dagster.md shows."""
    text = (PROJECT / "docs" / "dagster.md").read_text("utf-8")
    code, workspace = re.search(r"```python\n(.*?)```", text, re.DOTALL), re.search(r"    load_from:\n.*\n", text)
    assert code is not None
    assert workspace is not None
    (folder / "turnover.py").write_text(code[1])
    (folder / "ours.yaml").write_text(dedent(workspace[0]))
    return folder / "ours.yaml"


@pytest.fixture(scope="module")
def served(module_home: Path) -> Iterator[Served]:
    os.environ["SYNC_ALLOW_PRIVATE_HOSTS"] = "1"
    settings = Settings(home=module_home)
    db = open_database(settings)
    store = Store()
    seed(store, products=5, variable=0, customers=2, orders=2)
    environment = dict(os.environ)
    with running(store) as server:
        org = connect.add_organization(db, "acme", "Acme")
        given = {"store_url": server.url, "consumer_key": server.key, "consumer_secret": server.secret}
        shop = connect.add_connection(db, settings, org, "woocommerce", "shop", given, actor="test")
        port, api = free_port(), free_port()
        up = subprocess.Popen(
            [str(COMMAND), "up", "--dagster-port", str(port), "--port", str(api)],
            env={**os.environ, "SYNC_HOME": str(module_home), "SYNC_DAGSTER_WORKSPACE": str(_ours(module_home))},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            assert up.stdout is not None
            for address in (f"http://127.0.0.1:{api}/ui", url, f"http://127.0.0.1:{api}/openapi.json"):
                line = up.stdout.readline()
                assert address in line, (line, up.communicate(timeout=PATIENCE_SECONDS))
            yield Served(settings, db, shop, org, server, url, f"http://127.0.0.1:{api}", up)
        finally:
            up.terminate()
            up.communicate(timeout=PATIENCE_SECONDS)
            db.close()
            embedded(settings).stop()
            embedded(settings).release()
            os.environ.clear()
            os.environ.update(environment)
            os.environ.pop("SYNC_ALLOW_PRIVATE_HOSTS", None)


def test_a_selection_reaches_core_by_itself(served: Served) -> None:
    stream = served.shop.source.stream("products")
    with capture.session(served.db, served.settings, served.shop) as session:
        assert session.pull(stream).closed
    preview.recompute(served.db, served.shop, stream)
    select.select(served.db, served.shop, stream, everything=True, include=True, actor="ann")
    wait_until(lambda: served.one("SELECT count(*) FROM core.products") == 5, "the products are in core")

    def materialized() -> bool:
        found = served.ask(
            '{ assetNodeOrError(assetKey: {path: ["core", "products"]}) { ... on AssetNode { '
            'assetMaterializations(partitions: ["acme"], limit: 1) { partition metadataEntries { label ... on '
            "IntMetadataEntry { intValue } } } } } }"
        )["assetNodeOrError"]["assetMaterializations"]
        told = {entry["label"]: entry.get("intValue") for one in found for entry in one["metadataEntries"]}
        return told.get("dagster/row_count") == 5 and told.get("created") == 5

    wait_until(materialized, "the UI shows the promotion")


def test_a_request_becomes_a_run_and_is_closed(served: Served) -> None:
    with served.db.org(served.org.org_id) as conn:
        number = conn.exec_driver_sql(
            "INSERT INTO observe.request (org_id, kind, parameters, requested_by) VALUES "
            """(connect.current_org(), 'pull', '{"entities": ["categories"]}', 'test') RETURNING request_id"""
        ).scalar_one()
    state = f"SELECT state FROM observe.request WHERE request_id = {int(number)}"
    wait_until(lambda: served.one(state) == "done", "the request is done")
    assert served.one("SELECT count(*) FROM capture.sync_record WHERE entity_type = 'category'")
    where = f'filter: {{tags: [{{key: "sync/request", value: "{number}"}}]}}'
    found = served.ask(f"{{ runsOrError({where}) {{ ... on Runs {{ results {{ assetChecks {{ name }} }} }} }} }}")
    assert found["runsOrError"]["results"] == [{"assetChecks": []}], "no check is planned, so none is shown as skipped"


def test_a_failed_run_is_in_the_audit_log(served: Served) -> None:
    shop = served.store.store
    known, shop.secret = shop.secret, "cs_revoked"
    try:
        with served.db.org(served.org.org_id) as conn:
            conn.exec_driver_sql(
                "INSERT INTO observe.request (org_id, kind, parameters, requested_by) VALUES "
                """(connect.current_org(), 'pull', '{"entities": ["tags"]}', 'test')"""
            )
        failed = "SELECT count(*) FROM observe.sync_activity WHERE event = 'run.failed'"
        wait_until(lambda: served.one(failed), "the failure is in the log")
        assert served.one("SELECT error FROM observe.request WHERE state = 'failed'")
    finally:
        shop.secret = known


def test_a_run_from_the_command_line_is_in_the_ui(served: Served) -> None:
    done = launch.materialize(
        served.settings, served.db, launch.LaunchRequest(stages=["raw"], orgs=["acme"], entities=["coupons"])
    )
    assert done.ok, done.failures
    assert [report.entity for report in done.reports("raw")] == ["coupons"]
    shown = served.ask(f'{{ runOrError(runId: "{done.run_ids[0]}") {{ ... on Run {{ status }} }} }}')
    assert shown["runOrError"]["status"] == "SUCCESS"
    job = served.ask(
        '{ pipelineOrError(params: {pipelineName: "pull", repositoryName: "__repository__", '
        'repositoryLocationName: "sync_pipeline"}) { ... on Pipeline { runs { runId } } } }'
    )
    assert done.run_ids[0] in {run["runId"] for run in job["pipelineOrError"]["runs"]}, "the job's page has it too"

    again = served.ask(
        f'mutation {{ launchRunReexecution(reexecutionParams: {{parentRunId: "{done.run_ids[0]}", '
        "strategy: ALL_STEPS}) "
        "{ __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"
    )["launchRunReexecution"]
    assert again["__typename"] == "LaunchRunSuccess", again
    run = again["run"]["runId"]
    ended = f'{{ runOrError(runId: "{run}") {{ ... on Run {{ status assetSelection {{ path }} }} }} }}'
    wait_until(lambda: served.ask(ended)["runOrError"]["status"] in ("SUCCESS", "FAILURE"), "it is executed again")
    assert served.ask(ended)["runOrError"] == {
        "status": "SUCCESS", "assetSelection": [{"path": ["raw", "woocommerce", "coupons"]}]
    }  # fmt: skip
    assert served.one(f"SELECT count(*) FROM capture.sync_ledger WHERE orchestrator_run = '{run}'") == 1


def test_assets_of_ones_own_are_downstream_of_core(served: Served) -> None:
    node = '{ assetNodeOrError(assetKey: {path: ["turnover"]}) { ... on AssetNode { dependencyKeys { path } '

    def loaded() -> Any:
        return served.ask(node + "partitionDefinition { name } } } }")["assetNodeOrError"].get("dependencyKeys")

    wait_until(loaded, "the code location is loaded")
    assert loaded() == [{"path": ["core", "sales_orders"]}]
    above = node.replace('"turnover"', '"core", "sales_orders"').replace("dependencyKeys", "dependedByKeys")
    assert {"path": ["turnover"]} in served.ask(above + "} } }")["assetNodeOrError"]["dependedByKeys"]


def test_the_ui_knows_partitions_checks_and_automation(served: Served) -> None:
    def partitions() -> bool:
        node = '{ assetNodeOrError(assetKey: {path: ["raw", "woocommerce", "products"]}) { ... on AssetNode '
        return bool(
            served.ask(node + "{ partitionKeysByDimension { partitionKeys } } } }")["assetNodeOrError"][
                "partitionKeysByDimension"
            ][0]["partitionKeys"]
            == ["acme"]
        )

    wait_until(partitions, "acme is a partition")
    node = served.ask(
        '{ assetNodeOrError(assetKey: {path: ["raw", "woocommerce", "products"]}) { ... on AssetNode { '
        "assetChecksOrError { ... on AssetChecks { checks { name } } } } } }"
    )["assetNodeOrError"]
    assert {check["name"] for check in node["assetChecksOrError"]["checks"]} == {
        "ledger_closed",
        "nothing_in_quarantine",
    }
    found = served.ask(
        "{ repositoriesOrError { ... on RepositoryConnection { nodes { location { name } "
        "sensors { name sensorState { status } } schedules { name scheduleState { status } } } } } }"
    )["repositoriesOrError"]["nodes"]
    # Dagster keeps what people switched off by this name: it must be the same after a restart.
    [one] = [one for one in found if one["location"]["name"] == "sync_pipeline"]
    assert {s["sensorState"]["status"] for s in one["sensors"]} == {"RUNNING"}
    off = {s["name"] for s in one["schedules"] if s["scheduleState"]["status"] != "RUNNING"}
    assert off == {"nightly_delta", "weekly_reconcile"}  # this is a laptop: SYNC_SCHEDULES


@needs_chromium
@pytest.mark.torture
def test_some_organizations_fail_and_the_ui_says_why(served: Served) -> None:
    """The short version of test_dagster_walk: a backfill of two organizations, its log, and the schedules."""
    with chromium() as browser, dagster_walk.failing_store(served.db, served.settings):
        page = browser.new_context(base_url=served.url, **dagster_walk.VIEW).new_page()
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        walk = dagster_walk.Walk(page, served.url)
        dagster_walk.some_of_it_fails(walk, ["acme"])
        dagster_walk.schedules(walk)


def by_pointer(page: Page) -> None:
    """From the login into core, with the pointer; typed is only what must be."""
    page.get_by_label("Organization").fill("acme")
    page.get_by_label("E-mail").fill("new@acme.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_role("main").get_by_role("link", name="shop", exact=True).click()
    page.get_by_label("Entity").select_option("products")
    page.get_by_role("button", name="Refresh what changed").click()
    expect(page.locator("main [role=status]")).to_contain_text("The refresh is done", timeout=_RUN)
    page.get_by_role("link", name="Overview").click()
    page.get_by_role("main").get_by_role("link", name="Products 12", exact=True).click()
    page.wait_for_url("**/data/products?*")  # loaded: before its script runs, a page has rows and takes no ticks
    page.locator(".grid [data-page]").click()
    page.locator(".bulk").get_by_role("button", name="Include").click()
    page.get_by_role("button", name="Review plan (12)").click()
    page.locator(".planned summary").first.click()
    expect(page.locator(".planned[open] .diff")).to_be_visible()
    page.get_by_role("button", name="Approve and apply").click()


def by_keys(page: Page) -> None:
    """From the login into core, with the keyboard."""
    for typed in ("acme", "new@acme.example", PASSWORD):
        page.keyboard.type(typed)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/acme")
    go_to(page, "shop", "**/shop")
    tab_to(page, page.get_by_label("Entity"))
    page.keyboard.type("Products")
    tab_to(page, page.get_by_role("button", name="Refresh what changed"))
    page.keyboard.press("Enter")
    expect(page.locator("main [role=status]")).to_contain_text("The refresh is done", timeout=_RUN)
    go_to(page, "overview", "**/ui/acme")
    tab_to(page, page.get_by_role("main").get_by_role("link", name="Products 12", exact=True))
    page.keyboard.press("Enter")
    page.wait_for_url("**/data/products?*")  # loaded: before its script runs, a page has rows and takes no keys
    expect(page.locator(".grid tbody tr")).to_have_count(12)
    page.keyboard.press("a")
    page.keyboard.press("i")
    expect(page.locator(".notice")).to_contain_text("12 records are included.")
    tab_to(page, page.get_by_role("button", name="Review plan (12)"), "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("main [role=status]")).to_contain_text("It waits for approval.")
    tab_to(page, page.locator(".planned summary").first)
    page.keyboard.press("Enter")
    expect(page.locator(".planned[open] .diff")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Approve and apply"), "Shift+Tab")
    page.keyboard.press("Enter")


def go_to(page: Page, words: str, url: str) -> None:
    """Ctrl+K, a part of the page's name, Enter."""
    page.keyboard.press("Control+k")
    page.keyboard.type(words)
    page.keyboard.press("Enter")
    page.wait_for_url(url)


@needs_chromium
@pytest.mark.parametrize("way", [by_pointer, pytest.param(by_keys, marks=pytest.mark.torture)])
def test_a_newcomer_brings_twelve_new_products_into_core(served: Served, way: Callable[[Page], None]) -> None:
    """The whole way with the real daemon, in less than two minutes: log in, refresh, include, read a plan, approve."""
    stream = served.shop.source.stream("products")
    with capture.session(served.db, served.settings, served.shop) as session:
        session.pull(stream)
    if preview.recompute(served.db, served.shop, stream).undecided:  # nobody has promoted what was there
        select.select(served.db, served.shop, stream, everything=True, include=False, actor="ann")
    connect.update_settings(served.db, served.shop, {"promote_on_select": False}, actor="ann")
    with suppress(Conflict):
        users.add_user(served.db, served.org, "new@acme.example", PASSWORD, "operator", actor="ann")
    for number in range(12):
        served.store.store.add_product(name=f"{way.__name__} {number}", sku=f"{way.__name__}-{number}")
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    with chromium() as browser, visiting(browser, served.explorer) as page:
        page.goto("/")
        began = time.monotonic()
        way(page)
        shown = page.locator("main [role=status]")
        expect(shown).to_have_text("It is applied. 12 of 12 are in core.", timeout=_RUN)
        assert time.monotonic() - began < 120 or busy, "nobody waits longer on a machine that has nothing else to do"
    assert served.one(f"SELECT count(*) FROM core.products WHERE starts_with(name, '{way.__name__} ')") == 12


@pytest.mark.torture
def test_a_run_that_is_at_work_is_cancelled_from_the_explorer(served: Served) -> None:
    """Through the real webserver's GraphQL, on a store that answers slowly."""
    token = tokens.add_token(served.db, served.org, "operator", actor="ann").plain
    headers = {"Sec-Fetch-Site": "same-origin"}
    with httpx.Client(base_url=served.explorer, headers=headers, timeout=PATIENCE_SECONDS) as browser:
        assert browser.post("/ui/login", data={"token": token}).status_code == 303
        served.store.faults.rate("slow", 1.0, path="coupons")
        served.store.faults.slow_seconds = PATIENCE_SECONDS
        asked = browser.post("/ui/acme/shop/refresh", data={"what": "everything", "entity": "coupons"})
        number = int(asked.headers["location"].rpartition("=")[2])
        state = f"SELECT state FROM observe.request WHERE request_id = {number}"
        try:
            wait_until(lambda: served.one(state) == "launched", "the run is at work")

            def cancelled() -> bool:
                answer = browser.post(f"/ui/acme/shop/requests/{number}/cancel")
                assert answer.status_code == 303 or "Try again in a moment." in answer.text, answer.text
                return answer.status_code == 303 or served.one(state) == "failed"

            wait_until(cancelled, "the run can be cancelled once its process is there")
            wait_until(lambda: served.one(state) == "failed", "the request has ended")
        finally:
            served.store.faults.clear()
    run = served.one(f"SELECT orchestrator_run FROM observe.request WHERE request_id = {number}")
    shown = served.ask(f'{{ runOrError(runId: "{run}") {{ ... on Run {{ status }} }} }}')
    assert shown["runOrError"]["status"] in ("CANCELED", "CANCELING")


def test_nothing_was_written_down_that_is_secret(served: Served) -> None:
    paths = list(served.settings.home.glob("logs/*.log"))
    assert {path.stem for path in paths} >= {"dagster-daemon", "dagster-webserver", "dagster-code", "api"}
    logs = "".join(path.read_text("utf-8", "replace") for path in paths)
    assert served.store.secret not in logs
    activity = str(observe.activity(served.db, served.org, page_size=500).data)
    assert served.store.secret not in activity


def test_it_stops_with_all_its_children(served: Served) -> None:
    """At SIGTERM, when everything has been used; the demo's test stops it with Ctrl-C."""
    started = children(served.up.pid)
    assert len(started) == 4
    served.up.send_signal(signal.SIGTERM)
    _, said = served.up.communicate(timeout=PATIENCE_SECONDS)
    assert served.up.returncode == 0
    assert "Stopped." in said
    assert gone(started)
