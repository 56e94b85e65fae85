"""Callers who mean harm: bodies and heads made to cost much, and what nobody known may make the service do."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import event

from sync_pipeline.api import middleware, wire
from sync_pipeline.api.application import build
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect
from sync_pipeline.steps.connect import tokens
from sync_pipeline_tests.served import Served, listening, served
from sync_pipeline_tests.waiting import PATIENCE_SECONDS

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def address(database: Database, settings: Settings) -> Iterator[tuple[str, int]]:
    """The service on a real port."""
    with listening(build(settings, database)) as url:
        found = urlsplit(url)
        yield str(found.hostname), int(found.port or 0)


@contextmanager
def _within(seconds: int) -> Iterator[None]:
    """Fail, rather than hang, where something takes for ever."""

    def late(*_: Any) -> None:
        raise AssertionError(f"it took longer than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _said(address: tuple[str, int], *sent: bytes, until: bytes | None = None) -> bytes:
    """What is answered to these bytes, up to `until`, or until the service closes or nothing comes any more."""
    with socket.create_connection(address, timeout=PATIENCE_SECONDS) as client:
        heard = b""
        try:
            for part in sent:
                client.sendall(part)
            while piece := client.recv(65536):
                heard += piece
                if until is not None and until in heard:
                    break
        except TimeoutError:
            return heard + b" (still open)"
        except OSError:
            pass
        return heard


@pytest.mark.parametrize("tail", [b'"' + b'\\"' * 2_000_000, b'"' * 4_000_001, b'"' + b"\\" * 4_000_001])
def test_how_deep_a_body_is_costs_no_more_than_reading_it(tail: bytes) -> None:
    with _within(20):
        assert middleware.depth(b"[" * (middleware.DEPTH + 1) + tail) == middleware.DEPTH + 1


def test_depth_counts_brackets_outside_of_strings() -> None:
    assert middleware.depth(b"[" * 70 + b"]" * 70) == 70
    assert middleware.depth(b'["' + b"[" * 70 + b'"]') == 1
    assert middleware.depth(b'["\\"' + b"[" * 70 + b'\\\\", {}]') == 2


def test_a_body_of_very_many_small_things_is_refused_before_it_is_parsed(
    api: Served, org: connect.Organization
) -> None:
    for path, field in (("/api/v1/plans", b"entities"), ("/api/v1/tokens", b"name")):
        many = b'{"' + field + b'":[' + b"[]," * 400_000 + b"[]]}"
        assert api.call("POST", path, org, content=many, headers=JSON).status_code == 413


def test_the_body_of_a_stranger_is_not_waited_for(address: tuple[str, int]) -> None:
    """Of a call without a token that holds nothing is read: it is refused before its body comes."""
    for token in (b"", b"Authorization: Bearer sp_1_" + b"A" * 43 + b"\r\n"):
        head = b"POST /api/v1/plans HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + token
        answer = _said(address, head + b"Content-Length: 8000000\r\n\r\n{", until=b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 401"), answer


def test_a_stranger_may_send_little(api: Served, org: connect.Organization) -> None:
    long = {"org": "acme", "email": "a@b.example", "password": "x" * 200_000}
    assert api.client.post("/api/v1/session", json=long).status_code == 413
    assert api.call("POST", "/api/v1/tokens", org, json={"role": "viewer", "name": "x" * 200_000}).status_code == 400


def test_a_body_that_does_not_come_is_not_waited_for(
    address: tuple[str, int], database: Database, org: connect.Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "_PART_SECONDS", 0.3)
    token = tokens.add_token(database, org, "admin", actor="t").plain.encode()
    head = b"POST /api/v1/plans HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " + token
    answer = _said(address, head + b"\r\nContent-Length: 100\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408"), answer
    assert not answer.endswith(b"(still open)")
    with database.org(org.org_id) as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM observe.sync_activity").scalar() == 1  # the token alone


def test_a_head_without_end_is_cut_off(address: tuple[str, int]) -> None:
    endless = (b"X-A: " + b"a" * 60_000 + b"\r\n" for _ in range(100))
    assert _said(address, b"GET /healthz HTTP/1.1\r\nHost: x\r\n", *endless) == b""
    assert _said(address, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_a_head_that_does_not_come_is_not_waited_for(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.3)
    assert _said(address) == b""
    assert _said(address, b"GET /healthz HTTP/1.1\r\nX-A: b") == b""
    whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    again = _said(address, whole, b"GET /healthz HTTP/1.1\r\nX-")
    assert again.count(b"HTTP/1.1 200") == 1
    assert not again.endswith(b"(still open)")


def test_nobody_is_sent_elsewhere(api: Served, org: connect.Organization) -> None:
    """A redirect would carry the token to whatever the Host header says."""
    answer = api.call("GET", "/api/v1/plans/", org, headers={"Host": "evil.example"}, follow_redirects=False)
    assert answer.status_code == 404
    assert "location" not in answer.headers


def test_a_login_does_not_tell_which_organizations_there_are(api: Served, org: connect.Organization) -> None:
    def tried(slug: str, email: str) -> tuple[int, str]:
        given = {"org": slug, "email": email, "password": "guess guess guess"}
        answer = api.client.post("/api/v1/session", json=given)
        return answer.status_code, answer.text

    for email in ("ann@acme.example", "a\x00b@acme.example"):
        assert tried(org.slug, email) == tried("nix", email)
        assert tried("nix", email)[0] == 401
    for org_id in (org.org_id, 0):
        with api.db.org(org_id) as conn:
            conn.exec_driver_sql("UPDATE connect.rate_limit SET at_rest = now() + interval '1 hour'")
    assert tried(org.slug, "ann@acme.example") == tried("nix", "ann@acme.example")
    assert tried("nix", "ann@acme.example")[0] == 429


def test_tries_of_logins_are_forgotten(api: Served, org: connect.Organization) -> None:
    given = {"org": "nix", "email": "a@acme.example", "password": "guess guess guess"}
    api.client.post("/api/v1/session", json=given)
    with api.db.org(0) as conn:
        conn.exec_driver_sql("UPDATE connect.rate_limit SET at_rest = now() - interval '1 hour'")
    api.client.post("/api/v1/session", json={**given, "email": "b@acme.example"})
    with api.db.org(0) as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM connect.rate_limit").scalar() == 1


@pytest.mark.parametrize("name", ["a\r\nX: y", "a\x1b[2J", "a\u202eb", "a\x00", "a\x85b"])
def test_a_name_is_one_line_that_shows_itself(api: Served, org: connect.Organization, name: str) -> None:
    """It is the actor in the audit log, and on somebody's terminal."""
    assert api.call("POST", "/api/v1/tokens", org, json={"role": "viewer", "name": name}).status_code == 400
    assert api.call("POST", "/api/v1/tokens", org, json={"role": "viewer", "name": "Büro 7"}).status_code == 201


def test_a_webhook_does_not_tell_which_connections_there_are(
    api: Served, settings: Settings, org: connect.Organization
) -> None:
    """Whether or not there is one, and a secret: the same answer, after the same statements."""
    given = {"store_url": "https://shop.example", "consumer_key": "ck_1", "consumer_secret": "cs_1"}
    bare = connect.add_connection(api.db, settings, org, "woocommerce", "bare", given, actor="t")
    known = connect.add_connection(api.db, settings, org, "woocommerce", "shop", given, actor="t")
    connect.set_webhook_secret(api.db, settings, known, "a secret of theirs", actor="t")
    asked: list[str] = []

    def ask(*called: Any) -> None:
        asked.append(called[2])

    event.listen(api.db.engine, "before_cursor_execute", ask)
    headers = {"X-WC-Webhook-Topic": "order.updated", "X-WC-Webhook-Signature": "AAAA"}
    seen = []
    for connection_id in (known.connection_id, bare.connection_id, 99_999):
        asked.clear()
        path = f"/api/v1/webhooks/woocommerce/{connection_id}"
        answer = api.client.post(path, content=b'{"id": 1}', headers=headers)
        seen.append((answer.status_code, answer.text, tuple(asked)))
    assert seen[0][0] == 401
    assert len(set(seen)) == 1


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1", "http://localhost", "http://169.254.169.254/latest", "http://[::1]", "http://10.0.0.1",
     "http://0.0.0.0", "http://[::ffff:127.0.0.1]", "file:///etc/passwd", "http://u:p@example.com"],
)  # fmt: skip
def test_an_address_inside_is_refused(
    database: Database, settings: Settings, org: connect.Organization, url: str
) -> None:
    closed = settings.model_copy(update={"allow_private_hosts": False})
    with served(database, closed) as api:
        answer = api.call(
            "POST", "/api/v1/connections", org,
            json={"provider": "woocommerce", "name": "in",
                  "settings": {"store_url": url, "consumer_key": "ck_x", "consumer_secret": "cs_x"}},
        )  # fmt: skip
        assert answer.status_code == 400, answer.text
        assert connect.connections(database, org) == []


def test_every_call_refuses_query_parameters_that_it_does_not_know(api: Served, org: connect.Organization) -> None:
    """Else a misspelled filter answers everything, and `dry_run=true` is no dry run."""
    calls = [
        (method.upper(), path, [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"])
        for path, operations in api.app.openapi()["paths"].items()
        for method, operation in operations.items()
        if "x-right" in operation
    ]
    assert len(calls) > 60
    for method, path, known in calls:
        here = re.sub(r"\{\w+\}", "1", path)
        answer = api.call(method, f"{here}?nosuch=1&{known[0] if known else 'x'}=1", org)
        assert answer.status_code == 400, (method, path)
        said = answer.json()["error"]
        assert "does not know the query parameter “nosuch”" in said, (method, path, said)
        assert f"It takes {', '.join(sorted(known))}." in said if known else "It takes none." in said
        assert api.client.request(method, f"{here}?nosuch=1").status_code == 401, "a stranger is told nothing"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("pagesize=5", "“pagesize”. It takes page, pageSize."),
        ("page=1&page=2", "“page” is given more than once"),
        ("a=1&b=2&c=3&d=4&e=5&f=6&g=7", "“a”, “b”, “c”, “d”, “e” and 2 more"),
        (f"{'x' * 5_000}=1", f"“{'x' * 60}”"),
        ("%E2%80%AEdrowssap=1", "“⟨U+202E⟩drowssap”"),
        ("%00=1", "It takes page, pageSize."),
        ("%ff=1", "It takes page, pageSize."),
        ("=1", "“”. It takes"),
        ("nosuch", "“nosuch”"),
        ("&".join(f"p{n}=1" for n in range(1_500)), "and 1495 more"),
    ],
)
def test_unknown_query_parameters_are_named_whatever_they_are(
    api: Served, org: connect.Organization, query: str, words: str
) -> None:
    answer = api.call("GET", f"/api/v1/tokens?{query}", org)
    assert (answer.status_code, words in answer.json()["error"]) == (400, True), answer.json()
    assert len(answer.json()["error"]) < 600


def test_what_a_call_knows_may_be_given_and_lists_may_be_repeated(api: Served, org: connect.Organization) -> None:
    assert api.call("GET", "/api/v1/tokens?page=1&pageSize=5", org).status_code == 200
    assert api.call("GET", "/api/v1/tokens?", org).status_code == 200
    # No matrix is there; what is asked is understood.
    assert api.call("GET", "/api/v1/validations/1?verdict=fail&verdict=waiting", org).status_code == 404
    # Stores and monitors call addresses that somebody wrote long ago: what they send is never lost for that.
    for address in ("/healthz", "/readyz"):
        assert api.client.get(f"{address}?nosuch=1").status_code == 200
