"""The acceptance scripts of docs/uat, carried out in a real browser as they stand; each run is a row of the matrix."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from sandbox.woocommerce import Store, seed
from sync_pipeline import gates
from sync_pipeline.api.application import build
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.defs.sensors import SQL as SENSORS
from sync_pipeline.explorer.mount import mount
from sync_pipeline.steps import connect, promote, select
from sync_pipeline.steps.connect import users
from sync_pipeline.steps.connect.party import Party
from sync_pipeline.steps.observe import validation
from sync_pipeline.steps.observe.heartbeat import record_heartbeat
from sync_pipeline.steps.observe.validation import MatrixRow
from sync_pipeline_tests import acceptance_scripts
from sync_pipeline_tests.acceptance_scripts import Operator, Script, StepFailed
from sync_pipeline_tests.captured import Captured, Clock, captured_once
from sync_pipeline_tests.chromium import needs_chromium, visiting
from sync_pipeline_tests.explored import PASSWORD
from sync_pipeline_tests.served import listening
from sync_pipeline_tests.stores import Shop, shop

pytestmark = needs_chromium
ANN = "ann@acme.example"


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=20, variable=0, customers=2, orders=2, random_seed=9)
    return made


def capture_everything(opened: Shop) -> None:
    opened.pull(full=True)
    for name in opened.streams:
        opened.preview(name)
    users.add_user(opened.db, opened.org, ANN, PASSWORD, "operator", actor="test")


template = captured_once(shop, fill, capture_everything)


@pytest.fixture
def store(template: Captured[Shop], database: Database, settings: Settings) -> Iterator[Shop]:
    made = template.copy(database, settings, connect.organization(database, "acme"))
    yield made
    made.server.faults.clear()


def promote_twelve(store: Shop) -> None:
    ids = sorted(store.table("products", "new"), key=int)[:12]
    stream = store.connection.source.stream("products")
    select.select(store.db, store.connection, stream, ids=ids, include=True, actor="eve", draft=True)
    plan = select.make_plan(store.db, store.org, actor="eve")
    assert plan is not None
    assert promote.apply(store.db, store.org.org_id, plan.plan_id, actor=Party("eve", "command")).done == 12


def open_gate(store: Shop) -> None:
    with store.db.org(store.org.org_id) as conn:
        gates.open_gate(
            conn,
            gates.by_name("mass_deletion"),
            subject="products",
            values={"store": "shop", "missing": 15, "known": 20, "title": "products", "share": "20%"},
            connection_id=store.connection.connection_id,
            entity_type="product",
        )


# What a script may need before it begins, and who sees to it.
NEEDS: Mapping[str, Callable[[Shop], Any]] = {
    "A shop is connected, and its products are captured.": lambda store: None,
    "Everything of the shop is captured and compared.": lambda store: None,
    "Twelve products of the shop are in core by one plan.": promote_twelve,
    "A decision waits: the shop has lost most of its products.": open_gate,
    "“Promote what is selected” is off in the shop's settings.": lambda store: connect.update_settings(
        store.db, store.connection, {"promote_on_select": False}, actor="eve"
    ),
}


def carry_out(store: Shop, kind: str, parameters: Mapping[str, Any]) -> str | None:
    """A request as Dagster's run does it; why it failed."""
    if kind == "promote":
        promote.apply(store.db, store.org.org_id, parameters["plan"], actor="run")
    elif kind == "validate":
        validation.validate(store.db, store.settings, store.org, by=str(parameters["actor"]))
    else:
        reports = store.pull("products")
        if failed := [one.error for one in reports.values() if not one.ok]:
            return str(failed[0])
        store.preview("products")
    return None


def promote_selections(store: Shop) -> None:
    """What the sensor `committed_selections` does in a tick, and its run after it."""
    with store.db.unscoped() as conn:
        waiting = execute(conn, SENSORS["waiting_selections"], at_most=100).all()
    for _ in waiting:
        if plan := select.make_plan(store.db, store.org, actor="selection", origin="selection"):
            promote.apply(store.db, store.org.org_id, plan.plan_id, actor="run")


@contextmanager
def running(store: Shop) -> Iterator[None]:
    """What Dagster does: selections are promoted where the settings say so, and requests are carried out."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(0.1):
            record_heartbeat(store.db)
            promote_selections(store)
            for row in store.rows(
                "UPDATE observe.request SET state = 'launched' WHERE state = 'waiting' "
                "RETURNING request_id, kind, parameters"
            ):
                error = carry_out(store, row.kind, row.parameters)
                store.rows(
                    "UPDATE observe.request SET state = CASE WHEN %(e)s::text IS NULL THEN 'done' ELSE 'failed' END, "
                    "error = %(e)s, finished_at = now() WHERE request_id = %(r)s RETURNING 1",
                    e=error, r=row.request_id,
                )  # fmt: skip

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(60)


def act(browser: Browser, store: Shop, script: Script, *, gives_up_at: int | None = None) -> MatrixRow:
    """Carry a script out, and record what came of it; the row of the matrix."""
    for need in script.needs:
        NEEDS[need](store)
    events = {"the shop stop answering": store.server.faults.down, "the shop answer again": store.server.faults.clear}
    failed: StepFailed | None = None
    with (
        listening(mount(build(store.settings, store.db))) as url,
        running(store),
        visiting(browser, url) as page,
    ):
        try:
            Operator(page, "acme", ANN, PASSWORD, events, gives_up_at).carry_out(script)
        except StepFailed as error:
            failed = error
    validation.record_acceptance(
        store.db,
        store.org,
        script.name,
        script_hash=script.hash,
        failed_step=failed.number if failed else None,
        note=str(failed) if failed else None,
        by=Party(ANN, "explorer", "operator", 1, 1),
    )
    rows = validation.look(store.db, store.settings, store.org, ()).rows
    return next(row for row in rows if row.row == f"scripts_passed/{script.name}")


@pytest.mark.parametrize("name", acceptance_scripts.names())
def test_every_step_does_what_it_says(browser: Browser, store: Shop, name: str) -> None:
    row = act(browser, store, acceptance_scripts.script(name))
    assert (row.verdict, row.ids) == ("pass", ()), validation.acceptances(store.db, store.org)[0].note


def test_with_settings_as_they_come_include_is_the_approval(browser: Browser, store: Shop) -> None:
    """The script that approves a plan names the setting that it needs: without it the sensor has applied what is
    included before anybody reads a plan."""
    text = (acceptance_scripts.FOLDER / "promote-twelve.md").read_text("utf-8")
    need = "- “Promote what is selected” is off in the shop's settings.\n"
    review = text.index("6. Click")
    script = acceptance_scripts.parse(
        "as-it-comes",
        text[:review].replace(need, "") + "6. Open “Plans” in the menu.\n7. Reload until you see “✓ applied”.\n"
        "8. Open the first line.\n9. See “12 of 12 are in core”.\n",
    )
    with listening(mount(build(store.settings, store.db))) as url, running(store), visiting(browser, url) as page:
        Operator(page, "acme", ANN, PASSWORD, {}).carry_out(script)
    [plan] = select.plans(store.db, store.org)[0]
    assert (plan.state, plan.origin, plan.created_by) == ("applied", "selection", "selection")


@pytest.mark.parametrize(
    ("word", "other", "step"),
    [
        ("Refresh what changed", "Refresh what rained", 4),
        pytest.param("Open “Plans”", "Open “Plots”", 9, marks=pytest.mark.torture),
    ],
)
def test_a_step_that_says_otherwise_fails_by_its_number(
    browser: Browser, store: Shop, word: str, other: str, step: int
) -> None:
    """Only the document is changed."""
    text = (acceptance_scripts.FOLDER / "first-look.md").read_text("utf-8")
    assert text.count(word) == 1
    changed = acceptance_scripts.parse("first-look", text.replace(word, other))
    row = act(browser, store, changed, gives_up_at=step)
    note = validation.acceptances(store.db, store.org)[0].note or ""
    assert note.startswith(f"step {step}, “")
    assert (row.verdict, "changed since" in row.words) == ("not_run", True), "it was another text than this version's"


def test_the_validation_page_fits_a_phone(browser: Browser, store: Shop) -> None:
    """With as many earlier validations as it names."""
    for _ in range(10):
        validation.validate(store.db, store.settings, store.org, by="ann")
    with listening(mount(build(store.settings, store.db))) as url, visiting(browser, url) as page:
        page.set_viewport_size({"width": 390, "height": 844})
        Operator(page, "acme", ANN, PASSWORD, {})._log_in()
        page.goto("/ui/acme/validation")
        expect(page.locator("main h1")).to_have_text("Validation")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
