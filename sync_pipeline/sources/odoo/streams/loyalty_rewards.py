"""What loyalty programs give. parent_id is the program."""

from sync_pipeline.sources.base import Sweep
from sync_pipeline.sources.odoo.mappers.reference import to_reference
from sync_pipeline.sources.odoo.stream import LEFT_OUT, OdooStream

STREAM = OdooStream(
    name="loyalty_rewards",
    entity_type="loyalty_reward",
    title="Loyalty rewards",
    path="loyalty.reward",
    optional=True,
    absent=LEFT_OUT,
    sweep=Sweep.READ,
    parent_field="program_id",
    refers_to="loyalty_program",
    label="description",
    expects=("program_id", "reward_type", "description"),
    money=("discount_max_amount",),
    to_entity=to_reference("loyalty_reward"),
)
