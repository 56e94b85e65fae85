"""List requests: filter, order and page.

Only `orderby=id` has a tiebreaker. Any other order leaves rows with equal keys to the database, which orders
them differently from page to page; here the tie group is rotated by a number that depends on the page alone,
so the same rows are lost each time.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sandbox.faults import lost
from sandbox.woocommerce.base import StoreBase
from sandbox.woocommerce.dates import wall_clock
from sandbox.woocommerce.table import Row, Table

Key = Callable[[Row], Any]
# HPOS keeps order dates in GMT only, so a change of the site's timezone does not affect them.
_GMT_ONLY = {"orders", "refunds"}
_MAX_QUERIES = 64


@dataclass(slots=True)
class Query:
    """A list request with checked parameters."""

    kind: str
    per_page: int = 10
    page: int = 1
    offset: int | None = None
    order: str = "desc"
    orderby: str = "date"
    include: tuple[int, ...] = ()
    exclude: tuple[int, ...] = ()
    parent: Any = None
    statuses: tuple[str, ...] = ("any",)
    # (column, wall-clock seconds, compared with the GMT column?)
    dates: tuple[tuple[str, int, bool], ...] = ()
    filters: dict[str, Any] = field(default_factory=dict)
    paged: bool = True


@dataclass(slots=True)
class Listed:
    ids: Sequence[Any]
    total: int
    pages: int
    # The variations that products?sku= adds.
    foreign: frozenset[Any] = frozenset()


def run(store: StoreBase, query: Query) -> Listed:
    table = store.tables[query.kind]
    order, keys = _ordered(store, table, query)
    total = len(order)
    if not query.paged:
        return Listed(order, total, 1 if total else 0)
    start = (query.page - 1) * query.per_page if query.offset is None else abs(query.offset)
    pages = -(-total // query.per_page)
    shown = order[start : start + query.per_page] if keys is None else _with_ties(order, keys, start, query.per_page)
    past = start >= total
    # Past the end, orders and requests with an offset have totals of 0; other lists keep their totals.
    if past and (query.kind in _GMT_ONLY or query.offset is not None):
        total = pages = 0
    return Listed(shown, total, pages)


def _ordered(store: StoreBase, table: Table, query: Query) -> tuple[Sequence[Any], list[Any] | None]:
    """Ids in order, and the ascending keys beside them when ties are left to the database."""
    plain = query.statuses == ("any",) and not (query.include or query.exclude or query.dates or query.filters)
    if plain and query.parent is None and query.orderby == "id" and query.kind != "reviews":
        return (table.ids if query.order == "asc" else _Reversed(table.ids)), None
    signature = (
        query.order, query.orderby, query.include, query.exclude, query.parent, query.statuses, query.dates,
        tuple(sorted(query.filters.items())),
    )  # fmt: skip
    known = table.queries.get(signature)
    if known is None:
        if len(table.queries) >= _MAX_QUERIES:
            table.queries.clear()
        known = table.queries[signature] = _sorted(table, _matching(store, table, query), query)
    ids, keys = known
    return ids, keys


def _sorted(table: Table, ids: list[Any], query: Query) -> tuple[Sequence[Any], list[Any] | None]:
    down = query.order == "desc"
    if query.orderby == "id":
        return sorted(ids, reverse=down), None
    if query.orderby in ("include", "post__in"):
        place = {row_id: n for n, row_id in enumerate(query.include)}
        return sorted(ids, key=lambda i: place.get(i, 0)), None
    key = _key(query.orderby)
    pairs = sorted(((key(table.rows[i]), i) for i in ids), key=lambda pair: pair[0])
    keys = [k for k, _ in pairs]
    return (_Reversed([i for _, i in pairs]) if down else [i for _, i in pairs]), keys


def _with_ties(order: Sequence[Any], keys: list[Any], start: int, count: int) -> list[Any]:
    """The slice, each group of equal keys rotated by a number of this page's own."""
    total, down = len(order), isinstance(order, _Reversed)
    stop = min(start + count, total)
    shown: list[Any] = []
    at = start
    while at < stop:
        value = keys[total - 1 - at] if down else keys[at]
        low, high = bisect_left(keys, value), bisect_right(keys, value)
        first, last = (total - high, total - low) if down else (low, high)
        size = last - first
        turn = (start * 7919 + count * 104729 + 13) % size
        end = min(last, stop)
        shown += [order[first + (place - first + turn) % size] for place in range(at, end)]
        at = end
    return shown


class _Reversed(Sequence[Any]):
    """A list read backwards without copying it."""

    def __init__(self, ids: list[Any]) -> None:
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, at: Any) -> Any:
        size = len(self._ids)
        if isinstance(at, slice):
            start, stop, _ = at.indices(size)
            return self._ids[size - stop : size - start][::-1] if stop > start else []
        return self._ids[size - 1 - at]


def _key(orderby: str) -> Key:
    if orderby in ("date", "date_gmt", "registered_date"):
        return lambda row: row.created
    if orderby == "modified":
        return lambda row: row.modified or 0
    if orderby == "price":
        return lambda row: Decimal(row.fields.get("regular_price") or 0)
    if orderby in ("popularity", "sales", "rating", "menu_order", "order", "priority", "count", "product"):
        names = {
            "popularity": "total_sales",
            "sales": "total_sales",
            "rating": "rating_count",
            "product": "product_id",
        }
        name = names.get(orderby, orderby)
        return lambda row: row.fields.get(name, 0)
    if orderby == "name":
        return _display_name
    if orderby == "title":
        return lambda row: str(row.fields.get("name", row.fields.get("code", ""))).lower()
    if orderby == "random":
        return lambda row: row.id * 2654435761 % 4294967296
    return lambda row: str(row.fields.get(orderby, "")).lower()


def _display_name(row: Row) -> str:
    f = row.fields
    return str(f.get("name") or f"{f.get('first_name', '')} {f.get('last_name', '')}".strip() or f["username"]).lower()


def _matching(store: StoreBase, table: Table, query: Query) -> list[Any]:
    ids = _candidates(table, query)
    rows = table.rows
    wanted = set(query.statuses)
    if query.kind == "reviews":
        ids = [i for i in ids if "all" in wanted or rows[i].fields["status"] in wanted]
    elif "trash" in wanted:
        trashed = set(table.trash)
        # Orders: status=any,trash answers, but without the trashed rows (observed).
        keep = wanted - {"trash"} if "any" in wanted and query.kind in _GMT_ONLY else wanted
        ids = [i for i in ids if (i in trashed and "trash" in keep) or (i not in trashed and _is(rows[i], keep))]
    elif "any" not in wanted:
        ids = [i for i in ids if _is(rows[i], wanted)]
    for column, wall, gmt in query.dates:
        ids = [i for i in ids if _dated(store, query.kind, rows[i], column, wall, gmt)]
    if query.exclude:
        left_out = set(query.exclude)
        ids = [i for i in ids if i not in left_out]
    for name, value in query.filters.items():
        test = FILTERS[name]
        ids = [i for i in ids if test(rows[i], value)]
    return ids


def _is(row: Row, statuses: set[str]) -> bool:
    status = row.fields.get("status", "publish")
    return status != "trash" and ("any" in statuses or status in statuses)


def _candidates(table: Table, query: Query) -> list[Any]:
    trashed = "trash" in query.statuses
    if query.include:
        live = set(table.ids) if not trashed else set(table.rows)
        return [i for i in dict.fromkeys(query.include) if i in live]
    if query.parent is not None:
        return [i for i in table.children.get(query.parent, ()) if trashed or _live(table, i)]
    bounds = {column: wall for column, wall, gmt in query.dates if gmt and column.startswith("modified")}
    if table.dated and bounds:
        found = table.modified_between(bounds.get("modified_after"), bounds.get("modified_before"))
        return [i for i in found if trashed or _live(table, i)]
    return [*table.ids, *table.trash] if trashed else list(table.ids)


def _live(table: Table, row_id: Any) -> bool:
    return table.rows[row_id].fields.get("status") != "trash"


def _dated(store: StoreBase, kind: str, row: Row, column: str, wall: int, gmt: bool) -> bool:
    moment = row.modified if column.startswith("modified") else row.created
    if moment is None:
        return False
    if not gmt:
        moment = wall_clock(moment, store.tz if kind in _GMT_ONLY else store.zones.written_in(moment))
    return moment > wall if column.endswith("after") else moment < wall


def _has(name: str) -> Callable[[Row, Any], bool]:
    return lambda row, value: value in row.fields.get(name, ())


def _equals(name: str, default: Any = None) -> Callable[[Row, Any], bool]:
    return lambda row, value: row.fields.get(name, default) == value


def _same_sku(row: Row, value: str) -> bool:
    return str(row.fields.get("sku", "")).strip().lower() in value.split(",")


def _search(row: Row, value: str) -> bool:
    names = ("name", "sku", "code", "email", "username", "first_name", "last_name", "review", "reviewer")
    text = " ".join(str(row.fields.get(name, "")) for name in names)
    billing = row.fields.get("billing")
    if isinstance(billing, dict):
        text += " ".join(str(v) for v in billing.values())
    return value in text.lower()


FILTERS: dict[str, Callable[[Row, Any], bool]] = {
    "role": lambda row, value: value == "all" or row.fields.get("role", "customer") == value,
    "email": lambda row, value: row.fields["email"].lower() == value,
    "customer": _equals("customer_id"),
    "product": lambda row, value: any(line["product_id"] == value for line in row.fields["line_items"]),
    "of_product": _equals("product_id"),
    "type": _equals("type", "simple"),
    "sku": _same_sku,
    "search": _search,
    "slug": _equals("slug"),
    "category": _has("categories"),
    "tag": _has("tags"),
    "featured": _equals("featured", False),
    "stock_status": _equals("stock_status", "instock"),
    "code": _equals("code"),
    "class": _equals("class", "standard"),
    "parent": _equals("parent", 0),
    "created_via": _equals("created_via"),
    "lost": lambda row, value: not lost(row.id, value),
    "parents": lambda row, value: row.fields.get("parent_id", 0) in value,
}
