"""Which core row a record becomes, and with which values: as promotion settles claims and merges records, read only.

So a page that shows one record says of its row what a plan would do, not what the record alone would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from sync_pipeline.db.core_sql import for_table
from sync_pipeline.db.queries import execute
from sync_pipeline.entities.base import Entity
from sync_pipeline.entities.core import CoreTable, table_of
from sync_pipeline.entities.values import fold
from sync_pipeline.steps.capture.mapped import Captured, to_entities
from sync_pipeline.steps.capture.record_key import RecordKey
from sync_pipeline.steps.capture.related import looking
from sync_pipeline.steps.promote.core.encode import with_currency
from sync_pipeline.steps.promote.map.batch import priced
from sync_pipeline.steps.promote.place.claims import Claimant, Part, assign, by_email, by_sku, numeric
from sync_pipeline.steps.promote.place.identity import PromotionSettings, promotion_settings
from sync_pipeline.steps.promote.place.settle import SQL as CLAIMS
from sync_pipeline.steps.promote.write.merge import WRITE, merge, set_aside


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A record's core row after it is promoted as it is captured.

    `row`: None is a new one. `values`: of its columns; None where it keeps what it has. `behind`: the live records
    that are the row then, first the one whose values count first; without any the row is marked deleted.
    """

    row: int | None
    values: Mapping[str, Any] | None
    behind: Sequence[RecordKey]


def foresee(
    conn: Connection, org_id: int, table: CoreTable, key: RecordKey, entity: Entity | None, row: int | None
) -> Foreseen:
    """What becomes of a record. `entity`: None if it is deleted or cannot be mapped; `row`: the one that it is now.

    Of a table whose rows are the records themselves.
    """
    org = promotion_settings(conn, org_id)
    if table.match is None:
        return Foreseen(row, _alone(org, table, key, entity), [key] if entity else [])
    claim = fold(getattr(entity, table.match) or "") or None if entity is not None else None
    claimants, by_hand, owned = _touched(conn, table, key, claim, row)
    if entity is not None:
        claimants.append(Claimant(*key, claim, row or 0))
    parts = by_sku(claimants) if table.match == "sku" else by_email(claimants)
    for part in parts:
        _keep_row(org, part, by_hand)
    assign(parts, owned, by_hand.values())
    mine = next((part for part in parts if _is_of(part, key, None if entity else row)), None)
    if mine is None:
        return Foreseen(row, None, [])
    place = {name: number for number, name in enumerate(org.priority)}
    members = sorted(
        mine.members,
        key=lambda one: (
            place.get(org.providers.get(one.connection, ""), len(place)), one.connection, numeric(one.external_id),
        ),
    )  # fmt: skip
    behind = [one.key for one in members]
    values = None if mine.core_wins else _merged(conn, org, table, mine, members, {key: entity})
    return Foreseen(mine.row or None, values, behind)


def _alone(org: PromotionSettings, table: CoreTable, key: RecordKey, entity: Entity | None) -> Mapping[str, Any] | None:
    if entity is None:
        return None
    values = table.values(priced(entity, org.currencies.get(key[0])))
    return dict(zip(table.columns, with_currency(table, values, org.currency), strict=True))


def _touched(
    conn: Connection, table: CoreTable, key: RecordKey, claim: str | None, row: int | None
) -> tuple[list[Claimant], dict[str, int], dict[str, int]]:
    """The other live records with this claim or row, and those with theirs; the rows that people made, and all, by
    their claim."""
    claims, rows = {claim} if claim else set[str](), {row} if row else set[int]()
    while True:
        before = len(claims), len(rows)
        found = execute(conn, for_table(CLAIMS["claimants"], table), claims=sorted(claims), rows=sorted(rows)).all()
        others = [one for one in found if (one.connection_id, one.entity_type, one.external_id) != key]
        claims |= {one.claim for one in found if one.claim}
        rows |= {one.internal_id for one in others}
        if (len(claims), len(rows)) == before:
            break
    owned = execute(conn, for_table(CLAIMS["owned_rows"], table), claims=sorted(claims), rows=[]).all()
    by_claim: dict[str, int] = {}
    for one in owned:
        by_claim.setdefault(one.claim, int(one.id))
    made = {one.claim: int(one.id) for one in owned if one.by_hand} if table.match == "sku" else {}
    return (
        [
            Claimant(
                one.connection_id, one.entity_type, one.external_id, one.claim, one.internal_id, one.sku_set_aside,
                one.core_wins,
            )
            for one in others
        ],
        made,
        by_claim,
    )  # fmt: skip


def _keep_row(org: PromotionSettings, part: Part, by_hand: Mapping[str, int]) -> None:
    """A row that people made goes to who owns its SKU. Where a person is asked first, it stays until then."""
    if part.claim is not None and part.claim in by_hand:
        part.row = by_hand[part.claim]
        part.core_wins = org.sku_policy != "source_wins" or any(one.core_wins for one in part.members)


def _is_of(part: Part, key: RecordKey, row: int | None) -> bool:
    return part.row == row if row else any(one.key == key for one in part.members)


def _merged(
    conn: Connection,
    org: PromotionSettings,
    table: CoreTable,
    part: Part,
    members: Sequence[Claimant],
    entities: dict[RecordKey, Entity | None],
) -> Mapping[str, Any] | None:
    """The values of a row: for each column the first that is not empty. `entities`: those that are known already."""
    rows = sorted({one.row for one in members if one.row})
    found = [
        version
        for version in execute(conn, WRITE["versions"], table=table.name, rows=rows)
        if (version.connection_id, version.entity_type, version.external_id) not in entities
        and version.payload is not None
    ]
    mapped = to_entities(
        [Captured(one.connection_id, one.provider, one.entity_type, one.payload, one.parent_id) for one in found],
        looking(conn),
    )
    for version, entity in zip(found, mapped, strict=True):
        if not isinstance(entity, Exception) and table_of(type(entity)) is table:
            entities[version.connection_id, version.entity_type, version.external_id] = entity
    values = []
    for one in members:
        entity_of = entities.get(one.key)
        if entity_of is None:
            continue
        value = table.values(priced(entity_of, org.currencies.get(one.connection)))
        values.append(set_aside(table, value) if part.sets_aside(one) and table.match == "sku" else value)
    if not values:
        return None
    return dict(zip(table.columns, with_currency(table, merge(table, values), org.currency), strict=True))
