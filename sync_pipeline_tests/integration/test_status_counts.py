"""What status says without counting is what counting finds, after everything that can happen to a record."""

from __future__ import annotations

from sandbox.woocommerce import Store, seed
from sync_pipeline.steps import observe, promote, select
from sync_pipeline_tests.captured import Clock, captured_once
from sync_pipeline_tests.stores import Shop, shop

_COUNTED = """
SELECT (SELECT count(*) FROM capture.sync_record AS r
        WHERE r.entity_type = 'product' AND r.deletion_state <> 'deleted') AS captured,
       (SELECT count(*) FROM promote.integration_mapping AS m
        WHERE m.entity_type = 'product' AND NOT m.promoted_deleted) AS promoted,
       count(*) FILTER (WHERE d.status = 'new') AS new, count(*) FILTER (WHERE d.status = 'updated') AS updated,
       count(*) FILTER (WHERE d.status = 'deleted') AS deleted,
       count(*) FILTER (WHERE s.decision = 'include') AS included,
       count(*) FILTER (WHERE s.decision = 'ignore') AS ignored,
       count(*) FILTER (WHERE d.status IS NOT NULL AND s.decision IS NULL) AS undecided
FROM preview.difference AS d
LEFT JOIN selection.sync_selective_config AS s
    ON s.org_id = d.org_id AND s.connection_id = d.connection_id AND s.entity_type = d.entity_type
        AND s.external_id = d.external_id AND s.content_hash = d.content_hash
        AND s.seen_deleted = (d.status = 'deleted')
WHERE d.entity_type = 'product'
"""
_KNOWN = "SELECT count(*) FROM capture.sync_cursor JOIN preview.summary USING (entity_type, changed_at)"


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=30, variable=0, customers=0, orders=0)
    return made


def pull(opened: Shop) -> None:
    opened.pull("products")


template = captured_once(shop, fill, pull)


def test_it_is_what_counting_finds(store: Shop) -> None:
    stream = store.connection.source.stream("products")

    def holds(known: bool = True) -> dict[str, int]:
        (found,) = store.rows(_COUNTED)
        (one,) = observe.status(store.db, store.org)
        said = next(entity for entity in one.entities if entity.entity == "products")
        assert {name: getattr(said, name) for name in found._fields} == found._asdict()
        assert bool(store.value(_KNOWN)) is known, "whether it was known without counting"
        return dict(found._asdict())

    def see() -> None:
        store.pull("products")
        holds(known=False)
        store.preview("products")
        holds()

    def apply(ids: list[str]) -> str:
        select.select(store.db, store.connection, stream, ids=ids, include=True, actor="ann")
        holds()
        plan = select.make_plan(store.db, store.org, actor="ann")
        assert plan is not None
        promote.apply(store.db, store.org.org_id, str(plan.plan_id), actor="ann")
        holds()
        return str(plan.plan_id)

    holds(known=False)  # nothing was compared yet
    store.preview("products")
    ids = sorted(store.table("products", "new"), key=int)
    first = apply(ids[:8])
    second = apply(ids[8:10])
    promote.undo(store.db, store.org.org_id, second, actor="ann")
    assert holds()["promoted"] == 8
    select.select(store.db, store.connection, stream, ids=ids[10:12], include=False, actor="ann")
    assert holds()["ignored"] == 2
    store.store.update("products", int(ids[0]), name="Renamed")
    for one in ids[1:4]:
        store.store.trash("products", int(one))
    see()
    third = apply([*ids[:2]])
    assert holds()["deleted"] == 2
    for one in ids[1:3]:
        store.store.restore("products", int(one))
    see()  # of these one came back after its deletion was promoted, and one before
    assert holds()["promoted"] == 7
    fourth = apply([ids[1]])
    assert holds()["promoted"] == 8
    for plan in (fourth, third, first):
        promote.undo(store.db, store.org.org_id, plan, actor="ann")
        holds()
    store.preview("products")
    holds()
