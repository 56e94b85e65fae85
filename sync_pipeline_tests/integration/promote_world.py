"""A small world for promotion: connections whose captured records a test writes, plans, and what core looks like."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from sync_pipeline.db.engine import Database
from sync_pipeline.entities.core import undo_order
from sync_pipeline.entities.values import email_address, fitted, fold
from sync_pipeline.sources.base import source
from sync_pipeline.steps import connect, preview, promote
from sync_pipeline.steps.capture.write.record import finder
from sync_pipeline.steps.promote import ApplyReport, Line, UndoReport

CORE = (*undo_order(), "promote.integration_mapping", "promote.pending_link")


def digest(payload: dict[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).digest()


class World:
    """One organization with connections, the first of WooCommerce."""

    def __init__(self, database: Database, org_id: int) -> None:
        self.db, self.org_id = database, org_id
        self._open: Connection | None = None
        self.providers: dict[int, str] = {}
        self.shop = self.connect("shop")

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is asked and written meanwhile is one transaction."""
        if self._open is not None:
            yield
            return
        with self.db.org(self.org_id) as self._open:
            try:
                yield
            finally:
                self._open = None

    def sql(self, statement: str, **parameters: Any) -> list[Any]:
        with self.together():
            assert self._open is not None
            result = self._open.exec_driver_sql(statement, parameters)
            return list(result) if result.returns_rows else []

    def one(self, statement: str, **parameters: Any) -> Any:
        (row,) = self.sql(statement, **parameters)
        return row

    def connect(self, name: str, provider: str = "woocommerce", **settings: Any) -> int:
        connection = int(
            self.one(
                "INSERT INTO connect.integration_connector (org_id, name, provider, store_url, credentials, settings) "
                "VALUES (connect.current_org(), %(name)s, %(provider)s, 'https://x.test', '', %(settings)s::jsonb) "
                "RETURNING connection_id",
                name=name,
                provider=provider,
                settings=json.dumps(settings),
            )[0]
        )
        self.providers[connection] = provider
        return connection

    def preview(self, entity_type: str, connection: int | None = None) -> None:
        """Compare a connection's records of a type, the first one's if none is named."""
        org = next(one for one in connect.organizations(self.db) if one.org_id == self.org_id)
        wanted = connection or self.shop
        shop = next(one for one in connect.connections(self.db, org) if one.connection_id == wanted)
        preview.recompute(self.db, shop, shop.source.stream(entity_type))

    def organize(self, **columns: str) -> None:
        for name, value in columns.items():
            assert name in ("currency", "sku_policy")
            self.sql(f"UPDATE connect.organization SET {name} = %(value)s", value=value)

    def capture(
        self, entity_type: str, payload: dict[str, Any], *, connection: int | None = None, deleted: bool = False
    ) -> tuple[int, str, str]:
        """Write a record as capture would: its current content, and the earlier one into the history."""
        external_id = str(payload.get("id"))
        provider = self.providers[connection or self.shop]
        stream = source(provider).stream(entity_type)
        email = finder(stream.email)(payload)
        parent = payload.get(stream.parent_field) if stream.parent_field else None
        parent_id = str(parent) if parent else None
        key = {"c": connection or self.shop, "t": entity_type, "x": external_id}
        self.sql(
            "WITH earlier AS (INSERT INTO capture.record_history (org_id, connection_id, entity_type, external_id, "
            "content_hash, provider, version_no, sync_data, captured_at) SELECT org_id, connection_id, entity_type, "
            "external_id, content_hash, provider, version_no, sync_data, captured_at FROM capture.sync_record "
            "WHERE org_id = connect.current_org() AND connection_id = %(c)s AND entity_type = %(t)s "
            "AND external_id = %(x)s AND content_hash <> %(h)s ON CONFLICT (org_id, connection_id, entity_type, "
            "external_id, content_hash) DO UPDATE SET version_no = excluded.version_no, "
            "captured_at = excluded.captured_at, superseded_at = excluded.superseded_at RETURNING new.content_hash, "
            "old.version_no, old.captured_at, old.superseded_at), "
            "former AS (INSERT INTO capture.former_interval (org_id, connection_id, entity_type, external_id, "
            "content_hash, version_no, captured_at, superseded_at) SELECT connect.current_org(), %(c)s, %(t)s, %(x)s, "
            "content_hash, version_no, captured_at, superseded_at FROM earlier WHERE version_no IS NOT NULL), "
            "written AS (INSERT INTO capture.sync_cursor (org_id, connection_id, entity_type, changed_at) "
            "VALUES (connect.current_org(), %(c)s, %(t)s, clock_timestamp()) "
            "ON CONFLICT (org_id, connection_id, entity_type) DO UPDATE SET changed_at = excluded.changed_at), "
            "named AS (INSERT INTO capture.named_record "
            "(org_id, connection_id, entity_type, field, named_id, external_id) "
            "SELECT connect.current_org(), %(c)s, %(t)s, f.field, n.id #>> '{}', %(x)s "
            "FROM unnest(%(named_in)s::text[]) AS f (field), "
            "jsonb_path_query(%(data)s::jsonb -> f.field, '$[*]') AS n (id) ON CONFLICT DO NOTHING) "
            "INSERT INTO capture.sync_record (org_id, connection_id, entity_type, external_id, provider, sync_data, "
            "content_hash, raw_hash, parent_id, code, email, deletion_state, deletion_at, captured_at) VALUES "
            "(connect.current_org(), %(c)s, %(t)s, %(x)s, %(provider)s, %(data)s::jsonb, %(h)s, %(h)s, %(parent)s, "
            "%(code)s, %(email)s, %(state)s, CASE %(state)s WHEN 'deleted' THEN clock_timestamp() END, "
            "clock_timestamp()) "
            "ON CONFLICT (org_id, connection_id, entity_type, external_id, provider) DO UPDATE SET "
            "sync_data = excluded.sync_data, content_hash = excluded.content_hash, code = excluded.code, "
            "email = excluded.email, parent_id = excluded.parent_id, deletion_state = excluded.deletion_state, "
            "deletion_at = CASE WHEN sync_record.deletion_state = excluded.deletion_state THEN sync_record.deletion_at "
            "ELSE clock_timestamp() END, "
            "captured_at = CASE WHEN sync_record.content_hash = excluded.content_hash THEN sync_record.captured_at "
            "ELSE excluded.captured_at END, "
            "version_no = sync_record.version_no + (sync_record.content_hash <> excluded.content_hash)::integer",
            **key,
            data=json.dumps(payload),
            h=digest(payload),
            provider=provider,
            parent=parent_id,
            code=fitted(str(finder(stream.code)(payload) or "")) or None,
            email=fold(fitted(email)) if email and email_address(fold(email)) else None,
            state="deleted" if deleted else "present",
            named_in=list(stream.named_in),
        )
        return (connection or self.shop, entity_type, external_id)

    def plan(self, records: Iterable[tuple[int, str, str]]) -> str:
        """A plan of these records as they are captured now: each is included in that version."""
        records = list(records)
        plan = str(
            self.one(
                "INSERT INTO selection.sync_plan (org_id, plan_hash, origin, created_by) "
                "VALUES (connect.current_org(), 'x', 'test', 'tester') RETURNING plan_id"
            )[0]
        )
        batch = self.one(
            "INSERT INTO selection.selection_batch (org_id, connection_id, entity_type, decision, criteria, "
            "decided_by, plan_id) VALUES (connect.current_org(), %(c)s, '', 'include', '{}', 'tester', %(p)s) "
            "RETURNING batch_id",
            c=self.shop,
            p=plan,
        )[0]
        keys = {
            "c": [record[0] for record in records],
            "t": [record[1] for record in records],
            "x": [record[2] for record in records],
        }
        these = (
            "JOIN unnest(%(c)s::bigint[], %(t)s::text[], %(x)s::text[]) AS k (connection_id, entity_type, external_id) "
            "ON r.connection_id = k.connection_id AND r.entity_type = k.entity_type AND r.external_id = k.external_id "
            "WHERE r.org_id = connect.current_org()"
        )
        self.sql(
            "INSERT INTO selection.sync_selective_config (org_id, connection_id, entity_type, external_id, decision, "
            "content_hash, seen_deleted, decided_by, batch_id) SELECT r.org_id, r.connection_id, r.entity_type, "
            "r.external_id, 'include', r.content_hash, r.deletion_state = 'deleted', 'tester', %(b)s "
            f"FROM capture.sync_record AS r {these} ON CONFLICT (org_id, connection_id, entity_type, external_id) "
            "DO UPDATE SET decision = 'include', content_hash = excluded.content_hash, "
            "seen_deleted = excluded.seen_deleted, batch_id = excluded.batch_id",
            b=batch,
            **keys,
        )
        self.sql(
            "INSERT INTO selection.sync_plan_item (org_id, plan_id, connection_id, entity_type, external_id, action, "
            "content_hash, batch_id, promoted_hash, promoted_deleted) SELECT r.org_id, %(p)s, r.connection_id, "
            "r.entity_type, r.external_id, CASE WHEN r.deletion_state = 'deleted' THEN 'delete' "
            "WHEN m.external_id IS NULL THEN 'create' ELSE 'update' END, r.content_hash, %(b)s, m.promoted_hash, "
            "m.promoted_deleted FROM capture.sync_record AS r LEFT JOIN promote.integration_mapping AS m "
            f"USING (org_id, connection_id, entity_type, external_id) {these}",
            p=plan,
            b=batch,
            **keys,
        )
        return plan

    def apply(self, *records: tuple[int, str, str]) -> ApplyReport:
        with self.together():
            plan = self.plan(records)
        return promote.apply(self.db, self.org_id, plan, actor="tester")

    def promote(self, entity_type: str, payload: dict[str, Any], **where: Any) -> ApplyReport:
        """Capture and promote one record, which must not fail."""
        report = self.apply(self.capture(entity_type, payload, **where))
        assert report.errors == []
        return report

    def warnings(self, report: ApplyReport) -> list[str]:
        """The warnings of the promotion's lines, in their order."""
        return [
            one
            for row in self.sql(
                "SELECT warnings FROM promote.sync_queue_line WHERE queue_id = %(q)s AND warnings IS NOT NULL "
                "ORDER BY line_no", q=report.queue,
            )
            for one in row[0]
        ]  # fmt: skip

    def undo(self, report: ApplyReport) -> UndoReport:
        return promote.undo(self.db, self.org_id, report.plan, actor="tester")

    def dump(self) -> dict[str, list[str]]:
        """Every row of core, the mapping and the pending links, as text."""
        return {
            table: [row[0] for row in self.sql(f"SELECT to_jsonb(t)::text FROM {table} AS t ORDER BY 1")]
            for table in CORE
        }

    def lines(self, report: ApplyReport) -> list[Line]:
        return list(promote.lines(self.db, self.org_id, report.queue))

    def products(self) -> list[Any]:
        """(sku, name, active) of each product that is not deleted, in order of making."""
        return [
            tuple(r)
            for r in self.sql("SELECT sku, name, active FROM core.products WHERE deleted_at IS NULL ORDER BY id")
        ]


def product(number: int, /, **fields: Any) -> dict[str, Any]:
    """A WooCommerce product."""
    return {
        "id": number,
        "name": f"Product {number}",
        "slug": f"product-{number}",
        "type": "simple",
        "status": "publish",
        "sku": f"P-{number}",
        "price": "10.00",
        "regular_price": "10.00",
        "sale_price": "",
        "manage_stock": False,
        "stock_quantity": None,
        "stock_status": "instock",
        "backorders": "no",
        "categories": [],
        "tags": [],
        "images": [],
        "attributes": [],
        **fields,
    }


def variation(number: int, parent: int, /, **fields: Any) -> dict[str, Any]:
    """A WooCommerce variation."""
    return {**product(number), "parent_id": parent, "sku": f"V-{number}", "type": "variation", **fields}


def customer(number: int, /, **fields: Any) -> dict[str, Any]:
    """A WooCommerce customer."""
    return {
        "id": number,
        "email": f"c{number}@example.test",
        "first_name": "Ada",
        "last_name": f"N{number}",
        "username": f"c{number}",
        "role": "customer",
        "date_created_gmt": "2026-01-02T03:04:05",
        "billing": {"first_name": "Ada", "company": "ACME & Co", "phone": "1", "email": f"c{number}@example.test"},
        "shipping": {},
        **fields,
    }


def order(number: int, /, **fields: Any) -> dict[str, Any]:
    """A WooCommerce order over 100.00 by nobody known, with one line."""
    total = fields.get("total", "100.00")
    return {
        "id": number,
        "number": str(number),
        "status": "completed",
        "currency": "USD",
        "total": total,
        "total_tax": "0.00",
        "discount_total": "0.00",
        "shipping_total": "0.00",
        "customer_id": 0,
        "date_created_gmt": "2026-02-03T04:05:06",
        "billing": {"first_name": "Guest", "email": "guest@example.test"},
        "shipping": {},
        "line_items": [
            {
                "id": number * 10,
                "name": "Thing",
                "product_id": 1,
                "variation_id": 0,
                "quantity": 1,
                "subtotal": total,
                "total": total,
                "total_tax": "0.00",
                "sku": "P-1",
            }
        ],
        "tax_lines": [],
        "shipping_lines": [],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [],
        **fields,
    }
