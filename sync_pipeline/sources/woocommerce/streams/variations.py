"""Variations of variable products: in one list where wc-analytics answers, else one list per parent."""

from sync_pipeline.entities.base import names
from sync_pipeline.sources.base import Stream, Sweep
from sync_pipeline.sources.woocommerce.mappers.product import STATUS, STOCK_STATUS
from sync_pipeline.sources.woocommerce.mappers.variation import to_variant

STREAM = Stream(
    name="variations",
    entity_type="variation",
    title="Variations",
    columns=("price", "stock_quantity", "attributes"),
    # An internal namespace that many stores answer: 100 variations a request instead of one product's.
    path="wc-analytics/variations",
    entity="variant",
    signal=True,
    sweep=Sweep.COMPARE,
    parent="products",
    parent_where=lambda product: "variable" in str(product.get("type")) or bool(product.get("variations")),
    parent_field="parent_id",
    refers_to="product",
    part_of_parent=True,
    code="sku",
    code_is="sku",
    created="date_created_gmt",
    modified="date_modified_gmt",
    # The bulk list answers name as “Parent - Option”, the product's own list as “Option”.
    noise=("name",),
    sweep_fields=names(
        "id parent_id status sku price regular_price sale_price tax_status tax_class manage_stock stock_quantity "
        "stock_status weight dimensions shipping_class menu_order attributes date_modified_gmt"
    ),
    money=("price", "regular_price", "sale_price"),
    numbers=("stock_quantity",),
    copied={"quantity": "stock_quantity"},
    lists=("attributes",),
    texts=("name", "sku", "global_unique_id", "backorders", "attributes.name", "attributes.option"),
    flags=("manage_stock",),
    words={"status": tuple(STATUS), "stock_status": ("", *STOCK_STATUS)},
    needs=names("sku status price regular_price sale_price manage_stock stock_quantity stock_status attributes"),
    to_entity=to_variant,
)
