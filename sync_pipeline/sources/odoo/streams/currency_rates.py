"""Currency rates by day and company. parent_id is the currency."""

from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import LEFT_OUT, OdooStream

STREAM = OdooStream(
    name="currency_rates",
    entity_type="currency_rate",
    title="Currency rates",
    path="res.currency.rate",
    optional=True,
    absent=LEFT_OUT,
    parent_field="currency_id",
    refers_to="currency",
    label=None,
    code="name",  # the day
    sweep_fields=("id", "write_date", "name", "rate", "currency_id"),
    expects=("name", "rate", "currency_id"),
    to_entity=to_reference("currency_rate"),
)
