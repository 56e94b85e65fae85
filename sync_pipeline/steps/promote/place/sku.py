"""Which record owns a SKU. docs/mapping.md explains the rules.

A SKU belongs to one core row. Within a connection the lowest external id owns it, and the others are promoted without
it. Records of several connections with the same SKU are one row. If a core row that no record maps to has the SKU, the
organization's policy decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from sync_pipeline import gates
from sync_pipeline.db.queries import execute
from sync_pipeline.entities.core import CoreTable
from sync_pipeline.gates.causes.sku_conflict import CAUSE
from sync_pipeline.steps.promote.core.statements import ROWS, for_table
from sync_pipeline.steps.promote.map.batch import WorkItem
from sync_pipeline.steps.promote.place.identity import (
    SQL,
    IdentityConflict,
    Move,
    PromotionSettings,
    Resolution,
    holders_of,
    new_ids,
    numeric,
)

_OFFERS = {
    "duplicate_sku": (["separate"], "the lowest id of a connection owns a SKU"),
    "unmapped_sku": (["core_wins", "source_wins"], "a core row that no record maps to keeps its values"),
}


@dataclass(slots=True)
class _Sku:
    """One SKU: the row that has it, the records that map to that row, and the items of the batch that want it."""

    key: str
    row: int | None = None
    unmapped: bool = False
    core_wins: bool = False
    holders: list[tuple[int, str]] = field(default_factory=list)  # (connection, external id), live
    wanted: list[WorkItem] = field(default_factory=list)


def resolve_skus(
    conn: Connection,
    org: PromotionSettings,
    queue: str,
    table: CoreTable,
    items: Sequence[WorkItem],
    outcome: Resolution,
) -> None:
    """Decide for every item with a SKU. Items may get an id, lose their SKU, or fail at a gate."""
    work = _Work(conn, org, queue, table, outcome)
    for sku in _gather(conn, table, items):
        work.decide(sku)


def _gather(conn: Connection, table: CoreTable, items: Sequence[WorkItem]) -> list[_Sku]:
    asked = [item for item in items if item.sku]
    if not asked:
        return []
    skus: dict[str, _Sku] = {}
    last = 0
    for row in holders_of(conn, table, [item.sku for item in asked], contested=True):
        sku = skus.get(row.key)
        if sku is None:
            sku = skus[row.key] = _Sku(row.key, row.id, bool(row.unmapped))
        if row.n != last:
            sku.wanted.append(asked[row.n - 1])
            last = row.n
        if row.external_id is not None and (row.connection_id, row.external_id) not in sku.holders:
            sku.holders.append((row.connection_id, row.external_id))
            sku.core_wins = sku.core_wins or bool(row.core_wins)
    return list(skus.values())


class _Work:
    def __init__(
        self, conn: Connection, org: PromotionSettings, queue: str, table: CoreTable, outcome: Resolution
    ) -> None:
        self.conn, self.org, self.queue, self.table, self.outcome = conn, org, queue, table, outcome

    def decide(self, sku: _Sku) -> None:
        # The common case: nobody has the SKU and one item wants it, or its only holder is promoted again.
        if len(sku.wanted) == 1:
            item = sku.wanted[0]
            alone = sku.row is None or (item.id == sku.row and len(sku.holders) <= 1)
            if alone:
                return
        if sku.unmapped:
            self._unmapped(sku)
            sku.wanted = [item for item in sku.wanted if item.error is None and not item.sku_set_aside]
        owners = [owner for owner in self._owners(sku) if owner is not None]
        if owners:
            self._join(sku, owners)

    def _owners(self, sku: _Sku) -> list[WorkItem | None]:
        """The item of each connection that owns the SKU; the others are set aside."""
        by_connection: dict[int, list[WorkItem]] = defaultdict(list)
        for item in sku.wanted:
            by_connection[item.line.connection_id].append(item)
        owners: list[WorkItem | None] = []
        for connection, group in by_connection.items():
            group.sort(key=lambda item: numeric(item.line.external_id))
            here = {item.line.external_id for item in group}
            held = sorted((ext for holder, ext in sku.holders if holder == connection and ext not in here), key=numeric)
            lowest = group[0]
            if held and numeric(held[0]) < numeric(lowest.line.external_id):
                for item in group:
                    self._aside(item, sku, held[0])
                continue
            for item in group[1:]:
                self._aside(item, sku, lowest.line.external_id)
            if held and not self._take_over(lowest, sku, held[0]):
                continue
            owners.append(lowest)
        return owners

    def _aside(self, item: WorkItem, sku: _Sku, owner: str) -> None:
        """`item` gets a row of its own, without the SKU."""
        if item.was_set_aside and item.id != sku.row:
            item.sku_set_aside = True
            return
        policy = self._policy(item, "duplicate_sku", f"records {owner} and {item.line.external_id}")
        if policy == "halt":
            self._halt(item, sku, "duplicate_sku", owner)
            return
        item.sku_set_aside = True
        if item.id == sku.row:
            if len(sku.holders) > 1 or any(one.id == sku.row for one in sku.wanted if one is not item):
                item.id = 0  # the row stays with the records that keep the SKU
                self.outcome.recompute.add(sku.row or 0)
            else:
                # Its row keeps it; the SKU leaves the row before the owner takes it.
                self._release([item.id])
                sku.row, sku.holders = None, []
        self._conflict("duplicate_sku", item, owner, item.id or None, policy, "set_aside")
        item.warnings.append(f"SKU {item.sku} belongs to {owner} of this store; promoted without it.")

    def _take_over(self, item: WorkItem, sku: _Sku, holder: str) -> bool:
        """A lower id than the holder's came: the SKU moves to its row, with the other stores' records."""
        policy = self._policy(item, "duplicate_sku", f"records {item.line.external_id} and {holder}")
        if policy == "halt":
            self._halt(item, sku, "duplicate_sku", holder)
            return False
        row = sku.row
        assert row is not None
        if item.id == row:
            return True  # both are on this row already, which keeps the SKU
        self._release([row])
        execute(
            self.conn,
            SQL["set_aside"],
            queue=self.queue,
            table=self.table.name,
            rows=[row],
            connection=item.line.connection_id,
        )
        if not item.id:
            item.id, item.is_new = new_ids(self.conn, self.table.name, 1)[0], True
        others = sorted({connection for connection, _ in sku.holders if connection != item.line.connection_id})
        if others:
            self.outcome.recompute.update((row, item.id))
            self.outcome.moves.append(Move(row, item.id, others))
        self._conflict("duplicate_sku", item, holder, row, policy, "took_over")
        sku.row = item.id
        sku.holders = [(c, ext) for c, ext in sku.holders if c != item.line.connection_id]
        return True

    def _unmapped(self, sku: _Sku) -> None:
        """A core row that no record maps to has the SKU."""
        row = sku.row
        assert row is not None
        for item in sorted(sku.wanted, key=lambda one: (one.line.connection_id, numeric(one.line.external_id))):
            policy = self._policy(item, "unmapped_sku", f"core row {row} and record {item.line.external_id}")
            if policy == "halt":
                self._halt(item, sku, "unmapped_sku", None)
                continue
            if item.id and policy == "source_wins":
                self._release([row])  # the record has a row of its own, so the SKU comes to it
                sku.row = None
            elif item.id:
                item.sku_set_aside = True
            elif policy == "core_wins":
                sku.core_wins = True
            self._conflict("unmapped_sku", item, None, row, policy, policy)
            sku.unmapped = False
            return
        sku.wanted = []

    def _join(self, sku: _Sku, owners: list[WorkItem]) -> None:
        """The owners of all connections share one row."""
        target = sku.row or min((item.id for item in owners if item.id), default=0)
        if not target:
            target = new_ids(self.conn, self.table.name, 1)[0]
            owners[0].id, owners[0].is_new = target, True
        for item in owners:
            if item.id and item.id != target:
                # It was a separate row until it got this SKU.
                self.outcome.moves.append(Move(item.id, target, [item.line.connection_id]))
                item.is_new = False
            item.id = target
            item.core_wins = item.core_wins or sku.core_wins
        if len(owners) > 1 or sku.holders:
            self.outcome.recompute.add(target)

    def _release(self, rows: list[int]) -> None:
        execute(self.conn, for_table(ROWS["release_skus"], self.table), rows=rows, queue=self.queue)

    def _policy(self, item: WorkItem, kind: str, who: str) -> str:
        """The organization's policy, or under `halt` what a person answered at this conflict's gate."""
        if self.org.sku_policy != "halt":
            return self.org.sku_policy
        answer = gates.gate_answer(
            self.conn,
            CAUSE,
            subject=_subject(item, kind),
            connection_id=item.line.connection_id,
            entity_type=item.line.entity_type,
            ever=True,
        )
        if answer is not None:
            gates.record_outcome(
                self.conn,
                CAUSE,
                subject=_subject(item, kind),
                connection_id=item.line.connection_id,
                entity_type=item.line.entity_type,
                outcome=f"{item.line.entity_type} {item.line.external_id} was promoted: {answer}.",
            )
            return answer
        offer, rule = _OFFERS[kind]
        gate = gates.open_gate(
            self.conn,
            CAUSE,
            subject=_subject(item, kind),
            values={"sku": item.sku or "", "claimants": who, "rule": rule},
            offer=offer,
            connection_id=item.line.connection_id,
            entity_type=item.line.entity_type,
            external_id=item.line.external_id,
            sku=item.sku,
        )
        gates.note_stopped(self.conn, [gate], self.queue)
        return "halt"

    def _halt(self, item: WorkItem, sku: _Sku, kind: str, other: str | None) -> None:
        self._conflict(kind, item, other, sku.row, "halt", "halted")
        item.error = (
            f"SKU {item.sku} is in conflict and the policy is to halt. "
            "Answer the decision (`sync-pipeline decisions list`); the record is promoted then."
        )

    def _conflict(
        self, kind: str, item: WorkItem, other: str | None, row: int | None, policy: str, decision: str
    ) -> None:
        self.outcome.conflicts.append(IdentityConflict(kind, item, item.sku or "", other, row, policy, decision))


def _subject(item: WorkItem, kind: str) -> str:
    return f"{kind} {item.sku} {item.line.external_id}"
