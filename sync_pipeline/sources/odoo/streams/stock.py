"""Stock (quants) by product, location, lot and owner. Odoo deletes a quant at 0 some time later, without a trace."""

from sync_pipeline.entities.base import names
from sync_pipeline.sources.odoo.mappers.stock import to_stock
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="stock",
    entity_type="stock",
    title="Stock",
    columns=("product_id", "location_id", "quantity"),
    path="stock.quant",
    optional=True,
    entity="inventory_item",
    # Customers, vendors and losses may have no company: what lies there without one may be another company's business.
    shared=(["location_id.usage", "in", ["internal", "transit"]],),
    parent_field="product_id",
    refers_to="variation",
    label=None,
    sweep_fields=names("id write_date product_id location_id lot_id owner_id quantity reserved_quantity"),
    expects=("product_id", "location_id", "quantity", "reserved_quantity"),
    numbers=("quantity",),
    copied={"quantity": "quantity", "metadata.company_id": "company_id>company.id"},
    to_entity=to_stock,
)
