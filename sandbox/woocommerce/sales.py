"""Writes to customers, orders, refunds and coupons. Each moves the same dates as on a real store."""

from decimal import Decimal
from typing import Any

from sandbox.woocommerce import money
from sandbox.woocommerce.catalogue import CatalogueStore
from sandbox.woocommerce.orders import build_order
from sandbox.woocommerce.table import Json, Row

# Statuses of an order whose goods have left the stock.
_TAKES_STOCK = ("processing", "completed", "on-hold")
ORDER_DATES = ("date_paid", "date_completed")


class SalesStore(CatalogueStore):
    def add_customer(self, **overrides: Any) -> int:
        """E-mails are unique case-insensitively. `touched=False`: a user that WooCommerce never changed (date null)."""
        with self.lock:
            fields = dict(overrides)
            touched = fields.pop("touched", True)
            number = self._next["user"]
            fields.setdefault("email", f"customer{number}@example.test")
            fields.setdefault("username", fields["email"].split("@")[0].lower())
            low = fields["email"].lower()
            if low in self._emails:
                raise ValueError(f"e-mail {fields['email']} exists already")
            fields["meta_data"] = self.meta(fields.get("meta_data"))
            row = self.insert("customers", fields)
            self._emails.add(low)
            if not touched:
                row.modified = None
            return int(row.id)

    def add_coupon(self, code: str = "save10", amount: str = "10", **overrides: Any) -> int:
        """The code is lower-cased, and whatever status was given, it is published (observed)."""
        with self.lock:
            fields = {**overrides, "code": code.lower(), "amount": f"{Decimal(str(amount)):.2f}"}
            fields["status"] = "publish"
            if "date_expires" in fields:
                fields["date_expires"] = self.moment(fields["date_expires"])
            fields["meta_data"] = self.meta(fields.get("meta_data"))
            return int(self.insert("coupons", fields).id)

    def add_order(
        self,
        *,
        customer_id: int = 0,
        items: list[tuple[int, int, int]] | None = None,
        currency: str | None = None,
        coupon: str | None = None,
        status: str = "processing",
        **overrides: Any,
    ) -> int:
        """items: (product_id, variation_id or 0, quantity). Reduces stock; moves dates of products and buyer."""
        with self.lock:
            historic = "date_created" in overrides
            row = build_order(
                self, customer_id, items or [], currency or self.currency, coupon, status, dict(overrides)
            )
            if status in _TAKES_STOCK:
                self._take_stock(row, touch=not historic)
            self._progress(row, status, at=row.created)
            if coupon:
                self._use_coupon(coupon, str(customer_id or row.fields["billing"].get("email", "")))
            buyer = self.tables["customers"].rows.get(customer_id)
            if buyer:
                buyer.fields["is_paying_customer"] = (
                    buyer.fields.get("is_paying_customer", False) or status == "completed"
                )
                if historic:
                    self.tables["customers"].touch(customer_id)
                else:
                    self.bump("customers", customer_id)
            return int(row.id)

    def add_refund(
        self,
        order_id: int,
        amount: str | Decimal | None = None,
        lines: dict[int, int] | None = None,
        *,
        reason: str = "",
        **overrides: Any,
    ) -> int:
        """Refund a part (an amount, or line item id -> quantity) or the rest. Moves the order's date_modified.

        When nothing is left the order becomes `refunded`.
        """
        with self.lock:
            order = self.row("orders", order_id)
            left = self._left(order)
            made = [self._refund_line(order, line_id, quantity) for line_id, quantity in (lines or {}).items()]
            if amount is None:
                amount = -sum((Decimal(m["total"]) + Decimal(m["total_tax"]) for m in made), money.ZERO)
                amount = amount or left
            amount = money.cents(Decimal(str(amount)))
            if not 0 < amount <= left:
                raise ValueError(f"cannot refund {amount} of the {left} left")
            fields = {
                "parent_id": order_id,
                "amount": money.text(amount),
                "reason": reason,
                "line_items": made,
                **overrides,
            }
            row = self.insert("refunds", fields)
            if amount == left:
                order.fields["status"] = "refunded"
            if "date_created" in overrides:
                self.tables["orders"].touch(order_id)
            else:
                self.bump("orders", order_id)
            return int(row.id)

    def delete_refund(self, order_id: int, refund_id: int) -> None:
        """Remove the refund from order.refunds; the order's date_modified does not move."""
        with self.lock:
            self.tables["refunds"].remove(refund_id, parent=order_id)
            self.tables["orders"].touch(order_id)

    # -- what others call ---------------------------------------------------------------------------------
    def _left(self, order: Row) -> Decimal:
        table = self.tables["refunds"]
        back = [Decimal(table.rows[i].fields["amount"]) for i in table.children.get(order.id, ())]
        return Decimal(order.fields["total"]) - sum(back, money.ZERO)

    def _refund_line(self, order: Row, line_id: int, quantity: int) -> Json:
        line = next(item for item in order.fields["line_items"] if item["id"] == line_id)
        share = Decimal(quantity) / Decimal(line["quantity"])
        total = money.cents(Decimal(line["total"]) * share)
        tax = money.cents(Decimal(line["total_tax"]) * share)
        back, back_tax = money.text(-total), money.text(-tax)
        meta = {"id": self.next_id("meta"), "key": "_refunded_item_id", "value": str(line_id)}
        return {
            **line,
            "id": self.next_id("item"),
            "quantity": -quantity,
            "subtotal": back,
            "subtotal_tax": back_tax,
            "total": back,
            "total_tax": back_tax,
            "taxes": [{"id": t["id"], "total": back_tax, "subtotal": back_tax} for t in line["taxes"]],
            "meta_data": [{**meta, "display_key": meta["key"], "display_value": meta["value"]}],
        }

    def _progress(self, row: Row, status: str, *, at: int) -> None:
        """Side effects of a status: dates, and for `refunded` a refund (observed)."""
        f = row.fields
        f["status"] = status
        by_hand = f["payment_method"] == "cod"  # cash on delivery: only completion marks it as paid
        if (status == "completed" or (status == "processing" and not by_hand)) and f.get("date_paid") is None:
            f["date_paid"] = at
        if status == "completed" and f.get("date_completed") is None:
            f["date_completed"] = at
        left = self._left(row)
        if status == "refunded" and left > 0:
            made = {"parent_id": row.id, "amount": money.text(left), "reason": "Order fully refunded."}
            self.insert("refunds", {**made, "date_created": at})
        self.tables["orders"].touch(row.id)

    def _take_stock(self, row: Row, *, touch: bool) -> None:
        """A sale of managed stock moves the product (and a variation's parent); total_sales does not."""
        for line in row.fields["line_items"]:
            product_id, variation_id = line["product_id"], line["variation_id"]
            sold = self.tables["products"].rows.get(product_id)
            if sold:
                sold.fields["total_sales"] = sold.fields.get("total_sales", 0) + line["quantity"]
                self.tables["products"].touch(product_id)
            kind, row_id = ("variations", variation_id) if variation_id else ("products", product_id)
            item = self.tables[kind].rows.get(row_id)
            if item is None or not item.fields.get("manage_stock"):
                continue
            item.fields["stock_quantity"] = (item.fields.get("stock_quantity") or 0) - line["quantity"]
            taken = {"id": self.next_id("meta"), "key": "_reduced_stock", "value": str(line["quantity"])}
            shown = {"display_key": taken["key"], "display_value": taken["value"]}
            line["meta_data"] = [*line["meta_data"], {**taken, **shown}]
            self.tables[kind].touch(row_id)
            if touch:
                self.bump(kind, row_id)
                if variation_id and sold:
                    self.bump("products", product_id)

    def _use_coupon(self, code: str, who: str) -> None:
        """Count the use; date_modified does not move."""
        table = self.tables["coupons"]
        for row in table.rows.values():
            if row.fields["code"] == code.lower():
                row.fields["usage_count"] = row.fields.get("usage_count", 0) + 1
                row.fields["used_by"] = [*row.fields.get("used_by", []), who]
                table.touch(row.id)
