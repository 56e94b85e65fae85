"""What store plugins push, in the names and the spelling of the REST API's own payloads.

A plugin sends few fields (`wc_product_id`, `name`, `price` …). In the API's names they can lie over a payload that was
pulled, and promotion maps both alike. A field of another name is taken as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from sync_pipeline.sources.base import Pushed, Unreadable

_DIGITS = 30  # in front of the point or behind it
_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
# Not what Decimal takes: that reads 1_000 and the digits of every script.
_NUMERAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_NO_DATE = "0000-00-00"  # how WordPress writes none
_Field = Callable[[str, Any], Any]  # (name, value) -> the value as the API writes it


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal | None):
        raise Unreadable(f"{name} is no text")
    return "" if value is None else str(value)


def _some(name: str, value: Any) -> str:
    text = _text(name, value).strip()
    if not text:
        raise Unreadable(f"{name} is missing")
    return text


def _number(name: str, value: Any) -> Decimal | int:
    if isinstance(value, str) and _NUMERAL.fullmatch(value.strip()):
        try:
            value = Decimal(value.strip())
        except InvalidOperation:
            raise Unreadable(f"{name} is too large") from None
    if type(value) is not int and not (isinstance(value, Decimal) and value.is_finite()):
        raise Unreadable(f"{name} is no number")
    number: Decimal | int = value
    if number and abs(Decimal(number).adjusted()) > _DIGITS:
        raise Unreadable(f"{name} is too large")  # written out, 1E999999999 would fill the memory
    return number


def _money(name: str, value: Any) -> str:
    """A string, as the API writes prices; "" where there is none."""
    if value is None or value == "":
        return ""
    number = _number(name, value)
    if isinstance(value, str) and _PLAIN.fullmatch(value.strip()):
        return value.strip()  # with the decimals that were typed
    return f"{number:f}" if isinstance(number, Decimal) else str(number)


def _quantity(name: str, value: Any) -> Decimal | int | None:
    if value is None or value == "":
        return None
    number = _number(name, value)
    # Not by a division: that fails where a quotient has more digits than Decimal's precision.
    return int(number) if number == Decimal(number).to_integral_value() else number


def _count(name: str, value: Any) -> int:
    number = _quantity(name, value)
    if isinstance(number, Decimal):
        raise Unreadable(f"{name} is no whole number")
    return int(number or 0)


def _id(name: str, value: Any) -> int:
    """A record's number, from 1 on."""
    if isinstance(value, str) and value.strip().isdecimal() and value.isascii() and len(value) < 100:
        value = int(value.strip())
    if type(value) is not int or not 0 < value < 2**63:
        raise Unreadable(f"{name} is missing" if value in (None, "") else f"{name} is no id")
    return value


def _reference(name: str, value: Any) -> int:
    """The number of another record; 0 for none."""
    return 0 if value in (None, "", 0, "0") else _id(name, value)


def _moment(name: str, value: Any) -> str | None:
    """A time as the API's *_gmt fields have it: naive UTC, whole seconds. Without a zone it is taken as UTC."""
    if value is None or value == "" or (isinstance(value, str) and value.startswith(_NO_DATE)):
        return None
    try:
        if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) > 8:
            value = int(value)
        if type(value) is int or isinstance(value, Decimal):
            moment = datetime.fromtimestamp(int(_number(name, value)), UTC)
        else:
            moment = datetime.fromisoformat(value)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise Unreadable(f"{name} is no date") from None
    return moment.replace(tzinfo=None).isoformat(timespec="seconds")


_DATES: Mapping[str, tuple[str, _Field]] = {
    "created_at": ("date_created_gmt", _moment),
    "updated_at": ("date_modified_gmt", _moment),
}
# What a plugin calls a field -> what the API calls it, and how its value is written.
_PRODUCT: Mapping[str, tuple[str, _Field]] = {
    "wc_product_id": ("id", _id),
    "name": ("name", _some),
    "sku": ("sku", _text),
    "price": ("price", _money),
    "regular_price": ("regular_price", _money),
    "sale_price": ("sale_price", _money),
    "stock_quantity": ("stock_quantity", _quantity),
    "stock_status": ("stock_status", _text),
    "status": ("status", _text),
    "type": ("type", _text),
    **_DATES,
}
_CUSTOMER: Mapping[str, tuple[str, _Field]] = {
    "wc_customer_id": ("id", _id),
    "email": ("email", _text),
    "display_name": ("display_name", _text),
    "total_spent": ("total_spent", _money),
    "order_count": ("orders_count", _count),
    "first_order_date": ("first_order_date", _moment),
    "last_order_date": ("last_order_date", _moment),
    **_DATES,
}
_CATEGORY: Mapping[str, tuple[str, _Field]] = {
    "wc_category_id": ("id", _id),
    "name": ("name", _some),
    "parent_id": ("parent", _reference),
    "product_count": ("count", _count),
    **_DATES,
}
_ORDER: Mapping[str, tuple[str, _Field]] = {
    "wc_order_id": ("id", _id),
    "order_number": ("number", _text),
    "wc_customer_id": ("customer_id", _reference),
    "customer_id": ("customer_id", _reference),
    "total": ("total", _money),
    "status": ("status", lambda name, value: _text(name, value).removeprefix("wc-")),
    **_DATES,
}


def _translate(
    fields: Mapping[str, tuple[str, _Field]], required: tuple[str, ...], record: Mapping[str, Any]
) -> dict[str, Any]:
    for name in required:
        if record.get(name) in (None, ""):
            raise Unreadable(f"{name} is missing")
    payload: dict[str, Any] = {}
    for name, value in record.items():
        known = fields.get(name)
        if known is not None:
            payload[known[0]] = known[1](name, value)
        elif name != "id":  # which would put the record in another's place
            payload.setdefault(name, value)
    return payload


def _product(record: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in record.items() if name not in ("category_id", "category_name")}
    payload = _translate(_PRODUCT, ("wc_product_id", "name"), rest)
    if "stock_quantity" in payload:
        payload["manage_stock"] = payload["stock_quantity"] is not None
    category = _reference("category_id", record.get("category_id"))
    if category:
        payload["categories"] = [{"id": category, "name": _text("category_name", record.get("category_name"))}]
    elif "category_id" in record:
        payload["categories"] = []
    return payload


def _order(record: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in record.items() if name not in ("email", "customer_email")}
    payload = _translate(_ORDER, ("wc_order_id",), rest)
    email = _text("email", record.get("email") or record.get("customer_email"))
    if email:
        billing = payload.get("billing")
        payload["billing"] = {**(billing if isinstance(billing, dict) else {}), "email": email}
    return payload


def _over(known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Objects (billing) are laid over one another, everything else is replaced."""
    merged = dict(known)
    for name, value in given.items():
        before = merged.get(name)
        merged[name] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
    return merged


def _product_over(known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A plugin names one category of several: it is added where it is missing, and takes none away."""
    merged = _over(known, given)
    before = known.get("categories")
    if given.get("categories") and isinstance(before, list):
        here = {str(one.get("id")) for one in before if isinstance(one, dict)}
        merged["categories"] = [one for one in given["categories"] if str(one["id"]) not in here] + before
    return merged


PUSHED: Mapping[str, Pushed] = {
    "products": Pushed(stream="products", id_field="wc_product_id", to_payload=_product, combine=_product_over),
    "customers": Pushed(
        stream="customers",
        id_field="wc_customer_id",
        to_payload=partial(_translate, _CUSTOMER, ("wc_customer_id",)),
        combine=_over,
    ),
    "categories": Pushed(
        stream="categories",
        id_field="wc_category_id",
        to_payload=partial(_translate, _CATEGORY, ("wc_category_id", "name")),
        combine=_over,
    ),
    "orders": Pushed(stream="orders", id_field="wc_order_id", to_payload=_order, combine=_over),
}
