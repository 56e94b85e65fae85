"""Query parameters: parsed as PHP does, checked with WordPress' messages (recorded)."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from sandbox.woocommerce.dates import cutoff
from sandbox.woocommerce.listing import Query

Params = dict[str, Any]
_BRACKET = re.compile(r"^([^\[]+)\[([^\]]*)\]$")
_POST_ORDERBY = ("date", "id", "include", "title", "slug", "modified")
_TERM_ORDERBY = ("id", "include", "name", "slug", "term_group", "description", "count")
_POST_STATUS = ("any", "future", "trash", "draft", "pending", "private", "publish")
_ORDER_STATUS = (
    "any", "trash", "auto-draft", "pending", "processing", "on-hold", "completed", "cancelled", "refunded",
    "failed", "checkout-draft",
)  # fmt: skip
_ROLES = (
    "all", "administrator", "editor", "author", "contributor", "subscriber", "customer", "shop_manager",
)  # fmt: skip
_DATES = ("after", "before", "modified_after", "modified_before")


@dataclass(frozen=True, slots=True)
class Rules:
    """The parameters that a list accepts, from the index of a real store."""

    orderby: tuple[str, ...] = _POST_ORDERBY
    default_orderby: str = "date"
    default_order: str = "desc"
    dates: tuple[str, ...] = _DATES
    paged: bool = True
    enums: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # Parameters passed on to the filters of listing.py: name -> (filter, type).
    filters: dict[str, tuple[str, str]] = field(default_factory=dict)


_SEARCH = {"search": ("search", "text")}
_TERMS = Rules(
    _TERM_ORDERBY,
    "name",
    "asc",
    (),
    filters={**_SEARCH, "slug": ("slug", "exact"), "parent": ("parent", "int")},
)
_UNPAGED = Rules((), "id", "asc", (), paged=False)
_PRODUCT_FILTERS = {
    **_SEARCH, "sku": ("sku", "text"), "type": ("type", "exact"), "slug": ("slug", "exact"),
    "category": ("category", "int"), "tag": ("tag", "int"), "featured": ("featured", "bool"),
    "stock_status": ("stock_status", "exact"), "parent": ("parents", "ints"),
}  # fmt: skip
RULES = {
    "products": Rules(
        (*_POST_ORDERBY, "popularity", "rating", "post__in", "price", "sales", "menu_order", "random"),
        enums={"status": _POST_STATUS, "type": ("simple", "grouped", "external", "variable")},
        filters=_PRODUCT_FILTERS,
    ),
    "variations": Rules(
        (*_POST_ORDERBY, "menu_order"),
        enums={"status": _POST_STATUS},
        filters={**_SEARCH, "sku": ("sku", "text"), "parent": ("parents", "ints")},
    ),
    "orders": Rules(
        filters={
            **_SEARCH, "customer": ("customer", "int"), "product": ("product", "int"),
            "created_via": ("created_via", "exact"),
        },
    ),
    "refunds": Rules(filters={"parent": ("parents", "ints")}),
    "coupons": Rules(filters={**_SEARCH, "code": ("code", "text")}),
    "customers": Rules(
        ("id", "include", "name", "registered_date"), "name", "asc", (),
        enums={"role": _ROLES}, filters={**_SEARCH, "role": ("role", "exact"), "email": ("email", "text")},
    ),
    "taxes": Rules(("id", "order", "priority"), "order", "asc", (), filters={"class": ("class", "exact")}),
    "categories": _TERMS,
    "tags": _TERMS,
    "attribute_terms": _TERMS,
    "shipping_classes": _TERMS,
    "reviews": Rules(
        ("date", "date_gmt", "id", "include", "product"), "date_gmt", "desc", ("after", "before"),
        enums={"status": ("all", "hold", "approved", "spam", "trash")},
        filters={**_SEARCH, "product": ("of_product", "int")},
    ),
}  # fmt: skip


class InvalidParams(Exception):
    """rest_invalid_param: every wrong parameter by name, in one answer."""

    def __init__(self, wrong: dict[str, tuple[str, str]]) -> None:
        super().__init__(", ".join(wrong))
        self.body = {
            "code": "rest_invalid_param",
            "message": f"Invalid parameter(s): {', '.join(wrong)}",
            "data": {
                "status": 400,
                "params": {name: message for name, (_, message) in wrong.items()},
                "details": {
                    name: {"code": code, "message": message, "data": None} for name, (code, message) in wrong.items()
                },
            },
        }


def php_query(text: str) -> Params:
    """$_GET: the last of equal names wins, `a[]=1&a[]=2` and `a[0]=1` make a list."""
    params: Params = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        bracket = _BRACKET.match(name)
        if bracket is None:
            params[name] = value
            continue
        known = params.get(bracket[1])
        values: dict[str, str] = known if isinstance(known, dict) else {}
        values[bracket[2] or str(len(values))] = value
        params[bracket[1]] = values
    return params


def encode(params: Params) -> str:
    """http_build_query, for the Link header."""
    flat: list[tuple[str, str]] = []
    for name, value in params.items():
        if isinstance(value, dict):
            flat += [(f"{name}[{key}]", each) for key, each in value.items()]
        else:
            flat.append((name, str(value)))
    return urlencode(flat)


def read(kind: str, params: Params, tz: ZoneInfo) -> Query:
    """The list request in the parameters. Raises InvalidParams."""
    rules = RULES.get(kind, _UNPAGED)
    if not rules.paged:
        return Query(kind, orderby="name" if kind == "attributes" else "id", order="asc", paged=False)
    wrong: dict[str, tuple[str, str]] = {}
    query = Query(kind)
    query.page = _integer(params, "page", 1, 1, None, wrong)
    query.per_page = _integer(params, "per_page", 10, 1, 100, wrong)
    query.offset = _integer(params, "offset", 0, None, None, wrong) if params.get("offset", "") != "" else None
    query.order = _enum(params, "order", rules.default_order, ("asc", "desc"), wrong)
    query.orderby = _enum(params, "orderby", rules.default_orderby, rules.orderby, wrong)
    query.include = _integers(params, "include", wrong)
    query.exclude = _integers(params, "exclude", wrong)
    gmt = _boolean(params, "dates_are_gmt", wrong)
    found = []
    for name in rules.dates:
        if params.get(name, "") != "":
            limit = cutoff(str(params[name]), gmt=gmt, tz=tz)
            if limit is None:
                wrong[name] = ("rest_invalid_date", "Invalid date.")
            else:
                found.append((name, *limit))
    query.dates = tuple(found)
    for name, allowed in rules.enums.items():
        if name in params:
            _enum(params, name, "", allowed, wrong)
    query.statuses = _statuses(kind, params, wrong)
    query.filters = _filters(rules, params, wrong)
    if kind == "customers":
        query.filters.setdefault("role", "customer")
    if wrong:
        raise InvalidParams(wrong)
    return query


def _statuses(kind: str, params: Params, wrong: dict[str, tuple[str, str]]) -> tuple[str, ...]:
    """Products take one name, orders a checked list, coupons anything (not declared there)."""
    if kind == "reviews":
        return (str(params.get("status", "approved")),)
    if kind not in ("products", "variations", "orders", "coupons") or "status" not in params:
        return ("any",)
    asked = _list(params["status"])
    if kind == "orders":
        for n, status in enumerate(asked):
            if status not in _ORDER_STATUS:
                wrong["status"] = _not_in_enum(f"status[{n}]", _ORDER_STATUS)
                break
    return tuple(asked)


def _filters(rules: Rules, params: Params, wrong: dict[str, tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (target, kind) in rules.filters.items():
        value = params.get(name, "")
        if value == "":
            continue
        if kind == "int":
            if not re.fullmatch(r"-?\d+", str(value)):
                wrong[name] = ("rest_invalid_type", f"{name} is not of type integer.")
            else:
                found[target] = int(value)
        elif kind == "ints":
            found[target] = _integers(params, name, wrong)
        elif kind == "bool":
            found[target] = _boolean(params, name, wrong)
        else:
            found[target] = str(value).strip().lower() if kind == "text" else str(value)
    return found


def _list(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [str(v) for v in value.values()]
    return [part for part in re.split(r"[\s,]+", str(value)) if part]


def _integer(
    params: Params,
    name: str,
    default: int,
    low: int | None,
    high: int | None,
    wrong: dict[str, tuple[str, str]],
) -> int:
    text = str(params.get(name, default)).strip()
    if not re.fullmatch(r"[+-]?\d+", text):
        wrong[name] = ("rest_invalid_type", f"{name} is not of type integer.")
        return default
    value = int(text)
    if low is not None and high is not None and not low <= value <= high:
        message = f"{name} must be between {low} (inclusive) and {high} (inclusive)"
        wrong[name] = ("rest_out_of_bounds", message)
    elif low is not None and value < low:
        wrong[name] = ("rest_out_of_bounds", f"{name} must be greater than or equal to {low}")
    return value


def _integers(params: Params, name: str, wrong: dict[str, tuple[str, str]]) -> tuple[int, ...]:
    values = []
    for n, text in enumerate(_list(params.get(name, ""))):
        if not re.fullmatch(r"[+-]?\d+", text):
            wrong[name] = ("rest_invalid_type", f"{name}[{n}] is not of type integer.")
            return ()
        values.append(int(text))
    return tuple(values)


def _boolean(params: Params, name: str, wrong: dict[str, tuple[str, str]]) -> bool:
    text = str(params.get(name, "false")).lower()
    if text not in ("true", "false", "1", "0", ""):
        wrong[name] = ("rest_invalid_type", f"{name} is not of type boolean.")
    return text in ("true", "1")


def _enum(params: Params, name: str, default: str, allowed: tuple[str, ...], wrong: dict[str, tuple[str, str]]) -> str:
    value = str(params.get(name, default))
    if value not in allowed:
        wrong[name] = _not_in_enum(name, allowed)
    return value


def _not_in_enum(name: str, allowed: tuple[str, ...]) -> tuple[str, str]:
    listed = " and ".join(allowed) if len(allowed) < 3 else f"{', '.join(allowed[:-1])}, and {allowed[-1]}"
    return "rest_not_in_enum", f"{name} is not one of {listed}."
