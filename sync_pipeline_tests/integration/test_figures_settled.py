"""Figures count captured orders: what changes without anything left to promote is settled when a promotion begins."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect, promote
from sync_pipeline.steps.promote.place.identity import promotion_settings
from sync_pipeline.steps.promote.write.deletion_changes import settle_deletion_changes
from sync_pipeline_tests.integration.promote_world import World, customer, order


class Shop:
    """A shop with a customer and an order."""

    def __init__(self, db: Database) -> None:
        self.db, self.org = db, connect.add_organization(db, "acme")
        self.world = World(db, self.org.org_id)

    def customer(self, last_name: str = "b") -> Any:
        return self.world.capture(
            "customer", customer(1, email="a@b.test", billing={}, first_name="a", last_name=last_name)
        )

    def order(self, total: str = "7", *, deleted: bool = False, email: str = "", buyer: int = 1) -> Any:
        payload = order(2, customer_id=buyer, total=total, line_items=[], billing={"email": email, "first_name": "g"})
        return self.world.capture("order", payload, deleted=deleted)

    def figures(self) -> list[tuple[Decimal, int]]:
        """Those of all customers, once a promotion has begun; the check finds nothing."""
        with self.db.org(self.org.org_id) as conn:
            org = promotion_settings(conn, self.org.org_id)
        settle_deletion_changes(self.db, org)
        assert promote.check_core(self.db, self.org, size=50).differences == []
        rows = self.world.sql("SELECT lifetime_value, order_count FROM core.customers WHERE deleted_at IS NULL")
        return [tuple(row) for row in rows]


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


@pytest.mark.parametrize("by_email", [False, True])
@pytest.mark.parametrize("undone", [False, True])
def test_an_order_that_goes_and_was_not_promoted_counts_no_longer(shop: Shop, undone: bool, by_email: bool) -> None:
    who: dict[str, Any] = {"buyer": 0, "email": "a@b.test"} if by_email else {}
    one = shop.customer()
    bought = shop.order(**who)
    shop.world.apply(one)
    assert shop.figures() == [(Decimal(7), 1)]
    report = shop.world.apply(bought) if undone else None
    shop.order(deleted=True, **who)
    if report is not None:
        shop.world.undo(report)
    assert shop.figures() == [(Decimal(0), 0)]
    shop.order(**who)
    assert shop.figures() == [(Decimal(0), 0)], "its promotion renews them"
    shop.world.apply(bought)
    assert shop.figures() == [(Decimal(7), 1)]


def test_an_order_whose_deletion_is_to_be_promoted_counts_until_then(shop: Shop) -> None:
    one, bought = shop.customer(), shop.order()
    shop.world.apply(one, bought)
    shop.order(deleted=True)
    assert shop.figures() == [(Decimal(7), 1)]
    shop.world.apply(bought)
    assert shop.figures() == [(Decimal(0), 0)]


@pytest.mark.parametrize("counted", [False, True])
def test_undo_settles_a_deletion_that_can_no_longer_be_promoted(shop: Shop, counted: bool) -> None:
    """`counted`: the figures had the order before it was promoted."""
    one = shop.customer()
    if counted:
        shop.order()
    shop.world.apply(one)
    bought = shop.order()
    report = shop.world.apply(bought)
    shop.order(deleted=True)
    assert shop.figures() == [(Decimal(7), 1)]  # taken by a promotion: its own is to come
    shop.world.undo(report)
    assert shop.figures() == [(Decimal(0), 0)]


def test_an_order_that_is_again_what_was_promoted_counts_as_that(shop: Shop) -> None:
    one, bought = shop.customer(), shop.order("3")
    shop.world.apply(one, bought)
    shop.order("7")
    shop.world.apply(shop.customer("c"))
    assert shop.figures() == [(Decimal(7), 1)], "a promotion of the customer counts what is captured"
    shop.order("3")
    assert shop.figures() == [(Decimal(3), 1)]


def test_an_address_that_a_customer_had_between_two_equal_versions_leads_to_them(shop: Shop) -> None:
    def one(email: str) -> Any:
        payload = customer(1, email=email, billing={}, first_name="a", last_name="b")
        return shop.world.capture("customer", payload)

    shop.world.apply(one(""), shop.order(buyer=0, email="y@a.test"))
    assert shop.figures() == [(Decimal(0), 0), (Decimal(7), 1)], "the order is a guest's"
    one("y@a.test")
    one("")
    assert shop.figures() == [(Decimal(7), 1)]
