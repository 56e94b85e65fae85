"""The lists without a table in core: tags, attributes, coupons, taxes, shipping, settings."""

from sync_pipeline.sources.base import Paging, Stream

STREAMS = (
    # The terms of each product attribute: one list per attribute.
    Stream(
        name="attribute_terms",
        entity_type="attribute_term",
        title="Attribute terms",
        path="wc/v3/products/attributes/{parent}/terms",
        parent="attributes",
        code="slug",
        noise=("count",),
    ),
    # Product attributes; the list has no pages.
    Stream(
        name="attributes",
        entity_type="attribute",
        title="Attributes",
        path="wc/v3/products/attributes",
        paging=Paging.WHOLE,
        code="slug",
    ),
    # Coupons. Neither a new amount nor a redemption changes their date, so every pull reads them all.
    Stream(
        name="coupons",
        entity_type="coupon",
        title="Coupons",
        columns=("amount", "discount_type"),
        path="wc/v3/coupons",
        label="description|code",
        code="code",
        amounts=("amount", "minimum_amount", "maximum_amount"),
        created="date_created_gmt",
        modified="date_modified_gmt",
    ),
    # Payment gateways; their key is a word.
    Stream(
        name="payment_gateways",
        entity_type="payment_gateway",
        title="Payment gateways",
        path="wc/v3/payment_gateways",
        paging=Paging.WHOLE,
        label="method_title|title",
        code="id",
    ),
    # Product reviews of every status; no change signal, read whole.
    Stream(
        name="reviews",
        entity_type="review",
        title="Reviews",
        columns=("rating", "status"),
        path="wc/v3/products/reviews",
        params={"status": "all"},
        parent_field="product_id",
        refers_to="product",
        label="reviewer",
        email="reviewer_email",
        created="date_created_gmt",
        optional=True,
        noise=("reviewer_avatar_urls",),
        personal=("reviewer", "reviewer_email", "reviewer_avatar_urls"),
    ),
    # The general store settings: address, currency, number format.
    Stream(
        name="settings",
        entity_type="setting",
        title="Store settings",
        path="wc/v3/settings/general",
        paging=Paging.WHOLE,
        label="label",
        code="id",
        store_currency=lambda setting: (
            str(setting.get("value")) if setting.get("id") == "woocommerce_currency" else None
        ),
    ),
    # Shipping classes; no dates, read whole.
    Stream(
        name="shipping_classes",
        entity_type="shipping_class",
        title="Shipping classes",
        path="wc/v3/products/shipping_classes",
        code="slug",
    ),
    # The shipping methods of each zone: one list per zone.
    Stream(
        name="shipping_zone_methods",
        entity_type="shipping_zone_method",
        title="Shipping methods",
        path="wc/v3/shipping/zones/{parent}/methods",
        paging=Paging.WHOLE,
        parent="shipping_zones",
        id_field="instance_id",
        label="title",
        code="method_id",
        amounts=("settings.cost.value",),
    ),
    # Shipping zones; the list has no pages.
    Stream(
        name="shipping_zones",
        entity_type="shipping_zone",
        title="Shipping zones",
        path="wc/v3/shipping/zones",
        paging=Paging.WHOLE,
    ),
    # Product tags; no dates, read whole.
    Stream(
        name="tags",
        entity_type="tag",
        title="Tags",
        path="wc/v3/products/tags",
        code="slug",
        noise=("count",),
    ),
    # Tax classes; their key is the slug.
    Stream(
        name="tax_classes",
        entity_type="tax_class",
        title="Tax classes",
        path="wc/v3/taxes/classes",
        paging=Paging.WHOLE,
        id_field="slug",
        code="slug",
    ),
    # Tax rates; no dates, read whole.
    Stream(
        name="taxes",
        entity_type="tax",
        title="Taxes",
        columns=("rate", "country", "class"),
        amounts=("rate",),
        path="wc/v3/taxes",
    ),
)
