"""Sale orders: the header and its tax. The lines are records of their own."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sync_pipeline.entities.base import Follow, MapperWarning, names, reads
from sync_pipeline.entities.named_by import NamedBy
from sync_pipeline.entities.order import Order, OrderStatus
from sync_pipeline.entities.order_item import ItemType, OrderItem
from sync_pipeline.entities.values import when
from sync_pipeline.sources.odoo.mappers.customer import PLACE, REACH, e_mail, owner, place
from sync_pipeline.sources.odoo.mappers.follow import COUNTRY, CURRENCY, STATE, currency_of, partner
from sync_pipeline.sources.odoo.mappers.values import amount, ident, kept, linked, records, ref, text

# A quotation is not a sale, sent or not.
STATUS = {
    "draft": OrderStatus.DRAFT,
    "sent": OrderStatus.DRAFT,
    "sale": OrderStatus.PROCESSING,
    "done": OrderStatus.PROCESSING,  # before Odoo 17: confirmed and locked
    "cancel": OrderStatus.CANCELLED,
}
_KEPT = names(
    "locked invoice_status delivery_status client_order_ref origin commitment_date partner_id "
    "partner_invoice_id partner_shipping_id pricelist_id fiscal_position_id payment_term_id carrier_id "
    "warehouse_id company_id team_id user_id"
)
_ADDRESS = ("commercial_company_name", "company_name", *PLACE, *REACH)


INVOICED = NamedBy(
    "invoice_lines",
    "invoice_line",
    ("price_total", "display_type", "move_id"),
    (Follow("move_id", "invoice", ("move_type", "state", "currency_id")),),
    by="sale_line_ids",
)
# Odoo computes an order's invoices from this, and does not store them; a credit note does not touch the order.
LINES = NamedBy("order_line", "order_line", (), (INVOICED,))


def credited(order: Mapping[str, Any]) -> dict[str, Decimal]:
    """What posted credit notes gave back of an order, by their id: the lines that credit lines of it, tax included.

    A credit note in another currency than the order's is left out: its amounts are not the order's.
    """
    parts = {ident(part): part for line in records(order, "order_line") for part in records(line, "invoice_lines")}
    found: dict[str, Decimal] = {}
    for part in parts.values():
        note = linked(part, "move_id")
        if note.get("move_type") != "out_refund" or note.get("state") != "posted":
            continue
        if ident(note.get("currency_id")) != ident(order.get("currency_id")):
            continue
        if part.get("display_type") in (None, False, "product"):
            number = str(ident(note))
            found[number] = found.get(number, Decimal(0)) + amount(part, "price_total")
    return found


def status_of(payload: Mapping[str, Any], warnings: list[str]) -> OrderStatus:
    """A confirmed order is completed when nothing is left to deliver and it is invoiced in full, or locked."""
    state = str(payload.get("state") or "")
    status = STATUS.get(state)
    if status is None:
        said = f"Unknown state “{state}”" if state else "It has no state"
        said += ": it counts as processing."
        warnings.append(MapperWarning(said, "unknown_status", "state"))
        return OrderStatus.PROCESSING
    delivered = payload.get("delivery_status") in (None, False, "full")
    closed = payload.get("invoice_status") == "invoiced" or payload.get("locked") is True or state == "done"
    return OrderStatus.COMPLETED if status is OrderStatus.PROCESSING and delivered and closed else status


@reads(
    *names("id name state currency_id amount_total amount_tax date_order create_date effective_date"),
    *_KEPT,
    follows=(
        CURRENCY,
        LINES,
        partner("partner_id"),
        partner("partner_invoice_id", *_ADDRESS, follows=(COUNTRY, STATE), watched=False),
        partner("partner_shipping_id", *_ADDRESS, follows=(COUNTRY, STATE), watched=False),
    ),
    # Where it was sent, whoever moves later.
    as_promoted=("customer_email", "billing_address", "shipping_address"),
)
def to_order(payload: Mapping[str, Any]) -> Order:
    """One `sale.order`. Its amounts are in its own currency; the tax is the order's, as Odoo rounds it there.

    Raises:
        SyncError: its currency is not captured.
        Unmappable: an amount is not a number.
    """
    warnings: list[str] = []
    status = status_of(payload, warnings)
    buyer = linked(payload, "partner_id")
    bill_to = linked(payload, "partner_invoice_id")
    tax = amount(payload, "amount_tax")
    ordered_at = when(payload, "date_order", warnings) or when(payload, "create_date", warnings)
    delivered_at = when(payload, "effective_date", warnings)
    refunds = credited(payload)
    return Order(
        number=text(payload, "name") or str(payload.get("id")),
        status=status,
        source_status=str(payload.get("state") or ""),
        currency=currency_of(payload),
        total=amount(payload, "amount_total"),
        tax_total=tax,
        refunded_total=sum(refunds.values(), Decimal(0)),
        refunds=refunds,
        customer=owner(buyer) if buyer else ref("customer", payload.get("partner_id")),
        customer_email=e_mail(buyer) or e_mail(bill_to),
        billing_address=place(bill_to),
        shipping_address=place(linked(payload, "partner_shipping_id")),
        ordered_at=ordered_at,
        completed_at=delivered_at if status is OrderStatus.COMPLETED else None,
        items=[OrderItem(item_type=ItemType.TAX, external_item_id="tax", name="Tax", total=tax)] if tax else [],
        lines_apart=True,
        references=[one for one in (text(payload, "client_order_ref"), text(payload, "origin")) if one],
        metadata={
            "odoo_order_id": payload.get("id"),
            **kept(payload, _KEPT),
            **({"refunds": refunds} if refunds else {}),
        },
        warnings=tuple(warnings),
    )
