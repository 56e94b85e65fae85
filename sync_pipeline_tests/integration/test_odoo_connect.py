"""Connecting an Odoo: companies, rights, and a doctor who names the cause."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.odoo import Store, running, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.sources.odoo.company_values import COMPANY_VALUES
from sync_pipeline.sources.odoo.settings import OdooConfig
from sync_pipeline.steps import connect
from sync_pipeline_tests.odoo_stores import Odoo, ask, odoo

SKEWED = 600


@pytest.fixture
def store() -> Store:
    filled = Store()
    seed(filled, products=20, partners=30, orders=30, random_seed=5)
    return filled


@pytest.fixture
def opened(database: Database, settings: Settings, org: connect.Organization, store: Store) -> Iterator[Odoo]:
    with odoo(database, settings, org, store) as made:
        yield made


def connected(opened: Odoo, name: str, **given: Any) -> Odoo:
    """Another connection to the same server."""
    usual = {
        "url": opened.server.url,
        "db": opened.server.db,
        "username": opened.server.login,
        "password": opened.server.key,
    }
    org = connect.add_organization(opened.db, name)
    made = connect.add_connection(opened.db, opened.settings, org, "odoo", name, {**usual, **given}, actor="test")
    return Odoo(
        db=opened.db, settings=opened.settings, org=org, connection=made, store=opened.store, server=opened.server
    )


# -- companies ---------------------------------------------------------------------------------------------------


def test_a_connection_to_one_company_holds_nothing_of_the_other(opened: Odoo) -> None:
    one, two = connected(opened, "one", companies=[1]), connected(opened, "two", companies=[2])
    for side, company, other in ((one, 1, 2), (two, 2, 1)):
        reports = side.pull(full=True)
        assert {name: r.error for name, r in reports.items() if not r.ok} == {}
        for name in side.streams:
            stream = side.stream(name)
            held = [payload["id"] for payload in side.export(name)]
            assert all(COMPANY_VALUES not in payload for payload in side.export(name)), name
            offered = ask(side.server, stream.path, "fields_get", attributes=["type"])
            if "company_id" in offered and held:
                domain = [["id", "in", held], ["company_id", "=", other]]
                assert ask(side.server, stream.path, "search", domain=domain) == [], name
        assert side.ids("companies") == {str(company)}
        values = [payload["product_tmpl_id"] for payload in side.export("template_attribute_values")]
        foreign = [["id", "in", values], ["company_id", "=", other]]
        assert ask(side.server, "product.template", "search", domain=foreign) == []
        places = {payload["id"]: payload["usage"] for payload in side.export("locations")}
        for quant in side.export("stock"):
            assert quant["company_id"] == company or places[quant["location_id"]] in ("internal", "transit"), quant
    assert not one.ids("orders") & two.ids("orders")
    assert one.ids("orders") | two.ids("orders") == {str(i) for i in opened.store.ids("sale.order")}


def test_values_that_depend_on_the_company_are_kept_for_each(opened: Odoo) -> None:
    one = min(opened.store.ids("product.product"))
    opened.store.write("product.product", one, {"standard_price": {1: 5.55, 2: 9.99}})
    both, turned = connected(opened, "both"), connected(opened, "turned", companies=[2, 1])
    for side, own, other, key in ((both, 5.55, 9.99, "2"), (turned, 9.99, 5.55, "1")):
        side.pull("variants", full=True)
        payload = next(p for p in side.export("variants") if p["id"] == one)
        assert float(payload["standard_price"]) == own
        assert float(payload[COMPANY_VALUES][key]["standard_price"]) == other
        assert [*payload[COMPANY_VALUES][key]] == ["standard_price"]  # only what differs
    opened.store.advance(3600)
    opened.store.write("product.product", one, {"standard_price": {2: 1.11}})
    both.pull("variants")
    payload = next(p for p in both.export("variants") if p["id"] == one)
    assert float(payload[COMPANY_VALUES]["2"]["standard_price"]) == 1.11


def test_a_company_the_user_does_not_belong_to_is_named(opened: Odoo) -> None:
    side = connected(opened, "foreign", companies=[1, 9])
    finding = side.findings()["wrong_company"]
    assert finding.level == "error"
    assert "[9]" in finding.message
    report = side.pull("products", full=True)["products"]
    assert not report.closed
    assert "[9]" in str(report.error)


# -- rights ------------------------------------------------------------------------------------------------------


def test_a_user_with_fewer_rights_gets_less_and_run_and_doctor_say_what(opened: Odoo) -> None:
    clerk = opened.store.clerk
    side = connected(opened, "clerk", username=clerk.login, password=clerk.key, companies=[1])
    opened.store.hidden[clerk.login, "product.product"] = frozenset({"standard_price"})
    finding = side.findings()
    assert finding["permission"].level == "error"
    assert "account.move" in finding["permission"].message
    assert "stock.move" in finding["permission"].message
    assert "product.product: standard_price" in finding["fields"].message
    assert finding["own_documents"].level == "warning"
    report = side.pull("variants", full=True)["variants"]
    assert report.closed
    assert report.missing == ("standard_price",)
    assert side.detail("variants")["missing"] == ["standard_price"]
    refused = side.pull("invoices", full=True)["invoices"]
    assert not refused.closed
    assert "account.move" in str(refused.error)


def test_a_list_of_a_model_that_the_user_may_not_read_is_left_out_and_named(opened: Odoo) -> None:
    """Odoo offers the field, and then refuses every call that reads it."""
    opened.store.denied[opened.store.login] = {"stock.package.history"}
    finding = opened.findings()["fields"]
    assert "stock.picking: package_history_ids" in finding.message
    report = opened.pull("pickings", full=True)["pickings"]
    assert report.ok, report.error
    assert report.missing == ("package_history_ids",)
    assert opened.detail("pickings")["left_out"]["no right to read it"] == ["package_history_ids"]
    assert opened.ids("pickings") == {str(i) for i in opened.store.ids("stock.picking")}
    assert all("package_history_ids" not in payload for payload in opened.export("pickings"))
    assert opened.pull("pickings")["pickings"].ok


def test_payment_providers_need_a_group_of_their_own_and_hold_nothing_up(opened: Odoo) -> None:
    opened.pull("payment_providers", full=True)
    held = opened.ids("payment_providers")
    opened.store.denied[opened.store.login] = {"payment.provider"}
    finding = opened.findings()
    assert "payment.provider" in finding["left_out"].message
    assert "permission" not in finding
    for full in (False, True):
        report = opened.pull("payment_providers", full=full)["payment_providers"]
        assert report.closed
        assert report.missing == ("payment.provider (no right to read it)",)
        assert "no right to read it" in str(report.error)
    assert opened.ids("payment_providers") == held
    assert opened.states() == {}


def test_the_payment_methods_of_a_provider_are_read(opened: Odoo) -> None:
    opened.pull("payment_providers", full=True)
    methods = {p["id"]: p["payment_method_ids"] for p in opened.export("payment_providers")}
    providers = opened.store.read("payment.provider", opened.store.ids("payment.provider"), ["payment_method_ids"])
    assert methods == {one["id"]: one["payment_method_ids"] for one in providers}
    assert any(methods.values())


def test_each_run_of_a_user_who_sees_only_own_documents_says_so(opened: Odoo) -> None:
    clerk = opened.store.clerk
    side = connected(opened, "clerk", username=clerk.login, password=clerk.key, companies=[1])
    for full in (True, False):
        for name in ("orders", "order_lines", "customers"):
            report = side.pull(name, full=full)[name]
            assert report.closed, report.error
            assert "only the user's own documents" in " ".join(report.missing), name
    assert "own documents" not in " ".join(side.pull("products", full=True)["products"].missing)


def test_an_order_that_becomes_another_user_s_is_not_taken_for_deleted(opened: Odoo) -> None:
    clerk = opened.store.clerk
    side = connected(opened, "clerk", username=clerk.login, password=clerk.key, companies=[1])
    own, gone = opened.store.create("sale.order", [{"partner_id": 1, "company_id": 1, "user_id": clerk.id}] * 2)
    side.pull("orders", full=True)
    opened.store.write("sale.order", own, {"user_id": 2})
    opened.store.unlink("sale.order", gone, force=True)
    side.pull("orders")
    states = side.states()
    assert states["order", str(gone)][0] == "deleted"
    assert states["order", str(own)][0] == "suspected"


def test_without_the_right_to_read_orders_the_run_says_who_is_not_seen(opened: Odoo) -> None:
    opened.pull("customers", full=True)
    opened.store.denied[opened.store.login] = {"sale.order"}
    report = opened.pull("customers")["customers"]
    assert "sale.order" in " ".join(report.missing)
    assert opened.states() == {} or {state for state, _ in opened.states().values()} == {"suspected"}


# -- the doctor --------------------------------------------------------------------------------------------------


def test_a_healthy_connection(opened: Odoo) -> None:
    findings = opened.findings()
    assert {one.level for one in findings.values()} <= {"ok", "warning"}
    assert "JSON-2" in findings["login"].message
    assert {"server", "login", "rights", "http", "companies"} == set(findings)
    by_password = connected(opened, "password", password=opened.server.password)
    assert "JSON-RPC" in by_password.findings()["login"].message


def test_a_server_before_19_is_asked_by_json_rpc(opened: Odoo) -> None:
    opened.pull("customers", "products", full=True)
    opened.store.server_version = (17, 0)
    older = connected(opened, "older")
    opened.server.requests.clear()
    assert "JSON-RPC" in older.findings()["login"].message
    reports = older.pull("customers", "products", full=True)
    assert {name: r.error for name, r in reports.items() if not r.ok} == {}
    methods = {r.method for r in opened.server.requests if r.model == "sale.order"}
    assert "read_group" in methods
    assert "formatted_read_group" not in methods
    for name in ("customers", "products"):
        assert older.export(name) == opened.export(name)


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({"db": "Sandbox"}, "wrong_database", "Sandbox"),
        ({"db": "Sandbox", "transport": "jsonrpc"}, "wrong_database", "Sandbox"),
        ({"password": "wrong"}, "wrong_login", "password"),
        ({"username": "nobody", "password": "admin-password"}, "wrong_login", "nobody"),
        ({"password": "ab12" * 10}, "wrong_key", "expired"),
        ({"password": "ab12" * 10, "transport": "json2"}, "wrong_key", "expired"),
        ({"username": "somebody else"}, "wrong_login", "admin"),
        ({"url": "http://127.0.0.1:1"}, "refused", ""),
        ({"url": "http://no-such-name.invalid"}, "dns", "no-such-name.invalid"),
    ],
)
def test_the_cause_is_named(opened: Odoo, given: dict[str, Any], code: str, words: str) -> None:
    findings = connected(opened, "wrong", **given).findings()
    assert findings[code].level == "error"
    assert words in findings[code].message
    assert findings[code].remedy
    assert "rights" not in findings


def test_an_expired_key_is_refused_and_the_doctor_names_it(opened: Odoo) -> None:
    assert opened.pull("currencies", full=True)["currencies"].closed
    opened.store.admin.key_until = opened.store.now() - 1
    finding = opened.findings()["wrong_key"]
    assert finding.level == "error"
    assert "expired" in finding.message
    report = opened.pull("currencies")["currencies"]
    assert not report.closed
    assert opened.store.key not in json.dumps([str(report), finding.message, opened.detail("currencies")])


def test_a_page_of_a_proxy_and_a_redirect(opened: Odoo) -> None:
    opened.server.faults.rate("html200", 1.0)
    assert opened.findings()["not_odoo"].level == "error"
    opened.server.faults.clear()
    opened.server.faults.rate("502", 1.0)
    assert opened.findings()["unavailable"].level == "error"
    opened.server.faults.clear()
    opened.server.faults.redirect_to = "https://elsewhere.example"
    finding = opened.findings()["redirect"]
    assert "https://elsewhere.example" in finding.message


def test_http_and_https_taken_for_each_other(
    database: Database, settings: Settings, org: connect.Organization, store: Store
) -> None:
    def first_error(url: str) -> str:
        given = {"url": url, "db": "sandbox", "username": "admin", "password": store.key}
        made = connect.add_connection(database, settings, org, "odoo", "tls", given, actor="test")
        return next(f.code for f in connect.diagnose(database, settings, made) if f.level == "error")

    with running(store) as plain:
        assert first_error(plain.url.replace("http://", "https://")) == "http_not_https"
    with running(store, https=True) as secure:
        assert first_error(secure.url) == "tls"  # its certificate is its own
        assert first_error(secure.url.replace("https://", "http://")) == "unreachable"


def test_clocks_that_differ_are_said(opened: Odoo) -> None:
    opened.store.advance(SKEWED)
    finding = opened.findings()["clock_skew"]
    assert finding.level == "warning"
    assert opened.pull("currencies", full=True)["currencies"].closed
    watermark = opened.value("SELECT watermark FROM capture.sync_cursor WHERE entity_type = 'currency'")
    assert abs((opened.store.utcnow() - watermark).total_seconds()) < 60


# -- settings ----------------------------------------------------------------------------------------------------


def test_older_spellings_of_the_settings_are_understood() -> None:
    config = OdooConfig.model_validate(
        {"host": "odoo.example/web/login", "database": "prod", "login": "api", "apiKey": "k" * 40, "company_ids": [2]}
    )
    assert (config.url, config.db, config.username, config.companies) == ("https://odoo.example", "prod", "api", [2])
    assert config.password.get_secret_value() == "k" * 40
    assert "k" * 40 not in repr(config)
    newer = OdooConfig.model_validate({"host": "old", "url": "https://new", "db": "d", "user": "u", "password": "p"})
    assert newer.url == "https://new"


def test_the_overlap_is_the_provider_s_unless_it_is_set(opened: Odoo) -> None:
    assert opened.connection.common().overlap_seconds == 900
    assert connected(opened, "short", overlap_seconds=60).connection.common().overlap_seconds == 60
