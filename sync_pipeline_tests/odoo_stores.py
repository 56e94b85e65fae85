"""A sandbox Odoo connected to an organization, and what tests ask of the two."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from sandbox.odoo import Server, Store, running, seed
from sandbox.shapes.recordings import RECORDINGS
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.sources.base import Finding, Stream, source
from sync_pipeline.sources.odoo.stream import OdooStream
from sync_pipeline.steps import connect
from sync_pipeline_tests.stores import Connected
from sync_pipeline_tests.waiting import PATIENCE_SECONDS

# Where whole payloads come from: a seeded sandbox, of the recorded shapes, and the recordings, where they are.
PAYLOADS = ["sandbox", *(["recordings"] if RECORDINGS.is_dir() else [])]
Records = dict[str, dict[int, dict[str, Any]]]


def _recorded(path: str) -> list[Path]:
    files = [RECORDINGS / "odoo" / f"{path}{suffix}.json" for suffix in ("", "__all")]
    return [file for file in files if file.is_file()]


def held(origin: str, stream: Stream) -> bool:
    """Whether there are payloads of the stream: the sandbox has every stream, the recordings are of an older list."""
    return origin == "sandbox" or bool(_recorded(stream.path))


@cache
def payloads(origin: str, *, bare: bool, number: type = float) -> Records:
    """Every record of every stream by entity type and id; links as [id, name], or as bare ids."""
    streams = source("odoo").streams.values()
    found: Records = {}
    store = Store()
    if origin == "sandbox":
        seed(store)
    for stream in streams:
        if origin == "sandbox":
            texts = [json.dumps({"records": store.read(stream.path, sorted(store.ids(stream.path)), load=True)})]
        else:
            texts = [file.read_text("utf-8") for file in _recorded(stream.path)]
        rows = [row for text in texts for row in json.loads(text, parse_float=number)["records"]]
        found[stream.entity_type] = {row["id"]: _bare(row) if bare else row for row in rows}
    return found


def _bare(record: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value[0] if isinstance(value, list) and len(value) == 2 and isinstance(value[1], str) else value
        for name, value in record.items()
    }


@dataclass(kw_only=True)
class Odoo(Connected):
    """A database that serves, and the connection to it."""

    store: Store
    server: Server

    def stream(self, name: str) -> OdooStream:
        """The declaration of a stream."""
        stream = self.connection.source.stream(name)
        assert isinstance(stream, OdooStream)
        return stream

    def findings(self) -> dict[str, Finding]:
        """The doctor's report by code."""
        return {one.code: one for one in connect.diagnose(self.db, self.settings, self.connection)}

    def detail(self, name: str) -> dict[str, Any]:
        """What the newest run of a stream recorded about itself."""
        found = self.value(
            "SELECT detail FROM capture.sync_ledger WHERE entity_type = %(kind)s ORDER BY run_id DESC LIMIT 1",
            kind=self.stream(name).entity_type,
        )
        assert isinstance(found, dict)
        return found

    def states(self) -> dict[tuple[str, str], tuple[str, str]]:
        """Every record that is not present: its state and the evidence."""
        rows = self.rows(
            "SELECT entity_type, external_id, deletion_state, deletion_evidence FROM capture.sync_record "
            "WHERE deletion_state <> 'present'"
        )
        return {(r.entity_type, r.external_id): (r.deletion_state, r.deletion_evidence) for r in rows}


@contextmanager
def odoo(
    db: Database,
    settings: Settings,
    org: connect.Organization,
    store: Store,
    *,
    name: str = "erp",
    **connection: Any,
) -> Iterator[Odoo]:
    """Serve `store` and connect it."""
    with running(store) as server:
        given = {"url": server.url, "db": server.db, "username": server.login, "password": server.key, **connection}
        made = connect.add_connection(db, settings, org, "odoo", name, given, actor="test")
        yield Odoo(db=db, settings=settings, org=org, connection=made, store=store, server=server)


def ask(server: Server, model: str, method: str, **arguments: Any) -> Any:
    """What the server itself answers over JSON-2, archived records included; numbers with all their digits."""
    context = {"lang": "en_US", "active_test": False, **arguments.pop("context", {})}
    answer = httpx.post(
        f"{server.url}/json/2/{model}/{method}",
        headers={"Authorization": f"bearer {server.key}", "X-Odoo-Database": server.db},
        json={**arguments, "context": context},
        timeout=PATIENCE_SECONDS,
        verify=False,  # it is plain http; reading the machine's certificates takes longer than the call
    )
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text, parse_float=Decimal)


def customer_ids(server: Server, companies: Sequence[int] = (1, 2)) -> set[int]:
    """Who is a customer, worked out from whole lists: ranked, in a sale order, above one, or an address of any."""
    domain = [["company_id", "in", [False, *companies]]]
    partners = ask(server, "res.partner", "search_read", domain=domain, fields=["parent_id", "customer_rank"], load="")
    named = ("partner_id", "partner_invoice_id", "partner_shipping_id")
    orders = ask(server, "sale.order", "search_read", domain=domain, fields=list(named), load="")
    buyers = {one["id"] for one in partners if one["customer_rank"] > 0}
    buyers |= {order[name] for order in orders for name in named if order[name]}
    size = 0
    while size < len(buyers):
        size = len(buyers)
        buyers |= {one["parent_id"] for one in partners if one["id"] in buyers and one["parent_id"]}
    return {one["id"] for one in partners if one["id"] in buyers or one["parent_id"] in buyers}
