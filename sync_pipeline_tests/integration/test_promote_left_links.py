"""A record that leaves a core row which others keep takes along what it named: categories, and links that wait."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline.db.engine import Database
from sync_pipeline.steps import promote
from sync_pipeline.steps.connect import Organization
from sync_pipeline_tests.integration.promote_world import World, product

LINKS = """
SELECT c.external_id, 'is linked' FROM core.product_categories AS p
JOIN promote.integration_mapping AS c ON c.core_table = 'core.categories' AND c.internal_id = p.category_id
JOIN core.products AS r ON r.id = p.product_id AND r.deleted_at IS NULL
UNION ALL
SELECT l.external_id, 'waits' FROM promote.pending_link AS l WHERE l.relation = 'product_categories'
ORDER BY 1
"""


@pytest.mark.parametrize("takes_over", [False, True], ids=["nobody takes its place", "another takes its place"])
def test_what_a_record_named_goes_with_it(database: Database, org: Organization, takes_over: bool) -> None:
    world = World(database, org.org_id)
    second = world.connect("second")
    category = world.capture("category", {"id": 5, "name": "Five", "parent": 0}, connection=second)
    listed: Any = [{"id": 5}, {"id": 6}]  # 6 is never promoted
    kept = world.capture("product", product(1, sku="A", name="kept"))
    leaves = world.capture("product", product(1, sku="A", name="leaves", categories=listed), connection=second)
    some = [category, kept, leaves]
    if takes_over:
        some.append(world.capture("product", product(2, sku="A", name="comes"), connection=second))
    world.apply(*some)
    assert [tuple(row) for row in world.sql(LINKS)] == [("5", "is linked"), ("6", "waits")]
    world.capture("product", product(1, sku="A", name="leaves", categories=listed), connection=second, deleted=True)
    report = world.apply(leaves)
    assert [tuple(row) for row in world.sql(LINKS)] == []
    assert promote.check_core(database, org).differences == []
    world.undo(report)
    assert [tuple(row) for row in world.sql(LINKS)] == [("5", "is linked"), ("6", "waits")]
    assert promote.check_core(database, org).differences == []
