"""Masking: on recorded shapes with a person planted in them, nothing that tells who or where they are remains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import PROJECT, Settings
from sync_pipeline.entities.core import core_tables
from sync_pipeline.sources.base import Stream, source
from sync_pipeline.steps.preview.masking import Masker, masked_changes, masked_core
from sync_pipeline_tests.databases import settings_at

_HERE = settings_at(Path("/nowhere"))
MASKER = Masker(_HERE, 7)
SHAPES = PROJECT / "sandbox" / "shapes"
WOO = json.loads((SHAPES / "woocommerce.json").read_text())["answers"]
ODOO = json.loads((SHAPES / "odoo.json").read_text())["models"]
SHAPED: list[tuple[Stream, Any]] = [
    (source("woocommerce").stream(stream), WOO[shape]["body"])
    for stream, shape in (
        ("customers", "customers_role_all"),
        ("orders", "orders"),
        ("refunds", "refunds_all"),
        ("reviews", "product_reviews"),
        ("products", "products"),
        ("settings", "settings_general"),
    )
] + [(stream, ODOO[stream.path]) for stream in source("odoo").streams.values() if stream.path in ODOO]


class Person:
    """Somebody whose data must not remain."""

    def __init__(self, local: str, digits: str) -> None:
        self.email = f"{local}@mail.example"
        self.phone = f"+43 {digits[:3]} {digits[3:]}"
        self.street = f"Rosenweg {digits[:2]}/7"
        self.name = "Ottilie Wanderscheidt"

    def at(self, path: str) -> str:
        """What stands at a path of theirs."""
        last = path.rpartition(".")[2]
        if "mail" in last:
            return self.email
        if "phone" in last or "mobile" in last:
            return self.phone
        return self.name if "name" in last or last in ("reviewer", "signed_by") else self.street

    @property
    def words(self) -> str:
        """How others write of them."""
        return f"{self.name}, {self.street}: write to {self.email} or call {self.phone}."


def is_personal(stream: Stream, path: str) -> bool:
    return any(path == one or path.startswith(f"{one}.") for one in stream.personal)


def planted(shape: Any, stream: Stream, person: Person, path: str = "") -> Any:
    """A payload of a shape, with the person wherever a text is."""
    if isinstance(shape, list):
        return [planted(one, stream, person, path) for one in shape]
    if isinstance(shape, dict):
        fields = {name.removesuffix("?"): one for name, one in shape.items() if name not in ("", "[]", "*")}
        return {
            name: planted(one, stream, person, f"{path}.{name}" if path else name) for name, one in fields.items()
        } or [planted(one, stream, person, path) for one in shape.get("[]", [])]
    if not any(kind in shape for kind in ("text", "mail", "URL", "slug", "char", "html", "binary")):
        return 0
    return person.at(path) if is_personal(stream, path) else person.words


@given(
    local=st.from_regex(r"[a-z][a-z0-9._+'-]{0,12}[a-z0-9]", fullmatch=True),
    digits=st.from_regex(r"[1-9]{9}", fullmatch=True),
)
@settings(max_examples=4, deadline=None)
def test_nothing_of_a_person_remains_in_any_recorded_shape(local: str, digits: str) -> None:
    person = Person(local, digits)
    for stream, shape in SHAPED:
        payload = planted(shape, stream, person)
        for one in payload if isinstance(payload, list) else [payload]:
            told = json.dumps(one)
            masked = json.dumps(MASKER.payload(stream, one))
            gone = [person.email, person.phone]
            # A street and a name are known by where they stand; beside them, in the same record, wherever they stand.
            if any(is_personal(stream, path) for path in stream.personal) and person.street in told.replace(
                person.words, ""
            ):
                gone.append(person.street)
            for value in gone:
                assert value not in masked, (stream.name, value, masked)


def test_sandbox_customers_and_orders_keep_city_and_country_alone() -> None:
    store = Store()
    seed(store, products=4, variable=0, customers=12, orders=12, random_seed=3)
    for kind in ("customers", "orders"):
        stream = source("woocommerce").stream(kind)
        for number in store.tables[kind].rows:
            payload = store.payload(kind, number)
            masked = MASKER.payload(stream, payload)
            words = json.dumps(masked, ensure_ascii=False)
            for side in ("billing", "shipping"):
                for field, value in payload[side].items():
                    if field in ("city", "country", "state"):
                        assert masked[side][field] == value
                    elif len(value) > 3:
                        assert value not in words, (kind, field)
            assert masked["id"] == payload["id"]
            assert [one["total"] for one in masked.get("line_items", [])] == [
                one["total"] for one in payload.get("line_items", [])
            ]


def test_a_pseudonym_is_the_same_in_an_organization_and_another_in_the_next() -> None:
    ann = MASKER.pseudonym("Ann@Example.test ")
    assert ann == MASKER.pseudonym("ann@example.test") == MASKER.pseudonym(ann)
    assert ann != Masker(_HERE, 8).pseudonym("ann@example.test")
    assert MASKER.text("from ann%40example.test, ANN@example.test") == f"from {ann}, {ann}"
    other = Settings(home=_HERE.home, secret_key="x" * 43 + "=")
    assert ann != Masker(other, 7).pseudonym("ann@example.test")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("ring 0043 660 1234567", False),
        ("(+43) 660-123.45.67", False),
        ("order 0012345678", True),
        ("+43 (660) 1234567", False),
        ("SKU 4006381333931", True),
        ("order 100000017", True),
        ("2026-11-28T10:00:00+01:00", True),
        ("a @ b", True),
        ("a&#64;b.test and a\\u0040b.test", False),
        ("Ask Büro Mitte, 030/1234567", False),
        ("0049301234567", False),
        ("call 555-123-4567", False),
        ("article 0815-4711, 01.02.2026, 1.234.567,00", True),
    ],
)
def test_what_is_found_in_a_text(text: str, kept: bool) -> None:
    assert (MASKER.text(text) == text) is kept, MASKER.text(text)


def test_a_phone_number_in_a_description_is_masked_and_a_code_like_one_stays() -> None:
    payload = {"sku": "0170-1234567", "codes_ids": ["555-123-4567"], "description": "<p>Ring 0170-1234567</p>"}
    masked = MASKER.payload(source("woocommerce").stream("products"), payload)
    assert masked == {**payload, "description": f"<p>Ring {MASKER.pseudonym('0170-1234567')}</p>"}


def test_a_phone_number_in_the_name_of_what_a_record_refers_to_is_masked() -> None:
    masked = MASKER.payload(source("odoo").stream("products"), {"categ_id": [7, "Ring 0170-1234567"]})
    assert masked["categ_id"] == [7, f"Ring {MASKER.pseudonym('0170-1234567')}"]


def test_names_of_fields_tell_also_where_no_stream_declares_them() -> None:
    stream = source("woocommerce").stream("products")
    masked = MASKER.payload(
        stream,
        {
            "name": "A product",
            "meta_data": [{"key": "_billing_phone", "value": "0660 1234"}, {"key": "_stock", "value": "12"}],
            "vendor": {"first_name": "Ann", "city": "Graz", "mailing_list": "yes"},
        },
    )
    assert masked["name"] == "A product"
    assert masked["meta_data"][0]["value"].startswith("masked-")
    assert masked["meta_data"][1]["value"] == "12"
    assert masked["vendor"]["city"] == "Graz"
    assert masked["vendor"]["first_name"].startswith("masked-")


def test_lists_changes_and_core_rows_are_masked_alike() -> None:
    customers, orders = source("woocommerce").stream("customers"), source("woocommerce").stream("orders")
    assert MASKER.name(customers, "Ann Other") == MASKER.name(orders, "Ann Other") == MASKER.pseudonym("ann other")
    assert MASKER.name(source("woocommerce").stream("products"), "Ann Other") == "Ann Other"
    [change] = masked_changes(
        MASKER, customers, [{"field": "billing", "before": {"phone": "1234567", "city": "Graz"}, "after": None}]
    )
    assert change["before"] == {"phone": MASKER.pseudonym("1234567"), "city": "Graz"}
    there = {"id": 3, "name": "Ann", "order_count": 2, "tags": ["vip"]}
    row = MASKER.core(customers, there, core_tables()["core.customers"])
    assert row == {"id": 3, "name": MASKER.pseudonym("Ann"), "order_count": 2, "tags": ["vip"]}


def test_a_person_in_a_change_of_core_is_masked() -> None:
    """Rows of core in a repair plan, and what a plan changes in core."""
    customers, orders = (source("woocommerce").stream(name) for name in ("customers", "orders"))
    name, email = "Ann Example", "ann@example.test"
    changes: list[dict[str, Any]] = [
        {"field": "customers[id=5].name", "before": "Hacked Person", "after": name},
        {"field": "customers[shop customers 3]", "after": {"name": name, "email": email, "order_count": 1}},
    ]
    told = repr(masked_changes(MASKER, customers, changes))
    assert "order_count" in told
    assert not [one for one in (name, email, "Hacked Person") if one in told]
    core: list[dict[str, Any]] = [
        {"field": "customer_email", "before": email, "after": None},
        {"field": "customers", "before": {"name": name}, "after": {"name": "Other Person"}},
        {"field": "sales_order_items", "before": [], "after": [{"external_item_id": "1", "name": "Chair"}]},
    ]
    told = repr(masked_core(MASKER, orders, core))
    assert "Chair" in told
    assert not [one for one in (name, email, "Other Person") if one in told]
