"""select: what people decided, bound to the version they saw, and the plans made of it."""

from sync_pipeline.steps.select.plans import (
    Plan,
    PlanItem,
    PlanState,
    approve,
    make_plan,
    make_remap_plan,
    plan,
    plan_items,
    plans,
    refuse,
)
from sync_pipeline.steps.select.rules import StandingRule, add_rule, apply_rules, drop_rule, list_rules
from sync_pipeline.steps.select.service import Selected, SelectionReport, select, summary

__all__ = [
    "Plan",
    "PlanItem",
    "PlanState",
    "Selected",
    "SelectionReport",
    "StandingRule",
    "add_rule",
    "apply_rules",
    "approve",
    "drop_rule",
    "list_rules",
    "make_plan",
    "make_remap_plan",
    "plan",
    "plan_items",
    "plans",
    "refuse",
    "select",
    "summary",
]
