"""What the demo tells at its end: tables of every store, what waits for a person, what to try, and the addresses."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sync_pipeline.cli.output import say, show

if TYPE_CHECKING:
    from sync_pipeline.cli.demo.flow import Result
    from sync_pipeline.cli.demo.person import DemoLogin
    from sync_pipeline.cli.demo.story import Waits


def tables(results: Sequence[Result]) -> None:
    """Every store's entities, and what core has of each organization."""
    from sync_pipeline.cli.demo.flow import COLUMNS

    for result in results:
        for one in result.connections:
            show(
                [c.replace("_", " ") for c in COLUMNS],
                [[entity[c] for c in COLUMNS] for entity in one["entities"] if entity["captured"] or entity["deleted"]],
                title=f"{result.org}: connection “{one['connection']}” ({one['provider']}) at {one['url']}",
                zeros=("updated", "deleted", "in sync"),
            )
        if result.plan:
            say(f"Plan {result.plan}: {result.state}, {result.done:,} done, {result.failed:,} failed.")
        else:
            say("Nothing was promoted: the demo did that before. What waits stays for you.")
        say()
    names = list(results[0].core)
    show(["rows in core", *(r.org for r in results)], [(t, *(r.core[t] for r in results)) for t in names])


def what_waits(waits: Sequence[Waits], api: str) -> None:
    """A line for each thing that a person can decide now: its page, and what it is."""
    pages = [f"{api}/ui/{one.page}" for one in waits]
    width = max(map(len, pages), default=0)
    for page, one in zip(pages, waits, strict=True):
        say(f"  {page:<{width}}  {one.words}")


def what_next(
    url: str, api: str, results: Sequence[Result], waits: Sequence[Waits], log_in: Mapping[str, DemoLogin], home: Path
) -> None:
    """What waits, what to try in another terminal, and the addresses; `log_in`: how to log in to each organization."""
    from sync_pipeline.config import Settings

    first, shop = results[0], results[0].connections[0]
    write = '{"op": "update", "kind": "products", "id": ID, "regular_price": "12.34"}'
    products = f"{first.org} --connection {shop['connection']} --entity products"
    say()
    say("What waits for you:")
    what_waits(waits, api)
    say()
    say("Try this in another terminal (SYNC_ALLOW_PRIVATE_HOSTS=1 allows stores on this machine):")
    if home.resolve() != Settings.model_fields["home"].default.resolve():
        say(f"  export SYNC_HOME={shlex.quote(str(home.resolve()))}")
    say("  export SYNC_ALLOW_PRIVATE_HOSTS=1")
    say(f"  .venv/bin/sync-pipeline table {products} --page-size 5")
    say(f"  curl -s {shop['url']}/_sandbox/write -d '{write}'        # ID: one of these products")
    say(f"  .venv/bin/sync-pipeline pull {first.org}")
    say(f"  .venv/bin/sync-pipeline table {products} --status updated")
    say(f"  .venv/bin/sync-pipeline select {products} --status updated --include")
    say("The sensor promotes it within seconds: see the runs in the UI.")
    say()
    for result in results:
        for one in result.connections:
            say(f"{result.org:<10} {one['url']}    a sandbox store ({one['provider']}) of this demo")
    say(f"API        {api}    (docs/api-examples.md: every call, ready to copy)")
    say(f"Dagster    {url}    (assets, runs, checks, schedules)")
    say(f"Explorer   {api}/ui/{first.org}")
    for email, password in dict.fromkeys((one.email, one.password) for one in log_in.values()):
        say(f"           log in to {' or '.join(log_in)} as {email}, password {password} (another at each start):")
        say("           an operator, who approves plans, also those that agents propose")
    for org, login in log_in.items():
        say(f"           for programs, a token of an operator of {org}, which holds for a day: {login.token}")
    say("Ctrl-C stops everything; the data is kept.")
