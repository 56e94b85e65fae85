"""The base of the sandbox store: its tables, its clock, and the bytes of its answers.

One lock guards everything: tests write from their threads while the server's thread reads.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from sandbox.woocommerce.dates import ZoneHistory, gmt_text, local_text, parse
from sandbox.woocommerce.encoding import HOME, RELATED, decimals, field_tree, php_json, pick
from sandbox.woocommerce.table import Id, Json, Row, Table

KINDS = (
    "products", "variations", "categories", "tags", "attributes", "attribute_terms", "customers", "orders",
    "refunds", "coupons", "taxes", "tax_classes", "shipping_zones", "shipping_zone_methods",
    "shipping_zone_locations", "payment_gateways", "reviews", "shipping_classes", "settings",
)  # fmt: skip
DATED = {"products", "variations", "orders", "refunds", "coupons"}
# Kinds that are listed under a parent -> the field with the parent's id.
PARENT = {
    "variations": "parent_id",
    "refunds": "parent_id",
    "attribute_terms": "attribute_id",
    "shipping_zone_methods": "zone_id",
    "shipping_zone_locations": "zone_id",
}
# WordPress keeps posts, users, terms and comments each in one sequence of ids, whatever their type.
SEQUENCE = {
    "products": "post", "variations": "post", "orders": "post", "refunds": "post", "coupons": "post",
    "categories": "term", "tags": "term", "attribute_terms": "term", "shipping_classes": "term",
    "customers": "user", "reviews": "comment",
}  # fmt: skip
_FIRST = {"post": 10, "term": 15, "user": 2, "meta": 29, "item": 1}
_MAX_VIEWS = 16
_RELATED_SHOWN = 5
_RELATED_POOL = 15
Clock = Callable[[], datetime]
Payload = Callable[[Any, Row], Json]


class StoreBase:
    payloads: ClassVar[dict[str, Payload]]

    def __init__(self, timezone: str = "America/New_York", currency: str = "USD", clock: Clock | None = None) -> None:
        self.lock = RLock()
        self.zones = ZoneHistory(timezone)
        self.timezone_name = timezone
        self.currency = currency
        self._clock = clock or (lambda: datetime.now(UTC))
        self._shift = timedelta()
        self._next = dict(_FIRST)
        self.tables = {kind: Table(kind, dated=kind in DATED) for kind in KINDS}
        self.term_counts: Counter[int] = Counter()
        self.term_of: dict[tuple[int, str], int] = {}
        self.grouped: set[int] = set()
        self._slugs: set[str] = set()
        self._emails: set[str] = set()
        self._pools: dict[int, list[int]] = {}
        self._random = random.Random(0)
        self.home = "http://shop.test"
        # Switches a test sets: the optional routes, the key's rights, and the shuffling of related_ids.
        self.analytics = True
        self.refunds_route = True
        self.permissions = "read_write"
        self.shuffle_related = True
        self.key = "ck_" + "5a9d" * 10
        self.secret = "cs_" + "c0de" * 10

    # -- time ---------------------------------------------------------------------------------------------
    def utcnow(self) -> datetime:
        return self._clock() + self._shift

    def now(self) -> int:
        return int(self.utcnow().timestamp())

    def advance(self, seconds: float) -> None:
        """Move the store's clock forward."""
        self._shift += timedelta(seconds=seconds)

    @property
    def tz(self) -> ZoneInfo:
        return self.zones.current

    def change_timezone(self, name: str) -> None:
        """Change the site's timezone; dates written before keep the old one (see ZoneHistory)."""
        with self.lock:
            self.zones.change(name, at=self.now() + 1)
            self.timezone_name = name
            for table in self.tables.values():
                table.forget_all()

    def local(self, seconds: int | None) -> str | None:
        return None if seconds is None else local_text(seconds, self.tz)

    def gmt(self, seconds: int | None) -> str | None:
        return None if seconds is None else gmt_text(seconds)

    def moment(self, value: str | int | datetime | None) -> int | None:
        """UTC seconds of a date given as text (site-local if it has no zone), datetime or seconds."""
        if isinstance(value, str):
            return parse(value, self.tz)
        return int(value.timestamp()) if isinstance(value, datetime) else value

    # -- rows ---------------------------------------------------------------------------------------------
    def next_id(self, sequence: str) -> int:
        self._next[sequence] = self._next.get(sequence, 1) + 1
        return self._next[sequence] - 1

    def row(self, kind: str, row_id: Id) -> Row:
        return self.tables[kind].rows[row_id]

    def insert(self, kind: str, fields: Json, row_id: Any = None) -> Row:
        """A new row. `date_created` and `date_modified` among the fields set its dates."""
        now = self.now()
        created = self.moment(fields.pop("date_created", None))
        modified = self.moment(fields.pop("date_modified", None))
        created = now if created is None else created
        row = Row(
            self.next_id(SEQUENCE.get(kind, kind)) if row_id is None else row_id,
            fields,
            created,
            max(created, modified) if modified is not None else created,
        )
        self.tables[kind].add(row, parent=fields[PARENT[kind]] if kind in PARENT else None)
        return row

    def bump(self, kind: str, row_id: Id) -> None:
        """Move date_modified to now."""
        table = self.tables[kind]
        table.move(table.rows[row_id], self.now())
        table.touch(row_id)

    def meta(self, values: Json | list[Json] | None) -> list[Json]:
        """meta_data with ids; a plain mapping is turned into the list."""
        pairs = [{"key": k, "value": v} for k, v in values.items()] if isinstance(values, dict) else values or []
        return [{"id": m.get("id") or self.next_id("meta"), "key": m["key"], "value": m["value"]} for m in pairs]

    # -- reads --------------------------------------------------------------------------------------------
    def ids(self, kind: str) -> set[Any]:
        """The ids of a full list of the kind (any status but trash; every role)."""
        with self.lock:
            if kind == "reviews":
                rows = self.tables[kind].rows
                return {i for i in self.tables[kind].ids if rows[i].fields["status"] == "approved"}
            return set(self.tables[kind].ids)

    def payload(self, kind: str, row_id: Id) -> Json:
        """The record exactly as the API answers it now (related_ids is random each time, as on a real store)."""
        with self.lock:
            found: Json = json.loads(self.finish(self.render(kind, row_id)))
            return found

    def raw_override(self, kind: str, row_id: Id, json_text: str | None) -> None:
        """Answer this record as this exact JSON text, in lists too. None removes the override."""
        with self.lock:
            table = self.tables[kind]
            table.touch(row_id)
            if json_text is None:
                table.raw.pop(row_id, None)
            else:
                table.raw[row_id] = json_text.encode("utf-8", "surrogatepass")

    def render(self, kind: str, row_id: Id, view: str = "") -> bytes:
        """One record's bytes. A view is a variant (`analytics`, `dp=4`), then `?` and the _fields."""
        found = self._stored(kind, row_id, view)
        return self._related(row_id, found) if kind == "products" and RELATED in found else found

    def _stored(self, kind: str, row_id: Id, view: str) -> bytes:
        table = self.tables[kind]
        cache = table.views.get(view)
        if cache is None:
            if len(table.views) >= _MAX_VIEWS:
                table.views.pop(next(name for name in table.views if name))
            cache = table.views[view] = {}
        found = cache.get(row_id)
        if found is None:
            variant, asks, fields = view.partition("?")
            if asks:
                found = self._picked(self._stored(kind, row_id, variant), fields)
            elif row_id in table.raw:
                found = table.raw[row_id]
            else:
                found = php_json(self._variant(kind, variant, table.rows[row_id]))
            cache[row_id] = found
        return found

    def _variant(self, kind: str, variant: str, row: Row) -> Json:
        if variant.startswith("dp="):
            plain: Json = decimals(self.payloads[kind](self, row), int(variant[3:]))
            return plain
        return self.payloads[f"{kind}:{variant}" if variant else kind](self, row)

    @staticmethod
    def _picked(whole: bytes, fields: str) -> bytes:
        try:
            return pick(whole, field_tree(fields))
        except ValueError:  # a raw_override that is not a JSON object
            return whole

    def page(self, kind: str, ids: Iterable[Any], view: str = "") -> bytes:
        with self.lock:
            return self.finish(b"[" + b",".join([self.render(kind, i, view) for i in ids]) + b"]")

    def finish(self, body: bytes) -> bytes:
        return body.replace(HOME.encode(), self.home.replace("/", "\\/").encode())

    def warm(self, kind: str) -> None:
        """Serialize a kind beforehand, so that a benchmark measures its client and not this server."""
        for row_id in list(self.tables[kind].ids):
            with self.lock:
                if row_id in self.tables[kind].rows:
                    self.render(kind, row_id)

    # -- related products ---------------------------------------------------------------------------------
    def _related(self, row_id: Id, payload: bytes) -> bytes:
        """wc_get_related_products shuffles its cached pool for every answer: an unchanged product has other
        related_ids each time (observed: 40 of 46 differed between two reads 0.4 s apart)."""
        pool: list[int] = []
        for category in self.tables["products"].rows[row_id].fields.get("categories", ()):
            pool += [i for i in self._pools.get(category, ()) if i != row_id and i not in pool]
        if self.shuffle_related and len(pool) > 1:
            self._random.shuffle(pool)
        return payload.replace(RELATED, ",".join(map(str, pool[:_RELATED_SHOWN])).encode())

    def count_terms(self, row: Row, step: int) -> None:
        """Update the counts of categories, tags and attribute terms, and the pools of related products."""
        if row.fields.get("status", "publish") != "publish":
            return
        for kind in ("categories", "tags"):
            terms = row.fields.get(kind, ())
            for term in terms:
                self.term_counts[term] += step
                pool = self._pools.setdefault(term, [])
                if step < 0 and row.id in pool:
                    pool.remove(row.id)
                elif step > 0 and len(pool) < _RELATED_POOL:
                    pool.append(row.id)
            if terms and self.tables[kind].views:
                self.tables[kind].forget_all()
        for attribute in row.fields.get("attributes", ()):
            for option in attribute.get("options", ()):
                term_id = self.term_of.get((attribute["id"], option))
                if term_id is not None:
                    self.term_counts[term_id] += step
                    self.tables["attribute_terms"].touch(term_id)
