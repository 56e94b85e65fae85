"""What the organization's SKU policy says where records or rows compete: who is stopped, and what is written down.

`source_wins` and `core_wins` need nobody; under `halt` a person answers a gate for each conflict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from sync_pipeline import gates
from sync_pipeline.gates.causes.sku_conflict import CAUSE
from sync_pipeline.steps.promote.map.batch import WorkItem
from sync_pipeline.steps.promote.place.claims import Claimant, Part
from sync_pipeline.steps.promote.place.identity import IdentityConflict, PromotionSettings, Resolution

_OFFERS = {
    "duplicate_sku": (["separate"], "the lowest id of a connection owns a SKU"),
    "unmapped_sku": (["core_wins", "source_wins"], "a core row that no record maps to keeps its values"),
}


class SkuPolicy:
    """Decides the conflicts of what is settled together."""

    def __init__(self, conn: Connection, org: PromotionSettings, queue: str | None, outcome: Resolution) -> None:
        self.conn, self.org, self.queue, self.outcome = conn, org, queue, outcome
        self.adopted: dict[str, tuple[int, str, WorkItem]] = {}  # what is decided about unmapped rows, by SKU

    def halted(self, claimants: Sequence[Claimant], unmapped: Mapping[str, int]) -> list[Claimant]:
        """The records without those that a person must decide on first; one that is mapped stays what it was.

        `unmapped`: core rows with a claimed SKU that no record was ever mapped to.
        """
        groups: dict[tuple[int, str], list[Claimant]] = defaultdict(list)
        for one in sorted(claimants, key=lambda claimant: claimant.rank):
            if one.claim is not None:
                groups[one.connection, one.claim].append(one)
        halted: set[tuple[int, str, str]] = set()
        for (_, claim), (lowest, *rest) in groups.items():
            for one in rest:
                if one.item is not None and not one.aside and not lowest.pending:
                    self._ask(one, lowest, halted)
            if lowest.item is not None and (taken := [one for one in rest if _loses(one)]):
                self._ask(lowest, taken[0], halted)
            if lowest.item is not None and claim in unmapped and claim not in self.adopted:
                self._ask_about_row(lowest, unmapped[claim], halted)
        return [
            _as_it_was(one) if one.key in halted else one
            for one in claimants
            if one.key not in halted or (one.item is not None and one.item.was_mapped)
        ]

    def _ask(self, one: Claimant, other: Claimant, halted: set[tuple[int, str, str]]) -> None:
        assert one.item is not None
        who = f"records {other.external_id} and {one.external_id}"
        if one.key not in halted and self.policy(one.item, "duplicate_sku", who) == "halt":
            self._halt(one.item, "duplicate_sku", other.external_id, other.row or None)
            halted.add(one.key)

    def _ask_about_row(self, one: Claimant, row: int, halted: set[tuple[int, str, str]]) -> None:
        assert one.item is not None
        if one.key in halted:
            return
        policy = self.policy(one.item, "unmapped_sku", f"core row {row} and record {one.external_id}")
        if policy == "halt":
            self._halt(one.item, "unmapped_sku", None, row)
            halted.add(one.key)
        else:
            self.adopted[one.claim or ""] = (row, policy, one.item)

    def unmapped(self, parts: Sequence[Part]) -> set[int]:
        """Carry out what was decided about core rows that no record maps to; returns those that stay as they are."""
        keeps: set[int] = set()
        for part in parts:
            if part.claim not in self.adopted:
                continue
            row, policy, item = self.adopted[part.claim]
            if policy == "core_wins" and part.rows:
                keeps.add(row)  # the record has a row of its own, which goes without the SKU
                part.claim = None
            elif policy == "core_wins":
                for one in part.members:
                    one.core_wins = True
            self._conflict("unmapped_sku", item, None, row, policy, policy)
        return keeps

    def record(self, parts: Sequence[Part]) -> None:
        """Write down who lost a SKU to whom, and tell the record's line."""
        owners = {(one.connection, part.claim): one for part in parts if part.claim for one in part.members}
        for part in parts:
            for one in part.members:
                owner = owners.get((one.connection, one.claim)) if one.claim else None
                if part.claim is not None or owner is None or owner is one or one.aside or one.pending or owner.pending:
                    continue
                if one.item is not None:
                    item = one.item
                    self._conflict("duplicate_sku", item, owner.external_id, part.row, self.org.sku_policy, "set_aside")
                    item.warnings.append(
                        f"SKU {item.sku} belongs to {owner.external_id} of this store; promoted without it."
                    )
                elif owner.item is not None:
                    self._conflict(
                        "duplicate_sku", owner.item, one.external_id, part.row, self.org.sku_policy, "took_over"
                    )

    def policy(self, item: WorkItem, kind: str, who: str) -> str:
        """The organization's policy, or under `halt` what a person answered at this conflict's gate."""
        if self.org.sku_policy != "halt":
            return self.org.sku_policy
        subject = f"{kind} {item.sku} {item.line.external_id}"
        connection, entity_type = item.line.connection_id, item.line.entity_type
        answer = gates.latest_answer(
            self.conn, CAUSE, subject=subject, connection_id=connection, entity_type=entity_type, include_settled=True
        )
        if answer is not None:
            gates.record_outcome(
                self.conn,
                CAUSE,
                subject=subject,
                connection_id=connection,
                entity_type=entity_type,
                outcome=f"{entity_type} {item.line.external_id} was promoted: {answer}.",
            )
            return answer
        offer, rule = _OFFERS[kind]
        gate = gates.open_gate(
            self.conn,
            CAUSE,
            subject=subject,
            values={"sku": item.sku or "", "claimants": who, "rule": rule},
            offer=offer,
            connection_id=connection,
            entity_type=entity_type,
            external_id=item.line.external_id,
            sku=item.sku,
        )
        if self.queue is not None:
            gates.note_stopped(self.conn, [gate], self.queue)
        return "halt"

    def _halt(self, item: WorkItem, kind: str, other: str | None, row: int | None) -> None:
        self._conflict(kind, item, other, row, "halt", "halted")
        item.error = (
            f"SKU {item.sku} is in conflict and the policy is to halt. "
            "Answer the decision (`sync-pipeline decisions list`); this line is then promoted automatically."
        )

    def _conflict(
        self, kind: str, item: WorkItem, other: str | None, row: int | None, policy: str, decision: str
    ) -> None:
        self.outcome.conflicts.append(IdentityConflict(kind, item, item.sku or "", other, row, policy, decision))


def _loses(one: Claimant) -> bool:
    """It is mapped, has the SKU, and will not be decided on again in this queue."""
    return one.item is None and not one.aside and not one.pending


def _as_it_was(one: Claimant) -> Claimant:
    """A record that is stopped: its promoted version still claims what it did."""
    item = one.item
    assert item is not None
    return Claimant(
        one.connection, one.entity_type, one.external_id, item.former, one.row, item.was_set_aside, one.core_wins
    )
