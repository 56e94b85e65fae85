"""Preview maps only records in which a value does not have its plain form. So a plain value must be one that every
mapper takes without a word: here each field of each record has each odd value, and the two are compared.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sync_pipeline.db.engine import Database
from sync_pipeline.entities.base import MapperWarning, Unmappable
from sync_pipeline.entities.order import Order
from sync_pipeline.sources.base import RawRecord, Stream, source
from sync_pipeline.steps.capture.mapped import Captured, to_entities
from sync_pipeline.steps.capture.related import Key
from sync_pipeline.steps.capture.write.record import fields_of, read, shape
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.preview.odd import odd_values
from sync_pipeline_tests.integration.promote_world import World, customer, order, product, variation
from sync_pipeline_tests.shares import rarely

_LINE = {"id": 1, "name": "a", "quantity": 1, "subtotal": "1.00", "total": "1.00", "total_tax": "0.00", "sku": "s"}
_SHIPPING = {"id": 2, "method_title": "Flat", "method_id": "flat", "total": "1.00", "total_tax": "0.00"}
_FEE = {"id": 3, "name": "Gift", "total": "1.00", "total_tax": "0.00"}
PLAIN: dict[tuple[str, str], dict[str, Any]] = {
    ("woocommerce", "product"): product(
        1,
        global_unique_id="1",
        description="d",
        attributes=[{"id": 1, "name": "Colour", "options": ["red"], "variation": False}],
        images=[{"src": "s", "alt": ""}],
        tags=[{"id": 1, "name": "t"}],
        categories=[{"id": 1}],
    ),
    ("woocommerce", "variation"): variation(
        1, 2, attributes=[{"id": 1, "name": "Colour", "option": "red"}], image={"src": "s", "alt": ""}
    ),
    ("woocommerce", "customer"): customer(1, date_created="2026-01-02T03:04:05", display_name="d"),
    ("woocommerce", "category"): {"id": 1, "name": "c", "slug": "c", "description": "", "parent": 0, "image": None},
    ("woocommerce", "order"): order(
        1,
        date_paid=None,
        date_paid_gmt=None,
        date_completed="2026-01-02T03:04:05",
        date_completed_gmt="2026-01-02T03:04:05",
        payment_method="bacs",
        billing={"first_name": "A", "last_name": "B", "company": "C", "email": "a@b.test", "phone": "1"},
        line_items=[_LINE],
        shipping_lines=[_SHIPPING],
        fee_lines=[_FEE],
        tax_lines=[{"id": 4, "label": "VAT", "rate_code": "r", "tax_total": "0", "shipping_tax_total": "0"}],
        coupon_lines=[{"id": 5, "code": "c", "discount": "0", "discount_tax": "0"}],
        refunds=[{"id": 6, "total": "-1.00", "reason": ""}],
    ),
    ("woocommerce", "refund"): {
        "id": 1,
        "parent_id": 2,
        "amount": "3.00",
        "reason": "r",
        "date_created": "2026-01-02T03:04:05",
        "date_created_gmt": "2026-01-02T03:04:05",
        "line_items": [_LINE],
        "shipping_lines": [_SHIPPING],
        "fee_lines": [_FEE],
    },
    ("odoo", "order"): {
        "id": 1,
        "name": "S1",
        "state": "sale",
        "date_order": "2026-01-02 03:04:05",
        "create_date": "2026-01-02 03:04:05",
        "effective_date": False,
        "partner_id": 2,
        "currency_id": False,
        "amount_total": 1.5,
        "amount_tax": 0.5,
    },
    ("odoo", "order_line"): {
        "id": 1,
        "name": "l",
        "display_type": False,
        "order_id": 1,
        "product_id": 2,
        "product_uom_qty": 1.0,
        "price_unit": 1.0,
        "price_subtotal": 1.0,
        "price_tax": 0.0,
        "discount": 0.0,
    },
    ("odoo", "customer"): {
        "id": 1,
        "name": "P",
        "parent_id": 2,
        "type": "contact",
        "is_company": False,
        "email": False,
        "email_normalized": False,
        "customer_rank": 1,
        "create_date": "2026-01-02 03:04:05",
    },
    ("odoo", "product"): {"id": 1, "name": "P", "list_price": 1.0, "default_code": "c", "currency_id": False},
    ("odoo", "variation"): {
        "id": 1,
        "product_tmpl_id": 1,
        "default_code": "c",
        "lst_price": 1.0,
        "standard_price": 1.0,
        "currency_id": False,
    },
}
_ANY = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")  # jsonb refuses these
ODD = st.one_of(
    st.text(_ANY, max_size=8),
    st.text(alphabet="0123456789.-+eE_ ,١\t", max_size=8),
    st.from_regex(
        r"[0-9]{1,4}-[0-3][0-9]-[0-3][0-9]([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?([+-][0-9]{2}:[0-9]{2}|Z)?)?",
        fullmatch=True,
    ),
    st.sampled_from(["yes", "no", "parent", "instock", "publish", "wc-completed", "sale", "0000-00-00T00:00:00"]),
    st.booleans(),
    st.none(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.one_of(st.none(), st.integers(0, 3), st.just({"id": 1}), st.text(_ANY, max_size=2)), max_size=2),
    st.dictionaries(
        st.sampled_from(["0", "2", "id", "name"]), st.one_of(st.just({"id": 1}), st.text(_ANY)), max_size=2
    ),
)


class NotCaptured:
    """Finds no record."""

    def named(self, *_: object) -> dict[Key, Any]:
        return {}

    def naming(self, *_: object) -> dict[Key, Any]:
        return {}


def variants(payload: Mapping[str, Any], value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The payload with `value` in each of its fields, and without each; those of the objects in it too."""
    for field, here in payload.items():
        if field == "id":
            continue
        yield field, {**payload, field: value}
        yield f"without {field}", {name: one for name, one in payload.items() if name != field}
        inner = here[0] if isinstance(here, list) and here else here
        if isinstance(inner, dict):
            for path, changed in variants(inner, value):
                yield f"{field}.{path}", {**payload, field: [changed] if isinstance(here, list) else changed}


def says(entity: Any) -> str:
    """What mapping says of the values in a payload; nothing if it takes them."""
    if isinstance(entity, Exception):
        return str(entity) if isinstance(entity, Unmappable) or not str(entity).startswith("Its ") else ""
    warnings = (one for one in entity.warnings if isinstance(one, MapperWarning))
    # Found by the columns of search, and by adding up.
    return " ".join(one for one in warnings if one.code not in ("long_text", "items_differ"))


def differences(database: Database, stream: Stream, provider: str, value: Any, *, shaped: bool) -> list[str]:
    """The fields where mapping says something of a payload that the database passes over."""
    changed = list(variants(PLAIN[provider, stream.entity_type], value))
    texts = [json.dumps(payload) for _, payload in changed]
    shapes = {shape(read(RawRecord("1", text.encode()), frozenset())) for text in texts}
    seen: dict[str, set[str]] = defaultdict(set)
    for field, kind in fields_of(shapes) if shaped else ():
        seen[field].add(kind)
    entities = to_entities((Captured(1, provider, stream.entity_type, one) for one in texts), NotCaptured())
    with database.unscoped() as conn:
        odd = conn.exec_driver_sql(
            "SELECT payload @? %(odd)s::jsonpath FROM unnest(%(payloads)s::jsonb[]) WITH ORDINALITY AS k (payload, n) "
            "ORDER BY n",
            {"odd": odd_values(stream, seen), "payloads": texts},
        ).scalars()
        return [
            f"{path}: {said}"
            for (path, _), entity, found in zip(changed, entities, odd, strict=True)
            if (said := says(entity)) and not found
        ]


@pytest.mark.parametrize("examples", [4, rarely(20)])
@pytest.mark.parametrize(("provider", "entity_type"), PLAIN)
def test_the_database_passes_over_only_what_the_mapper_takes(
    database: Database, provider: str, entity_type: str, examples: int
) -> None:
    stream = source(provider).stream(entity_type)

    @settings(max_examples=examples)
    @given(value=ODD)
    @example(value="2026-02-29T10:00:00")
    @example(value="0001-01-01T00:00:00+01:00")
    @example(value="9999-12-31T23:59:59")
    @example(value="1" * 1200)
    @example(value=[])
    @example(value={"0": {"id": 1}, "2": {"id": 3}})
    def compare(value: Any) -> None:
        for shaped in (True, False):
            assert differences(database, stream, provider, value, shaped=shaped) == []

    compare()


AMOUNTS = {
    "line_items": ("total", "subtotal"),
    "shipping_lines": ("total",),
    "fee_lines": ("total",),
    "tax_lines": ("tax_total", "shipping_tax_total"),
    "coupon_lines": ("discount",),
}


def orders_of_amounts() -> Iterator[dict[str, Any]]:
    """Orders in which one amount is each of these values, or missing; with the total that it makes, or another."""
    number = count(1)
    for within, names in AMOUNTS.items():
        for name in names:
            for value in ("2.00", 2, "0", "", None, False, "-3", "0.004", "0.005", ...):
                for total in ("0.00", "1.00", "2.00", "3.00", "", None):
                    line = {"id": 1, "subtotal": "1.00", "total": "1.00"}
                    part = {"id": 1, **({"subtotal": "1.00", "total": "1.00"} if within == "line_items" else {})}
                    part = {one: given for one, given in {**part, name: value}.items() if given is not ...}
                    others = [line] if within != "line_items" and total != "2.00" else []
                    yield order(next(number), total=total, **{"line_items": others, within: [part]})
    for total in ("0.00", "49.90"):
        yield order(next(number), total=total, line_items=[])


def test_preview_says_which_orders_do_not_add_up_as_promotion_does(database: Database, org: Organization) -> None:
    world = World(database, org.org_id)
    payloads = {str(one["id"]): one for one in orders_of_amounts()}
    with world.together():
        for one in payloads.values():
            world.capture("order", one)
    world.preview("order")
    found = dict(
        world.sql(
            "SELECT d.external_id, w ->> 'message' FROM preview.difference AS d, jsonb_array_elements(d.warnings) AS w "
            "WHERE w ->> 'code' = 'items_differ'"
        )
    )
    texts = [Captured(world.shop, "woocommerce", "order", json.dumps(one)) for one in payloads.values()]
    expected = {
        external_id: str(said)
        for external_id, entity in zip(payloads, to_entities(texts, NotCaptured()), strict=True)
        if isinstance(entity, Order)
        for said in entity.warnings
        if isinstance(said, MapperWarning) and said.code == "items_differ"
    }
    assert found == expected
    assert 100 < len(expected) < len(payloads) - 50, "both are among them"
    last = world.apply((world.shop, "order", list(payloads)[-1]))
    said = "It came without items, and its total is 49.90."
    assert (expected[list(payloads)[-1]], world.warnings(last)) == (said, [said])


@pytest.mark.parametrize(("provider", "entity_type"), PLAIN)
def test_a_plain_record_is_passed_over(database: Database, provider: str, entity_type: str) -> None:
    stream = source(provider).stream(entity_type)
    payload = json.dumps(PLAIN[provider, entity_type])
    with database.unscoped() as conn:
        odd = conn.exec_driver_sql(
            "SELECT %(payload)s::jsonb @? %(odd)s::jsonpath", {"odd": odd_values(stream, {}), "payload": payload}
        ).scalar_one()
    assert odd is False
    (entity,) = to_entities([Captured(1, provider, entity_type, payload)], NotCaptured())
    assert says(entity) == ""


def test_preview_and_promotion_name_the_categories_that_a_product_waits_for(
    database: Database, org: Organization
) -> None:
    world = World(database, org.org_id)
    world.capture("category", {"id": 5, "name": "Five", "parent": 0})
    world.capture("category", {"id": 6, "name": "Six", "parent": 0}, deleted=True)
    listed = [{"id": one} for one in (5, 6, 7, "7", 0, None, "")]
    one = world.capture("product", product(1, categories=listed))
    world.capture("product", product(2, categories=[{"id": 5}]))
    world.capture("product", product(3, categories={"id": 7}))
    world.preview("product")
    assert (
        world.sql("SELECT 1 FROM preview.difference WHERE warnings @? '$[*] ? (@.code == \"missing_category\")'") == []
    )
    world.sql("UPDATE capture.sync_cursor SET full_at = now() WHERE entity_type = 'category'")
    world.sql("DELETE FROM preview.difference")
    world.sql("UPDATE capture.sync_cursor SET changed_at = clock_timestamp()")
    world.preview("product")
    found = world.sql(
        "SELECT d.external_id, w ->> 'code', w ->> 'message' FROM preview.difference AS d, "
        "jsonb_array_elements(d.warnings) AS w WHERE w ->> 'code' = 'missing_category'"
    )
    assert [tuple(row) for row in found] == [
        ("1", "missing_category", "its category 6 is not captured"),
        ("1", "missing_category", "its category 7 is not captured"),
    ]
    promoted = world.apply((world.shop, "category", "5"), one)
    assert world.warnings(promoted) == [
        "Category 6 is not promoted; the link is filled when it is.",
        "Category 7 is not promoted; the link is filled when it is.",
    ]


def test_nobody_is_warned_any_more_of_what_was_captured_since(database: Database, org: Organization) -> None:
    """Also where nothing of the record itself was captured, and whatever else it is warned of."""
    world = World(database, org.org_id)
    world.capture("category", {"id": 5, "name": "Five", "parent": 0})
    world.sql("UPDATE capture.sync_cursor SET full_at = now() WHERE entity_type = 'category'")
    world.preview("category")
    listed = [{"id": one} for one in (5, 6, 7)]
    world.capture("product", product(1, categories=listed, regular_price="12,50 EUR"))
    world.capture("order", order(1, customer_id=4))
    world.capture("product", product(2, categories=[{"id": 6}]))
    for kind in ("product", "order"):
        world.preview(kind)

    def warned() -> set[tuple[str, str, str]]:
        found = world.sql(
            "SELECT d.external_id, w ->> 'code', w ->> 'refers_to' FROM preview.difference AS d, "
            "jsonb_array_elements(d.warnings) AS w WHERE entity_type IN ('product', 'order')"
        )
        return {tuple(row) for row in found}

    stays = {("1", "unparsable_money", None), ("1", "missing_category", "7")}
    both = {("1", "missing_category", "6"), ("2", "missing_category", "6")}
    assert warned() == {*stays, *both, ("1", "missing_customer", "4")}
    world.capture("category", {"id": 6, "name": "Six", "parent": 0})
    world.preview("category")
    assert warned() == {*stays, ("1", "missing_customer", "4")}
    world.capture("customer", customer(4))
    world.preview("customer")
    assert warned() == stays
