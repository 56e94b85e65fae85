"""The Odoo sandbox over HTTP: transports, logins, errors, faults, and in its own process."""

import socket
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.odoo import Server, Store, running
from sandbox.odoo.refusals import DEBUG_MARK
from sandbox.tests.odoo_calls import CLIENT, ask, execute, json2, rpc, seeded
from sandbox.tests.steady import PATIENCE, own_process

_DAY = 86400


@pytest.fixture
def store() -> Store:
    return seeded()


@pytest.fixture
def server(store: Store) -> Iterator[Server]:
    with running(store) as running_server:
        yield running_server


def test_open_addresses(server: Server) -> None:
    version = {"version_info": [19, 0, 0, "final", 0, ""], "version": "19.0"}
    assert CLIENT.get(f"{server.url}/web/version").json() == version
    assert CLIENT.get(f"{server.url}/json/version").json() == version
    assert CLIENT.get(f"{server.url}/web/health").json() == {"status": "pass"}
    assert CLIENT.get(f"{server.url}/no/such/page").status_code == 404


@pytest.mark.parametrize(
    ("model", "method", "arguments"),
    [
        ("sale.order", "search_read", {"domain": [["state", "=", "sale"]], "order": "id", "limit": 5, "load": ""}),
        ("res.partner", "search_count", {"domain": []}), ("product.product", "fields_get",
        {"allfields": ["lst_price"]}),
        ("res.partner", "read", {"ids": [3, 4], "fields": ["name"]}), ("res.users", "context_get", {}),
        ("sale.order", "read_group", {"domain": [], "fields": [], "groupby": ["state"]}),
    ],
)  # fmt: skip
def test_both_transports_answer_the_same(server: Server, model: str, method: str, arguments: dict[str, Any]) -> None:
    context = {"active_test": False, "lang": "en_US", "allowed_company_ids": [2, 1]}
    by_name = json2(server, model, method, context=context, **arguments).json()
    named = {k: v for k, v in arguments.items() if k != "ids"}
    positional = [arguments["ids"]] if "ids" in arguments else []
    assert execute(server, model, method, *positional, context=context, **named)["result"] == by_name
    assert (
        execute(server, model, method, *positional, context=context, secret=server.password, **named)["result"]
        == by_name
    )


def test_every_answer_closes_its_connection(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as raw:
        raw.sendall(b"GET /web/health HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while part := raw.recv(65536):
            answer += part
    assert b"connection: close" in answer.lower()
    assert answer.endswith(b'{"status":"pass"}')


def test_https(store: Store) -> None:
    with running(store, https=True) as server:
        trust = ssl.create_default_context(cafile=server.ca_file)
        assert server.url.startswith("https://")
        assert httpx.get(f"{server.url}/web/health", verify=trust).json() == {"status": "pass"}


def test_what_the_orm_trips_over_is_an_error_too(server: Server) -> None:
    answer = json2(server, "res.partner", "read", ids=3)
    assert (answer.status_code, answer.json()["name"]) == (500, "builtins.TypeError")


def test_logins(server: Server, store: Store) -> None:
    assert rpc(server, "common", "authenticate", server.db, server.login, server.password, {})["result"] == 2
    assert rpc(server, "common", "authenticate", server.db, server.login, server.key, {})["result"] == 2
    assert rpc(server, "common", "authenticate", server.db, server.login, "wrong", {})["result"] is False
    assert rpc(server, "common", "authenticate", server.db, "nobody", server.password, {})["result"] is False
    unknown = rpc(server, "common", "authenticate", "elsewhere", server.login, server.password, {})
    assert unknown["error"]["data"]["name"] == "psycopg2.OperationalError"
    assert (
        execute(server, "res.partner", "search_count", [], secret="wrong")["error"]["data"]["message"]
        == "Access Denied"
    )
    assert json2(server, "res.partner", "search_count", key=server.password, domain=[]).status_code == 401
    assert json2(server, "res.partner", "search_count", key=store.clerk.key, domain=[]).status_code == 200


def test_an_expired_key(server: Server, store: Store) -> None:
    store.admin.key_until = store.now() + _DAY * 1_000_000
    assert json2(server, "res.partner", "search_count", domain=[]).status_code == 200
    store.advance(_DAY + 1)
    answer = json2(server, "res.partner", "search_count", domain=[])
    assert (answer.status_code, answer.json()["message"]) == (401, "Invalid apikey")
    assert "error" in execute(server, "res.partner", "search_count", [])
    assert "result" in execute(server, "res.partner", "search_count", [], secret=server.password)


@pytest.mark.parametrize("method", ["list", "create_database", "drop", "dump"])
def test_the_database_service_is_closed(server: Server, method: str) -> None:
    assert rpc(server, "db", method)["error"]["data"]["name"] == "odoo.exceptions.AccessDenied"


def test_what_is_no_call(server: Server) -> None:
    headers = {"Authorization": f"bearer {server.key}"}
    address = f"{server.url}/json/2/res.partner/search_count"
    plain = CLIENT.post(address, content=b"{}", headers={**headers, "Content-Type": "text/plain"})
    assert (plain.status_code, plain.headers["Content-Type"]) == (415, "text/html; charset=utf-8")
    broken = CLIENT.post(address, content=b"{", headers={**headers, "Content-Type": "application/json"})
    assert (broken.status_code, broken.headers["Content-Type"]) == (400, "application/json; charset=utf-8")
    assert CLIENT.get(address, headers=headers).status_code == 405
    rpc_broken = CLIENT.post(f"{server.url}/jsonrpc", content=b"{", headers={"Content-Type": "application/json"})
    assert (rpc_broken.status_code, rpc_broken.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert CLIENT.post(f"{server.url}/jsonrpc", content=b"{}").status_code == 415


@pytest.mark.parametrize(
    ("method", "arguments", "status"),
    [
        ("search_read", {"nope": 1}, 500), ("search_count", {"domain": [], "nope": 1}, 422), ("search_count", {}, 422),
        ("write", {"ids": [3], "vals": {"nope": 1}}, 500), ("_search", {}, 403), ("read", {"ids": [3],
        "fields": ["nope"]}, 500),
        ("create", {"vals_list": [{"name": False}]}, 422), ("write", {"ids": [999999], "vals": {}}, 404),
    ],
)  # fmt: skip
def test_refusals(server: Server, method: str, arguments: dict[str, Any], status: int) -> None:
    answer = json2(server, "res.partner", method, **arguments)
    assert answer.status_code == status
    body = answer.json()
    assert set(body) == {"name", "message", "arguments", "context", "debug"}
    assert DEBUG_MARK in body["debug"]
    named = {k: v for k, v in arguments.items() if k != "ids"}
    error = execute(server, "res.partner", method, *([arguments["ids"]] if "ids" in arguments else []), **named)[
        "error"
    ]
    assert (error["code"], error["message"]) == (0, "Odoo Server Error")
    assert DEBUG_MARK in error["data"]["debug"]


def test_an_older_server_has_no_json2(server: Server, store: Store) -> None:
    store.server_version = (18, 0)
    assert CLIENT.get(f"{server.url}/web/version").json()["version"] == "18.0"
    assert json2(server, "res.partner", "search_count", domain=[]).status_code == 404
    assert execute(server, "res.partner", "search_count", [])["result"] > 0


def test_what_was_asked_is_remembered(server: Server) -> None:
    ask(server, "res.partner", "search_count", domain=[["id", ">", 3]])
    execute(server, "sale.order", "search", [["id", "=", 1]], limit=2)
    named, positional = server.requests
    assert (named.transport, named.model, named.method, named.status) == ("json2", "res.partner", "search_count", 200)
    assert named.arguments["domain"] == [["id", ">", 3]]
    assert (positional.transport, positional.model, positional.method) == ("jsonrpc", "sale.order", "search")
    assert positional.arguments == {"args": [[["id", "=", 1]]], "limit": 2}


# -- faults -----------------------------------------------------------------------------------------------
def test_a_poisoned_record_fails_every_list_that_holds_it(server: Server) -> None:
    server.faults.poison("res.partner", 8, also_fields=False)
    whole: dict[str, Any] = {"domain": [["id", ">", 0]], "order": "id", "limit": 20}
    answer = json2(server, "res.partner", "search_read", **whole)
    assert (answer.status_code, answer.json()["name"]) == (500, "builtins.ZeroDivisionError")
    assert "error" in execute(server, "res.partner", "search_read", **whole)
    assert json2(server, "res.partner", "search_read", fields=["write_date"], **whole).status_code == 200
    assert json2(server, "res.partner", "search_read", domain=[["id", ">", 8]], limit=20).status_code == 200
    server.faults.heal("res.partner", 8)
    assert json2(server, "res.partner", "search_read", **whole).status_code == 200


def test_hosts_faults(server: Server) -> None:
    def status() -> int:
        return json2(server, "res.partner", "search_count", domain=[]).status_code

    server.faults.burst(503, count=2, retry_after=3)
    assert [status(), status(), status()] == [503, 503, 200]
    for kind, expected in (("502", 502), ("504", 504), ("429", 429), ("500", 500)):
        server.faults.once(kind)
        assert [status(), status()] == [expected, 200]
    server.faults.once("serialization")
    broken = json2(server, "res.partner", "search_count", domain=[])
    assert (broken.status_code, broken.json()["name"]) == (500, "psycopg2.errors.SerializationFailure")
    server.faults.once("html200")
    page = json2(server, "res.partner", "search_count", domain=[])
    assert (page.status_code, page.headers["Content-Type"][:9]) == (200, "text/html")
    for kind in ("reset", "half_body"):
        server.faults.once(kind)
        with pytest.raises(httpx.TransportError):
            status()
    server.faults.strip_auth()
    assert status() == 401
    server.faults.clear()
    server.faults.down()
    with pytest.raises(httpx.ConnectError):
        status()
    server.faults.down(False)
    assert status() == 200
    server.faults.redirect("https://elsewhere.example")
    moved = json2(server, "res.partner", "search_count", domain=[])
    assert (moved.status_code, moved.headers["Location"][:25]) == (301, "https://elsewhere.example")
    with pytest.raises(ValueError, match="php_notice is not one of"):
        server.faults.once("php_notice")


def test_rows_that_a_rule_hides(server: Server, store: Store) -> None:
    total = len(store.ids("sale.order"))
    server.faults.lose("sale.order", 0.5, gets=False)
    kept = ask(server, "sale.order", "search", domain=[])
    assert 0 < len(kept) < total
    assert ask(server, "sale.order", "search", domain=[["id", "in", sorted(store.ids("sale.order"))]], limit=0) != kept
    server.faults.lose("sale.order", 0.5)
    lost = sorted(store.ids("sale.order") - set(kept))
    assert ask(server, "sale.order", "search", domain=[["id", "in", lost]]) == []
    server.faults.clear()
    server.faults.empty("sale.order")
    assert ask(server, "sale.order", "search_count", domain=[]) == 0
    server.faults.empty("sale.order", on=False)
    assert ask(server, "sale.order", "search_count", domain=[]) == total


def test_drift_deletes_and_inserts_while_a_client_walks(server: Server, store: Store) -> None:
    before = store.ids("stock.quant")
    server.faults.drift(every=1, deletes=2, inserts=1, kind="stock.quant", seed=3)
    for _ in range(3):
        ask(server, "stock.quant", "search_read", fields=["quantity"], limit=5)
    done = server.faults.drifted
    assert [what for what, _, _ in done] == ["delete", "delete", "insert"] * 3
    gone = {i for what, _, i in done if what == "delete"}
    made = {i for what, _, i in done if what == "insert"}
    assert store.ids("stock.quant") == (before | made) - gone


# -- another process --------------------------------------------------------------------------------------
def test_the_side_door(server: Server, store: Store) -> None:
    def door(path: str, body: Any) -> httpx.Response:
        return CLIENT.post(f"{server.url}/_sandbox/{path}", json=body)

    made = door("write", {"op": "create", "model": "res.partner", "values": {"name": "By the door"}, "hold_seconds": 5})
    held = made.json()["results"][0][0]
    assert held not in door("ids", {"kind": "res.partner"}).json()["ids"]
    door(
        "write",
        [{"op": "advance", "seconds": 6}, {"op": "write", "model": "res.partner", "ids": held, "values": {"ref": "R"}}],
    )
    assert held in door("ids", {"kind": "res.partner"}).json()["ids"]
    assert door("payload", {"kind": "res.partner", "id": held, "fields": ["name", "ref"]}).json() == {
        "id": held, "name": "By the door", "ref": "R",
    }  # fmt: skip
    door("faults", {"op": "burst", "status": 503, "count": 1})
    assert json2(server, "res.partner", "search_count", domain=[]).status_code == 503
    stats = CLIENT.get(f"{server.url}/_sandbox/stats").json()
    assert stats["by_status"] == {"503": 1}
    assert stats["counts"]["res.partner"] == len(store.ids("res.partner"))
    for wrong in ({"op": "drop_database"}, {"op": "write", "model": "nope", "ids": 1, "values": {}}):
        assert door("write", wrong).status_code == 400


def test_a_process_of_its_own() -> None:
    with own_process("odoo", "--scale", "small", "--secret", "hunter2") as ready:
        asked = {"service": "common", "method": "authenticate", "args": [ready["db"], ready["user"], "hunter2", {}]}
        assert CLIENT.post(f"{ready['url']}/jsonrpc", json={"params": asked}).json()["result"] == 2
        headers = {"Authorization": f"bearer {ready['key']}"}
        url = f"{ready['url']}/json/2/product.template/search_count"
        assert CLIENT.post(url, json={"domain": []}, headers=headers).json() > 30
