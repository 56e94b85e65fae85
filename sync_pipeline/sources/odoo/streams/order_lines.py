"""Lines of sale orders, with sections, notes, delivery and rewards. parent_id is the order."""

from sync_pipeline.entities.base import names
from sync_pipeline.sources.odoo.mappers.order_line import to_order_lines
from sync_pipeline.sources.odoo.stream import ALL_DOCUMENTS, OdooStream

STREAM = OdooStream(
    name="order_lines",
    entity_type="order_line",
    title="Order lines",
    columns=("product_uom_qty", "price_unit", "price_subtotal"),
    path="sale.order.line",
    optional=True,
    entity="order_lines",
    all_documents=ALL_DOCUMENTS,
    parent_field="order_id",
    refers_to="order",
    part_of_parent=True,
    # Merging partners changes no date; delivered and invoiced quantities are computed from other records.
    sweep_fields=names(
        "id write_date order_id order_partner_id state display_type product_id name product_uom_qty price_unit "
        "discount price_subtotal price_tax price_total qty_delivered qty_invoiced invoice_status"
    ),
    expects=names(
        "order_id product_id name product_uom_qty price_unit discount price_subtotal price_tax price_total tax_ids "
        "display_type currency_id"
    ),
    leaves_out={"invoice_lines": "the invoice lines name their order lines"},
    money=("price_unit", "price_subtotal", "price_tax"),
    amounts=("price_total", "discount", "currency_id"),
    numbers=("product_uom_qty", "discount"),
    copied={
        "quantity": "product_uom_qty",
        "total": "price_subtotal",
        "metadata.unit": "product_uom_id|product_uom>unit.name",
    },
    to_entity=to_order_lines,
)
