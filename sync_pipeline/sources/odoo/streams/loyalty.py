"""Loyalty programs, coupons and gift cards; the module may be absent."""

from sync_pipeline.sources.odoo.stream import LEFT_OUT, OdooStream, ShortList

STREAMS = (
    # Loyalty programs, coupons and gift cards; the module may be absent.
    ShortList(
        name="loyalty_programs",
        entity_type="loyalty_program",
        title="Loyalty programs",
        path="loyalty.program",
        optional=True,
        expects=("name", "program_type"),
    ),
    # When loyalty programs give points. parent_id is the program.
    ShortList(
        name="loyalty_rules",
        entity_type="loyalty_rule",
        title="Loyalty rules",
        path="loyalty.rule",
        optional=True,
        absent=LEFT_OUT,
        parent_field="program_id",
        refers_to="loyalty_program",
        label=None,
        code="code",
        expects=("program_id", "reward_point_amount", "minimum_qty"),
        money=("minimum_amount",),
    ),
    # What loyalty programs give. parent_id is the program.
    ShortList(
        name="loyalty_rewards",
        entity_type="loyalty_reward",
        title="Loyalty rewards",
        path="loyalty.reward",
        optional=True,
        absent=LEFT_OUT,
        parent_field="program_id",
        refers_to="loyalty_program",
        label="description",
        expects=("program_id", "reward_type", "description"),
        money=("discount_max_amount",),
        amounts=("discount",),
    ),
    # Coupons, gift cards and loyalty cards with their points. parent_id is the program.
    OdooStream(
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
        amounts=("points",),  # a gift card's are money
    ),
)
