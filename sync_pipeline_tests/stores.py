"""A sandbox shop connected to an organization, and what tests ask of the two."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.woocommerce import Server, Store, running
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.steps import capture, connect, preview
from sync_pipeline.steps.observe import export


@dataclass(kw_only=True)
class Connected:
    """A connection to a store that serves, whatever its provider."""

    db: Database
    settings: Settings
    org: connect.Organization
    connection: connect.Connection

    @property
    def streams(self) -> list[str]:
        return list(self.connection.source.streams)

    def pull(self, *names: str, full: bool = False, **options: Any) -> dict[str, capture.PullReport]:
        """Pull these streams (all, if none are named)."""
        with capture.session(self.db, self.settings, self.connection, actor="test") as session:
            return {
                name: session.pull(self.connection.source.stream(name), full=full, **options)
                for name in names or self.streams
            }

    def export(self, name: str, *, history: bool = False) -> list[Any]:
        """Exported payloads with all their digits."""
        stream = self.connection.source.stream(name)
        ask = (export.versions if history else export.records)(self.connection, stream)
        with export.reading(self.db, self.org.org_id, ask, columns=["payload"]) as reading:
            return [json.loads(line, parse_float=Decimal) for line in reading.payloads()]

    def ids(self, name: str) -> set[str]:
        return {str(payload["id"]) for payload in self.export(name)}

    def preview(self, name: str) -> preview.PreviewReport:
        return preview.recompute(self.db, self.connection, self.connection.source.stream(name))

    def table(self, name: str, status: str) -> set[str]:
        """Ids of all records of a status."""
        found: set[str] = set()
        page = 1
        while True:
            part = preview.table(
                self.db, self.connection, self.connection.source.stream(name), status=status, page=page, page_size=500
            )
            found |= {row["external_id"] for row in part.data}
            if len(found) >= part.row_count:
                return found
            page += 1

    def rows(self, sql: str, **parameters: Any) -> list[Any]:
        """What the application sees in this organization."""
        with self.db.org(self.org.org_id) as conn:
            return list(execute(conn, sql, **parameters).all())

    def value(self, sql: str, **parameters: Any) -> Any:
        return self.rows(sql, **parameters)[0][0]


@dataclass(kw_only=True)
class Shop(Connected):
    """A WooCommerce store that serves, and the connection to it."""

    store: Store
    server: Server


@contextmanager
def shop(
    db: Database,
    settings: Settings,
    org: connect.Organization,
    store: Store,
    *,
    name: str = "shop",
    **connection: Any,
) -> Iterator[Shop]:
    """Serve `store` and connect it."""
    with running(store) as server:
        made = connect.add_connection(
            db,
            settings,
            org,
            "woocommerce",
            name,
            {"store_url": server.url, "consumer_key": server.key, "consumer_secret": server.secret, **connection},
            actor="test",
        )
        yield Shop(db=db, settings=settings, org=org, connection=made, store=store, server=server)


def without_noise(payload: dict[str, Any]) -> dict[str, Any]:
    """A product as it can be compared: related_ids is drawn anew at each request."""
    return {key: value for key, value in payload.items() if key != "related_ids"}
