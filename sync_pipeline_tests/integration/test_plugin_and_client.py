"""The two clients that the documents show, over a served API: the WordPress plugin, in PHP, and the one in Python."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import PROJECT, Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect
from sync_pipeline_client import ApiError, Client, models
from sync_pipeline_tests.served import Served, listening, served
from sync_pipeline_tests.stores import Shop, shop

WORDPRESS = Path(__file__).parents[1] / "wordpress.php"


# What an order of 29.70 is made of: a hat less a coupon, shipping, a fee and tax.
ITEMS = {
    "line_item": [{"id": 1, "name": "Hat", "product_id": 9001, "quantity": 1, "subtotal": "19.90", "total": "17.90"}],
    "coupon": [{"id": 2, "code": "two-off", "discount": "2.00"}],
    "shipping": [{"id": 3, "method_id": "flat_rate", "method_title": "Post", "total": "5.00"}],
    "fee": [{"id": 4, "name": "Gift wrap", "total": "1.80"}],
    "tax": [{"id": 5, "rate_code": "VAT-1", "label": "VAT", "tax_total": "4.00", "shipping_tax_total": "1.00"}],
}


@dataclass
class Live:
    """A shop, the service, and the service's address."""

    shop: Shop
    api: Served
    url: str

    def client(self, role: str = "operator") -> Client:
        """A client with a token of the role."""
        return Client(self.url, self.api.token(self.shop.org, role))


@pytest.fixture
def live(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Live]:
    store = Store()
    seed(store, products=4, variable=0, customers=2, orders=1)
    with shop(database, settings, org, store) as made, served(database, settings) as api, listening(api.app) as url:
        yield Live(made, api, url)


def fired(live: Live, folder: Path, token: str, shop: dict[int, Any], *hooks: str) -> list[str]:
    """What the plugin of docs/wordpress-plugin.md prints when WordPress fires these hooks."""
    document = (PROJECT / "docs/wordpress-plugin.md").read_text("utf-8")
    blocks = re.findall("^```php\n(.*?)^```", document, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    plugin = folder / "shop-sync.php"
    plugin.write_text("\n".join(blocks), "utf-8")
    done = subprocess.run(
        ["php", "-d", "error_reporting=E_ALL", "-d", "display_errors=stderr", str(WORDPRESS), str(plugin), *hooks],
        env={"SHOP_SYNC_URL": live.url, "SHOP_SYNC_TOKEN": token, "SHOP": json.dumps(shop)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.skipif(shutil.which("php") is None, reason="there is no PHP: `make php` installs it, where apt-get is")
def test_the_wordpress_plugin_pushes_and_says_why_records_are_skipped(live: Live, tmp_path: Path) -> None:
    token = live.api.token(live.shop.org, "plugin")
    changed = "2026-03-01T11:00:00+01:00"
    hat = {"id": 9001, "name": "Hat", "sku": "HAT-1", "price": "19.90", "stock_quantity": 3, "date_modified": changed}
    order = {"id": 9100, "status": "completed", "currency": "USD", "total": "29.70", "date_modified": changed}
    order |= {"customer_id": 55, "billing": {"email": "ada@example.com", "first_name": "Ada"}, "items": ITEMS}
    ada = {"id": 55, "role": "customer", "email": "ada@example.com", "first_name": "Ada", "date_modified": changed}
    goods = {
        9001: hat,
        9002: {"id": 9002},
        9003: {"name": "No id"},
        9100: order,
        55: ada,
        1: {"id": 1, "role": "editor"},
    }
    new, saved = "woocommerce_new_product", "woocommerce_update_product"
    said = fired(
        live, tmp_path, token, goods, f"{new}:9001", f"{saved}:9001", f"{saved}:9002", f"{saved}:9003",
        "woocommerce_new_customer:55", "profile_update:1", "profile_update:404", "woocommerce_new_order:9100"
    )  # fmt: skip
    # Each record once, each kind in a batch; the one that is skipped with its reason.
    logged = re.findall(r"`(products [^`]*missing)`", (PROJECT / "docs/wordpress-plugin.md").read_text("utf-8"))
    assert said == [
        '["products",[9001,9002,9003]]', *(f"warning {one}" for one in logged), '["customers",[55,1,404]]',
        '["orders",[9100]]',
    ]  # fmt: skip
    assert len(logged) == 2
    with live.client() as api:
        (row,) = api.table("woocommerce", entity="products", search="HAT-1").data
        assert (row.external_id, row.raw["name"], row.raw["price"]) == ("9001", "Hat", "19.90")
        assert row.raw["date_modified_gmt"] == "2026-03-01T10:00:00"
        (customer,) = api.table("woocommerce", entity="customers").data
        assert (customer.external_id, customer.raw["first_name"]) == ("55", "Ada")
        (sale,) = api.table("woocommerce", entity="orders").data
        assert (sale.raw["total"], sale.raw["line_items"][0]["sku"], sale.warnings) == ("29.70", "HAT-1", [])
    viewer = live.api.token(live.shop.org, "viewer")
    assert fired(live, tmp_path, viewer, goods, "read:/api/v1/connections") == ['["shop"]']
    assert fired(live, tmp_path, viewer, goods, "read:/api/v1/nix")[0].startswith("Unknown path")
    # One without a time keeps the stored one; one that is older is told so.
    assert (
        fired(live, tmp_path, token, {9001: {**hat, "price": "18.90", "date_modified": None}}, f"{saved}:9001")[1:]
        == []
    )
    old = {9001: {**hat, "price": "1", "date_modified": "2020-01-01"}}
    assert fired(live, tmp_path, token, old, f"{saved}:9001")[1:] == [
        "warning products 9001: it is older than the stored record, which changed 2026-03-01T10:00:00Z"
    ]
    with live.client() as api:
        assert api.table("woocommerce", entity="products", search="HAT-1").data[0].raw["price"] == "18.90"
    # A wrong token may be replaced; a service that is away, or that waited too long for the body, is asked again.
    assert fired(live, tmp_path, "sp_1_x", goods, f"{saved}:9001")[1:] == [
        "error This token is not valid: it was revoked, has expired or is mistyped. An admin can make a new one.",
        "again in 3600",
    ]
    forbidden = live.api.token(live.shop.org, "viewer")
    assert fired(live, tmp_path, forbidden, goods, f"{saved}:9001")[-1] == "again in 3600"
    too_slow = "The body arrived too slowly. Send it again."
    answers = {408: "again in 60", 400: f"error {too_slow}", 413: f"error {too_slow}", 503: "again in 60"}
    for status, last in answers.items():
        said = fired(live, tmp_path, token, goods, f"{saved}:9001", f"answer:{status}")
        assert (said[1], said[-1]) == (f"error {too_slow}", last), status
    live.url = "http://127.0.0.1:9"
    assert fired(live, tmp_path, token, goods, f"{saved}:9001")[1:] == ["error no answer", "again in 60"]


def test_the_example_of_the_documents_runs(live: Live) -> None:
    """Copied as it is, on a service that has no plan and on one that has: it applies every one."""
    document = (PROJECT / "docs/api.md").read_text("utf-8")
    (block,) = re.findall("^```python\n(.*?)^```", document, re.MULTILINE | re.DOTALL)
    assert "http://127.0.0.1:8000" in block
    example = compile(block.replace("http://127.0.0.1:8000", live.url), "docs/api.md", "exec")
    said: list[str] = []
    given = {
        "token": live.api.token(live.shop.org, "operator"),
        "print": lambda *values: said.append(" ".join(str(one) for one in values)),
    }
    exec(example, dict(given))
    assert said == []
    with live.client("plugin") as plugin:
        plugin.push_products([{"wc_product_id": 1, "name": "P1"}])
    with live.client() as api:
        chosen = models.Selection(decision="include", ids=["1"], draft=True)
        api.preview_or_select(chosen, action="select", entity_type="products")
        plan = api.make_plan().plan
        assert plan is not None
        exec(example, dict(given))
        assert said == [f"{plan.plan_id} 1 0 0"]
        assert api.show_plan(plan.plan_id).state == "approved"


def test_the_client_reads_proposes_applies_and_says_what_is_refused(live: Live) -> None:
    products = [{"wc_product_id": n, "name": f"P{n}", "price": "1.10", "weight": Decimal("0.1234567890123456789")}
                for n in range(1, 6)]  # fmt: skip
    with live.client("plugin") as plugin:
        counts = plugin.push_products([*products, {"wc_product_id": 6}])
        assert (counts.syncedCount, counts.skippedCount) == (5, 1)
        assert plugin.push_log(counts.syncLogId).skipped_records[0].reason == "name is missing"
        with pytest.raises(ApiError) as forbidden:
            plugin.status()
        assert (forbidden.value.status, bool(forbidden.value.request_id)) == (403, True)
        assert "the right “read”" in forbidden.value.error
    with live.client() as api:
        page = api.table("woocommerce", entity="products", page_size=2)
        assert (page.rowCount, len(page.data), page.data[0].status) == (5, 2, "new")
        chosen = models.Selection(decision="include", all=True, except_=["5"], draft=True)
        selected = api.preview_or_select(chosen, action="select", entity_type="products")
        assert selected.records == 4
        rows = api.table("woocommerce", entity="products").data
        assert [(one.decision, one.draft) for one in rows] == [("include", True)] * 4 + [(None, False)]
        decided = api.record("woocommerce", "products", "1").decision
        assert decided is not None
        assert (decided["decision"], decided["draft"]) == ("include", True)
        plan = api.make_plan().plan
        assert plan is not None
        items = list(api.every(api.show_plan_items, plan.plan_id, page_size=3))
        assert [(one.external_id, one.action, one.name) for one in items] == [
            (str(n), "create", f"P{n}") for n in range(1, 5)
        ]
        with pytest.raises(ApiError, match="different hash"):
            api.apply_plan(plan.plan_id, models.Application(hash="0" * 64))
        asked = api.apply_plan(plan.plan_id, models.Application(hash=plan.hash))
        assert asked.queue is not None
        api.queue_action("woocommerce", "products", models.QueueAction(action="cancel", queue_id=asked.queue.queue_id))
        (event, *_) = api.queue_events(asked.queue.queue_id)
        assert (event.state, event.cancelledCount) == ("cancelled", 4)
        assert [one.queue_id for one in api.every(api.list_queues)] == [asked.queue.queue_id]
        assert api.record("woocommerce", "products", "1", connection="shop").display["name"] == "P1"
        with pytest.raises(ApiError) as none:
            list(api.queue_events(plan.plan_id))
        assert none.value.status == 404


def test_a_time_without_a_zone_is_utc_wherever_the_client_stands(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        noon, day = datetime.fromisoformat("2026-01-01T12:00"), date(2026, 1, 2)
        given = [{"wc_product_id": 1, "name": "A", "updated_at": noon, "created_at": day, "weight": Decimal("1.50")}]
        with live.client("plugin") as plugin:
            assert plugin.push_products(given).outcomes == ["new"]
            with pytest.raises(TypeError, match=r"products\[0\].name: bytes cannot be sent"):
                plugin.push_products([{"wc_product_id": 1, "name": b"A"}])
            with pytest.raises(TypeError, match="products: generator cannot be sent"):
                plugin.push_products(one for one in given)  # type: ignore[arg-type]
    finally:
        monkeypatch.undo()
        time.tzset()
    with live.client() as api:
        raw = api.table("woocommerce", entity="products").data[0].raw
    assert (raw["date_modified_gmt"], raw["date_created_gmt"]) == ("2026-01-01T12:00:00", "2026-01-02T00:00:00")
    assert str(raw["weight"]) == "1.50"


def test_a_list_that_is_read_by_after_is_read_to_its_end(live: Live) -> None:
    with live.client("plugin") as plugin:
        plugin.push_products([{"wc_product_id": n, "name": f"P{n}"} for n in range(1, 6)])
    with live.client() as api:
        api.preview_or_select(models.Selection(decision="include", all=True), action="select", entity_type="products")
        queue = api.materialize().queue
        assert queue is not None
        lines = list(api.every(api.queue_lines, queue.queue_id, page_size=2))
        assert [one.external_id for one in lines] == [str(n) for n in range(1, 6)]
        assert list(api.every(api.list_quarantine, "shop")) == []


def test_every_list_of_the_client_is_read_to_its_end(live: Live) -> None:
    """Whatever answers a list: pages, by `after`, or whole."""
    given: dict[str, Any] = {"connection": "shop", "entity": "products", "provider": "woocommerce"}
    lists: dict[str, list[Any]] = {}
    with live.client("admin") as api:
        for name, call in inspect.getmembers(api, inspect.ismethod):
            answered = str(inspect.signature(call).return_annotation)
            if not (answered.startswith(("Page[", "list[")) or "Page" in answered):
                continue
            takes = inspect.signature(call).parameters
            needed = {one for one in takes if takes[one].default is inspect.Parameter.empty}
            if needed <= given.keys():
                lists[name] = list(api.every(call, **{one: given[one] for one in needed}))
    assert {"list_providers", "list_organizations", "list_views", "activity", "count_records"} <= lists.keys()
    assert {"connection_progress", "list_connections", "table", "list_quarantine"} <= lists.keys()
    assert [one.name for one in lists["list_connections"]] == ["shop"]
    assert [one.slug for one in lists["list_organizations"]] == [live.shop.org.slug]
    assert len(lists["list_providers"]) == len({one.name for one in lists["list_providers"]}) > 1
    with live.client() as api:  # page by page it is the same
        assert list(api.every(api.list_providers, page_size=1)) == lists["list_providers"]


def test_what_a_call_does_not_know_is_refused_by_client_and_service(live: Live) -> None:
    with pytest.raises(ValidationError, match="idz"):
        models.Selection(decision="include", idz=["1"])  # type: ignore[call-arg]
    token = {"Authorization": f"Bearer {live.api.token(live.shop.org, 'operator')}"}
    for method, path in (
        ("POST", "/api/v1/integrations/sync/preview?action=fetch&entity_type=products"),
        ("POST", "/api/v1/integrations/woocommerce/sync/products/full"),
        ("GET", "/api/v1/status"),
        ("DELETE", "/api/v1/session"),
    ):
        answer = httpx.request(method, live.url + path, json={"decision": "include"}, headers=token)
        assert (answer.status_code, "would be ignored" in answer.json()["error"]) == (400, True), path
    # An empty object, which some clients send with every call, says nothing that could be ignored.
    assert httpx.request("GET", f"{live.url}/api/v1/status", json={}, headers=token).status_code == 200
