"""Products of every type and status; variations are a stream of their own."""

from sync_pipeline.entities.base import names
from sync_pipeline.sources.base import Stream, Sweep
from sync_pipeline.sources.woocommerce.mappers.product import STATUS, STOCK_STATUS, to_product

STREAM = Stream(
    name="products",
    entity_type="product",
    title="Products",
    columns=("price", "stock_quantity", "type"),
    path="wc/v3/products",
    entity="product",
    signal=True,
    sweep=Sweep.COMPARE,
    links={"categories": "category"},
    code="sku",
    code_is="sku",
    created="date_created_gmt",
    modified="date_modified_gmt",
    # related_ids is random in each answer; price_html is rendered from price and theme; total_sales counts orders.
    noise=("related_ids", "price_html", "total_sales"),
    # Plugins write these without changing a date; renaming a category, tag or attribute of the product changes none.
    sweep_fields=names(
        "id name slug status sku type catalog_visibility price regular_price sale_price tax_status tax_class "
        "manage_stock stock_quantity stock_status weight dimensions shipping_class menu_order categories tags "
        "attributes variations date_modified_gmt"
    ),
    money=("price", "regular_price", "sale_price"),
    numbers=("stock_quantity",),
    copied={"quantity": "stock_quantity"},
    lists=("attributes", "images", "tags", "categories", "attributes.options"),
    texts=("name", "sku", "slug", "type", "global_unique_id", "backorders", "attributes.name", "tags.name"),
    flags=("manage_stock", "attributes.variation"),
    words={"status": tuple(STATUS), "stock_status": ("", *STOCK_STATUS)},
    needs=names(
        "name sku type status description price regular_price sale_price manage_stock stock_quantity stock_status "
        "categories images attributes"
    ),
    to_entity=to_product,
)
