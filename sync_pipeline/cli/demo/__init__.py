"""demo: run the whole flow once for three organizations and four sandbox stores, then open the Explorer and Dagster.

The data is in SYNC_HOME, so `sync-pipeline status acme` shows it. The stores keep their ports and the time of their
first start in `$SYNC_HOME/demo.json`, so that everything is in sync after a restart.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.options import Json
from sync_pipeline.cli.output import emit, note, row, say, show

if TYPE_CHECKING:
    from sync_pipeline.cli.context import Context
    from sync_pipeline.cli.demo.stores import DemoStore, OpenStore
    from sync_pipeline.cli.demo.story import Waits
    from sync_pipeline.cli.progress import Listener
    from sync_pipeline.config import Settings
    from sync_pipeline.sources.base import Stream
    from sync_pipeline.steps.connect import Connection, Organization

    Chosen = Sequence[tuple[Connection, Sequence[Stream]]]

_COLUMNS = ("entity", "captured", "new", "updated", "deleted", "in_sync", "selected", "promoted")


@dataclass
class Result:
    """The result of the flow for one organization; `connections` has a row for each entity, as shown."""

    org: str
    connections: list[dict[str, Any]] = field(default_factory=list)
    plan: str | None = None
    state: str | None = None
    done: int = 0
    failed: int = 0
    core: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="Run the flow, print a summary, and exit.")] = False,
    port: Annotated[int, typer.Option("--port", metavar="N", help="Port of the Explorer and the API.")] = 8000,
    dagster_port: Annotated[int, typer.Option("--dagster-port", metavar="N", help="Port of the Dagster UI.")] = 3000,
    as_json: Json = False,
) -> None:
    """Run the whole flow once on sandbox stores of both providers, then serve the Explorer, the API and Dagster."""
    from sync_pipeline.cli.children import family, run_until_stopped
    from sync_pipeline.cli.context import opened
    from sync_pipeline.cli.demo import story
    from sync_pipeline.cli.demo.stores import STORES, check_installed, open_stores
    from sync_pipeline.config import Settings

    check_installed()
    os.environ["SYNC_ALLOW_PRIVATE_HOSTS"] = "1"  # the demo's stores are on loopback; child processes inherit this
    settings = Settings()
    began = time.monotonic()
    note("Database …")
    _migrate(settings)
    with family() as children:
        note("Two WooCommerce and two Odoo sandbox stores …")
        opened_stores = list(zip(STORES, open_stores(children, settings), strict=True))
        story.replay(settings, opened_stores)
        orgs = list(dict.fromkeys(store.org for store in STORES))
        with opened() as context:
            results = [_run(context, [one for one in opened_stores if one[0].org == org]) for org in orgs]
            if not story.told(settings) and not any(result.problems for result in results):
                note("Then things happen in the stores of acme and globex …")
                story.tell(context, opened_stores)
            waits = story.waits(context, orgs)
        seconds = time.monotonic() - began
        problems = [f"{r.org}: {p}" for r in results for p in r.problems]
        if as_json:
            emit(
                {
                    "orgs": [row(r, without=("problems",)) for r in results],
                    "waits": [row(one) for one in waits],
                    "seconds": round(seconds, 1),
                    "ok": not problems,
                }
            )
        else:
            _summary(results, seconds)
            if once:
                say()
                say("What waits for you (`make demo` opens the Explorer):")
                _what_waits(waits, f"http://127.0.0.1:{port}")
        for problem in problems:
            note(f"FAILED {problem}")
        if once or problems:
            raise typer.Exit(1 if problems else 0)
        from sync_pipeline.cli.serve import start_api
        from sync_pipeline.cli.up import start_dagster

        note("Dagster and the API …")
        url = start_dagster(children, settings, dagster_port)
        api = start_api(children, settings, port, dagster_url=url)
        if not as_json:
            _what_next(url, api, results, waits)
        run_until_stopped(children)
    note("Stopped. The data is kept; `sync-pipeline demo` continues with it.")


def _migrate(settings: Settings) -> None:
    from sync_pipeline.db.open import migrate_to_head
    from sync_pipeline.gates import migration

    migrate_to_head(settings, migration)


def _run(context: Context, stores: Sequence[tuple[DemoStore, OpenStore]]) -> Result:
    """The flow of one organization: connect → pull → preview → select → plan → apply."""
    from sync_pipeline.cli.demo.story import told
    from sync_pipeline.cli.pipeline import Stages, flow
    from sync_pipeline.cli.progress import listener
    from sync_pipeline.steps import connect, observe

    name, company = stores[0][0].org, stores[0][0].company
    org = connect.add_organization(context.db, name, company)
    for store, opened_store in stores:
        connect.add_connection(
            context.db, context.settings, org, store.provider, store.connection, opened_store.given, actor=context.actor
        )
    result = Result(name)
    chosen = context.streams(org, None, None)
    with listener() as progress:
        note(f"{name}: pull, preview …")
        outcome = flow(context, org, chosen, Stages.PULL, listener=progress)
        result.problems += outcome.problems()
        selected = {} if told(context.settings) else _promote_everything(context, org, chosen, result, progress)
    after = {(one.name, e.entity): e for one in observe.status(context.db, org) for e in one.entities}
    for store, opened_store in stores:
        entities = [
            {
                "entity": entity,
                "captured": after[connection, entity].captured,
                "new": preview.new,
                "updated": preview.updated,
                "deleted": preview.deleted,
                "in_sync": preview.in_sync,
                "selected": selected.get((connection, entity), 0),
                "promoted": after[connection, entity].promoted,
            }
            for (connection, entity), preview in outcome.previews.items()
            if connection == store.connection
        ]
        result.connections.append(
            {"connection": store.connection, "provider": store.provider, "url": opened_store.url, "entities": entities}
        )
    result.core = observe.core_counts(context.db, org)
    return result


def _promote_everything(
    context: Context, org: Organization, chosen: Chosen, result: Result, progress: Listener
) -> dict[tuple[str, str], int]:
    """select → plan → apply; returns how many records of each connection and entity were selected."""
    from sync_pipeline.cli.pipeline import promote
    from sync_pipeline.steps import select

    note(f"{org.slug}: select, plan, apply …")
    selected: dict[tuple[str, str], int] = {}
    for one, streams in chosen:
        for stream in streams:
            chosen_now = select.select(
                context.db, one, stream, everything=True, include=True, actor=context.party,
                why="the demo selects everything", draft=True,
            )  # fmt: skip
            selected[one.name, stream.name] = chosen_now.records
    plan = select.make_plan(context.db, org, actor=context.party, origin="demo")
    if plan is not None:
        report = promote(context, org, str(plan.plan_id), progress)
        result.plan, result.state = report.plan, report.state
        result.done, result.failed = report.done, report.failed
        result.problems += [f"{e['connection']} {e['entity']} {e['external_id']}: {e['reason']}" for e in report.errors]
    return selected


def _summary(results: list[Result], seconds: float) -> None:
    for result in results:
        for one in result.connections:
            show(
                [c.replace("_", " ") for c in _COLUMNS],
                [
                    [entity[c] for c in _COLUMNS]
                    for entity in one["entities"]
                    if entity["captured"] or entity["deleted"]
                ],
                title=f"{result.org}: connection “{one['connection']}” ({one['provider']}) at {one['url']}",
            )
        if result.plan:
            say(f"Plan {result.plan}: {result.state}, {result.done:,} done, {result.failed:,} failed.")
        else:
            say("Nothing was promoted: the demo did that before. What waits stays for you.")
        say()
    tables = list(results[0].core)
    show(["rows in core", *(r.org for r in results)], [(t, *(r.core[t] for r in results)) for t in tables])
    say(f"connect → capture → preview → select → promote in {seconds:.0f} seconds.")


def _what_waits(waits: Sequence[Waits], api: str) -> None:
    """A line for each thing that a person can decide now: its page, and what it is."""
    pages = [f"{api}/ui/{one.page}" for one in waits]
    width = max(map(len, pages), default=0)
    for page, one in zip(pages, waits, strict=True):
        say(f"  {page:<{width}}  {one.words}")


def _what_next(url: str, api: str, results: list[Result], waits: Sequence[Waits]) -> None:
    first, shop = results[0], results[0].connections[0]
    write = '{"op": "update", "kind": "products", "id": ID, "regular_price": "12.34"}'
    say()
    say("What waits for you:")
    _what_waits(waits, api)
    say()
    say(f"Explorer     {api}/ui    (log in with a token: sync-pipeline token add {first.org} --role operator)")
    say(f"Dagster UI   {url}    (assets, runs, checks, schedules)")
    say(f"API          {api}    (docs/api.md: every call, ready to copy)")
    for result in results:
        for one in result.connections:
            say(f"{result.org:<12} {one['url']}    a sandbox store ({one['provider']}) of this demo")
    say()
    products = f"{first.org} --connection {shop['connection']} --entity products"
    say("Try this in another terminal (SYNC_ALLOW_PRIVATE_HOSTS=1 allows stores on this machine):")
    say("  export SYNC_ALLOW_PRIVATE_HOSTS=1")
    say(f"  .venv/bin/sync-pipeline table {products} --page-size 5")
    say(f"  curl -s {shop['url']}/_sandbox/write -d '{write}'        # ID: one of these products")
    say(f"  .venv/bin/sync-pipeline pull {first.org}")
    say(f"  .venv/bin/sync-pipeline table {products} --status updated")
    say(f"  .venv/bin/sync-pipeline select {products} --status updated --include")
    say("The sensor promotes it within seconds: see the runs in the UI.")
    say("Ctrl-C stops everything; the data is kept.")
