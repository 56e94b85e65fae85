"""What records that go or come back change without a promotion: orders that wait for them, refunds, and figures."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.sources.base import types_of
from sync_pipeline.steps.promote.place import buyers
from sync_pipeline.steps.promote.place.identity import PromotionSettings
from sync_pipeline.steps.promote.write import child_rows
from sync_pipeline.steps.promote.write.begin import begin
from sync_pipeline.steps.promote.write.figures import derive_apart


def settle_deletion_changes(db: Database, org: PromotionSettings) -> None:
    """Settle what was deleted at the stores, or came back, since the last promotion.

    Orders that wait for a customer who is gone belong to whom their e-mail leads to; what was refunded is summed up
    again; the figures of who bought are those of the orders that are left, for nobody can promote that an order went
    which was never promoted. What a customer's e-mail was between two versions that are the same leads to that customer
    from now on. It belongs to no plan, so it has a transaction of its own, and undo takes none of it back.

    Raises:
        DatabaseUnavailable: the server is gone.
    """
    with db.org(org.org_id) as conn:
        if not execute(conn, buyers.SQL["has_deletion_changes"]).scalar_one():
            return
        begin(conn, None)
        types = {"orders": types_of("order"), "refunds": types_of("refund"), "buyers": types_of("customer")}
        found = execute(conn, buyers.SQL["take_deletion_changes"], **types).all()
        concerned: dict[str, list[Any]] = defaultdict(list)
        for one in found:
            concerned[one.concern].append(one)
        waiting, sales, who = ([tuple(one)[:3] for one in concerned[name]] for name in ("waits", "sale", "buyer"))
        # A guest is made of the lowest order that claims its e-mail, which may be one of these now.
        claimed = buyers.claim_again(conn, waiting) if waiting else set()
        customers = buyers.settle_buyers(conn, None, claimed, renew=True)
        customers |= buyers.settle_buyers(conn, None, buyers.former_emails(conn, who) - claimed)
        refunded = {int(one.internal_id) for one in concerned["refunds"]}
        child_rows.sum_refunds(conn, None, refunded)
        customers |= child_rows.customers_behind(conn, "core.sales_orders", refunded)
        derive_apart(conn, org, customers | buyers.counted_without_promotion(conn, sales), queue=None)
