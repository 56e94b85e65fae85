"""Translate what store plugins push to the names and formats of the REST API's own payloads.

A plugin sends few fields (`wc_product_id`, `name`, `price` …). With the API's names they can update a pulled payload,
and promotion maps both alike. The models declare the fields, for the API's document and for this translation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import cache, partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from sync_pipeline.sources.base import Pushed, Unreadable

_DIGITS = 30  # at most, before the decimal point or after it
_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
# Stricter than Decimal, which accepts 1_000 and the digits of every script.
_NUMERAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
# WordPress writes the first for no date; PHP, which counts the month 0 and the day 0 back, makes the second of it.
_NO_DATE = ("0000-00-00", "-0001-11-30")
_Translate = Callable[[Mapping[str, Any]], dict[str, Any]]
_Combine = Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]
_Field = Callable[[str, Any], Any]  # (name, value) -> the value as the API writes it


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal | None):
        raise Unreadable(f"{name} is not a text")
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
        raise Unreadable(f"{name} is not a number, such as 12.50")
    number: Decimal | int = value
    if number and abs(Decimal(number).adjusted()) > _DIGITS:
        # 1E999999999 written out would fill the memory.
        far = Decimal(number).adjusted() < 0
        raise Unreadable(f"{name} has more than {_DIGITS} decimals" if far else f"{name} is too large")
    return number


def _money(name: str, value: Any) -> str:
    """A string, as the API writes prices; "" for none."""
    if value is None or value == "":
        return ""
    number = _number(name, value)
    if isinstance(value, str) and _PLAIN.fullmatch(value.strip()):
        return value.strip()  # keeps trailing zeros
    return f"{number:f}" if isinstance(number, Decimal) else str(number)


def _quantity(name: str, value: Any) -> Decimal | int | None:
    if value is None or value == "":
        return None
    number = _number(name, value)
    # Not by division, which fails if the quotient has more digits than Decimal's precision.
    return int(number) if number == Decimal(number).to_integral_value() else number


def _word(name: str, value: Any) -> str | None:
    """A text, and no number in its place."""
    if value is not None and not isinstance(value, str):
        raise Unreadable(f"{name} is not a text")
    return value


def _objects(name: str, value: Any) -> list[Any] | None:
    if value is not None and not (isinstance(value, list) and all(isinstance(one, dict) for one in value)):
        raise Unreadable(f"{name} is not a list of objects")
    return value


def _status(name: str, value: Any) -> str:
    return _text(name, value).removeprefix("wc-")


def _count(name: str, value: Any) -> int:
    number = _quantity(name, value)
    if isinstance(number, Decimal):
        raise Unreadable(f"{name} is not a whole number, such as 12")
    return int(number or 0)


def _id(name: str, value: Any) -> int:
    """A record's id, a whole number from 1."""
    if isinstance(value, str) and value.strip().isdecimal() and value.isascii() and len(value) < 100:
        value = int(value.strip())
    if type(value) is not int or not 0 < value < 2**63:
        raise Unreadable(f"{name} is missing" if value in (None, "") else f"{name} is not an id, a whole number from 1")
    return value


def _reference(name: str, value: Any) -> int:
    """The id of another record; 0 for none."""
    return 0 if value in (None, "", 0, "0") else _id(name, value)


def _moment(name: str, value: Any) -> str | None:
    """A time as the API writes its *_gmt fields: naive UTC, whole seconds. Input without a zone is UTC.

    None for no time, which is as if it had not been sent: a time that is stored stays.
    """
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
        raise Unreadable(f"{name} is not a time, such as 2026-03-01T10:00:00Z") from None
    if moment.year == 1:  # .NET's no date
        return None
    return moment.replace(tzinfo=None).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class _As:
    """What the API calls a plugin's field, and how it writes the value.

    Without a name the record's own function translates the field.
    """

    name: str = ""
    write: _Field = _text

    @property
    def is_left_out(self) -> bool:
        """Is null as if it had not been sent, or does it empty what is stored?"""
        return self.write in (_moment, _objects)


_Text = str | int | float | None
_Date = datetime | str | int | None


class _Record(BaseModel):
    """Unknown fields are stored unchanged; the store's REST API names them."""

    model_config = ConfigDict(extra="allow")

    created_at: Annotated[_Date, _As("date_created_gmt", _moment)] = Field(
        None, description="Without a zone: UTC.", examples=["2026-03-01T10:00:00Z"]
    )
    updated_at: Annotated[_Date, _As("date_modified_gmt", _moment)] = Field(
        None, description="Older than the known record: nothing is changed. A day ahead of now or more: it is skipped."
    )


class PushedProduct(_Record):
    """A product needs its id and its name."""

    wc_product_id: Annotated[int, _As("id", _id)] = Field(gt=0, examples=[101])
    name: Annotated[str, _As("name", _some)] = Field(examples=["Linen shirt"])
    sku: Annotated[str | None, _As("sku")] = Field(None, examples=["LIN-1"])
    price: Annotated[_Text, _As("price", _money)] = Field(None, examples=["39.90"])
    regular_price: Annotated[_Text, _As("regular_price", _money)] = None
    sale_price: Annotated[_Text, _As("sale_price", _money)] = None
    category_id: Annotated[int | None, _As()] = Field(None, examples=[7])
    category_name: Annotated[str | None, _As()] = None
    stock_quantity: Annotated[_Text, _As("stock_quantity", _quantity)] = Field(None, examples=[12])
    stock_status: Annotated[str | None, _As("stock_status")] = Field(None, examples=["instock"])
    status: Annotated[str | None, _As("status")] = Field(None, examples=["publish"])
    type: Annotated[str | None, _As("type")] = Field(None, examples=["simple"])


class PushedCustomer(_Record):
    """A customer needs its id. Addresses are stored as hashes, unless the connection's `pii_policy` is keep."""

    wc_customer_id: Annotated[int, _As("id", _id)] = Field(gt=0, examples=[55])
    email: Annotated[str | None, _As("email")] = Field(
        None, description="Stored as its hash, unless the connection keeps addresses."
    )
    display_name: Annotated[str | None, _As("display_name")] = Field(None, examples=["Ada L."])
    total_spent: Annotated[_Text, _As("total_spent", _money)] = Field(None, examples=["120.50"])
    order_count: Annotated[int | None, _As("orders_count", _count)] = Field(None, examples=[3])
    first_order_date: Annotated[_Date, _As("first_order_date", _moment)] = None
    last_order_date: Annotated[_Date, _As("last_order_date", _moment)] = None


class PushedCategory(_Record):
    """A category needs its id and its name; its parent may come later."""

    wc_category_id: Annotated[int, _As("id", _id)] = Field(gt=0, examples=[7])
    name: Annotated[str, _As("name", _some)] = Field(examples=["Shirts"])
    parent_id: Annotated[int | None, _As("parent", _reference)] = Field(None, examples=[3])
    product_count: Annotated[int | None, _As("count", _count)] = None


class PushedOrder(_Record):
    """An order needs its id; its other fields are those of the store's REST API."""

    wc_order_id: Annotated[int, _As("id", _id)] = Field(gt=0, examples=[900])
    order_number: Annotated[str | None, _As("number")] = None
    status: Annotated[str | None, _As("status", _status)] = Field(None, examples=["completed"])
    currency: Annotated[str | None, _As("currency", _word)] = Field(None, examples=["USD"])
    total: Annotated[_Text, _As("total", _money)] = Field(None, examples=["20.00"])
    wc_customer_id: Annotated[int | None, _As("customer_id", _reference)] = None
    customer_id: Annotated[int | None, _As("customer_id", _reference)] = Field(None, examples=[55])
    email: Annotated[str | None, _As()] = Field(None, description="Of a guest order; also as `customer_email`.")
    customer_email: Annotated[str | None, _As()] = None
    line_items: Annotated[list[dict[str, Any]] | None, _As("line_items", _objects)] = None


def _translate(model: type[BaseModel], record: Mapping[str, Any]) -> dict[str, Any]:
    required, translated = _fields(model)
    for name in required:
        if record.get(name) in (None, ""):
            raise Unreadable(f"{name} is missing")
    payload: dict[str, Any] = {}
    names: dict[str, str] = {}  # by the payload's name, the one that was sent
    for name, value in record.items():
        known = translated.get(name)
        target = name if known is None else known.name
        if not target or (name == "id" and value in (None, "")):
            continue  # the record's own function reads it; the id has a name of its own
        written = value if known is None else known.write(name, value)
        if written is None and known is not None and known.is_left_out:
            continue
        if target in names and payload[target] != written:
            raise Unreadable(_two_names(names[target], name))
        payload[target], names[target] = written, name
    return payload


def _two_names(one: str, other: str) -> str:
    return f"{one} is another value than {other}, which is the same field: send one of them"


@cache
def _fields(model: type[BaseModel]) -> tuple[tuple[str, ...], Mapping[str, _As]]:
    """The required fields of a record, and those that are translated: the id and times by the API's own name, too."""
    fields = model.model_fields
    translated = {name: each for name, one in fields.items() for each in one.metadata if isinstance(each, _As)}
    for one in list(translated.values()):
        if one.write in (_id, _moment):
            translated.setdefault(one.name, one)
    return tuple(name for name, one in fields.items() if one.is_required()), translated


def _product(record: Mapping[str, Any]) -> dict[str, Any]:
    payload = _translate(PushedProduct, record)
    if "stock_quantity" in payload:
        payload["manage_stock"] = payload["stock_quantity"] is not None
    category = _reference("category_id", record.get("category_id"))
    if category:
        payload["categories"] = [{"id": category, "name": _text("category_name", record.get("category_name"))}]
    elif "category_id" in record:
        payload["categories"] = []
    return payload


def _order(record: Mapping[str, Any]) -> dict[str, Any]:
    payload = _translate(PushedOrder, record)
    billing = payload.get("billing")
    billing = billing if isinstance(billing, dict) else {}
    given = {name: text for name in ("email", "customer_email") if (text := _text(name, record.get(name)))}
    if given:
        if len({text.strip().casefold() for text in given.values()}) > 1:
            raise Unreadable(_two_names(*given))
        email = next(iter(given.values()))  # billing.email may be another: the account's, not the buyer's
        payload["billing"] = {**billing, "email": email}
    return payload


def _over(known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Objects (billing) are merged; everything else is replaced."""
    merged = dict(known)
    for name, value in given.items():
        before = merged.get(name)
        merged[name] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
    return merged


def _product_over(known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A plugin names one category of several: it is added if missing, and removes none."""
    merged = _over(known, given)
    before = known.get("categories")
    if given.get("categories") and isinstance(before, list):
        here = {str(one.get("id")) for one in before if isinstance(one, dict)}
        merged["categories"] = [one for one in given["categories"] if str(one["id"]) not in here] + before
    return merged


def _pushed(
    stream: str, record: type[BaseModel], to_payload: _Translate | None = None, combine: _Combine = _over
) -> Pushed:
    return Pushed(
        stream=stream,
        id_field=next(name for name, one in _fields(record)[1].items() if one.name == "id"),
        modified=next(one.name for name, one in _fields(record)[1].items() if name == "updated_at"),
        record=record,
        to_payload=to_payload or partial(_translate, record),
        combine=combine,
    )


PUSHED: Mapping[str, Pushed] = {
    "products": _pushed("products", PushedProduct, _product, _product_over),
    "customers": _pushed("customers", PushedCustomer),
    "categories": _pushed("categories", PushedCategory),
    "orders": _pushed("orders", PushedOrder, _order),
}
