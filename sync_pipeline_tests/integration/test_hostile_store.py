"""Stores that mean harm: that repeat what they were sent, answer without end, or stand at an address inside."""

from __future__ import annotations

import socket
import threading
import zlib
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpcore
import httpx
import pytest
from sqlalchemy import text

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import ConfigurationError, RefusedBySource, SyncError, TransientSourceError
from sync_pipeline.sources import http, network
from sync_pipeline.sources.base import Ask
from sync_pipeline.sources.network import PrivateAddress
from sync_pipeline.sources.settings import LOCAL
from sync_pipeline.steps import capture, connect
from sync_pipeline_tests.hostile import Answering, answering, send
from sync_pipeline_tests.hostile_spellings import spellings
from sync_pipeline_tests.served import Served

PASSWORD = 'a quiet/yellow "lamp" & 7'
KEY, SECRET = "key-without-a-form", "secret/without=a form"


def _seen(handler: BaseHTTPRequestHandler, body: bytes) -> str:
    """All a store sees of a call, told back as pages for developers do."""
    seen = f"{handler.path} {handler.headers} {body.decode()} {PASSWORD} {KEY} {SECRET}"
    return " ".join([seen.replace("\r\n", " ").replace("\n", " "), *spellings(PASSWORD), *spellings(KEY, SECRET)])


def _told(kind: str) -> Answering:
    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        seen = _seen(handler, body)
        quoted = httpx.Request("POST", "http://x", json=seen).content.decode()
        if kind == "page":
            send(handler, 200, f"<html>{seen}</html>".encode(), Content_Type="text/html")
        elif kind == "refusal":
            send(handler, 401, f'{{"code": "nope", "message": {quoted}}}'.encode())
        elif kind == "failure":
            send(handler, 500, f"<pre>{seen}</pre>".encode(), Content_Type="text/html")
        elif kind == "odoo":
            error = f'{{"data": {{"name": "odoo.exceptions.UserError", "message": {quoted}, "arguments": [{quoted}]}}}}'
            send(handler, 200, f'{{"jsonrpc": "2.0", "id": 1, "error": {error}}}'.encode())
        else:
            send(handler, 302, b"", Location=f"http://127.0.0.1:1/?x={seen}")

    return answer


@pytest.mark.parametrize("provider", ["woocommerce", "odoo"])
@pytest.mark.parametrize("kind", ["page", "refusal", "failure", "redirect", "odoo"])
def test_a_store_that_repeats_what_it_was_sent_tells_nobody(
    api: Served, org: connect.Organization, owner_url: str, kind: str, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    given = {
        "woocommerce": {"consumer_key": KEY, "consumer_secret": SECRET, "auth": "query"},
        "odoo": {"db": "odoo", "username": "bot", "password": PASSWORD},
    }[provider]
    address = {"woocommerce": "store_url", "odoo": "url"}[provider]
    with answering(_told(kind)) as url:
        body = {"provider": provider, "name": "shop", "settings": {address: url, **given}}
        said = [api.call("POST", "/api/v1/connections", org, json=body)]
        assert said[0].json()["data"]["ok"] is False
        said.append(api.call("POST", "/api/v1/connections/shop/test", org))
        start = {"action": "start", "ids": ["1"]}
        said.append(api.call("POST", f"/api/v1/integrations/{provider}/sync/products", org, json=start))
        found = connect.connection(api.db, org, "shop")
        client = connect.client_for(api.settings, found)
        with pytest.raises(SyncError) as failed:
            client.last(Ask(stream=found.source.stream("products"), limit=1))
        client.close()
        kept = str(failed.value) + str(getattr(failed.value, "body", b""))
        if kind == "refusal":  # the others would be tried again for minutes
            with suppress(SyncError), capture.session(api.db, api.settings, found, actor="t") as session:
                kept += repr(session.pull(found.source.stream("products")))
        paths = ("/api/v1/connections", "/api/v1/integrations/sync/activity", "/api/v1/status", "/metrics")
        said += [api.call("GET", path, org) for path in paths]
    with api.db.org(org.org_id) as conn:
        tables = conn.execute(
            text("SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN "
                 "('connect', 'capture', 'preview', 'observe') AND table_type = 'BASE TABLE'")
        ).all()  # fmt: skip
        for schema, name in tables:
            rows = conn.exec_driver_sql(f"SELECT string_agg(t::text, ' ') FROM {schema}.{name} AS t").scalar()
            raw = conn.exec_driver_sql(
                f"SELECT string_agg(encode(raw, 'escape'), ' ') FROM {schema}.{name}" if name == "sync_quarantine"
                else "SELECT ''"
            ).scalar()  # fmt: skip
            kept += f" {rows} {raw}"
    everything = " ".join(answer.text for answer in said) + kept + caplog.text
    for secret in (PASSWORD, SECRET, KEY) if provider == "woocommerce" else (PASSWORD,):
        if provider == "woocommerce" and secret == PASSWORD:
            continue  # nobody's, here
        for form in (*spellings(secret), *(spellings(KEY, SECRET)[:4] if provider == "woocommerce" else ())):
            assert form not in everything


def _client(url: str) -> http.Http:
    return http.Http(url, timeout=5, allow_private=True)


def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_ANSWER_BYTES", 1_000_000)

    def endless(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        while True:
            handler.wfile.write(b"[" * 100_000)

    with answering(endless) as url, pytest.raises(TransientSourceError, match="exceeds 1,000,000 bytes"):
        _client(url).request("GET", "x")


def test_an_answer_that_unpacks_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_ANSWER_BYTES", 1_000_000)
    packed = zlib.compress(b"[" * 50_000_000, 9)

    def bomb(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        send(handler, 200, packed, Content_Encoding="deflate")

    with answering(bomb) as url, pytest.raises(TransientSourceError, match="exceeds 1,000,000 bytes"):
        _client(url).request("GET", "x")


def test_an_answer_that_trickles_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_ANSWER_SECONDS", 0.5)
    over = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            if over.wait(0.1):
                return

    with answering(trickle) as url:
        with pytest.raises(TransientSourceError, match=r"exceeds 0 seconds|exceeds"):
            _client(url).request("GET", "x")
        over.set()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.1", "2130706433", "0177.0.0.1", "0x7f.1", "0.0.0.0", "10.1.2.3", "100.64.0.1",
        "169.254.169.254", "192.168.1.1", "198.18.0.1", "224.0.0.1", "::1", "::", "fc00::1", "fe80::1", "fec0::1",
        "::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::", "ff0e::1", "127。0。0。1",
    ],
)  # fmt: skip
def test_an_address_inside_is_refused_however_it_is_written(address: str) -> None:
    with pytest.raises(PrivateAddress):
        network.check_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"])
def test_an_address_outside_is_not(address: str) -> None:
    network.check_public(address)


def test_a_name_that_changes_after_it_was_checked_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that is connected to is the one that was checked, and no name is asked for twice."""
    asked: list[Any] = []
    reached: list[str] = []

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        return [(2, 1, 6, "", ("93.184.215.14" if len(asked) == 1 else "127.0.0.1", 80))]

    def connect_to(_self: Any, host: str, *_: Any, **__: Any) -> Any:
        reached.append(host)
        raise httpcore.ConnectError("not in a test")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect_to)
    client = http.Http("http://shop.example", timeout=5, allow_private=False)
    with pytest.raises(TransientSourceError):
        client.request("GET", "x")
    assert (asked, reached) == (["shop.example"], ["93.184.215.14"])
    with pytest.raises(RefusedBySource, match="private address"):
        client.request("GET", "x")
    assert reached == ["93.184.215.14"]


@pytest.mark.parametrize(
    "url",
    ["http://h:99999", "http://h:abc", "http://[::1", "http:// h", "http://h\r\nX: y", "http://" + "a" * 500, "http://.",
     "http://h?x=", "http://h#x", "ftp://h", "file:///etc/passwd", "http://a:b@h", "http://h\\@x", "//127.0.0.1"],
)  # fmt: skip
def test_what_is_no_address_is_said(api: Served, org: connect.Organization, url: str) -> None:
    body = {"provider": "woocommerce", "name": "shop", "settings": {
        "store_url": url, "consumer_key": KEY, "consumer_secret": SECRET}}  # fmt: skip
    answer = api.call("POST", "/api/v1/connections", org, json=body)
    assert answer.status_code == 400, answer.text
    assert "http(s)://host" in answer.json()["error"]
    assert api.call("GET", "/api/v1/connections", org).json()["rowCount"] == 0


def test_no_call_names_a_file_of_this_machine(api: Served, org: connect.Organization) -> None:
    """The answer would tell whether it is there, and some files never end."""
    settings = {"store_url": "https://shop.example", "consumer_key": KEY, "consumer_secret": SECRET}
    for path in ("/etc/passwd", "/dev/zero", "/nix"):
        body = {"provider": "woocommerce", "name": "shop", "settings": {**settings, "ca_file": path}}
        answer = api.call("POST", "/api/v1/connections", org, json=body)
        assert (answer.status_code, path in answer.text) == (400, False)
    assert api.call("GET", "/api/v1/connections", org).json()["rowCount"] == 0
    connect.add_connection(api.db, api.settings, org, "woocommerce", "shop", settings, actor="t")
    changed = api.call("PATCH", "/api/v1/connections/shop", org, json={"settings": {"ca_file": "/etc/passwd"}})
    assert changed.status_code == 400
    listed = api.call("GET", "/api/v1/providers", org).json()["data"]
    assert not [one for provider in listed for one in provider["settings"] if one["name"] in LOCAL]


@pytest.mark.parametrize(
    "change",
    [{"timeout_seconds": 1e9}, {"timeout_seconds": 0}, {"max_concurrency": 0}, {"max_concurrency": 10**6},
     {"sweep_every": 0}, {"batch_size": -1}, {"batch_delay_ms": 10**9}, {"overlap_seconds": -1},
     {"deletion_gate_share": 2}, {"preview_max_pages": 0}, {"owner": "x" * 300}, {"noise": {"products": ["x" * 300]}},
     {"noise": {"products": ["x"] * 300}}, {"noise": {str(n): [] for n in range(200)}}],
)  # fmt: skip
def test_a_setting_has_bounds(
    database: Database, settings: Settings, org: connect.Organization, change: dict[str, Any]
) -> None:
    given = {"store_url": "https://shop.example", "consumer_key": KEY, "consumer_secret": SECRET}
    made = connect.add_connection(database, settings, org, "woocommerce", "shop", given, actor="t")
    with pytest.raises(ConfigurationError):
        connect.update_settings(database, made, change, actor="test")


def test_a_setting_from_before_its_bounds_is_said_and_can_be_corrected(api: Served, org: connect.Organization) -> None:
    given = {"store_url": "http://127.0.0.1:1", "consumer_key": KEY, "consumer_secret": SECRET}
    connect.add_connection(api.db, api.settings, org, "woocommerce", "shop", given, actor="t")
    with api.db.org(org.org_id) as conn:
        conn.exec_driver_sql(
            "UPDATE connect.integration_connector "
            "SET settings = settings || jsonb_build_object('timeout_seconds', 1e9, 'batch_size', 7)"
        )
    assert api.call("GET", "/api/v1/connections", org).status_code == 200
    shared = connect.connection(api.db, org, "shop").common()
    assert (shared.timeout_seconds, shared.batch_size) == (60.0, 7)
    tested = api.call("POST", "/api/v1/connections/shop/test", org)
    assert (tested.status_code, "timeout_seconds" in tested.text) == (400, True)
    change = {"settings": {"timeout_seconds": 30}}
    assert api.call("PATCH", "/api/v1/connections/shop", org, json=change).status_code == 200
    assert api.call("POST", "/api/v1/connections/shop/test", org).status_code == 200


def test_a_slow_store_holds_up_its_own_organization_only(api: Served, org: connect.Organization) -> None:
    """More calls wait for a slow store than there are threads for stores; another organization's call goes through."""
    over = threading.Event()
    other = connect.add_organization(api.db, "other")

    def slow(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        over.wait(120)
        send(handler, 404, b"{}")

    def quick(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        send(handler, 404, b"{}")

    with answering(slow) as late, answering(quick) as soon:
        for whose, url in ((org, late), (other, soon)):
            given = {"store_url": url, "consumer_key": KEY, "consumer_secret": SECRET}
            connect.add_connection(api.db, api.settings, whose, "woocommerce", "shop", given, actor="t")
            api.token(whose)
        path = "/api/v1/connections/shop/test"
        calls = [threading.Thread(target=api.call, args=("POST", path, org), daemon=True) for _ in range(12)]
        for one in calls:
            one.start()
        try:
            answered: list[int] = []
            quickly = threading.Thread(
                target=lambda: answered.append(api.call("POST", path, other).status_code), daemon=True
            )
            quickly.start()
            quickly.join(60)
            assert answered == [200]
            assert all(one.is_alive() for one in calls)
        finally:
            over.set()
            for one in calls:
                one.join(120)
