"""When loyalty programs give points. parent_id is the program."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import LEFT_OUT, OdooStream

STREAM = OdooStream(
    name="loyalty_rules",
    entity_type="loyalty_rule",
    title="Loyalty rules",
    path="loyalty.rule",
    optional=True,
    absent=LEFT_OUT,
    sweep=Sweep.READ,
    parent_field="program_id",
    refers_to="loyalty_program",
    label=None,
    code="code",
    expects=("program_id", "reward_point_amount", "minimum_qty"),
    money=("minimum_amount",),
    to_entity=to_reference("loyalty_rule"),
)
