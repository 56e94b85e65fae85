"""The companies of the connection."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import OdooStream

STREAM = OdooStream(
    name="companies",
    entity_type="company",
    title="Companies",
    path="res.company",
    sweep=Sweep.READ,
    company="id",
    # A company's name, address and numbers are its partner's.
    computed=("street", "street2", "zip", "city", "state_id", "country_id", "country_code", "vat"),
    expects=("name", "currency_id", "partner_id"),
    leaves_out={"user_ids": "the users that may log in, not data of the company"},
    to_entity=to_reference("company"),
)
