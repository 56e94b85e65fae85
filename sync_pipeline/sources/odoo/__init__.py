"""Odoo's external API (www.odoo.com/documentation/19.0/developer/reference/external_api.html), as servers answer it."""

from collections.abc import Sequence

from sync_pipeline.sources.base import Client, Finding, Source, collect
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.settings import OdooConfig


def _connect(config: OdooConfig, *, allow_private: bool = False) -> Client:
    # httpx is slow to import, and most commands ask no server anything.
    from sync_pipeline.sources.odoo.client import OdooClient

    return OdooClient(config, allow_private=allow_private)


def _diagnose(client: Client) -> Sequence[Finding]:
    from sync_pipeline.sources.odoo.client import OdooClient
    from sync_pipeline.sources.odoo.doctor import examine

    assert isinstance(client, OdooClient)
    return examine(client)


SOURCE = Source(
    name="odoo",
    title="Odoo",
    settings=OdooConfig,
    address_field="url",
    connect=_connect,
    diagnose=_diagnose,
    streams=collect(__name__ + ".streams", to_reference),
)
