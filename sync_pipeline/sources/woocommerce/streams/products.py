"""Products of every type and status; variations are a stream of their own."""

from sync_pipeline.sources.base import Stream, Sweep
from sync_pipeline.sources.woocommerce.mappers.product import to_product

STREAM = Stream(
    name="products",
    entity_type="product",
    title="Products",
    path="wc/v3/products",
    entity="product",
    signal=True,
    sweep=Sweep.COMPARE,
    code="sku",
    code_is="sku",
    created="date_created_gmt",
    modified="date_modified_gmt",
    # related_ids is random in each answer; price_html is rendered from price and theme.
    noise=("_links", "related_ids", "price_html"),
    # Plugins write stock and prices without changing a date; so does renaming a category of the product.
    sweep_fields=(
        "id",
        "name",
        "status",
        "sku",
        "type",
        "price",
        "regular_price",
        "sale_price",
        "manage_stock",
        "stock_quantity",
        "stock_status",
        "categories",
        "variations",
        "date_modified_gmt",
    ),
    money=("price", "regular_price", "sale_price"),
    dates=("date_created_gmt", "date_modified_gmt"),
    needs=(
        "name",
        "sku",
        "type",
        "status",
        "description",
        "price",
        "regular_price",
        "sale_price",
        "manage_stock",
        "stock_quantity",
        "stock_status",
        "categories",
        "images",
        "attributes",
    ),
    to_entity=to_product,
)
