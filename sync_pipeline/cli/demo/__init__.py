"""demo: run the whole flow once for three organizations and four sandbox stores, then open the Explorer and Dagster.

The data is in SYNC_HOME, so `sync-pipeline status acme` shows it. The stores keep their ports and the time of their
first start in `$SYNC_HOME/demo.json`, so that everything is in sync after a restart.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Annotated

import typer

from sync_pipeline.cli.alone import DagsterPort, Port, check_home, check_ports, hold_home
from sync_pipeline.cli.demo.stages import StageLines
from sync_pipeline.cli.demo.told import tables, what_next, what_waits
from sync_pipeline.cli.options import Json
from sync_pipeline.cli.output import emit, note, row, say

if TYPE_CHECKING:
    from sync_pipeline.cli.context import Context
    from sync_pipeline.cli.demo.person import DemoLogin
    from sync_pipeline.config import Settings


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="Run the flow, print a summary, and exit.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Also print tables of every store and of core.")] = False,
    port: Port = 8000,
    dagster_port: DagsterPort = 3000,
    as_json: Json = False,
) -> None:
    """Run the whole flow once on sandbox stores of both providers, then serve the Explorer, the API and Dagster."""
    from sync_pipeline.cli.demo.stores import check_installed
    from sync_pipeline.config import Settings

    check_installed()
    _set_environment(port)
    settings = Settings()
    check_home(settings)
    if not once:
        check_ports(port, dagster_port)
    hold_home(settings, "the demo, once" if once else f"http://127.0.0.1:{port}/ui")
    lines = StageLines(as_json=as_json)
    if not (once or as_json):
        explorer, dagster = f"http://127.0.0.1:{port}/ui", f"http://127.0.0.1:{dagster_port}"
        say(f"In about two minutes: the Explorer at {explorer}, Dagster at {dagster}")
    _perform(settings, lines, once, verbose, port, dagster_port, as_json)


def _perform(
    settings: Settings, lines: StageLines, once: bool, verbose: bool, port: int, dagster_port: int, as_json: bool
) -> None:
    from sync_pipeline.cli.children import family, run_until_stopped
    from sync_pipeline.cli.context import opened
    from sync_pipeline.cli.demo import story
    from sync_pipeline.cli.demo.flow import connect_stores, run

    began = time.monotonic()
    with family() as children:
        with lines.stage("connect", "the database and four sandbox stores …") as found:
            _migrate(settings)
            stores = connect_stores(children, settings)
            found.words = stores.words
        with opened() as context:
            results = run(context, stores, lines)
            waits = story.waits(context, [result.org for result in results])
            # Whatever waits is somebody's who is logged in to its organization.
            orgs = dict.fromkeys([results[0].org, *(one.org for one in waits)])
            log_in = {} if once or as_json else _people(context, list(orgs))
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
            if verbose:
                tables(results)
            say(f"connect → capture → preview → select → promote in {seconds:.0f} seconds.")
            if once:
                say()
                say("What waits for you (`make demo` opens the Explorer):")
                what_waits(waits, f"http://127.0.0.1:{port}")
        for problem in problems:
            note(f"FAILED {problem}")
        if once or problems:
            raise typer.Exit(1 if problems else 0)
        from sync_pipeline.cli.serve import start_api
        from sync_pipeline.cli.up import start_dagster

        with lines.stage("serve", "Dagster and the API …") as found:
            url = start_dagster(children, settings, dagster_port)
            api = start_api(children, settings, port, dagster_url=url)
            found.words = "the Explorer, the API and Dagster answer"
        if not as_json:
            what_next(url, api, results, waits, log_in, settings.home)
        run_until_stopped(children)
    note("Stopped. The data is kept; `sync-pipeline demo` continues with it.")


def _people(context: Context, orgs: list[str]) -> dict[str, DemoLogin]:
    """How to log in to each organization: one password for all."""
    from sync_pipeline.cli.demo.person import new_password, person

    password = new_password()
    return {org: person(context.db, context.org(org), password, actor=context.actor) for org in orgs}


def _set_environment(port: int) -> None:
    """What the demo's processes inherit: its stores are on loopback, and Dagster's pages link to its Explorer."""
    os.environ["SYNC_ALLOW_PRIVATE_HOSTS"] = "1"
    os.environ.setdefault("SYNC_EXPLORER_URL", f"http://127.0.0.1:{port}")


def _migrate(settings: Settings) -> None:
    from sync_pipeline.db.open import migrate_to_head
    from sync_pipeline.gates import migration

    migrate_to_head(settings, migration)
