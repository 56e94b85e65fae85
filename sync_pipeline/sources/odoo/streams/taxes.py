"""Taxes."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="taxes",
    entity_type="tax",
    title="Taxes",
    columns=("amount", "amount_type", "type_tax_use"),
    path="account.tax",
    optional=True,
    sweep=Sweep.READ,
    computed=("price_include",),
    expects=("name", "amount", "amount_type", "type_tax_use"),
    to_entity=to_reference("tax"),
)
