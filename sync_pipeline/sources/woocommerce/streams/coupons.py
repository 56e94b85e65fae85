"""Coupons. Neither a new amount nor a redemption changes their date, so every pull reads them all."""

from sync_pipeline.sources.base import Stream
from sync_pipeline.sources.woocommerce.mappers.reference import to_reference

STREAM = Stream(
    name="coupons",
    entity_type="coupon",
    title="Coupons",
    columns=("amount", "discount_type"),
    path="wc/v3/coupons",
    label="description|code",
    code="code",
    created="date_created_gmt",
    modified="date_modified_gmt",
    noise=("_links",),
    to_entity=to_reference("coupon"),
)
