"""The sandbox store: one Odoo's data and every write to it.

Each write moves the write_date of the same records as on a real server, and of no others.
"""

from collections.abc import Iterable

from sandbox.odoo.base import StoreBase
from sandbox.odoo.computed import INHERITS
from sandbox.odoo.data import ADMIN
from sandbox.odoo.effects import AFTER, refuse_removal
from sandbox.odoo.models import Json
from sandbox.odoo.rows import Row, moment

_PARTNER_FIELDS = (
    ("sale.order", ("partner_id", "partner_invoice_id", "partner_shipping_id")),
    ("sale.order.line", ("order_partner_id",)),
    ("account.move", ("partner_id", "commercial_partner_id", "partner_shipping_id")),
    ("account.move.line", ("partner_id",)),
    ("stock.picking", ("partner_id",)),
    ("stock.move", ("partner_id",)),
    ("res.partner", ("parent_id", "commercial_partner_id")),
)
# Records that are deleted with their owner: owner -> (model, many2one).
_OWNED = {
    "sale.order": (("sale.order.line", "order_id"),),
    "account.move": (("account.move.line", "move_id"),),
    "stock.picking": (("stock.move", "picking_id"),),
    "product.template": (
        ("product.product", "product_tmpl_id"),
        ("product.template.attribute.line", "product_tmpl_id"),
        ("product.pricelist.item", "product_tmpl_id"),
    ),
    "product.template.attribute.line": (("product.template.attribute.value", "attribute_line_id"),),
    "product.product": (("stock.quant", "product_id"),),
    "product.pricelist": (("product.pricelist.item", "pricelist_id"),),
    "product.category": (("product.category", "parent_id"),),
    "product.attribute": (("product.attribute.value", "attribute_id"),),
}


class Store(StoreBase):
    # -- writes for tests ---------------------------------------------------------------------------------
    def create(
        self, model: str, values: Json | list[Json], *, hold_seconds: float = 0.0, uid: int = ADMIN
    ) -> list[int]:
        """Create records and return their ids. Held: dated now, visible `hold_seconds` later by the store's clock."""
        with self.lock:
            transaction = self.transaction()
            ids = transaction.create(model, values, uid)
            self.hold(transaction, hold_seconds)
            return ids

    def write(
        self, model: str, ids: int | Iterable[int], values: Json, *, touch: bool = True, hold_seconds: float = 0.0
    ) -> None:
        """Change records. write_date moves even when the values are the same; not at all when touch is False."""
        with self.lock:
            transaction = self.transaction()
            transaction.write(model, _listed(ids), values, touch=touch)
            self.hold(transaction, hold_seconds)

    def unlink(self, model: str, ids: int | Iterable[int], *, force: bool = False, hold_seconds: float = 0.0) -> None:
        """Delete records without a trace. Raises Refused for records in use, as a real server does, unless forced."""
        with self.lock:
            wanted = _listed(ids)
            transaction = self.transaction()
            if not force:
                for row_id in wanted:
                    refuse_removal(self, model, self.row(model, row_id))
            transaction.unlink(model, wanted)
            self.hold(transaction, hold_seconds)

    def sql(self, model: str, row_id: int, values: Json) -> None:
        """An UPDATE past the ORM: nothing is derived, write_date stays."""
        with self.lock:
            self.settle()
            row = self.row(model, row_id)
            stamped = values.get("write_date")
            self.tables[model].change(row, self.normal(model, values, row))
            if stamped is not None:
                row.written = moment(stamped)
            self.version += 1

    def archive(self, model: str, ids: int | Iterable[int], active: bool = False) -> None:
        self.write(model, ids, {"active": active})

    def translate(self, model: str, row_id: int, lang: str, values: Json) -> None:
        """Set values of translated fields in one language; the write_date moves."""
        with self.lock:
            row = self.row(model, row_id)
            row.words = {**(row.words or {}), lang: {**(row.words or {}).get(lang, {}), **values}}
            self.write(model, row_id, {})

    def merge_partners(self, source: int, target: int) -> None:
        """Merge source into target: references move without their write_date, the target's moves."""
        with self.lock:
            for model, names in _PARTNER_FIELDS:
                for row in list(self.tables[model].rows.values()) if model in self.tables else ():
                    moved = {name: target for name in names if row.values.get(name) == source}
                    if moved and row.id != source:
                        self.tables[model].change(row, moved)
            self.unlink("res.partner", source, force=True)
            self.write("res.partner", target, {})

    def adjust_stock(
        self, product: int, *, quantity: float | None = None, by: float = 0.0, reserved: float | None = None,
        location: int | None = None,
    ) -> int:  # fmt: skip
        """Set the quantity on hand, or change it `by`; only the quant's write_date moves. Returns its id."""
        with self.lock:
            quants = self.tables["stock.quant"]
            where = (
                location or self.row("stock.warehouse", self.tables["stock.warehouse"].ids[0]).values["lot_stock_id"]
            )
            found = [
                i
                for i in quants.pointing["product_id"].get(product, ())
                if quants.rows[i].values["location_id"] == where
            ]
            values: Json = {} if reserved is None else {"reserved_quantity": float(reserved)}
            before = quants.rows[found[0]].values.get("quantity", 0.0) if found else 0.0
            values["quantity"] = float(before + by if quantity is None else quantity)
            if found:
                self.write("stock.quant", found[0], values)
                return found[0]
            place = self.row("stock.location", where).values
            values |= {"product_id": product, "location_id": where, "company_id": place.get("company_id", False)}
            return self.create("stock.quant", {**values, "in_date": self.utcnow()})[0]

    def quant_tasks(self) -> list[int]:
        """Delete quants at 0, as opening Physical Inventory does."""
        with self.lock:
            rows = self.tables["stock.quant"].rows.values()
            empty = [r.id for r in rows if not r.values.get("quantity") and not r.values.get("reserved_quantity")]
            self.unlink("stock.quant", empty, force=True)
            return empty

    def confirm(self, order: int) -> None:
        """Confirm a quotation: the write_date of the order and its lines moves."""
        with self.lock:
            lines = self.tables["sale.order.line"].pointing["order_id"].get(order, [])
            self.write("sale.order", order, {"state": "sale", "date_order": self.utcnow()})
            self.write("sale.order.line", list(lines), {"state": "sale"})

    def deliver(self, picking: int) -> None:
        """Validate a transfer: the write_date of moves, order, lines and quants moves."""
        with self.lock:
            moves, now = self.tables["stock.move"], self.utcnow()
            self.write("stock.picking", picking, {"state": "done", "date_done": now})
            for row_id in list(moves.pointing["picking_id"].get(picking, ())):
                move = moves.rows[row_id].values
                self.write("stock.move", row_id, {"state": "done", "quantity": move["product_uom_qty"], "picked": True})
                self.adjust_stock(move["product_id"], by=-move["product_uom_qty"], location=move["location_id"])
                if move.get("sale_line_id"):
                    self.write("sale.order.line", move["sale_line_id"], {"qty_delivered": move["product_uom_qty"]})
            order = self.row("stock.picking", picking).values.get("sale_id")
            if order:
                self.write("sale.order", order, {"delivery_status": "full", "effective_date": now})

    def remove_attribute_value(self, value: int) -> list[int]:
        """Remove a value (product.template.attribute.value) from its template: unused variants that had it are deleted,
        the others archived. Returns the deleted ids.
        """
        with self.lock:
            variants = self.tables["product.product"]
            sold = {line.values.get("product_id") for line in self.tables["sale.order.line"].rows.values()}
            had = [
                r.id
                for r in variants.rows.values()
                if value in r.values.get("product_template_attribute_value_ids", ())
            ]
            gone = [i for i in had if i not in sold]
            self.archive("product.product", [i for i in had if i in sold])
            self.unlink("product.product", gone, force=True)
            kept = len(gone) < len(had)
            if kept:
                self.write("product.template.attribute.value", value, {"ptav_active": False})
            else:
                self.unlink("product.template.attribute.value", value, force=True)
            return gone

    def add_any(self, model: str) -> int:
        """A plain new record: a copy of the model's newest (faults.drift)."""
        with self.lock:
            newest = self.row(model, self.tables[model].ids[-1]).values
            return self.create(model, {k: v for k, v in newest.items() if k not in ("create_uid", "write_uid")})[0]

    # -- what a transaction's steps do --------------------------------------------------------------------
    def insert(self, model: str, row_id: int, values: Json, at: int, uid: int) -> Row:
        values, inherited = self._split(model, values)
        if model == "product.product" and not values.get("product_tmpl_id"):
            template = self.insert(
                "product.template", self.tables["product.template"].reserve(), {**inherited, "_bare": True}, at, uid
            )
            values = {**values, "product_tmpl_id": template.id}
        clean = self.normal(model, values)
        clean.setdefault("create_uid", uid)
        clean.setdefault("write_uid", uid)
        if "active" in self.models[model].fields:
            clean.setdefault("active", True)
        row = Row(row_id, clean, moment(values["create_date"]) if "create_date" in values else at, at)
        self.tables[model].add(row)
        self._owned_lists(model, row, values, at, uid)
        AFTER.get(model, _nothing)(self, row, set(clean), at, True)
        if "write_date" in values:
            row.written = moment(values["write_date"])
        return row

    def change(self, model: str, row_id: int, values: Json, at: int | None, uid: int = ADMIN) -> None:
        row = self.tables[model].rows.get(row_id)
        if row is None:  # deleted since the transaction began
            return
        values, inherited = self._split(model, values)
        if inherited:
            parent = INHERITS[model]
            self.change(parent[1], row.values[parent[0]], inherited, at, uid)
        clean = self.normal(model, values, row)
        self.tables[model].change(row, clean)
        if at is not None:
            self.touch(row, at, uid)
        self._owned_lists(model, row, values, at or row.written, uid)
        AFTER.get(model, _nothing)(self, row, set(clean), at, False)

    def _split(self, model: str, values: Json) -> tuple[Json, Json]:
        """A variant's own values, and those of its template (for a user: of the partner)."""
        parent = INHERITS.get(model)
        if parent is None:
            return values, {}
        own, theirs = self.models[model].fields, self.models[parent[1]].fields
        inherited = {k: v for k, v in values.items() if k in own and k in theirs and not own[k].stored}
        return {k: v for k, v in values.items() if k not in inherited}, inherited

    def touch(self, row: Row, at: int | None, uid: int = ADMIN) -> None:
        """Set write_date to the transaction's start, whatever it was before."""
        if at is not None:
            row.written = at
            row.values["write_uid"] = uid

    def remove(self, model: str, row_id: int, at: int) -> None:
        table = self.tables[model]
        row = table.rows.get(row_id)
        if row is None:
            return
        for owned, name in _OWNED.get(model, ()):
            if owned not in self.tables:
                continue
            for child in list(self.tables[owned].pointing[name].get(row_id, ())):
                self.remove(owned, child, at)
        for other in self.tables.values():
            for name, pointing in other.pointing.items():
                if self.models[other.model].fields[name].relation == model:
                    for child in list(pointing.get(row_id, ())):
                        other.change(other.rows[child], {name: False})
        template = row.values.get("product_tmpl_id") if model == "product.product" else None
        if row_id not in table.rows:  # a template is deleted with its last variant
            return
        table.remove(row_id)
        variants = self.tables["product.product"].pointing["product_tmpl_id"] if template else {}
        if template in self.tables["product.template"].rows and not variants.get(template):
            self.remove("product.template", int(template or 0), at)

    def _owned_lists(self, model: str, row: Row, values: Json, at: int, uid: int) -> None:
        """Commands of one2many fields: 0 create, 1 update, 2 delete."""
        for name, inverse in self.models[model].inverses.items():
            for command in values.get(name) or ():
                if not isinstance(command, (list, tuple)):
                    continue
                if command[0] == 0:
                    table = self.tables[inverse.model]
                    self.insert(inverse.model, table.reserve(), {**command[2], inverse.field: row.id}, at, uid)
                elif command[0] == 1:
                    self.change(inverse.model, command[1], command[2], at, uid)
                elif command[0] == 2:
                    self.remove(inverse.model, command[1], at)


def _listed(ids: int | Iterable[int]) -> list[int]:
    return [ids] if isinstance(ids, int) else list(ids)


def _nothing(_store: "Store", _row: Row, _names: set[str], _at: int | None, _new: bool) -> None:
    return None
