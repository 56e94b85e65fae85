"""Coupons, gift cards and loyalty cards with their points. parent_id is the program."""

from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import LEFT_OUT, OdooStream

STREAM = OdooStream(
    name="loyalty_cards",
    entity_type="loyalty_card",
    title="Loyalty cards",
    path="loyalty.card",
    optional=True,
    absent=LEFT_OUT,
    parent_field="program_id",
    refers_to="loyalty_program",
    label="code",
    code="code",
    sweep_fields=("id", "write_date", "points", "code", "partner_id", "order_id", "expiration_date", "active"),
    expects=("program_id", "points", "code"),
    to_entity=to_reference("loyalty_card"),
)
