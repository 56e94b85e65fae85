"""What happens in the demo's stores after everything was promoted, so that something waits for a person.

In acme somebody adds products, changes prices, deletes one and breaks one; an agent proposes the new prices. In globex
somebody changes the shop's currency, which opens a gate. The writes are kept in `$SYNC_HOME/demo.json`, dated with the
stores' first start: after a restart the stores get them again, and have the same records.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from sync_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from sync_pipeline.cli.context import Context
    from sync_pipeline.cli.demo.stores import DemoStore, OpenStore
    from sync_pipeline.config import Settings
    from sync_pipeline.steps.connect import Organization

AGENT = "agent:prices"
_NEW = (("Trail lantern", "LANTERN-01", "24.00"), ("Packable hammock", "HAMMOCK-02", "59.00"))
Stores = Sequence[tuple["DemoStore", "OpenStore"]]


@dataclass(frozen=True, slots=True)
class Waits:
    """One thing that waits in an organization: in words, and the Explorer's page below `/ui`."""

    org: str
    words: str
    page: str


def told(settings: Settings) -> bool:
    """True once everything of the story has happened."""
    return bool(_facts(settings).get("told"))


def replay(settings: Settings, stores: Stores) -> None:
    """Give the stores, which have just opened, what was written to them before."""
    writes: Mapping[str, list[dict[str, Any]]] = _facts(settings).get("writes", {}) if told(settings) else {}
    for store, opened in stores:
        _write(opened, writes.get(f"{store.org}/{store.connection}", []))


def tell(context: Context, stores: Stores) -> None:
    """Let it happen, once: write to the stores, read them, and propose a plan as an agent."""
    facts = _facts(context.settings)
    writes = {}
    for store, opened in stores:
        if (store.org, store.connection) == ("acme", "shop"):
            writes["acme/shop"] = _acme(opened, facts["began"], _sku_of_the_other_store(context))
        elif (store.org, store.connection) == ("globex", "shop"):
            writes["globex/shop"] = _globex(opened)
    for name in ("acme", "globex"):
        _pull(context, context.org(name))
    _propose(context)
    _path(context.settings).write_text(json.dumps({**facts, "writes": writes, "told": True}) + "\n", "utf-8")


def waits(context: Context, orgs: Sequence[str]) -> list[Waits]:
    """What waits now, as the Explorer's overview has it."""
    from sync_pipeline.steps import connect, observe

    found = []
    for name in orgs:
        org = context.org(name)
        waiting = observe.waiting(context.db, org)
        connections = {one.connection_id: one for one in connect.connections(context.db, org)}
        found += [
            Waits(name, f"a decision: {one.question}", f"{name}/decisions/{one.decision_id}")
            for one in waiting.decisions
        ]
        for plan in waiting.approved:
            changes = f"+{plan.creates} ~{plan.updates} -{plan.deletes}"
            said = f"a plan that {plan.approved_by} approved, to apply: {changes}"
            found.append(Waits(name, said, f"{name}/plans/{plan.plan_id}"))
        for plan in waiting.plans:
            changes = f"+{plan.creates} ~{plan.updates} -{plan.deletes}"
            found.append(Waits(name, f"a plan of {plan.by} to approve: {changes}", f"{name}/plans/{plan.plan_id}"))
        for number, entity_type, records in waiting.undecided:
            one = connections[number]
            stream = next(s for s in one.source.streams.values() if s.entity_type == entity_type)
            page = f"{name}/{one.name}/data/{stream.name}?choice=undecided"
            found.append(Waits(name, f"{records} undecided {stream.title.lower()} of {name}, {one.name}", page))
        for number, records in waiting.quarantined.items():
            place = connections[number].name
            found.append(Waits(name, f"{records} in quarantine of {name}, {place}", f"{name}/{place}/quarantine"))
    return found


def _acme(opened: OpenStore, began: str, shared: str) -> list[dict[str, Any]]:
    plain = [one for one in _products(opened) if one["type"] == "simple" and one["regular_price"] and one["sku"]]
    dearer, cheaper, broken, gone, *_ = reversed(plain)  # orders of what is gone change, too: they lose its SKU
    dated = {"date_modified": began}
    new = {"op": "add_product", "date_created": began, **dated, "status": "publish"}
    changed = {"op": "update", "kind": "products", **dated}
    writes = [
        *({**new, "name": name, "sku": sku, "regular_price": price} for name, sku, price in _NEW),
        {**new, "name": "Summit stove", "sku": shared, "regular_price": "89.00"},
        *(
            {**changed, "id": one["id"], "regular_price": _times(one, factor)}
            for one, factor in ((dearer, "1.10"), (cheaper, "0.85"), (broken, "1.20"))
        ),
        {"op": "delete", "kind": "products", "id": gone["id"]},
        # From now on a plugin fails wherever the shop would show the whole of this one.
        {"op": "poison", "kind": "products", "record_id": broken["id"], "also_fields": False},
    ]
    _write(opened, writes)
    return writes


def _globex(opened: OpenStore) -> list[dict[str, Any]]:
    """The shop's currency is another from now on: nobody knows in which its prices are."""
    setting = {"kind": "settings", "id": "woocommerce_currency"}
    text = json.dumps({**_ask(opened, "payload", setting), "value": "GBP"})
    writes = [{"op": "raw_override", **setting, "json_text": text}]
    _write(opened, writes)
    return writes


def _times(product: Mapping[str, Any], factor: str) -> str:
    return str((Decimal(product["regular_price"]) * Decimal(factor)).quantize(Decimal("0.01")))


def _sku_of_the_other_store(context: Context) -> str:
    """A SKU that acme's Odoo has and its shop has not."""
    from sync_pipeline.steps import connect, preview

    org = context.org("acme")
    codes = {}
    for name, entity in (("shop", "products"), ("erp", "products")):
        one = connect.connection(context.db, org, name)
        found = preview.browse(context.db, one, one.source.stream(entity), preview.RecordView(), size=500)
        codes[name] = {row.code.casefold(): row.code for row in found.rows if row.code}
    return next((code for key, code in sorted(codes["erp"].items()) if key not in codes["shop"]), "STOVE-03")


def _pull(context: Context, org: Organization) -> None:
    from sync_pipeline.cli.pipeline import Stages, flow
    from sync_pipeline.cli.progress import Listener

    outcome = flow(context, org, context.streams(org, None, None), Stages.PULL, listener=Listener())
    if problems := outcome.problems():
        raise ConfigurationError(f"The demo could not be completed: {'; '.join(problems)}. Run it again.")


def _propose(context: Context) -> None:
    from sync_pipeline.steps import connect, select
    from sync_pipeline.steps.connect.party import Party

    org, agent = context.org("acme"), Party(AGENT, "api", "agent")
    shop = connect.connection(context.db, org, "shop")
    select.select(
        context.db, shop, shop.source.stream("products"), status="updated", include=True, actor=agent, draft=True,
        why="These prices follow the supplier's new list.",
    )  # fmt: skip
    select.make_plan(context.db, org, actor=agent, origin="agent", waiting=False)


def _products(opened: OpenStore) -> list[dict[str, Any]]:
    """The shop's products as it answers them, by id."""
    ids = _ask(opened, "ids", {"kind": "products"})["ids"]
    return [_ask(opened, "payload", {"kind": "products", "id": one}) for one in sorted(ids, key=int)]


def _write(opened: OpenStore, calls: Sequence[Mapping[str, Any]]) -> None:
    faults = [one for one in calls if one["op"] == "poison"]
    for path, some in (("write", [one for one in calls if one not in faults]), ("faults", faults)):
        if some:
            _ask(opened, path, some)


@cache
def _client() -> httpx.Client:
    """One for all calls: a new one reads the machine's certificates, which takes longer than a call."""
    return httpx.Client(timeout=30)


def _ask(opened: OpenStore, path: str, body: Any) -> Any:
    answer = _client().post(f"{opened.url}/_sandbox/{path}", json=body)
    answer.raise_for_status()
    return answer.json()


def _path(settings: Settings) -> Path:
    return settings.home / "demo.json"


def _facts(settings: Settings) -> dict[str, Any]:
    path = _path(settings)
    facts: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return facts
