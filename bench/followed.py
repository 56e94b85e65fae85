"""What a preview costs where records follow others: nothing of that changed, all their prices did, or one name."""

from __future__ import annotations

from typing import Any

from bench.ground import Ground, Store, ground, promote_all
from bench.report import Row, Turn, raced
from sync_pipeline.steps import connect, preview

NAME = "followed"
TITLE = "Odoo stock, promoted and previewed: each quant follows its location and its variant"
SCALE = 100_000
_LOCATIONS = 50
_NOWHERE = Store("https://odoo.example", "none", "none", "")
_CAPTURED = """
INSERT INTO capture.sync_record
(org_id, connection_id, entity_type, external_id, provider, sync_data, content_hash, raw_hash, parent_id)
SELECT %(org)s, %(connection)s, k.type, k.id::text, 'odoo', k.data, sha256(convert_to(k.data::text, 'UTF8')),
       sha256(convert_to(k.data::text, 'UTF8')), k.data ->> 'product_id'
FROM (
    SELECT 'location' AS type, n AS id, jsonb_build_object(
        'id', n, 'usage', 'internal', 'complete_name', 'WH/Shelf ' || n, 'name', 'Shelf ' || n) AS data
    FROM generate_series(1, %(locations)s) AS n
    UNION ALL
    SELECT 'variation', n, jsonb_build_object(
        'id', n, 'product_tmpl_id', n, 'type', 'consu', 'is_storable', true, 'lst_price', 10, 'active', true)
    FROM generate_series(1, %(records)s / 5) AS n
    UNION ALL
    SELECT 'stock', n, jsonb_build_object(
        'id', n, 'location_id', n %% %(locations)s + 1, 'product_id', n %% (%(records)s / 5) + 1, 'quantity', n %% 7,
        'reserved_quantity', 0, 'lot_id', false, 'package_id', false, 'owner_id', false, 'company_id', 1)
    FROM generate_series(1, %(records)s) AS n) AS k
"""
_HISTORY = """
INSERT INTO capture.record_history
(org_id, connection_id, entity_type, external_id, content_hash, provider, version_no, sync_data, captured_at)
SELECT org_id, connection_id, entity_type, external_id, content_hash, provider, version_no, sync_data, captured_at
FROM capture.sync_record WHERE entity_type = %(type)s AND (%(id)s::text IS NULL OR external_id = %(id)s)
"""
_CHANGE = """
UPDATE capture.sync_record SET sync_data = sync_data || %(values)s::jsonb, captured_at = clock_timestamp(),
    content_hash = sha256(convert_to((sync_data || %(values)s::jsonb)::text, 'UTF8')), version_no = version_no + 1
WHERE entity_type = %(type)s AND (%(id)s::text IS NULL OR external_id = %(id)s)
"""
_CHANGED = """
INSERT INTO capture.sync_cursor (org_id, connection_id, entity_type, changed_at)
SELECT org_id, connection_id, entity_type, clock_timestamp() FROM capture.sync_record
WHERE entity_type = ANY (%(types)s) GROUP BY org_id, connection_id, entity_type
ON CONFLICT (org_id, connection_id, entity_type) DO UPDATE SET changed_at = excluded.changed_at
"""


def run(scale: int, runs: int) -> list[Row]:
    """Promotion once, then the previews, in turns."""
    with ground() as at:
        connection = _connect(at)
        here = {"org": connection.org_id, "connection": connection.connection_id}
        at.owner.execute(_CAPTURED, {**here, "records": scale, "locations": _LOCATIONS})
        at.owner.execute(_CHANGED, {"types": ["location", "variation", "stock"]})
        at.owner.execute("VACUUM ANALYZE")
        first, _ = at.turn(lambda: _preview(at, connection, scale, "new"))
        promotion = _promote(at, connection)
        at.owner.execute("VACUUM ANALYZE")
        _preview(at, connection, 0, "updated")
        taken: dict[str, list[Turn]] = {"same": [], "own": [], "prices": [], "name": []}
        for number in range(runs):
            taken["same"].append(at.turn(lambda: _preview(at, connection, 0, "updated"))[0])
            at.owner.execute(_CHANGED, {"types": ["stock"]})
            taken["own"].append(at.turn(lambda: _preview(at, connection, 0, "updated"))[0])
            _change(at, "variation", None, f'{{"lst_price": {11 + number}}}')
            taken["prices"].append(at.turn(lambda: _preview(at, connection, 0, "updated"))[0])
            _change(at, "location", "7", f'{{"complete_name": "WH/Other {number}"}}')
            taken["name"].append(at.turn(lambda: _preview(at, connection, scale // _LOCATIONS, "updated"))[0])
            _change(at, "location", "7", '{"complete_name": "WH/Shelf 7"}')
            _preview(at, connection, 0, "updated")
    against: dict[str, Any] = {"against": taken["own"], "ratio_to": "that"}
    return [
        raced("preview of new records", [first]),
        raced("apply", [promotion], note=f"{scale / promotion.seconds:,.0f} records/s"),
        raced("preview, nothing captured", taken["same"]),
        raced("preview, stock captured again, nothing followed changed", taken["own"]),
        raced("preview, all prices of variants changed", taken["prices"], **against),
        raced(f"preview, one of {_LOCATIONS} locations renamed", taken["name"], **against),
    ]


def _connect(at: Ground) -> connect.Connection:
    org = connect.add_organization(at.db, "bench")
    config = {"url": _NOWHERE.url, "db": "none", "username": "none", "password": "none"}
    return connect.add_connection(at.db, at.settings, org, "odoo", "erp", config, actor="bench")


def _preview(at: Ground, connection: connect.Connection, expected: int, status: str) -> None:
    report = preview.recompute(at.db, connection, connection.source.stream("stock"))
    found = getattr(report, status)
    assert found == expected, f"{found} of {expected} are {status}"


def _promote(at: Ground, connection: connect.Connection) -> Turn:
    return promote_all(at, connection.org_id, "entity_type = 'stock'")[1]


def _change(at: Ground, entity_type: str, one: str | None, values: str) -> None:
    given: dict[str, Any] = {"type": entity_type, "id": one, "values": values}
    at.owner.execute(_HISTORY + " ON CONFLICT DO NOTHING", given)
    at.owner.execute(_CHANGE, given)
    at.owner.execute(_CHANGED, {"types": [entity_type]})
