"""Each limit of a policy: a plan just inside is let through, one just outside is not, and the words say which limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from sync_pipeline.steps.approve.policies import RISKS, ApprovalPolicy
from sync_pipeline.steps.approve.verdict import EntityFacts, limit_passed

NOW = datetime(2026, 11, 29, tzinfo=UTC)
POLICY = ApprovalPolicy(
    policy_id=1, token_id=4, token="bot", connections=["shop"], connection_ids=[7], entity_types=["tag"],
    actions=["update"], max_plan=50, max_day=100, max_share=Decimal("0.1"), allows=[], window_from=None, window_to=None,
    zone=None, granted_by="ann", granted_at=NOW, expires_at=NOW, why=None, state="open", revoked_at=None,
    revoked_by=None, paused_at=None, paused_why=None, rows_today=0, in_window=True,
)  # fmt: skip
PLAN = EntityFacts(
    connection="shop", connection_id=7, provider="woocommerce", entity_type="tag", creates=0, updates=50, deletes=0,
    money=0, warned=0, conflicts=0, captured=500, promoted_before=True,
)  # fmt: skip


def test_a_plan_at_every_limit_is_let_through() -> None:
    assert limit_passed(replace(POLICY, rows_today=50), [PLAN]) is None
    assert limit_passed(replace(POLICY, actions=["create", "update", "delete"], allows=list(RISKS)), [
        replace(PLAN, creates=1, updates=48, deletes=1, money=49, warned=49, conflicts=49, promoted_before=False)
    ]) is None  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "plan", "words"),
    [
        ({}, {"updates": 51, "captured": 600}, "at most 50 records a plan, and it has 51"),
        ({"rows_today": 51}, {}, "at most 100 records in 24 hours, and with it there are 101"),
        ({}, {"captured": 499}, "at most 10% of an entity, and it has 50 of 499 shop tag"),
        ({}, {"connection_id": 8, "connection": "other"}, "the connection other is not among its connections"),
        ({}, {"entity_type": "product"}, "product is not among its entities"),
        ({}, {"updates": 49, "creates": 1}, "does not let creates through, and shop tag has 1"),
        ({}, {"updates": 49, "deletes": 1}, "does not let deletes through, and shop tag has 1"),
        ({}, {"money": 1}, "money changes in 1 record of shop tag"),
        ({}, {"warned": 1}, "there are warnings about 1 record of shop tag"),
        ({}, {"conflicts": 1}, "1 record of shop tag is in conflict with others"),
        ({}, {"promoted_before": False}, "it would be the first promotion of shop tag"),
        ({"in_window": False, "window_from": "08:00", "window_to": "18:00", "zone": "UTC"}, {}, "from 08:00 to 18:00"),
        ({"state": "paused", "paused_why": "plan 7 was undone by ann"}, {}, "because plan 7 was undone by ann"),
        ({"state": "expired"}, {}, "it is expired"),
        ({"state": "ended"}, {}, "it is ended"),
        ({"state": "revoked"}, {}, "it is revoked"),
    ],
)
def test_a_plan_just_beyond_a_limit_waits(policy: dict[str, Any], plan: dict[str, Any], words: str) -> None:
    limit = limit_passed(replace(POLICY, **policy), [replace(PLAN, **plan)])
    assert limit is not None
    assert words in limit


def test_an_entity_within_its_limits_does_not_make_up_for_another() -> None:
    one = replace(PLAN, updates=10)
    assert limit_passed(POLICY, [one, replace(one, connection_id=9)]) is not None
