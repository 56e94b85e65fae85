"""Give records their core rows by what they claim (`claims.py`): SKUs and e-mails. Docs/mapping.md has the rules.

What a batch or a deletion touches is settled as a whole: all live records that claim the same, and all that share a row
with one of them. So after every transaction core is the same function of what is promoted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from sync_pipeline.db.core_sql import for_table
from sync_pipeline.db.queries import execute, load
from sync_pipeline.entities.core import CoreTable
from sync_pipeline.steps.promote.core import ROWS
from sync_pipeline.steps.promote.map.batch import WorkItem
from sync_pipeline.steps.promote.place.claims import Claimant, Part, assign, by_email, by_sku
from sync_pipeline.steps.promote.place.identity import IdentityConflict, Move, PromotionSettings, Resolution, new_ids
from sync_pipeline.steps.promote.place.policy import SkuPolicy

SQL = load("sync_pipeline.steps.promote.place", "claims.sql")


def settle_batch(
    conn: Connection,
    org: PromotionSettings,
    queue: str,
    table: CoreTable,
    items: Sequence[WorkItem],
    outcome: Resolution,
) -> None:
    """Give the items of a batch their claims and, where others are touched, their rows; a halted one gets an error."""
    if not items:
        return
    found = execute(
        conn,
        for_table(SQL["claims_of"], table),
        values=[getattr(item.entity, table.match or "") for item in items],
        rows=[item.id for item in items],
        formers=[item.former for item in items],
        connections=[item.line.connection_id for item in items],
        types=[item.line.entity_type for item in items],
        ids=[item.line.external_id for item in items],
    ).all()
    contested = []
    for row in found:
        item = items[row.n - 1]
        item.claim = row.claim
        if row.contested or item.was_set_aside or item.core_wins:
            contested.append(item)
    if contested:
        claims = {claim for item in contested for claim in (item.claim, item.former) if claim}
        _settle(conn, org, queue, table, _Touched(claims, items=items, asked=contested), outcome)


def settle_claims(
    conn: Connection,
    org: PromotionSettings,
    queue: str | None,
    table: CoreTable,
    claims: Collection[str],
    rows: Collection[int] = (),
) -> Resolution:
    """Settle who has these claims and rows after records went: deleted, undone, or to another table."""
    outcome = Resolution()
    if claims or rows:
        _settle(conn, org, queue, table, _Touched(set(claims), set(rows)), outcome)
    return outcome


@dataclass(slots=True)
class _Touched:
    """What is settled: claims and rows, and of the `items` of the batch those `asked` for."""

    claims: set[str]
    rows: set[int] = field(default_factory=set)
    items: Sequence[WorkItem] = ()
    asked: Sequence[WorkItem] = ()


def _settle(
    conn: Connection,
    org: PromotionSettings,
    queue: str | None,
    table: CoreTable,
    touched: _Touched,
    outcome: Resolution,
) -> None:
    claimants = _claimants(conn, queue, table, touched)
    kept_rows = sorted({one.row for one in claimants if one.core_wins})
    owned = execute(conn, for_table(SQL["owned_rows"], table), claims=sorted(touched.claims), rows=kept_rows).all()
    rows: dict[str, int] = {}
    for row in owned:
        rows.setdefault(row.claim, int(row.id))
    if table.match == "sku":
        outcome.by_hand = {int(row.id) for row in owned if row.by_hand}
        policy = SkuPolicy(conn, org, queue, outcome, {row.claim: int(row.id) for row in owned if row.by_hand})
        claimants = policy.halted(claimants)
        parts = policy.rows_by_hand(by_sku(claimants))
        outcome.by_hand -= {part.row for part in parts if not part.core_wins}
    else:
        parts = by_email(claimants)
    assign(parts, rows, outcome.by_hand)
    _new_rows(conn, table, parts)
    behind = {one.row for one in claimants if one.row}
    changed: list[Part] = []
    held: set[int] = set()  # rows that stay as they are
    for part in parts:
        if _changes(part):
            changed.append(part)
        else:
            held.add(part.row)
    mine = {part.claim: part.row for part in parts if part.claim}
    given_up = {int(row.id) for row in owned if mine.get(row.claim, row.id) != row.id}
    releases = (given_up | {part.row for part in changed} | (behind - held)) - outcome.by_hand
    if table.match == "sku":
        execute(conn, for_table(ROWS["release_skus"], table), rows=sorted(releases), queue=queue)
    else:
        _warn_shared(parts, outcome)
    _apply(parts, changed, outcome, Counter((one.connection, one.row) for one in claimants))
    if table.match == "sku":
        policy.record(parts)
    _write_flags(conn, queue, parts)


def _claimants(conn: Connection, queue: str | None, table: CoreTable, touched: _Touched) -> list[Claimant]:
    """Everybody who claims the same or shares a row, and those who do with them."""
    by_key = {item.line.key: item for item in touched.items if item.error is None}
    found = {item.line.key: _of_item(item) for item in touched.asked if item.error is None}
    rows = touched.rows | {one.row for one in found.values() if one.row}
    while True:
        before = (len(touched.claims), len(rows))
        for row in execute(
            conn, for_table(SQL["claimants"], table), claims=sorted(touched.claims), rows=sorted(rows)
        ).all():
            one = Claimant(
                row.connection_id,
                row.entity_type,
                row.external_id,
                row.claim,
                row.internal_id,
                row.sku_set_aside,
                row.core_wins,
            )
            if one.key in found:
                continue
            found[one.key] = _of_item(by_key[one.key]) if one.key in by_key else one
        touched.claims |= {one.claim for one in found.values() if one.claim}
        rows |= {one.row for one in found.values() if one.row}
        if (len(touched.claims), len(rows)) == before:
            break
    others = [one for one in found.values() if one.item is None]
    if queue is not None and others:
        for row in execute(
            conn,
            SQL["pending_lines"],
            queue=queue,
            connections=[one.connection for one in others],
            types=[one.entity_type for one in others],
            ids=[one.external_id for one in others],
        ):
            others[row.n - 1].pending = True
    return list(found.values())


def _of_item(item: WorkItem) -> Claimant:
    aside = item.was_set_aside and item.former == item.claim
    line = item.line
    return Claimant(
        line.connection_id, line.entity_type, line.external_id, item.claim, item.id, aside, item.core_wins, item=item
    )


def _new_rows(conn: Connection, table: CoreTable, parts: Sequence[Part]) -> None:
    without = [part for part in parts if not part.row]
    for part, fresh in zip(without, new_ids(conn, table.name, len(without)), strict=True):
        part.row, part.is_new = fresh, True


def _changes(part: Part) -> bool:
    return part.is_new or any(
        one.item is not None or one.row != part.row or _flags(one) != _flags(one, part) for one in part.members
    )


def _flags(one: Claimant, part: Part | None = None) -> tuple[bool, bool]:
    """Whether its SKU is set aside, and whether its row keeps its own values: as it is mapped, or in `part`."""
    return (one.aside, one.core_wins) if part is None else (part.sets_aside(one), part.core_wins)


def _apply(
    parts: Sequence[Part], changed: Sequence[Part], outcome: Resolution, before: Counter[tuple[int, int]]
) -> None:
    """Tell the items their rows, and collect what is written afterwards. `before`: who was on which row."""
    for part in parts:
        for one in part.members:
            if one.row and one.row != part.row:
                alone = before[one.connection, one.row] == 1
                outcome.moves.append(Move(one.row, part.row, *one.key, alone))
                outcome.recompute.add(one.row)
            if one.item is not None:
                one.item.id, one.item.is_new = part.row, False
                one.item.core_wins = part.core_wins
                one.item.sku_set_aside = part.sets_aside(one)
    for part in changed:
        outcome.recompute.add(part.row)
        if part.is_new:
            outcome.fresh.add(part.row)


def _warn_shared(parts: Sequence[Part], outcome: Resolution) -> None:
    for part in parts:
        first: dict[int, Claimant] = {}
        for one in part.members:
            other = first.setdefault(one.connection, one)
            pair = next((c for c in (one, other) if c.item is not None and not c.item.was_mapped), None)
            if other is one or pair is None or pair.item is None:
                continue
            same = other if pair is one else one
            outcome.conflicts.append(
                IdentityConflict("shared_email", pair.key, part.claim or "", same.external_id, part.row, None, "merged")
            )
            pair.item.warnings.append(
                f"Customer {same.external_id} has the same e-mail; both are one customer in core."
            )


def _write_flags(conn: Connection, queue: str | None, parts: Sequence[Part]) -> None:
    turned = [
        (one, _flags(one, part))
        for part in parts
        for one in part.members
        if one.item is None and _flags(one) != _flags(one, part)
    ]
    if turned:
        execute(
            conn,
            SQL["set_flags"],
            queue=queue,
            connections=[one.connection for one, _ in turned],
            types=[one.entity_type for one, _ in turned],
            ids=[one.external_id for one, _ in turned],
            asides=[flags[0] for _, flags in turned],
            core_wins=[flags[1] for _, flags in turned],
        )


def touched_by(keys: Iterable[tuple[str, str | None, int]]) -> defaultdict[str, tuple[set[str], set[int]]]:
    """(core table, claim, row) of mappings as claims and rows by table; none where a table has none."""
    by_table: defaultdict[str, tuple[set[str], set[int]]] = defaultdict(lambda: (set(), set()))
    for table, claim, row in keys:
        claims, rows = by_table[table]
        rows.add(row)
        if claim:
            claims.add(claim)
    return by_table
