"""What a data engineer does in the Dagster UI, in a real browser; `make screenshots` takes pictures of it for its page.

The UI's own words and roles are what it is found by. What is waited for is asked of its GraphQL, which the pages use.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from sandbox.woocommerce import Server, Store, running, seed
from sync_pipeline.config import PROJECT, Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.open import embedded, open_database
from sync_pipeline.steps import connect
from sync_pipeline_tests.chromium import chromium
from sync_pipeline_tests.screenshots import demo
from sync_pipeline_tests.waiting import PATIENCE_SECONDS, wait_until

FOLDER = PROJECT / "docs" / "images" / "dagster"
VIEW: Mapping[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PRODUCTS = "raw/woocommerce/products"
FAILING = "hooli"  # the organization whose store does not answer
_ENDED = ("SUCCESS", "FAILURE", "CANCELED")


def ask(url: str, query: str) -> Any:
    """What Dagster's GraphQL at an address answers."""
    request = urllib.request.Request(
        f"{url}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        told = json.load(answer)
    assert "errors" not in told, told
    return told["data"]


@dataclass
class Walk:
    """The UI at an address, in one page of a browser; with `pictures`, what it shows is kept there."""

    page: Page
    url: str
    pictures: Path | None = None

    def ask(self, query: str) -> Any:
        """Ask Dagster's GraphQL."""
        return ask(self.url, query)

    def picture(self, name: str) -> None:
        """Keep what is shown."""
        if self.pictures:
            self.pictures.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=self.pictures / f"{name}.png")

    def runs(self) -> dict[str, str]:
        """The newest runs and their statuses."""
        found = self.ask("{ runsOrError(limit: 20) { ... on Runs { results { runId status } } } }")["runsOrError"]
        return {one["runId"]: one["status"] for one in found["results"]}

    def has_partitions(self, orgs: Sequence[str], asset: str = PRODUCTS) -> bool:
        """Are these organizations partitions of the asset?"""
        node = f"assetNodeOrError(assetKey: {{path: {json.dumps(asset.split('/'))}}})"
        found = self.ask(f"{{ {node} {{ ... on AssetNode {{ partitionKeysByDimension {{ partitionKeys }} }} }} }}")
        return set(orgs) <= set(found["assetNodeOrError"]["partitionKeysByDimension"][0]["partitionKeys"])

    def materialize(self, orgs: Sequence[str], asset: str = PRODUCTS) -> tuple[str, str]:
        """Materialize the asset for these organizations; returns the run and how it ended."""
        wait_until(lambda: self.has_partitions(orgs, asset), f"{orgs} are partitions")
        before = self.runs().keys()
        self.page.goto(f"/assets/{asset}?view=partitions")
        self.page.get_by_role("button", name="Materialize").first.click()
        self.page.get_by_text("Select a partition or create one").click()
        for org in orgs:
            item = self.page.locator("[role=menuitem]:visible").filter(has_text=re.compile(f"^{org}"))
            item.locator("label").first.click()
        self.page.keyboard.press("Escape")
        self.page.get_by_role("button", name="Launch").last.click()
        wait_until(lambda: self.runs().keys() - before, "the UI launched a run")
        (run,) = self.runs().keys() - before
        wait_until(lambda: self.runs()[run] in _ENDED, "the run ended")
        return run, self.runs()[run]

    def read(self, run: str, words: str, picture: str) -> None:
        """Read in the run's log."""
        self.page.goto(f"/runs/{run}")
        self.page.get_by_placeholder("Filter…").fill(words)
        expect(self.page.get_by_text(words).first).to_be_visible()
        self.picture(picture)

    def checks_of(self, run: str) -> dict[str, str]:
        """The checks that a run evaluated or left out, and how they ended."""
        node = f"assetNodeOrError(assetKey: {{path: {json.dumps(PRODUCTS.split('/'))}}})"
        latest = "executionForLatestMaterialization { runId status }"
        checks = f"assetChecksOrError {{ ... on AssetChecks {{ checks {{ name {latest} }} }} }}"
        found = self.ask(f"{{ {node} {{ ... on AssetNode {{ {checks} }} }} }}")
        every = found["assetNodeOrError"]["assetChecksOrError"]["checks"]
        last = {one["name"]: one["executionForLatestMaterialization"] for one in every}
        return {name: one["status"] for name, one in last.items() if one and one["runId"] == run}

    def schedule_is(self, name: str) -> str:
        """RUNNING or STOPPED."""
        nodes = "nodes { schedules { name scheduleState { status } } }"
        found = self.ask(f"{{ repositoriesOrError {{ ... on RepositoryConnection {{ {nodes} }} }} }}")
        every = [one for location in found["repositoriesOrError"]["nodes"] for one in location["schedules"]]
        statuses: dict[str, str] = {one["name"]: one["scheduleState"]["status"] for one in every}
        return statuses[name]

    def turn(self, schedule: str) -> None:
        """Turn a schedule on or off."""
        before = self.schedule_is(schedule)
        self.page.goto(f"/locations/sync_pipeline/schedules/{schedule}")
        self.page.locator("label:has(input[type=checkbox])").first.click()
        wait_until(lambda: self.schedule_is(schedule) != before, "the schedule is turned")

    def preview(self, schedule: str) -> None:
        """Evaluate a schedule without launching what it asks for."""
        self.page.goto(f"/locations/sync_pipeline/schedules/{schedule}")
        self.page.get_by_role("button", name="Preview tick result").click()
        self.page.get_by_role("button", name="Continue").click()
        expect(self.page.get_by_text(re.compile("run request", re.IGNORECASE)).first).to_be_visible()
        self.picture("schedule")


@contextmanager
def failing_store(db: Database, settings: Settings) -> Iterator[Server]:
    """An organization whose store does not answer, until `faults.down(False)`."""
    store = Store()
    seed(store, products=3, variable=0, customers=1, orders=1)
    with running(store) as server:
        org = connect.add_organization(db, FAILING)
        given = {"store_url": server.url, "consumer_key": server.key, "consumer_secret": server.secret}
        connect.add_connection(db, settings, org, "woocommerce", "shop", given, actor="test")
        server.faults.down()
        yield server


def some_of_it_fails(walk: Walk, others: Sequence[str]) -> None:
    """A backfill of organizations of which one has a store that does not answer."""
    run, ended = walk.materialize([*others, FAILING])
    assert ended == "FAILURE"
    walk.read(run, f"{FAILING}: shop", "failed")
    walk.page.goto(f"/assets/{PRODUCTS}?view=partitions")
    for shown in ("Failed (1)", f"Materialized ({len(others)})", "Missing (0)"):
        expect(walk.page.get_by_text(shown)).to_be_visible()
    walk.picture("partitions")


def schedules(walk: Walk) -> None:
    """The schedules that pull are off on a laptop; one is looked at, turned on, and off again."""
    walk.page.goto("/automation")
    expect(walk.page.get_by_text("nightly_delta").first).to_be_visible()
    expect(walk.page.get_by_text("weekly_reconcile").first).to_be_attached()
    assert walk.schedule_is("nightly_delta") == "STOPPED"
    walk.preview("nightly_delta")
    walk.turn("nightly_delta")
    walk.page.goto("/automation")
    expect(walk.page.get_by_text("02:00 AM UTC")).to_be_visible()
    expect(walk.page.locator("[class*=pinner]:visible, input:disabled")).to_have_count(0)
    walk.picture("automation")
    walk.turn("nightly_delta")


def whole(pictures: Path) -> None:
    """The whole walk, on a demo of its own."""
    with demo() as shown, chromium() as browser:
        settings = Settings(home=shown.home, allow_private_hosts=True)
        db = open_database(settings)
        page = browser.new_context(base_url=shown.dagster, **VIEW).new_page()
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        walk = Walk(page, shown.dagster, pictures)
        page.goto("/assets/core/products?view=overview")
        expect(page.get_by_text("From raw/").first).to_be_visible()
        expect(page.get_by_text("Row count")).to_be_visible()
        walk.picture("asset")
        run, ended = walk.materialize(["acme"])
        assert ended == "SUCCESS"
        assert walk.checks_of(run) == {"ledger_closed": "SUCCEEDED", "nothing_in_quarantine": "FAILED"}
        walk.read(run, "acme, shop", "run")
        with failing_store(db, settings) as store:
            some_of_it_fails(walk, ["acme", "globex"])
            store.faults.down(False)
            _, again = walk.materialize([FAILING])
            assert again == "SUCCESS"
        schedules(walk)
        db.close()
        embedded(settings).release()


def main() -> None:
    """Take the pictures."""
    for old in FOLDER.glob("*.png"):
        old.unlink()
    whole(FOLDER)
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER.relative_to(PROJECT)}")


if __name__ == "__main__":
    main()
