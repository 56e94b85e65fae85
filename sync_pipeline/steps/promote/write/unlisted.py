"""What the stores' lists lost since the last promotion: orders do not wait for a customer who is gone."""

from __future__ import annotations

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.steps.promote.place import buyers
from sync_pipeline.steps.promote.place.identity import PromotionSettings
from sync_pipeline.steps.promote.write.figures import derive
from sync_pipeline.steps.promote.write.rows import begin


def settle_unlisted(db: Database, org: PromotionSettings) -> None:
    """Let the orders that wait for such customers belong to whom their e-mail leads to, in a transaction of its own.

    Raises:
        DatabaseUnavailable: the server is gone.
    """
    with db.org(org.org_id) as conn:
        if execute(conn, buyers.SQL["is_unlisted"]).scalar_one():
            begin(conn, None)
            derive(conn, org, buyers.settle_unlisted(conn), queue=None)
