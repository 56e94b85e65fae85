"""Journals: where invoices and payments are entered."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import LEFT_OUT, OdooStream

STREAM = OdooStream(
    name="journals",
    entity_type="journal",
    title="Journals",
    path="account.journal",
    optional=True,
    absent=LEFT_OUT,
    sweep=Sweep.READ,
    code="code",
    expects=("name", "code", "type"),
    to_entity=to_reference("journal"),
)
