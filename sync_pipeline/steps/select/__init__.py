"""select: people's decisions, bound to the version they saw, and the plans made from them."""

from sync_pipeline.steps.select.chosen import Which
from sync_pipeline.steps.select.listing import (
    LeftOut,
    PlanEvent,
    PlanRow,
    PlanStage,
    Proposer,
    ReadPlan,
    WhereIncluded,
    browse_plans,
    left_out,
    nothing_to_plan,
    own_plans,
    plan_events,
    plan_stages,
    plan_states,
    plan_that_waits,
    proposers,
    read_plan,
    say_left_out,
    where_included,
)
from sync_pipeline.steps.select.plans import (
    NOTHING_TO_RENEW,
    Plan,
    PlanState,
    make_filled_plan,
    make_plan,
    make_remap_plan,
    open_plan_count,
    plan,
    plans,
    refuse,
    replace_plan,
    withdraw,
)
from sync_pipeline.steps.select.reading import (
    Effect,
    Effects,
    PlanItem,
    PlanKind,
    PlanLine,
    PlanPage,
    Sharing,
    browse_items,
    included,
    plan_items,
    plan_kinds,
)
from sync_pipeline.steps.select.remarks import (
    HeldBack,
    MissingParts,
    held_back,
    missing_parts,
    say_held_back,
    say_missing_parts,
)
from sync_pipeline.steps.select.rules import (
    KINDS,
    StandingRule,
    add_rule,
    apply_rules,
    count_rule,
    drop_rule,
    list_rules,
    note_proposed_rule,
    rule_value,
    ruled_types,
)
from sync_pipeline.steps.select.service import (
    Selected,
    SelectionReport,
    promotes_by_itself,
    select,
    summary,
    undecide,
)
