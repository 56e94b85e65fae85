"""What earlier nights left: every organization captured and previewed, as its store is.

One organization of each kind is imported by the steps; the rows that this wrote are copied for the others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.ground import LATENCY, Ground
from bench.night.plan import Kind, Org, began, kinds
from sandbox.odoo import Store as OdooStore
from sandbox.woocommerce import Store as WooStore
from sync_pipeline.steps import capture, connect, preview, select

# Rows that belong to a connection, and those that name only the run. Triggers are off: what they wrote is copied too.
_COPIED = """
SELECT format('%I.%I', c.table_schema, c.table_name) AS name,
       array_agg(c.column_name::text ORDER BY c.ordinal_position) AS columns
FROM information_schema.columns AS c
JOIN information_schema.tables AS t USING (table_schema, table_name)
WHERE c.table_schema IN ('capture', 'preview') AND t.table_type = 'BASE TABLE' AND c.is_generated = 'NEVER'
    AND NOT EXISTS (
        SELECT 1 FROM pg_inherits WHERE inhrelid = format('%I.%I', c.table_schema, c.table_name)::regclass)
GROUP BY 1
"""


class Filler:
    """Imports and copies organizations."""

    def __init__(self, at: Ground, url: str, ca_file: str) -> None:
        self.at, self.url, self.ca_file = at, url, ca_file
        self.tables: Sequence[Any] = at.owner.execute(_COPIED).fetchall()

    def fill(self, orgs: Sequence[Org]) -> None:
        """Make the organizations, with what a first night would have captured of them."""
        for same in kinds(orgs).values():
            first = self._add(same[0])
            self._import(first)
            copies = [self._add(one) for one in same[1:]]
            if copies:
                self._copy(first, copies)
        self.at.owner.execute("VACUUM ANALYZE")
        self.at.settle()

    def _add(self, one: Org) -> connect.Connection:
        org = connect.add_organization(self.at.db, one.slug)
        url = f"{self.url}/{one.number}"
        given: dict[str, Any] = {"ca_file": self.ca_file, "promote_on_select": False}
        if one.kind.provider == "odoo":
            store = OdooStore()
            given |= {"url": url, "db": store.db, "username": store.login, "password": store.key}
        else:
            shop = WooStore()
            given |= {"store_url": url, "consumer_key": shop.key, "consumer_secret": shop.secret}
        return connect.add_connection(
            self.at.db, self.at.settings, org, one.kind.provider, "shop", given, actor="bench"
        )

    def _import(self, made: connect.Connection) -> None:
        with capture.session(self.at.db, self.at.settings, made) as session:
            for stream in made.source.streams.values():
                report = session.pull(stream)
                assert report.closed, report
        for stream in made.source.streams.values():
            preview.recompute(self.at.db, made, stream)
            select.apply_rules(self.at.db, made, stream)
            select.summary(self.at.db, made, stream)

    def _copy(self, first: connect.Connection, others: Sequence[connect.Connection]) -> None:
        pairs = [[one.org_id for one in others], [one.connection_id for one in others]]
        execute = self.at.owner.execute
        execute("SET session_replication_role = replica")
        for name, columns in self.tables:
            placed = [{"org_id": "o.org", "connection_id": "o.connection"}.get(one, f"t.{one}") for one in columns]
            execute(
                f"INSERT INTO {name} ({', '.join(columns)}) OVERRIDING SYSTEM VALUE SELECT {', '.join(placed)} "
                f"FROM {name} AS t CROSS JOIN unnest(%s::bigint[], %s::bigint[]) AS o (org, connection) "
                "WHERE t.org_id = %s",
                [*pairs, first.org_id],
            )
        execute("RESET session_replication_role")
        execute(
            "UPDATE connect.organization SET currency = "
            "(SELECT currency FROM connect.organization WHERE org_id = %s) WHERE org_id = ANY (%s)",
            [first.org_id, pairs[0]],
        )
        execute(
            "UPDATE connect.integration_connector SET health = 'healthy', last_sync_at = now(), "
            "health_checked_at = now() WHERE org_id = ANY (%s)",
            [pairs[0]],
        )


def store_plan(orgs: Sequence[Org], port: int) -> Mapping[str, Any]:
    """The plan of `bench.night.stores`."""
    return {
        "began": began().isoformat(),
        "latency": LATENCY,
        "port": port,
        "kinds": [
            {"provider": kind.provider, "size": kind.size, "numbers": [one.number for one in same]}
            for kind, same in kinds(orgs).items()
        ],
    }


def planned(path: Path) -> Sequence[Org]:
    """The organizations of a plan that was written."""
    found = [
        Org(number, Kind(one["provider"], one["size"]))
        for one in json.loads(path.read_text())["kinds"]
        for number in one["numbers"]
    ]
    return sorted(found, key=lambda org: org.number)
