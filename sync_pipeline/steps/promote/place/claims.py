"""Who stands behind which core row: a function of what the live records claim, whatever order they came in.

A record claims the folded SKU (or e-mail) of its promoted version. Records that claim one SKU are one row; within a
connection only the lowest id owns it, and the others have rows of their own. Records that claim one e-mail are one row.
A record that claims nothing has a row of its own. Nothing here touches the database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sync_pipeline.steps.promote.map.batch import WorkItem


def numeric(external_id: str) -> tuple[int, int, str]:
    """Sorts ids by number where they are numbers, before words."""
    return (0, int(external_id), "") if external_id.isdecimal() else (1, 0, external_id)


@dataclass(slots=True, eq=False)
class Claimant:
    """A live record: what it claims and the row that it is mapped to (0: none yet).

    `item`: it is in the batch. `pending`: it is promoted later in the same queue, so what it claims now does not count
    as a conflict. `aside`: another record of its connection owns its SKU.
    """

    connection: int
    entity_type: str
    external_id: str
    claim: str | None
    row: int = 0
    aside: bool = False
    core_wins: bool = False
    pending: bool = False
    item: WorkItem | None = None

    @property
    def key(self) -> tuple[int, str, str]:
        """The record."""
        return (self.connection, self.entity_type, self.external_id)

    @property
    def rank(self) -> tuple[int, tuple[int, int, str], str, str]:
        """Lowest connection first, then lowest id."""
        return (self.connection, numeric(self.external_id), self.external_id, self.entity_type)


@dataclass(slots=True, eq=False)
class Part:
    """Records that are one core row. `claim` is what they own; None where they own nothing."""

    members: list[Claimant]
    claim: str | None = None
    row: int = 0
    is_new: bool = False
    core_wins: bool = False  # its row was there before any record, and keeps its own values

    def sets_aside(self, one: Claimant) -> bool:
        """True for a member whose SKU another record owns."""
        return self.claim is None and one.claim is not None

    @property
    def rows(self) -> list[int]:
        """The rows that its members are on now."""
        return sorted({one.row for one in self.members if one.row})


def by_sku(claimants: Iterable[Claimant]) -> list[Part]:
    """One part for each SKU, of the lowest id of each connection; every other record is a part of its own."""
    owners: dict[str, dict[int, Claimant]] = defaultdict(dict)
    parts: list[Part] = []
    for one in sorted(claimants, key=lambda claimant: claimant.rank):
        if one.claim is not None and one.connection not in owners[one.claim]:
            owners[one.claim][one.connection] = one
        else:
            parts.append(Part([one]))
    return [*(Part(list(those.values()), claim) for claim, those in owners.items() if those), *parts]


def by_email(claimants: Iterable[Claimant]) -> list[Part]:
    """One part for each e-mail; a record without one is a part of its own."""
    together: dict[str, list[Claimant]] = defaultdict(list)
    parts: list[Part] = []
    for one in sorted(claimants, key=lambda claimant: claimant.rank):
        if one.claim is not None:
            together[one.claim].append(one)
        else:
            parts.append(Part([one]))
    return [*(Part(those, claim) for claim, those in together.items()), *parts]


def assign(parts: Sequence[Part], owned: Mapping[str, int], by_hand: Collection[int] = ()) -> None:
    """Give every part a row that its members are on, or the free one that has its claim (`owned`); 0 where neither is.

    A row goes to one part only: to the one that claims what the row has, else to the part with the lowest member. Rows
    that people made (`by_hand`) go to no part that has none of them already.
    """
    taken: set[int] = {part.row for part in parts if part.row} | set(by_hand)

    def take(part: Part, row: int) -> None:
        part.row = row
        taken.add(row)

    for part in parts:
        row = owned.get(part.claim or "", 0)
        if not part.row and row in part.rows and row not in taken:
            take(part, row)
    for part in sorted(parts, key=lambda one: (one.claim is None, one.members[0].rank)):
        if not part.row and (free := [row for row in part.rows if row not in taken]):
            take(part, free[0])
    behind = {row for part in parts for row in part.rows}
    for part in parts:
        row = owned.get(part.claim or "", 0)
        if not part.row and row and row not in taken and row not in behind:
            take(part, row)
