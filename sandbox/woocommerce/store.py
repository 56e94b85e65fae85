"""The sandbox store: one shop's data and every write to it.

Thread-safe by one lock. Each write moves the date_modified of the same records as on a real store, and of no others;
`touch=False` is a plugin's write that moves none.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar

from sandbox.woocommerce.base import PARENT, Clock, Payload
from sandbox.woocommerce.fields import encoded, merged_meta, slugify
from sandbox.woocommerce.payloads import CATALOGUE
from sandbox.woocommerce.payloads_sales import SALES
from sandbox.woocommerce.payloads_shop import SHOP
from sandbox.woocommerce.payloads_terms import TERMS
from sandbox.woocommerce.sales import ORDER_DATES, SalesStore
from sandbox.woocommerce.shop import ShopStore, furnish
from sandbox.woocommerce.table import Id, Json, Row

# REST cannot put these in the trash: 501 without force.
NO_TRASH = {
    "customers",
    "categories",
    "tags",
    "attributes",
    "attribute_terms",
    "taxes",
    "variations",
    "refunds",
}
# Coupon fields whose change does not move date_modified (observed twice).
_QUIET_COUPON = {"amount", "usage_count", "used_by"}
_GENERATED = ("id", "permalink", "on_sale", "_links", "date_created_gmt", "date_modified_gmt")


class Store(SalesStore, ShopStore):
    payloads: ClassVar[dict[str, Payload]] = {**CATALOGUE, **TERMS, **SALES, **SHOP}

    def __init__(self, timezone: str = "America/New_York", currency: str = "USD", clock: Clock | None = None) -> None:
        super().__init__(timezone, currency, clock)
        furnish(self)

    def update(self, kind: str, row_id: Id, touch: bool = True, **fields: Any) -> None:
        """Change a record. date_modified moves as on the real store; not at all when touch is False."""
        with self.lock:
            row = self.row(kind, row_id)
            given = {k: v for k, v in fields.items() if k not in _GENERATED}
            if given.get("status") == "trash" and kind not in NO_TRASH:
                given.pop("status")
                self.trash(kind, row_id)
            elif kind == "coupons":
                given.pop("status", None)  # ignored, even to restore a trashed one (observed)
            elif "status" in given and row.fields.get("status") == "trash":
                self.restore(kind, row_id)
            dates = {name: self.moment(given.pop(name)) for name in ("date_created", "date_modified") if name in given}
            if kind in ("products", "variations"):
                self._update_product(kind, row, given)
            elif kind == "orders":
                self._update_order(row, given)
            elif kind == "coupons":
                self._update_coupon(row, given)
            elif kind == "customers":
                self._update_customer(row, given)
            else:
                if kind == "attribute_terms" and "name" in given:
                    self._rename_term(row, encoded(given["name"]))
                row.fields.update({k: encoded(v) if k == "name" else v for k, v in given.items()})
            self.tables[kind].touch(row_id)
            if kind in ("categories", "tags"):
                self._forget_products_with(kind, int(row_id))
            if kind in ("shipping_classes", "attributes"):
                self.tables["products"].forget_all()
                self.tables["variations"].forget_all()
            quiet = kind == "coupons" and fields and set(fields) <= _QUIET_COUPON
            if touch and not quiet and row.modified is not None:
                self.bump(kind, row_id)
            elif touch and kind == "customers":
                row.modified = self.now()
            if kind == "variations":
                self._reprice_parents(row, touch=touch)
            if "date_created" in dates:
                row.created = dates["date_created"] or row.created
            if dates.get("date_modified") is not None:
                self.tables[kind].move(row, dates["date_modified"] or 0)
            self.tables[kind].touch(row_id)

    def trash(self, kind: str, row_id: Id) -> None:
        """Move to the trash: hidden from default lists, found by status=trash; date_modified moves."""
        with self.lock:
            if kind in NO_TRASH and kind != "variations":
                raise ValueError(f"{kind} have no trash")
            row = self.row(kind, row_id)
            if row.fields.get("status") == "trash":
                return
            if kind == "products":
                self.count_terms(row, -1)
            row.fields["_before_trash"] = row.fields.get("status", "publish")
            row.fields["status"] = "trash"
            self.tables[kind].hide(row_id)
            self.bump(kind, row_id)
            if kind == "products":
                for child in list(self.tables["variations"].children.get(row_id, ())):
                    if self.row("variations", child).fields.get("status") != "trash":
                        self.trash("variations", child)

    def restore(self, kind: str, row_id: Id) -> None:
        with self.lock:
            row = self.row(kind, row_id)
            if row.fields.get("status") != "trash":
                return
            row.fields["status"] = row.fields.pop("_before_trash", "publish")
            self.tables[kind].show(row_id)
            self.bump(kind, row_id)
            if kind == "products":
                self.count_terms(row, 1)
                for child in list(self.tables["variations"].children.get(row_id, ())):
                    self.restore("variations", child)

    def delete(self, kind: str, row_id: Id) -> None:
        """Delete permanently (force): the record answers 404."""
        with self.lock:
            row = self.row(kind, row_id)
            if (kind, row_id) in self.kept:
                raise ValueError(f"{kind} {row_id} cannot be deleted")
            if kind in ("products", "variations"):
                self._delete_product(kind, row)
            elif kind == "customers":
                self._emails.discard(row.fields["email"].lower())
                self._orphan_orders(int(row_id))
            elif kind == "orders":
                for refund in list(self.tables["refunds"].children.get(row_id, ())):
                    self.tables["refunds"].remove(refund, parent=row_id)
            elif kind == "categories":
                self._delete_category(row)
            elif kind == "tags":
                self._forget_products_with(kind, int(row_id))
            self.tables[kind].remove(row_id, parent=row.fields[PARENT[kind]] if kind in PARENT else None)
            if kind == "refunds":
                self.tables["orders"].touch(row.fields["parent_id"])
            if kind == "reviews" and row.fields["product_id"] in self.tables["products"].rows:
                self._rate(row.fields["product_id"], touch=True)

    def add_any(self, kind: str, number: int) -> int | None:
        """Add a plain row of a kind, for faults.drift; None for kinds that drift leaves alone."""
        if kind == "variations":
            parents = self.tables["products"].ids
            parent = next((i for i in reversed(parents) if self.row("products", i).fields.get("type") == "variable"), 0)
            return self.add_variation(parent, regular_price="9.00") if parent else None
        if kind == "customers":
            return self.add_customer()
        if kind == "orders":
            sold = [(self.tables["products"].ids[0], 0, 1)] if self.tables["products"].ids else []
            return self.add_order(items=sold)
        if kind == "coupons":
            return self.add_coupon(f"drift{number}")
        makers: dict[str, Callable[..., int]] = {
            "products": self.add_product,
            "categories": self.add_category,
            "tags": self.add_tag,
        }
        return makers[kind](name=f"Drift {number}") if kind in makers else None

    @property
    def kept(self) -> set[tuple[str, Id]]:
        """The ids that cannot be deleted: the admin and the default category."""
        return {("customers", 1), ("categories", self.default_category)}

    # -- one kind each ------------------------------------------------------------------------------------
    def _update_product(self, kind: str, row: Row, given: Json) -> None:
        status = given.get("status")
        if kind == "products":
            self.count_terms(row, -1)
        if "price" in given:  # a plugin's write to the _price meta only
            given["price_meta"] = given.pop("price")
        elif "regular_price" in given or "sale_price" in given:
            row.fields.pop("price_meta", None)
        row.fields.update(self._product_fields(_with_meta(self, row, given)))
        if kind == "products":
            if status and "slug" not in row.fields and status not in ("draft", "pending"):
                row.fields["slug"] = self._free_slug(slugify(row.fields["name"]))
            self.count_terms(row, 1)
            self._forget_relatives(row)

    def _update_order(self, row: Row, given: Json) -> None:
        given = _with_meta(self, row, given)
        given.update({name: self.moment(given[name]) for name in ORDER_DATES if name in given})
        status = given.pop("status", None)
        for side in ("billing", "shipping"):
            if side in given:
                given[side] = {**row.fields[side], **given[side]}
        row.fields.update(given)
        if status and status != row.fields["status"]:
            before = row.fields["status"]
            self._progress(row, status, at=self.now())
            if before in ("pending", "failed") and status in ("processing", "completed", "on-hold"):
                self._take_stock(row, touch=True)

    def _update_coupon(self, row: Row, given: Json) -> None:
        if "amount" in given:
            given["amount"] = f"{Decimal(str(given['amount'])):.2f}"
        if "code" in given:
            given["code"] = given["code"].lower()
        if "date_expires" in given:
            given["date_expires"] = self.moment(given["date_expires"])
        row.fields.update(_with_meta(self, row, given))

    def _update_customer(self, row: Row, given: Json) -> None:
        given = _with_meta(self, row, given)
        if "email" in given and given["email"].lower() != row.fields["email"].lower():
            if given["email"].lower() in self._emails:
                raise ValueError(f"e-mail {given['email']} exists already")
            self._emails.discard(row.fields["email"].lower())
            self._emails.add(given["email"].lower())
        for side in ("billing", "shipping"):
            if side in given:
                given[side] = {**row.fields.get(side, {}), **given[side]}
        row.fields.update(given)

    def _delete_product(self, kind: str, row: Row) -> None:
        """Order lines lose product_id, variation_id and sku; the orders' dates do not move."""
        children = list(self.tables["variations"].children.get(row.id, ())) if kind == "products" else []
        for child in children:
            self.tables["variations"].remove(child, parent=row.id)
        self._empty_lines(row, "product_id" if kind == "products" else "variation_id")
        if kind == "products":
            self.count_terms(row, -1)
            self._slugs.discard(row.fields.get("slug", ""))
            self.grouped.discard(row.id)
            self._forget_relatives(row)
            for review, about in list(self.tables["reviews"].rows.items()):
                if about.fields["product_id"] == row.id:
                    self.tables["reviews"].remove(review)
        elif row.fields["parent_id"] in self.tables["products"].rows:
            self.bump("products", row.fields["parent_id"])

    def _empty_lines(self, gone: Row, name: str) -> None:
        parent = self.tables["products"].rows.get(gone.fields.get("parent_id", 0))
        left = {"variation_id": 0, "sku": parent.fields.get("sku", "") if parent else None}
        emptied = {"product_id": 0, "variation_id": 0, "sku": None} if name == "product_id" else left
        for kind in ("orders", "refunds"):
            table = self.tables[kind]
            for row in table.rows.values():
                for line in row.fields.get("line_items", ()):
                    if line[name] == gone.id:
                        line.update(emptied)
                        table.touch(row.id)

    def _orphan_orders(self, customer_id: int) -> None:
        """Their orders become guests' orders, and their date_modified moves."""
        for row in list(self.tables["orders"].rows.values()):
            if row.fields["customer_id"] == customer_id:
                row.fields["customer_id"] = 0
                self.bump("orders", row.id)

    def _delete_category(self, row: Row) -> None:
        """Products fall back to the default category, children to the parent; no date moves."""
        table = self.tables["products"]
        for row_id, product in table.rows.items():
            if row.id in product.fields.get("categories", ()):
                self.count_terms(product, -1)
                left = [c for c in product.fields["categories"] if c != row.id]
                product.fields["categories"] = left or [self.default_category]
                self.count_terms(product, 1)
                table.touch(row_id)
        for other in self.tables["categories"].rows.values():
            if other.fields.get("parent") == row.id:
                other.fields["parent"] = row.fields.get("parent", 0)
        self.tables["categories"].forget_all()


def _with_meta(store: Store, row: Row, given: Json) -> Json:
    if "meta_data" not in given:
        return given
    return {**given, "meta_data": merged_meta(row.fields.get("meta_data", []), store.meta(given["meta_data"]))}
