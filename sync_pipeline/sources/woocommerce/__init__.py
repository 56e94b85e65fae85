"""WooCommerce REST API v3 (woocommerce.github.io/woocommerce-rest-api-docs), as real servers answer it."""

from sync_pipeline.sources.base import Source, collect
from sync_pipeline.sources.woocommerce.client import WooClient
from sync_pipeline.sources.woocommerce.settings import WooConfig

SOURCE = Source(
    name="woocommerce",
    title="WooCommerce",
    settings=WooConfig,
    secret_fields=("consumer_key", "consumer_secret"),
    address_field="store_url",
    connect=WooClient,
    streams=collect(__name__ + ".streams"),
)
