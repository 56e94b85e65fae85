"""WooCommerce REST API v3 (woocommerce.github.io/woocommerce-rest-api-docs), as real servers answer it."""

from collections.abc import Sequence
from dataclasses import replace

from sync_pipeline.sources.base import Client, Finding, Source, collect
from sync_pipeline.sources.woocommerce.mappers.reference import to_reference
from sync_pipeline.sources.woocommerce.mappers.values import decoded
from sync_pipeline.sources.woocommerce.pushed import PUSHED
from sync_pipeline.sources.woocommerce.settings import WooConfig
from sync_pipeline.sources.woocommerce.webhooks import WooWebhooks


def _connect(config: WooConfig, *, allow_private: bool = False) -> Client:
    # httpx is slow to import, and most commands ask no store anything.
    from sync_pipeline.sources.woocommerce.client import WooClient

    return WooClient(config, allow_private=allow_private)


def _diagnose(client: Client) -> Sequence[Finding]:
    from sync_pipeline.sources.woocommerce.client import WooClient
    from sync_pipeline.sources.woocommerce.doctor import examine

    assert isinstance(client, WooClient)
    return examine(client)


SOURCE = Source(
    name="woocommerce",
    title="WooCommerce",
    short_title="Woo",
    settings=WooConfig,
    address_field="store_url",
    connect=_connect,
    diagnose=_diagnose,
    streams={
        name: replace(stream, read_text=decoded, noise=("_links", *stream.noise))  # links depend on who asks
        for name, stream in collect(__name__ + ".streams", to_reference).items()
    },
    pushed=PUSHED,
    webhooks=WooWebhooks(),
)
