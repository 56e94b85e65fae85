"""What people are told that a new plan would hold is what it holds, and both are what the rules say.

Random records, decisions and plans, against a model: decisions about another version or about a deletion, drafts and
proposals, what waits for the sensor or is in its plan, what waits in somebody else's, and what an open queue holds.
Another organization has the same records, all included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection as Transaction

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.steps import connect
from sync_pipeline.steps.connect.party import Party
from sync_pipeline.steps.select.plans import proposals_of
from sync_pipeline.steps.select.service import NO_PLAN
from sync_pipeline_tests.databases import cloned, opened_as_the_application
from sync_pipeline_tests.integration.promote_world import World

COMPARE = load("sync_pipeline.steps.preview", "compare.sql")
SELECTION = load("sync_pipeline.steps.select")
READING = load("sync_pipeline.steps.select", "reading.sql")
Held = Counter[tuple[int, str, str]]  # connection, entity type, action

ANN, BO = Party("ann", "command"), Party("bo", "explorer", "operator", 3, 1)
# Two tokens of one name, and one that no person holds.
BOT, NAMESAKE = Party("bot", "mcp", "agent", 7), Party("bot", "mcp", "agent", 8)
MACHINE = Party("till", "api", "operator", 9)
PARTIES = (ANN, BO, BOT, NAMESAKE, MACHINE)
SENSOR = Party("selection")
TYPES = ("product", "customer")
# What a record is to core, and what a plan would do.
ACTIONS = {
    "new": "create", "changed": "update", "came back": "update", "follows": "update", "deleted": "delete",
    "in sync": None, "deleted in core": None, "deleted before it was promoted": None,
}  # fmt: skip


@dataclass(frozen=True)
class Decided:
    """A decision. `other`: about another version; `elsewhere`: about the record when it was, or was not, deleted;
    `approved`: no draft any more, since its plan was approved.
    """

    decision: str
    other: bool
    elsewhere: bool
    approved: bool
    batch: int
    plans: frozenset[int]  # that hold the record


@dataclass(frozen=True)
class Record:
    """`queued`: an open queue has it, in the version that it has “now” or a “former” one; or one that is done."""

    is_: str
    decided: Decided | None
    queued: str | None = None

    @property
    def gone(self) -> bool:
        return self.is_.startswith("deleted")


@dataclass(frozen=True)
class Batch:
    """A selection. `plan`: the place of the one that took it; -1: it left nothing to plan."""

    by: Party
    draft: bool
    place: tuple[int, str]  # a connection, an entity type
    plan: int | None


@dataclass(frozen=True)
class Plan:
    by: Party
    state: str


@dataclass(frozen=True)
class Case:
    batches: Sequence[Batch]
    plans: Sequence[Plan]
    records: Sequence[Record]


seldom = st.sampled_from([False, False, False, True])
_BATCHES = st.builds(
    Batch,
    st.sampled_from(PARTIES),
    st.booleans(),
    # The first connection promotes what is selected, the second does not, the third is disconnected.
    st.tuples(st.sampled_from([0, 0, 1, 2]), st.sampled_from(TYPES)),
    st.sampled_from([None, None, -1, 0, 1, 2, 3]),
)
_PLANS = st.builds(
    Plan, st.sampled_from([*PARTIES, SENSOR]), st.sampled_from(["proposed", "approved", "applied", "refused"])
)
_DECIDED = st.builds(
    Decided,
    st.sampled_from(["include", "include", "include", "ignore"]),
    seldom,
    seldom,
    seldom,
    st.integers(0, 4),
    st.frozensets(st.integers(0, 3), max_size=2),
)
_RECORDS = st.builds(
    Record,
    st.sampled_from(list(ACTIONS)),
    st.one_of(st.none(), _DECIDED, _DECIDED, _DECIDED),
    st.sampled_from([None, None, None, "now", "former", "done"]),
)
CASES = st.builds(
    Case,
    st.lists(_BATCHES, min_size=5, max_size=5),
    st.lists(_PLANS, min_size=4, max_size=4),
    st.lists(_RECORDS, min_size=1, max_size=12),
)


def expected(case: Case, by: Party, connections: Sequence[int], *, waiting: bool, drafts: bool = True) -> Held:
    """What a plan of this party holds, as the rules say."""
    found: Held = Counter()
    # A selection that waits for the sensor is left to it if an open queue has a part.
    in_part = {
        one.decided.batch
        for one in case.records
        if one.queued in ("now", "former") and one.decided and one.decided.decision == "include"
        and not (_drafted(case, one.decided))
    }  # fmt: skip
    for record in case.records:
        action, made = ACTIONS[record.is_], record.decided
        if action is None or made is None or made.decision != "include" or made.other or made.elsewhere:
            continue
        batch = case.batches[made.batch]
        store, entity_type = batch.place
        proposal = batch.by.is_agent
        draft = _drafted(case, made)
        taken = case.plans[batch.plan] if batch.plan not in (None, -1) else None
        for_sensor = batch.plan is None and not batch.draft and not proposal and store == 0
        others = [case.plans[one] for one in made.plans if case.plans[one].by.name != by.name]
        if (
            store != 2
            and (waiting and not (drafts and made.batch in in_part) if for_sensor else drafts)
            and not (drafts and record.queued == "now")
            and not (taken and taken.by is SENSOR and taken.state == "approved")
            and not (draft and any(one.state in ("proposed", "approved") for one in others))
            and (
                (by.is_agent and batch.by == by)
                or (not by.is_agent and not (proposal and (draft or batch.plan is None)))
            )
        ):
            found[connections[store], entity_type, action] += 1
    return found


def _drafted(case: Case, made: Decided) -> bool:
    batch = case.batches[made.batch]
    return (batch.draft or batch.by.is_agent) and not made.approved


def fill(conn: Transaction, case: Case, connections: Sequence[int]) -> None:
    """Write it, and compare the records with core as a preview does."""
    plans = [
        execute(
            conn,
            "INSERT INTO selection.sync_plan (org_id, plan_hash, origin, created_by, state) VALUES "
            "(connect.current_org(), '', %(origin)s, %(by)s, %(state)s) RETURNING plan_id",
            origin="selection" if one.by is SENSOR else "command", by=one.by.name, state=one.state,
        ).scalar_one()
        for one in case.plans
    ]  # fmt: skip

    def plan_of(batch: Batch, decision: str) -> UUID | None:
        return (
            None if batch.plan is None or decision == "ignore" else NO_PLAN if batch.plan == -1 else plans[batch.plan]
        )

    batches = {
        (n, decision): execute(
            conn,
            "INSERT INTO selection.selection_batch (org_id, connection_id, entity_type, decision, criteria, draft, "
            "decided_by, token_id, agent, plan_id) VALUES (connect.current_org(), %(connection)s, %(type)s, "
            "%(decision)s, '{}', %(draft)s, %(by)s, %(token)s, %(agent)s, %(plan)s) RETURNING batch_id",
            connection=connections[one.place[0]], type=one.place[1], decision=decision, by=one.by.name,
            draft=one.draft or one.by.is_agent, token=one.by.token_id, agent=one.by.is_agent,
            plan=plan_of(one, decision),
        ).scalar_one()
        for n, one in enumerate(case.batches)
        for decision in ("include", "ignore")
    }  # fmt: skip
    for n, record in enumerate(case.records):
        made = record.decided
        batch = case.batches[made.batch] if made else case.batches[0]
        here = {"c": connections[batch.place[0]], "t": batch.place[1], "x": str(n)}
        now, former = b"now", b"former"
        execute(
            conn,
            "INSERT INTO capture.sync_record (org_id, connection_id, entity_type, external_id, provider, sync_data, "
            "content_hash, raw_hash, deletion_state) VALUES (connect.current_org(), %(c)s, %(t)s, %(x)s, "
            "'woocommerce', '{}', %(hash)s, '', %(state)s)",
            **here, hash=now, state="deleted" if record.gone else "present",
        )  # fmt: skip
        if record.is_ not in ("new", "deleted before it was promoted"):
            execute(
                conn,
                "INSERT INTO promote.integration_mapping (org_id, connection_id, entity_type, external_id, provider, "
                "core_table, internal_id, promoted_hash, promoted_deleted) VALUES (connect.current_org(), %(c)s, "
                "%(t)s, %(x)s, 'woocommerce', 'core.products', %(n)s, %(hash)s, %(deleted)s)",
                **here, n=n, hash=former if record.is_ in ("changed", "deleted", "deleted in core") else now,
                deleted=record.is_ in ("came back", "deleted in core"),
            )  # fmt: skip
        if record.is_ == "follows":
            execute(
                conn,
                "INSERT INTO preview.difference (org_id, connection_id, entity_type, external_id, status, "
                "content_hash, promoted_hash, followed) VALUES (connect.current_org(), %(c)s, %(t)s, %(x)s, "
                "'updated', %(hash)s, %(hash)s, '{\"version\": \"1\"}')",
                **here, hash=now,
            )  # fmt: skip
        if record.queued is not None:
            _queue(conn, here, former if record.queued == "former" else now, record)
        if made is None:
            continue
        kept = {"batch": batches[made.batch, made.decision], "hash": former if made.other else now}
        execute(
            conn,
            "INSERT INTO selection.sync_selective_config (org_id, connection_id, entity_type, external_id, decision, "
            "content_hash, seen_deleted, draft, decided_by, batch_id) VALUES (connect.current_org(), %(c)s, %(t)s, "
            "%(x)s, %(decision)s, %(hash)s, %(gone)s, %(draft)s, %(by)s, %(batch)s)",
            **here, **kept, decision=made.decision, gone=record.gone != made.elsewhere,
            draft=(batch.draft or batch.by.is_agent) and not made.approved, by=batch.by.name,
        )  # fmt: skip
        for one in made.plans:
            execute(
                conn,
                "INSERT INTO selection.sync_plan_item (org_id, plan_id, connection_id, entity_type, external_id, "
                "action, content_hash, batch_id) VALUES (connect.current_org(), %(plan)s, %(c)s, %(t)s, %(x)s, "
                "'create', %(hash)s, %(batch)s)",
                **here, **kept, plan=plans[one],
            )  # fmt: skip
    for connection in connections:
        for entity_type in TYPES:
            here = {"connection_id": connection, "entity_type": entity_type, "provider": "woocommerce"}
            for step in ("drop_different", "compare", "settle_different", "write_different", "drop_different"):
                execute(conn, COMPARE[step], **here)


def _queue(conn: Transaction, here: dict[str, Any], version: bytes, record: Record) -> None:
    """A queue with this record alone, of a plan that nobody asks about."""
    plan = execute(
        conn,
        "INSERT INTO selection.sync_plan (org_id, plan_hash, origin, created_by, state) VALUES "
        "(connect.current_org(), '', 'command', 'zoe', 'applied') RETURNING plan_id",
    ).scalar_one()
    queue = execute(
        conn,
        "INSERT INTO promote.sync_queue (org_id, plan_id, idempotency_key, created_by) VALUES "
        "(connect.current_org(), %(plan)s, %(plan)s::text, 'zoe') RETURNING queue_id",
        plan=plan,
    ).scalar_one()
    execute(
        conn,
        "INSERT INTO promote.sync_queue_line (org_id, queue_id, line_no, stage, connection_id, entity_type, "
        "external_id, action, content_hash, state, finished_at) VALUES (connect.current_org(), %(queue)s, 1, 1, %(c)s, "
        "%(t)s, %(x)s, %(action)s, %(hash)s, %(state)s, CASE WHEN %(state)s = 'done' THEN now() END)",
        **here, queue=queue, hash=version, action="delete" if record.gone else "update",
        state="done" if record.queued == "done" else "draft",
    )  # fmt: skip


def told(conn: Transaction, by: Party, only: tuple[int, str] | None, *, waiting: bool) -> Held:
    """What a new plan would hold, as people read it."""
    connection_id, entity_type = only or (None, None)
    wanted = {"connection_id": connection_id, "entity_type": entity_type, "waiting": waiting, "planned": True}
    rows = execute(conn, READING["included"], **wanted, **_asked_by(by)).all()
    found: Held = Counter()
    for row in rows:
        for action, records in (("create", row.creates), ("update", row.updates), ("delete", row.deletes)):
            found[row.connection_id, row.entity_type, action] = records
    return +found


def planned(conn: Transaction, by: Party, only: tuple[int, str] | None, *, waiting: bool, drafts: bool = True) -> Held:
    """What a plan does hold; it is taken back."""
    made = conn.begin_nested()
    plan = execute(
        conn, SELECTION["open_plan"], origin="command" if drafts else "selection", why=None, actor=by.name, **by.columns
    ).scalar_one()
    narrowed = {"connections": [only[0]] if only else None, "types": [only[1]] if only else None}
    wanted: dict[str, Any] = {
        "batches": None, "ids": None, "proposed": None, "drafts": drafts, "waiting": waiting, **narrowed,
    }  # fmt: skip
    execute(conn, SELECTION["fill_plan"], plan_id=plan, **wanted, **_asked_by(by))
    rows = execute(
        conn, "SELECT connection_id, entity_type, action FROM selection.sync_plan_item WHERE plan_id = %(p)s", p=plan
    ).all()
    made.rollback()
    return Counter(tuple(row) for row in rows)


def _asked_by(by: Party) -> dict[str, Any]:
    return {"actor": by.name, "token_id": by.token_id, "proposals": proposals_of(by)}


@pytest.fixture(scope="module")
def world(server: Any) -> Iterator[tuple[Database, connect.Organization, Sequence[int]]]:
    """An organization with three connections, beside one with everything included."""
    with cloned(server) as owner_url, opened_as_the_application(owner_url) as database:
        made = []
        for slug in ("acme", "other"):
            org = connect.add_organization(database, slug)
            place = World(database, org.org_id)
            ids = [place.shop, place.connect("by hand", promote_on_select=False), place.connect("gone")]
            place.sql("UPDATE connect.integration_connector SET disabled_at = now() WHERE name = 'gone'")
            made.append((database, org, ids))
        included = Decided("include", other=False, elsewhere=False, approved=False, batch=0, plans=frozenset())
        everything = Case([Batch(ANN, False, (0, "product"), None)], [], [Record(one, included) for one in ACTIONS])
        _, other, ids = made[1]
        with database.org(other.org_id) as conn:
            fill(conn, everything, ids)
        yield made[0]


def _of_each(batch: Batch, *plans: Plan, approved: bool = False, queued: str | None = None) -> Case:
    """A record of each kind, included by one selection and in each of the plans."""
    included = Decided(
        "include", other=False, elsewhere=False, approved=approved, batch=0, plans=frozenset(range(len(plans)))
    )
    return Case([batch], plans, [Record(one, included, queued) for one in ACTIONS])


# A case is small as it is; to make it smaller takes minutes.
@settings(max_examples=30, phases=[Phase.explicit, Phase.generate])
@example(_of_each(Batch(ANN, False, (0, "product"), None)))
@example(_of_each(Batch(ANN, False, (0, "product"), 0), Plan(SENSOR, "approved")))
@example(_of_each(Batch(ANN, False, (0, "product"), 0), Plan(SENSOR, "applied")))
@example(_of_each(Batch(BO, True, (0, "product"), 0), Plan(BO, "proposed")))
@example(_of_each(Batch(BOT, True, (1, "customer"), None), Plan(BOT, "refused")))
@example(_of_each(Batch(BOT, True, (0, "product"), None), Plan(BO, "approved"), approved=True))
@example(_of_each(Batch(MACHINE, True, (2, "customer"), None)))
@example(_of_each(Batch(ANN, True, (0, "product"), 0), Plan(ANN, "approved"), approved=True, queued="now"))
@example(_of_each(Batch(ANN, True, (0, "product"), 0), Plan(ANN, "approved"), approved=True, queued="former"))
@example(_of_each(Batch(ANN, False, (0, "product"), None), queued="former"))
@given(CASES)
def test_a_plan_holds_what_people_were_told(
    world: tuple[Database, connect.Organization, Sequence[int]], case: Case
) -> None:
    database, org, connections = world
    with database.org(org.org_id) as conn:
        before = conn.begin_nested()
        fill(conn, case, connections)
        for by in PARTIES:
            for waiting in (True, False):
                held = expected(case, by, connections, waiting=waiting)
                assert told(conn, by, None, waiting=waiting) == held, (by, waiting)
                assert planned(conn, by, None, waiting=waiting) == held, (by, waiting)
                place = connections[0], "product"
                part = {key: records for key, records in held.items() if key[:2] == place}
                assert told(conn, by, place, waiting=waiting) == part, (by, waiting)
                assert planned(conn, by, place, waiting=waiting) == part, (by, waiting)
        # The sensor's holds no drafts.
        held = expected(case, SENSOR, connections, waiting=True, drafts=False)
        assert planned(conn, SENSOR, None, waiting=True, drafts=False) == held
        before.rollback()
