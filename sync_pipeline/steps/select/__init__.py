"""select: people's decisions, bound to the version they saw, and the plans made from them."""

from sync_pipeline.steps.select.plans import (
    Plan,
    PlanItem,
    PlanState,
    approve,
    approved,
    make_filled_plan,
    make_plan,
    make_remap_plan,
    plan,
    plan_items,
    plans,
    refuse,
    withdraw,
)
from sync_pipeline.steps.select.rules import (
    KINDS,
    StandingRule,
    add_rule,
    apply_rules,
    count_rule,
    drop_rule,
    list_rules,
    rule_value,
)
from sync_pipeline.steps.select.service import Selected, SelectionReport, Which, select, summary
