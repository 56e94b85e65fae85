"""A large entity, created by SQL: captured records, nearly all promoted, 1 % changed since."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.ground import Ground, Store, ground
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps import connect

# A product of the sandbox is 2.1 kB of text, 1.4 kB once PostgreSQL has compressed it. This one is about 1 kB and not
# compressed, so that a million of them fit a small disk.
_PAYLOAD = {
    "type": "simple", "status": "publish", "featured": False, "catalog_visibility": "visible",
    "date_created_gmt": "2026-03-01T09:00:00", "date_modified_gmt": "2026-06-01T09:00:00",
    "description": "<p>Soft, fair and made to last, from cotton that grew without poison, spun and sewn where people "
    "are paid for it. Wash it cold, hang it up, wear it for years.</p>", "short_description": "<p>Soft &amp; fair.</p>",
    "price": "19.90", "regular_price": "24.90", "sale_price": "19.90", "on_sale": True, "purchasable": True,
    "total_sales": 12, "virtual": False, "tax_status": "taxable", "tax_class": "", "manage_stock": True,
    "stock_quantity": 17, "stock_status": "instock", "backorders": "no", "weight": "0.2", "shipping_class_id": 0,
    "categories": [{"id": 16, "name": "Shirts", "slug": "shirts"}], "images": [{"id": 9, "name": "front", "alt": ""}],
    "meta_data": [{"id": 1, "key": "_brand", "value": "Acme"}], "menu_order": 0, "parent_id": 0,
}  # fmt: skip
_CAPTURED = """
INSERT INTO capture.sync_record
(org_id, connection_id, entity_type, external_id, provider, sync_data, content_hash, raw_hash, sweep_hash, name, code,
 remote_created_at, remote_modified_at, captured_at, first_captured_at, version_no)
SELECT %(org)s, %(connection)s, 'product', n::text, 'woocommerce',
       %(payload)s::jsonb || jsonb_build_object('id', n, 'sku', 'SKU-' || n, 'name', 'Organic T-shirt no ' || n),
       sha256(int8send(n)), sha256(int8send(-n)), substr(sha256(int8send(n)), 1, 16), 'Organic T-shirt no ' || n,
       'SKU-' || n, '2026-03-01T09:00:00Z', '2026-06-01T09:00:00Z',
       now() - (%(records)s - n) * interval '1 ms',
       now() - (%(records)s - n) * interval '1 ms' - CASE WHEN n %% 100 = 0 THEN interval '1 day' ELSE '0' END,
       CASE WHEN n %% 100 = 0 THEN 2 ELSE 1 END
FROM generate_series(1::bigint, %(records)s) AS n
"""
# As a pull notes them: a comparison looks for what it has seen to be possible.
_SHAPES = """
INSERT INTO capture.sync_shape (org_id, connection_id, entity_type, field, json_type, first_run_id, last_run_id)
SELECT DISTINCT org_id, connection_id, entity_type, f.key, jsonb_typeof(f.value), 1, 1
FROM (SELECT * FROM capture.sync_record WHERE org_id = %(org)s AND connection_id = %(connection)s LIMIT 1000) AS r
CROSS JOIN jsonb_each(r.sync_data) AS f
"""
_PROMOTED = """
INSERT INTO promote.integration_mapping
(org_id, connection_id, entity_type, external_id, provider, core_table, internal_id, promoted_hash)
SELECT %(org)s, %(connection)s, 'product', n::text, 'woocommerce', 'core.products', n,
       CASE WHEN n %% 100 = 0 THEN sha256(int8send(n + 1000000000)) ELSE sha256(int8send(n)) END
FROM generate_series(1::bigint, %(records)s) AS n
"""
_BEFORE = """
INSERT INTO capture.record_history
(org_id, connection_id, entity_type, external_id, content_hash, provider, version_no, sync_data, captured_at)
SELECT org_id, connection_id, entity_type, external_id, sha256(int8send(external_id::bigint + 1000000000)), provider, 1,
       sync_data || '{"price": "17.90"}', captured_at - interval '1 day'
FROM capture.sync_record
WHERE org_id = %(org)s AND connection_id = %(connection)s AND external_id::bigint %% 100 = 0
"""
_NOWHERE = Store("https://shop.example", "ck_none", "cs_none", "")


@dataclass
class Million:
    """The database, the connection and the stream of the records."""

    ground: Ground
    connection: connect.Connection
    stream: Stream
    width: float  # bytes per row

    @property
    def keys(self) -> dict[str, object]:
        """Parameters that name the entity."""
        return {"connection_id": self.connection.connection_id, "entity_type": self.stream.entity_type}


def fill(at: Ground, connection: connect.Connection, records: int, *, promoted: bool = True) -> float:
    """Insert captured and promoted records, then VACUUM ANALYZE; returns bytes per row."""
    given = {
        "org": connection.org_id,
        "connection": connection.connection_id,
        "records": records,
        "payload": json.dumps(_PAYLOAD),
    }
    for sql in (_CAPTURED, _SHAPES, _PROMOTED, _BEFORE) if promoted else (_CAPTURED,):
        at.owner.execute(sql, given)
    at.owner.execute("VACUUM ANALYZE")
    at.settle()
    size = at.one("SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree('capture.sync_record') WHERE isleaf")
    return float(size) / records


@contextmanager
def million(records: int) -> Iterator[Million]:
    """A database with this many records."""
    with ground() as at:
        connection = at.connect_store("bench", _NOWHERE)
        width = fill(at, connection, records)
        yield Million(at, connection, connection.source.stream("products"), width)
