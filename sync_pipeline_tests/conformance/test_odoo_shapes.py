"""The Odoo sandbox against what a real server answered: models, fields, JSON types, values, errors."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.odoo import Server, Store, running, seed

RECORDED = Path(__file__).parents[2].parent / "shared" / "data" / "odoo"
pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason=f"the payloads recorded from a real server are not at {RECORDED}"
)
MODELS = sorted(p.name.removesuffix(".fields_get.json") for p in RECORDED.glob("*.fields_get.json"))
# A list of choices in fields_get is cut to this many in the sandbox (time zones, charts of accounts).
CHOICES = 24
# What a value of each field type may be in JSON. False stands for "empty" in all but numbers and booleans.
TYPES = {
    "integer": {"int"}, "float": {"float"}, "monetary": {"float"}, "boolean": {"bool"},
    "one2many": {"list"}, "many2many": {"list"}, "many2one": {"list", "False"},
    **{name: {"str", "False"} for name in ("char", "text", "html", "selection", "date", "datetime")},
    "binary": {"str", "False", "dict"}, "json": {"str", "False", "dict", "list"},
    "properties": {"list", "False"}, "properties_definition": {"list", "False"},
}  # fmt: skip
# Fields of the chatter and activities: what fills them is no record of a stream.
MIXINS = ("message_", "activity_", "website_message_ids", "image")
# In fields_get and in no recorded row: objects that the server computes for its own forms.
UNSHOWN = {
    "account.move": {"needed_terms", "payment_term_details", "quick_encoding_vals"},
    "account.move.line": {
        "epd_needed", "epd_key", "discount_allocation_key", "discount_allocation_needed", "term_key",
    },
}  # fmt: skip
# Filled there and not here: accounts' and taxes' inner workings, campaigns, the settings of other modules.
NOT_HERE = {
    "account.move": {"access_token", "matched_payment_ids", "is_manually_modified"},
    "account.move.line": {"matching_number"},
    "account.tax": {"fiscal_position_ids", "original_tax_ids", "replacing_tax_ids"},
    "loyalty.program": {"portal_visible"},
    "product.product": {"can_image_variant_1024_be_zoomed"},
    "product.template": {"can_image_1024_be_zoomed", "optional_product_ids"},
    "res.partner": {"signup_type", "property_supplier_payment_term_id", "peppol_endpoint", "peppol_eas"},
    "sale.order": {"transaction_ids"},
    "stock.location": {"warehouse_view_ids"},
    "stock.move": {"propagate_cancel", "is_inventory", "is_in", "value"},
    "stock.picking": {"has_deadline_issue"},
    "stock.warehouse": {"wh_input_stock_loc_id", "wh_qc_stock_loc_id", "wh_pack_stock_loc_id"},
}
# Models of the streams: their stored fields that had a value there have one here.
FILLED = (
    "res.partner", "product.template", "product.product", "product.category", "product.attribute",
    "product.attribute.value",
    "product.template.attribute.line", "product.template.attribute.value", "stock.quant", "product.pricelist",
    "product.pricelist.item", "sale.order", "sale.order.line", "account.tax", "account.fiscal.position",
    "delivery.carrier",
    "payment.provider", "stock.picking", "stock.move", "account.move", "account.move.line", "res.currency", "uom.uom",
    "stock.location", "stock.warehouse", "loyalty.program",
)  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    store = Store()
    store.slowness = 0.0
    seed(store, products=60, variants=6, partners=40, orders=120)
    with running(store) as running_server:
        yield running_server


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"bearer {server.key}", "X-Odoo-Database": server.db}
    with httpx.Client(base_url=server.url, headers=headers) as client:
        yield client


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text())


def rows_there(model: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = recorded("res.partner__all" if model == "res.partner" else model)["records"]
    return found


def rows_here(client: httpx.Client, model: str, **arguments: Any) -> list[dict[str, Any]]:
    asked = {"context": {"active_test": False, "allowed_company_ids": [1, 2]}, **arguments}
    answer = client.post(f"/json/2/{model}/search_read", json=asked)
    assert answer.status_code == 200, answer.text[:300]
    found: list[dict[str, Any]] = answer.json()
    return found


def kind_of(value: Any) -> str:
    return "False" if value is False else type(value).__name__


@pytest.mark.parametrize("model", MODELS)
def test_fields_are_the_recorded_ones(client: httpx.Client, model: str) -> None:
    here = client.post(f"/json/2/{model}/fields_get", json={}).json()
    there = recorded(f"{model}.fields_get")
    for told in there.values():
        told.pop("help", None)
        if "selection" in told:
            told["selection"] = told["selection"][:CHOICES]
    assert here == there


@pytest.mark.parametrize("model", MODELS)
def test_records_have_the_recorded_shape(client: httpx.Client, model: str) -> None:
    fields = recorded(f"{model}.fields_get")
    there, here = rows_there(model), rows_here(client, model)
    if there:
        for row in here:
            assert set(row) - UNSHOWN.get(model, set()) == set(there[0])
            assert next(iter(row)) == "id"
    wrong = []
    for who, rows in (("there", there), ("here", here)):
        for row in rows:
            for name, value in row.items():
                allowed = {"bool", "False"} if fields[name]["type"] == "boolean" else TYPES[fields[name]["type"]]
                if kind_of(value) not in allowed:
                    wrong.append((who, name, fields[name]["type"], kind_of(value)))
                if fields[name]["type"] == "many2one" and value:
                    # account.root's ids are texts there.
                    assert len(value) == 2, (name, value)
                    assert isinstance(value[0], int) or name == "account_root_id"
                    assert isinstance(value[1], str), (name, value)
    assert sorted(set(wrong)) == []


@pytest.mark.parametrize("model", MODELS)
def test_what_is_empty_is_empty_alike(client: httpx.Client, model: str) -> None:
    """A field that is never empty in one way there (0.0, [], false) is not so here either."""
    there, here = rows_there(model), rows_here(client, model)
    differs = set()
    for name in there[0] if there and here else ():
        empty_there = {repr(row[name]) for row in there if not row[name]}
        empty_here = {repr(row[name]) for row in here if not row[name]}
        if empty_there and not empty_here <= empty_there:
            differs.add((name, *empty_here, *empty_there))
    assert differs == set()


@pytest.mark.parametrize("model", FILLED)
def test_stored_fields_with_values_there_have_values_here(client: httpx.Client, server: Server, model: str) -> None:
    fields = recorded(f"{model}.fields_get")
    there, here = rows_there(model), rows_here(client, model)
    bare = [
        name
        for name, told in fields.items()
        if told["store"] and any(row.get(name) for row in there) and not any(row.get(name) for row in here)
        # A link to a model that the sandbox does not hold may be empty.
        if told.get("relation", model) in server.store.models and not name.startswith(MIXINS)
    ]
    assert set(bare) <= NOT_HERE.get(model, set())


@pytest.mark.parametrize("model", FILLED)
def test_load_empty_answers_bare_ids(client: httpx.Client, model: str) -> None:
    named, bare = rows_here(client, model, order="id"), rows_here(client, model, order="id", load="")
    fields = recorded(f"{model}.fields_get")
    for with_names, without in zip(named, bare, strict=True):
        expected: dict[str, Any] = {
            name: value[0] if fields[name]["type"] == "many2one" and value else value
            for name, value in with_names.items()
        }
        assert without == expected


ERRORS: dict[str, dict[str, Any]] = recorded("_errors") if RECORDED.is_dir() else {"json2": {}, "jsonrpc": {}}


def without_debug(body: Any) -> Any:
    if isinstance(body, dict):
        return {k: without_debug(v) for k, v in body.items() if k != "debug"}
    return body


@pytest.mark.parametrize("name", [n for n in ERRORS["json2"] if n != "ok_search_read"])
def test_json2_answers_as_recorded(server: Server, name: str) -> None:
    told = ERRORS["json2"][name]
    keys: dict[str, dict[str, str]] = {"no_key": {}, "bad_key": {"Authorization": "bearer nonsense"}}
    headers = {**keys.get(name, {"Authorization": f"bearer {server.key}"}), **told["headers"]}
    answer = httpx.post(f"{server.url}{told['path']}", json=told["request"], headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (told["status"], told["content_type"])
    body: Any = answer.json() if "json" in told["content_type"] else answer.text
    assert without_debug(body) == without_debug(told["body"])
    if isinstance(told["body"], dict):
        assert body["debug"].startswith("Traceback (most recent call last):\n")


@pytest.mark.parametrize("name", ERRORS["jsonrpc"])
def test_jsonrpc_answers_as_recorded(server: Server, name: str) -> None:
    told = ERRORS["jsonrpc"][name]
    swap = {"lab": server.db, "<key>": server.key, "demo": "clerk-password"}
    if name.startswith("authenticate"):
        swap |= {"admin": server.login}
        told["request"]["args"][2] = server.password if told["request"]["args"][2] == "admin" else "x"
    args = [swap.get(arg, arg) if isinstance(arg, str) else arg for arg in told["request"]["args"]]
    body = {"jsonrpc": "2.0", "method": "call", "id": told["body"]["id"], "params": {**told["request"], "args": args}}
    answer = httpx.post(f"{server.url}/jsonrpc", json=body)
    assert answer.status_code == 200
    assert without_debug(answer.json()) == without_debug(told["body"])
