"""demo: two organizations, two sandbox stores, the whole flow once; then the Dagster UI.

The demo's data lives in SYNC_HOME like any other, so `sync-pipeline status acme` shows it. The stores keep their
ports and the moment they were opened (`$SYNC_HOME/demo.json`): run again on the same data, everything is in sync.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.options import Json
from sync_pipeline.cli.output import emit, note, say, show

if TYPE_CHECKING:
    from sync_pipeline.cli.children import Child
    from sync_pipeline.cli.context import Context
    from sync_pipeline.config import Settings

_OPEN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Shop:
    """A sandbox shop of the demo: whose it is and what it sells."""

    org: str
    company: str
    connection: str
    seed: int
    currency: str
    timezone: str
    products: int
    orders: int


SHOPS = (
    Shop("acme", "Acme Outdoor", "shop", 7, "USD", "America/New_York", 120, 240),
    Shop("globex", "Globex Home", "shop", 23, "EUR", "Europe/Berlin", 80, 150),
)
_PORTS = (18871, 18872)


@dataclass
class Result:
    """What the flow did for one organization."""

    org: str
    connection: str
    url: str
    entities: list[dict[str, Any]] = field(default_factory=list)
    plan: str | None = None
    state: str | None = None
    done: int = 0
    failed: int = 0
    core: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the flow, with a summary.")] = False,
    port: Annotated[int, typer.Option("--port", metavar="N", help="The API.")] = 8000,
    dagster_port: Annotated[int, typer.Option("--dagster-port", metavar="N", help="The Dagster UI.")] = 3000,
    as_json: Json = False,
) -> None:
    """Two sandbox stores, two organizations, the whole flow once; then the Dagster UI and the API until Ctrl-C."""
    from sync_pipeline.cli.children import family, stays_up
    from sync_pipeline.cli.context import opened
    from sync_pipeline.config import Settings

    os.environ["SYNC_ALLOW_PRIVATE_HOSTS"] = "1"  # the demo's stores are on loopback; children inherit it
    settings = Settings()
    began = time.monotonic()
    note("Database …")
    _migrate(settings)
    with family() as children:
        note("Two sandbox stores …")
        doors = _open_shops(children, settings)
        with opened() as context:
            results = [_run(context, shop, door) for shop, door in zip(SHOPS, doors, strict=True)]
        seconds = time.monotonic() - began
        problems = [f"{r.org}: {p}" for r in results for p in r.problems]
        if as_json:
            emit({"orgs": [_row(r) for r in results], "seconds": round(seconds, 1), "ok": not problems})
        else:
            _summary(results, seconds)
        for problem in problems:
            note(f"FAILED {problem}")
        if once or problems:
            raise typer.Exit(1 if problems else 0)
        from sync_pipeline.cli.serve import start_api
        from sync_pipeline.cli.up import start_dagster

        note("Dagster and the API …")
        url = start_dagster(children, settings, dagster_port)
        api = start_api(children, settings, port)
        if not as_json:
            _what_next(url, api, results)
        stays_up(children)
    note("Stopped. The data stays; `sync-pipeline demo` goes on with it.")


def _migrate(settings: Settings) -> None:
    from sync_pipeline.db.open import migrate_to_head

    migrate_to_head(settings)


def _open_shops(children: list[Child], settings: Settings) -> list[dict[str, str]]:
    """Start the shops; returns the address and the key of each."""
    from sync_pipeline.cli.children import Child

    remembered = _remembered(settings)
    opened: list[tuple[Child, Path]] = []
    for shop, port in zip(SHOPS, remembered["ports"], strict=True):
        argv = [
            sys.executable, "-m", "sync_pipeline.cli.demo_store", "--port", str(port), "--seed", str(shop.seed),
            "--began", remembered["began"], "--currency", shop.currency, "--timezone", shop.timezone,
            "--products", str(shop.products), "--orders", str(shop.orders),
        ]  # fmt: skip
        log = settings.home / "logs" / f"store-{shop.org}.log"
        child = Child(f"the store of {shop.org}", argv, log=log)
        children.append(child)
        opened.append((child, log))
    doors: list[dict[str, str]] = []
    for child, log in opened:
        child.wait_until(lambda log=log: b"\n" in log.read_bytes(), _OPEN_SECONDS)  # type: ignore[misc]
        doors.append(json.loads(log.read_text("utf-8").splitlines()[0]))
    return doors


def _remembered(settings: Settings) -> dict[str, Any]:
    """Ports and opening moment, as they were the first time: a payload holds the store's address and dates."""
    from sync_pipeline.cli.children import free_port

    path = settings.home / "demo.json"
    known: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    wanted = known.get("ports") or list(_PORTS)
    ports: list[int] = []
    for port in wanted:
        while not free_port(port) or port in ports:
            port = _any_port()
        ports.append(port)
    if known and ports != known["ports"]:
        note("A store's port was taken: it opens at another one, and records that hold its address show as updated.")
    now = datetime.now(UTC).replace(microsecond=0).isoformat()
    facts = {"ports": ports, "began": known.get("began", now)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts) + "\n", "utf-8")
    return facts


def _any_port() -> int:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(context: Context, shop: Shop, door: dict[str, str]) -> Result:
    """The flow of one organization: connect → pull → preview → select → plan → apply."""
    from sync_pipeline.cli.pipeline import Stages, flow, promote
    from sync_pipeline.cli.progress import listener
    from sync_pipeline.steps import connect, observe, select

    org = connect.add_organization(context.db, shop.org, shop.company)
    given = {"store_url": door["url"], "consumer_key": door["key"], "consumer_secret": door["secret"]}
    connect.add_connection(
        context.db, context.settings, org, "woocommerce", shop.connection, given, actor=context.actor
    )
    result = Result(shop.org, shop.connection, door["url"])
    chosen = context.streams(org, shop.connection, None)
    with listener() as heard:
        note(f"{shop.org}: pull, preview …")
        outcome = flow(context, org, chosen, Stages.PULL, connection=shop.connection, heard=heard)
        result.problems += outcome.problems()
        note(f"{shop.org}: select, plan, apply …")
        selected: dict[str, int] = {}
        for one, streams in chosen:
            for stream in streams:
                chosen_now = select.select(
                    context.db, one, stream, everything=True, include=True, actor=context.actor,
                    why="the demo takes everything", draft=True,
                )  # fmt: skip
                selected[stream.name] = chosen_now.records
        plan = select.make_plan(context.db, org, actor=context.actor, origin="demo")
        if plan is not None:
            report = promote(context, org, str(plan.plan_id), heard)
            result.plan, result.state = report.plan, report.state
            result.done, result.failed = report.done, report.failed
            result.problems += [
                f"{e['connection']} {e['entity']} {e['external_id']}: {e['reason']}" for e in report.errors
            ]
    after = {
        e.entity: e for one in observe.status(context.db, org) if one.name == shop.connection for e in one.entities
    }
    for (_, name), preview in outcome.previews.items():
        result.entities.append(
            {
                "entity": name,
                "captured": after[name].captured,
                "new": preview.new,
                "updated": preview.updated,
                "deleted": preview.deleted,
                "in_sync": preview.in_sync,
                "selected": selected.get(name, 0),
                "promoted": after[name].promoted,
            }
        )
    result.core = observe.core_counts(context.db, org)
    return result


def _row(result: Result) -> dict[str, Any]:
    return {
        "org": result.org,
        "connection": result.connection,
        "url": result.url,
        "entities": result.entities,
        "plan": result.plan,
        "state": result.state,
        "done": result.done,
        "failed": result.failed,
        "core": result.core,
    }


def _summary(results: list[Result], seconds: float) -> None:
    for result in results:
        columns = ["entity", "captured", "new", "updated", "deleted", "in_sync", "selected", "promoted"]
        show(
            [c.replace("_", " ") for c in columns],
            [[entity[c] for c in columns] for entity in result.entities if entity["captured"] or entity["deleted"]],
            title=f"{result.org}: connection “{result.connection}” at {result.url}",
        )
        if result.plan:
            say(f"Plan {result.plan}: {result.state}, {result.done:,} done, {result.failed:,} failed.")
        else:
            say("Nothing to promote: everything is in sync.")
        say()
    tables = list(results[0].core)
    show(["rows in core", *(r.org for r in results)], [(t, *(r.core[t] for r in results)) for t in tables])
    say(f"connect → capture → preview → select → promote in {seconds:.0f} seconds.")


def _what_next(url: str, api: str, results: list[Result]) -> None:
    first = results[0]
    write = '{"op": "update", "kind": "products", "id": ID, "regular_price": "12.34"}'
    say()
    say(f"Dagster UI   {url}    (assets, runs, checks, schedules)")
    say(f"API          {api}    (docs/api.md; a token: .venv/bin/sync-pipeline token add {first.org} --role operator)")
    for result in results:
        say(f"{result.org:<12} {result.url}    a WooCommerce store, for this demo only")
    say()
    products = f"{first.org} --connection {first.connection} --entity products"
    say("Try, in another terminal (SYNC_ALLOW_PRIVATE_HOSTS=1 lets a command reach a store on this machine):")
    say("  export SYNC_ALLOW_PRIVATE_HOSTS=1")
    say(f"  .venv/bin/sync-pipeline table {products} --page-size 5")
    say(f"  curl -s {first.url}/_sandbox/write -d '{write}'        # ID: one of those products")
    say(f"  .venv/bin/sync-pipeline pull {first.org}")
    say(f"  .venv/bin/sync-pipeline table {products} --status updated")
    say(f"  .venv/bin/sync-pipeline select {products} --status updated --include")
    say("…and within seconds the sensor promotes it: watch the runs in the UI.")
    say("Ctrl-C stops everything; the data stays.")
