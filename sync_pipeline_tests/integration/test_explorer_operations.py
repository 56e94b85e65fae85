"""The page of a connection at work and its quarantine: what they show, and what each action does."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import httpx
import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline.explorer.dagster_ui import DagsterUi
from sync_pipeline.explorer.pages.live import parts_of as live_parts
from sync_pipeline.steps import capture, observe
from sync_pipeline.steps.capture.run.ledger import close, open_run
from sync_pipeline.steps.observe.heartbeat import record_heartbeat
from sync_pipeline_tests.captured import Clock, captured_once
from sync_pipeline_tests.explored import Browser, browser, words
from sync_pipeline_tests.served import Served
from sync_pipeline_tests.stores import Shop, shop

HERE = "/ui/acme/shop"
HOSTILE = "<script>alert(1)</script>\u202e\x00"
REQUESTS = "SELECT request_id, kind, state, parameters, requested_by, error FROM observe.request ORDER BY 1"


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=20, variable=0, customers=3, orders=4)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull("products", "customers")
    opened.preview("products")
    opened.preview("customers")


template = captured_once(shop, fill, capture_all)


@pytest.fixture
def ann(api: Served, store: Shop) -> Browser:
    return browser(api).as_(store.org, "operator")


def set_aside(store: Shop, number: int, *, raw: bytes = b"", reason: str = "PostgreSQL cannot hold it") -> None:
    """Records in quarantine, as a pull writes them."""
    stream = store.connection.source.stream("products")
    with capture.session(store.db, store.settings, store.connection) as session, session.alone(stream):
        opened = open_run(session, stream, full=False, do_sweep=False, max_pages=None)
        run = session.run(stream, opened)
        for one in range(number):
            run.quarantine(f"q{one}", reason, request="GET /wc/v3/products", status=200, raw=raw)
        close(session, run, opened, complete=False)


def test_each_entity_shows_its_last_pull_and_whether_the_ledger_closed(ann: Browser, store: Shop) -> None:
    page = ann.get(HERE)
    shown = words(page.text)
    assert re.search(r"Products 20 \+ 20 0 ✓ 20 \d+ s ago full", shown), shown
    assert re.search("Never pulled: .*Orders.*", shown), shown
    store.server.faults.poison("products", sorted(store.ids("products"), key=int)[3])
    store.pull("products", full=True)
    shown = words(ann.get(HERE).text)
    assert "▲ 1 ✓ 20 = 19 + 1 quarantined" in shown
    store.server.faults.clear()
    store.server.faults.down(status=500)
    store.pull("products")
    shown = words(ann.get(HERE).text)
    assert "▲ The store could not be read" in shown
    assert "The doctor names the cause and what to do." in shown
    assert "✕ 0 of 0" in shown


def test_a_refresh_is_requested_once_while_it_waits_and_shows_what_became_of_it(ann: Browser, store: Shop) -> None:
    asked = ann.form(f"{HERE}/refresh", what="changed", entity="")
    assert (asked.status_code, asked.headers["location"]) == (303, f"{HERE}?asked=1")
    assert ann.form(f"{HERE}/refresh", what="changed").headers["location"] == f"{HERE}?asked=1"
    [row] = store.rows(REQUESTS)
    assert (row.kind, row.state) == ("pull", "waiting")
    assert row.parameters == {"connection": "shop", "actor": row.requested_by}
    shown = words(ann.get(asked.headers["location"]).text)
    assert "The refresh is requested." in shown
    assert "Refresh what changed" in shown
    assert "waits for Dagster, which does not run; `sync-pipeline up` starts it" in shown
    record_heartbeat(store.db)
    assert "waits for Dagster, which begins it in a few seconds" in words(ann.get(HERE).text)
    assert ann.form(f"{HERE}/refresh", what="everything", entity="products").status_code == 303
    assert store.rows(REQUESTS)[1].parameters["full"] is True
    assert store.rows(REQUESTS)[1].parameters["entities"] == ["products"]
    for state, said in (("launched", "The refresh is at work."), ("done", "✓ The refresh is done")):
        store.rows("UPDATE observe.request SET state = %(state)s, finished_at = now() RETURNING 1", state=state)
        assert said in words(ann.get(f"{HERE}?asked=1").text)
    store.rows("UPDATE observe.request SET state = 'failed', error = 'The store is away.' RETURNING 1")
    assert "▲ The refresh did not end well: The store is away." in words(ann.get(f"{HERE}?asked=1").text)


def test_what_became_of_the_last_request_is_told_without_its_number(ann: Browser, store: Shop) -> None:
    """Who reloads before the answer came, or comes by the menu, is told too; what ended long ago is not news."""
    ann.form(f"{HERE}/refresh", what="changed")
    assert "The refresh" not in words(ann.get(HERE).text).replace("The refresh reads", "")
    store.rows("UPDATE observe.request SET state = 'done', finished_at = now() RETURNING 1")
    assert "✓ The refresh is done, 0 s ago." in words(ann.get(HERE).text)
    ann.form(f"{HERE}/compare")
    assert "The refresh is done" not in words(ann.get(HERE).text), "another one is at work"
    store.rows(
        "UPDATE observe.request SET state = 'failed', error = 'Away', finished_at = now() WHERE kind = 'preview' "
        "RETURNING 1"
    )
    assert "▲ The comparison did not end well: Away. What was captured stays" in words(ann.get(HERE).text)
    store.rows("UPDATE observe.request SET finished_at = now() - interval '61 minutes' RETURNING 1")
    assert "did not end well" not in words(ann.get(HERE).text)


def test_nothing_is_at_work_is_said_only_where_nothing_is(ann: Browser, store: Shop) -> None:
    nothing = "Nothing is at work."
    assert nothing in words(ann.get(HERE).text)
    ann.form(f"{HERE}/refresh", what="changed")
    page = ann.get(HERE).text
    assert "Refresh what changed" in words(page)
    assert nothing not in words(page)
    # What the stream puts in its place while no pull has begun says nothing either.
    idle = re.search(r'data-live="work:\d+" data-idle="([^"]+)"', page)
    assert idle is not None
    parts = live_parts([])
    assert (nothing in parts[idle[1]], nothing in parts["work:"]) == (False, True)


def test_a_stores_error_ends_in_one_full_stop(ann: Browser, store: Shop) -> None:
    for detail, said in (("It is away. Nothing was lost.", "lost. What"), ("no route to host", "host. What")):
        store.rows(
            "UPDATE connect.integration_connector SET health = 'failing', health_detail = %(d)s RETURNING 1", d=detail
        )
        assert f"{said} is captured stays." in words(ann.get(HERE).text)


def test_compare_and_reconcile_are_requests_too(ann: Browser, store: Shop) -> None:
    ann.form(f"{HERE}/compare", entity="products")
    ann.form(f"{HERE}/reconcile")
    assert [(row.kind, row.parameters.get("connection")) for row in store.rows(REQUESTS)] == [
        ("preview", "shop"),
        ("reconcile", None),
    ]
    shown = words(ann.get(HERE).text)
    assert "Compare with core · products" in shown
    assert "Reconcile with the stores" in shown
    observe.reconcile(store.db, store.settings, store.org, entities=["products", "customers"], actor="ann")
    assert "✓ In 2 entities the store and capture had the same ids, and everything promoted was in core" in words(
        ann.get(HERE).text
    )
    store.store.add_product(name="Late", sku="LATE")
    observe.reconcile(store.db, store.settings, store.org, entities=["products", "customers"], actor="ann")
    shown = words(ann.get(HERE).text)
    assert "▲ 1 of 2 entities differed" in shown
    assert "products 1 missing, 0 extra, 0 without a row in core" in shown


def test_a_request_is_cancelled_while_it_waits(ann: Browser, store: Shop) -> None:
    ann.form(f"{HERE}/refresh", what="changed")
    answer = ann.form(f"{HERE}/requests/1/cancel")
    shown = words(ann.get(answer.headers["location"]).text)
    assert "The refresh did not end well: " in shown
    assert "cancelled it before it began." in shown
    [row] = store.rows(REQUESTS)
    assert row.state == "failed"
    assert ann.form(f"{HERE}/requests/1/cancel").status_code == 409
    assert ann.form(f"{HERE}/requests/99/cancel").status_code == 404
    assert [one["event"] for one in observe.activity(store.db, store.org).data[:2]] == [
        "request.cancelled",
        "request.made",
    ]


def test_a_run_is_cancelled_through_dagster_and_without_its_address_a_person_is_told_where(
    ann: Browser, store: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann.form(f"{HERE}/refresh", what="changed")
    store.rows("UPDATE observe.request SET state = 'launched', orchestrator_run = 'run-7' RETURNING 1")
    assert "run in Dagster" not in ann.get(HERE).text
    told = words(ann.form(f"{HERE}/requests/1/cancel").text)
    assert "this service does not know where Dagster is (SYNC_DAGSTER_URL). Cancel run run-7 in the Dagster UI." in told

    sent: list[Any] = []
    failed = {"__typename": "TerminateRunFailure"}
    answers = iter([failed, {**failed, "run": {"status": "STARTING"}}, {"__typename": "TerminateRunSuccess"}])

    def post(url: str, *, json: Any, timeout: float) -> httpx.Response:
        sent.append((url, json["variables"]))
        body = {"data": {"terminateRun": next(answers)}}
        return httpx.Response(200, json=body, request=httpx.Request("POST", url))

    monkeypatch.setattr(store.settings, "dagster_url", "http://dagster.example/")
    monkeypatch.setattr(httpx, "post", post)
    assert 'href="http://dagster.example/runs/run-7"' in ann.get(HERE).text
    assert "a command line executes it" in words(ann.form(f"{HERE}/requests/1/cancel").text)
    assert "just beginning" in words(ann.form(f"{HERE}/requests/1/cancel").text)
    assert ann.form(f"{HERE}/requests/1/cancel").headers["location"] == f"{HERE}?asked=1"
    assert sent == [("http://dagster.example/graphql", {"run": "run-7"})] * 3
    # Where browsers go through a proxy with a login, the service calls the webserver itself.
    monkeypatch.setattr(store.settings, "dagster_internal_url", "http://webserver:3000")
    answers = iter([{"__typename": "TerminateRunSuccess"}])
    ann.form(f"{HERE}/requests/1/cancel")
    assert sent[3:] == [("http://webserver:3000/graphql", {"run": "run-7"})]
    assert 'href="http://dagster.example/runs/run-7"' in ann.get(HERE).text
    assert DagsterUi("javascript:alert(1)").run("x") is None


def test_a_killed_pull_says_that_it_stopped(ann: Browser, store: Shop) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed()

    with (
        pytest.raises(Killed),
        capture.session(store.db, store.settings, store.connection, report=kill) as session,
    ):
        session.pull(store.connection.source.stream("orders"))
    shown = words(ann.get(HERE).text)
    assert "Orders 4 of 4" in shown.replace("100 % · ", "")
    assert "▲ stopped; it goes on with the next refresh" in shown
    assert "<progress" not in ann.get(HERE).text.partition("At work")[2].partition("Entities")[0]


def test_a_viewer_reads_who_may_and_a_token_of_one_connection_sees_its_own(
    api: Served, store: Shop, ann: Browser
) -> None:
    viewer = browser(api).as_(store.org, "viewer")
    page = viewer.get(HERE).text
    assert "<form" not in page.partition('<main id="main"')[2].partition("</main>")[0]
    assert "The role viewer looks. Operators and admins of Acme refresh" in words(page)
    for action in ("refresh", "compare", "reconcile", "requests/1/cancel"):
        assert viewer.form(f"{HERE}/{action}").status_code == 403
    assert ann.get("/ui/acme/other").status_code == 404
    assert ann.form("/ui/acme/other/refresh").status_code == 404


def test_quarantine_pages_by_key_and_one_shows_reason_remedy_and_bytes_as_text(ann: Browser, store: Shop) -> None:
    set_aside(store, 120, raw=f'{{"name": "{HOSTILE}"}}'.encode(), reason=f"not a record: {HOSTILE}")
    page = ann.get(f"{HERE}/quarantine?entity=products").text
    seen = re.findall(r'quarantine/(\d+)"', page)
    while following := re.search(r'rel="next" href="([^"]+)"', page):
        page = ann.get(unescape(following[1])).text
        seen += re.findall(r'quarantine/(\d+)"', page)
    assert len(seen) == len(set(seen)) == 120
    assert "<script>alert" not in page
    one = ann.get(f"{HERE}/quarantine/{seen[0]}").text
    shown = words(one)
    assert "not a record: <script>alert(1)</script>⟨U+202E⟩\ufffd" in shown
    assert "Repair or delete it in the store. The next refresh tries it again." in shown
    assert '{"name": "<script>alert(1)</script>⟨U+202E⟩⟨U+0000⟩"}' in shown
    assert "Tried once" in shown
    assert "<script>alert" not in one
    assert ann.get(f"{HERE}/quarantine/999999").status_code == 404
    assert "Quarantined <b>120</b>" in ann.get(f"{HERE}/data/products").text
    assert "Quarantined" not in ann.get(f"{HERE}/data/customers").text
    assert "Nothing is in quarantine" in words(ann.get(f"{HERE}/quarantine?entity=customers").text)


def test_a_large_answer_is_shown_up_to_a_limit(ann: Browser, store: Shop) -> None:
    set_aside(store, 1, raw=b"x" * 300_000)
    [number] = {int(row.quarantine_id) for row in store.rows("SELECT quarantine_id FROM capture.sync_quarantine")}
    shown = words(ann.get(f"{HERE}/quarantine/{number}").text)
    assert "300,000 bytes, without credentials; the first 200,000 are shown" in shown
    assert datetime.now(UTC).strftime("First seen %Y-%m-") in shown
