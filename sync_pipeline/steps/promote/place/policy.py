"""What the organization's SKU policy says where records or rows compete: who is stopped, and what is written down.

`source_wins` and `core_wins` need nobody; under `halt` a person answers a gate for each conflict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from sync_pipeline import gates
from sync_pipeline.errors import Conflict
from sync_pipeline.gates.causes.sku_conflict import CAUSE
from sync_pipeline.steps.promote.map.batch import WorkItem
from sync_pipeline.steps.promote.place.claims import Claimant, Part
from sync_pipeline.steps.promote.place.identity import IdentityConflict, PromotionSettings, Resolution

_OFFERS = {
    "duplicate_sku": (["separate"], "the lowest id of a connection owns a SKU"),
    "unmapped_sku": (["core_wins", "source_wins"], "a core row that no record maps to keeps its values"),
}


class SkuPolicy:
    """Decides the conflicts of what is settled together.

    `by_hand`: the rows that people made, by SKU. What was decided about one holds until no live record is on it.
    """

    def __init__(
        self,
        conn: Connection,
        org: PromotionSettings,
        queue: str | None,
        outcome: Resolution,
        by_hand: Mapping[str, int],
    ) -> None:
        self.conn, self.org, self.queue, self.outcome = conn, org, queue, outcome
        self.by_hand = by_hand
        self.decided: dict[str, tuple[str, WorkItem | None]] = {}  # what is decided about such rows, by SKU

    def halted(self, claimants: Sequence[Claimant]) -> list[Claimant]:
        """The records without those that a person must decide on first; one that is mapped stays what it was."""
        groups: dict[tuple[int, str], list[Claimant]] = defaultdict(list)
        for one in sorted(claimants, key=lambda claimant: claimant.rank):
            if one.claim is not None:
                groups[one.connection, one.claim].append(one)
                if one.core_wins and self.by_hand.get(one.claim) == one.row:
                    self.decided[one.claim] = ("core_wins", None)
        halted: set[tuple[int, str, str]] = set()
        for (_, claim), (lowest, *rest) in groups.items() if self.org.decides else ():
            for one in rest:
                if one.item is not None and not one.aside and not lowest.pending:
                    self._ask(one, lowest, halted)
            if lowest.item is not None and (taken := [one for one in rest if _loses(one)]):
                self._ask(lowest, taken[0], halted)
            if lowest.item is not None and claim in self.by_hand and claim not in self.decided:
                self._ask_about_row(lowest, self.by_hand[claim], halted)
        return [
            _as_it_was(one) if one.key in halted else one
            for one in claimants
            if one.key not in halted or (one.item is not None and one.item.was_mapped)
        ]

    def _ask(self, one: Claimant, other: Claimant, halted: set[tuple[int, str, str]]) -> None:
        assert one.item is not None
        who = f"records {other.external_id} and {one.external_id}"
        if one.key not in halted and self.policy(one.item, "duplicate_sku", who) == "halt":
            self._halt(one, "duplicate_sku", other.external_id, other.row or None)
            halted.add(one.key)

    def _ask_about_row(self, one: Claimant, row: int, halted: set[tuple[int, str, str]]) -> None:
        assert one.item is not None
        if one.key in halted:
            return
        policy = self.policy(one.item, "unmapped_sku", f"core row {row} and record {one.external_id}")
        if policy == "halt":
            self._halt(one, "unmapped_sku", None, row)
            halted.add(one.key)
        else:
            self.decided[one.claim or ""] = (policy, one.item)

    def rows_by_hand(self, parts: Sequence[Part]) -> list[Part]:
        """Give rows that people made to those who own their SKU, as it was decided: they are overwritten, or keep their
        values. Where nobody could decide, the row keeps its SKU, and the records have rows of their own without it.

        Raises:
            Conflict: an undo would give away a row that nobody could bring back.
        """
        found: list[Part] = []
        for part in parts:
            row = self.by_hand.get(part.claim or "")
            if row is None:
                found.append(part)
                continue
            policy, item = self.decided.get(part.claim or "") or (self._without_asking(part), None)
            if policy == "halt":
                found += [Part([one]) for one in part.members]
                continue
            part.row, part.core_wins = row, policy == "core_wins"
            if any(one.row != row for one in part.members):
                self._conflict("unmapped_sku", _first(part, item), None, row, policy, policy)
            found.append(part)
        return found

    def _without_asking(self, part: Part) -> str:
        """What the policy says of records that are not in the batch: others left the SKU to them."""
        if not self.org.decides or any(one.pending for one in part.members):
            return "halt"
        if self.queue is None and self.org.sku_policy == "source_wins":
            names = ", ".join(one.external_id for one in part.members)
            raise Conflict(
                f"Undone, it would leave SKU {part.claim} to {names}, which would overwrite a row that people made; no "
                "undo could bring that back. Undo the promotions of these records first."
            )
        return self.org.sku_policy

    def record(self, parts: Sequence[Part]) -> None:
        """Write down who lost a SKU to whom, and tell the record's line."""
        owners = {(one.connection, part.claim): one for part in parts if part.claim for one in part.members}
        for part in parts:
            for one in part.members:
                owner = owners.get((one.connection, one.claim)) if one.claim else None
                if part.claim is not None or owner is None or owner is one or one.aside or one.pending or owner.pending:
                    continue
                if one.item is not None:
                    self._conflict("duplicate_sku", one, owner.external_id, part.row, self.org.sku_policy, "set_aside")
                    one.item.warnings.append(
                        f"SKU {one.item.sku} belongs to {owner.external_id} of this store; promoted without it."
                    )
                elif owner.item is not None:
                    self._conflict("duplicate_sku", owner, one.external_id, part.row, self.org.sku_policy, "took_over")

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

    def _halt(self, one: Claimant, kind: str, other: str | None, row: int | None) -> None:
        assert one.item is not None
        self._conflict(kind, one, other, row, "halt", "halted")
        one.item.error = (
            f"SKU {one.item.sku} is in conflict and the policy is to halt. "
            "Answer the decision (`sync-pipeline decisions list`); this line is then promoted automatically."
        )

    def _conflict(
        self, kind: str, one: Claimant, other: str | None, row: int | None, policy: str, decision: str
    ) -> None:
        sku = (one.item.sku if one.item is not None else one.claim) or ""
        self.outcome.conflicts.append(IdentityConflict(kind, one.key, sku, other, row, policy, decision))


def _first(part: Part, item: WorkItem | None) -> Claimant:
    """The member that this item is, else the first."""
    return next((one for one in part.members if one.item is item), part.members[0])


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
