"""Alerts: sent once when a problem begins, once when it is over, and never with a secret."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect
from sync_pipeline.steps.observe.alerts import send_alerts


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, Any]], list[int]]]:
    """A webhook's address, what it received, and the statuses it answers with (200 when there are none left)."""
    received: list[dict[str, Any]] = []
    statuses: list[int] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status = statuses.pop(0) if statuses else 200
            if status == 200:
                received.append(body)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", received, statuses
    server.shutdown()
    server.server_close()


def change(db: Database, org: connect.Organization, what: str) -> None:
    with db.org(org.org_id) as conn:
        conn.exec_driver_sql(f"UPDATE connect.integration_connector SET {what}")


def test_an_alert_is_sent_when_a_problem_begins_and_when_it_is_over(
    database: Database, settings: Settings, org: connect.Organization, hook: tuple[str, list[dict[str, Any]], list[int]]
) -> None:
    url, received, statuses = hook
    asked = settings.model_copy(update={"alert_url": SecretStr(url)})
    given = {"store_url": "http://127.0.0.1:9", "consumer_key": "ck_1234567890", "consumer_secret": "cs_1234567890"}
    connect.add_connection(database, settings, org, "woocommerce", "shop", given, actor="t")
    assert send_alerts(database, settings) == []  # no receiver is configured
    assert send_alerts(database, asked) == []
    change(database, org, "health = 'failing', health_detail = 'refused: consumer_secret=cs_1234567890'")
    statuses.append(500)
    assert send_alerts(database, asked) == []  # it was refused: sent again the next time
    [one] = send_alerts(database, asked)
    assert (one.kind, one.state, one.connection) == ("failing", "begun", "shop")
    assert send_alerts(database, asked) == []
    change(database, org, "last_sync_at = now() - interval '3 days'")
    assert [(one.kind, one.state) for one in send_alerts(database, asked)] == [("stale", "begun")]
    change(database, org, "health = 'healthy', last_sync_at = now()")
    assert {(one.kind, one.state) for one in send_alerts(database, asked)} == {("failing", "over"), ("stale", "over")}
    assert len(received) == 4
    assert "cs_1234567890" not in json.dumps(received)
    assert received[0]["org"] == "acme"


@pytest.fixture
def deaf() -> Iterator[tuple[str, list[str], list[int]]]:
    """A webhook's address, for whom it was called, and (one number) how many calls it answers; then it hangs up."""
    calls: list[str] = []
    answers = [0]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            calls.append(json.loads(self.rfile.read(int(self.headers["content-length"])))["org"])
            if len(calls) > answers[0]:
                self.close_connection = True
                return
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", calls, answers
    server.shutdown()
    server.server_close()


def test_alerts_to_a_receiver_that_does_not_answer_are_sent_later(
    database: Database, settings: Settings, deaf: tuple[str, list[str], list[int]]
) -> None:
    url, calls, answers = deaf
    given = {"store_url": "http://127.0.0.1:9", "consumer_key": "ck_1234567890", "consumer_secret": "cs_1234567890"}
    for slug in ("first", "second", "third"):
        owner = connect.add_organization(database, slug)
        for name in ("one", "two"):
            connect.add_connection(database, settings, owner, "woocommerce", name, given, actor="t")
        change(database, owner, "health = 'failing'")
    asked = settings.model_copy(update={"alert_url": SecretStr(url)})
    assert send_alerts(database, asked) == []
    assert calls == ["first"]  # the others would have waited as long, one after the other
    calls.clear()
    answers[0] = 1
    assert len(send_alerts(database, asked)) == 1
    calls.clear()
    answers[0] = 99
    assert len(send_alerts(database, asked)) == 5  # what was sent is not sent again
    assert send_alerts(database, asked) == []
    change(database, connect.organization(database, "first"), "health = 'healthy'")
    assert send_alerts(database, settings.model_copy(update={"alert_url": SecretStr("no address")})) == []
