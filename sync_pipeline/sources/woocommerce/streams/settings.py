"""The general store settings: address, currency, number format."""

from sync_pipeline.sources.base import Paging, Stream
from sync_pipeline.sources.woocommerce.mappers.reference import to_reference

STREAM = Stream(
    name="settings",
    entity_type="setting",
    title="Store settings",
    path="wc/v3/settings/general",
    paging=Paging.WHOLE,
    label="label",
    code="id",
    noise=("_links",),
    store_currency=lambda setting: str(setting.get("value")) if setting.get("id") == "woocommerce_currency" else None,
    to_entity=to_reference("setting"),
)
