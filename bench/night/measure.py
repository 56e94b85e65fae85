"""The nights of one number of organizations, and what each took."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from rich.console import Console

from bench.ground import Ground, ground
from bench.night import figures
from bench.night.fill import Filler, planned, store_plan
from bench.night.nights import Dagster, Spent, Stores, daemon, stores, tonight
from bench.night.plan import Org, organizations
from bench.night.stores import DEATHS
from sync_pipeline.defs.events import failed_in
from sync_pipeline_tests.processes import free_port

SMALL = 1000  # records: what is called a small store
_CHANGED = 0.01
_SETTLE_SECONDS = 3.0  # until sessions have reported their rows


def nights(
    number: int, largest: int, which: Sequence[str], kept: Path | None, console: Console
) -> Mapping[str, Mapping[str, Any]]:
    """The figures of these nights by their names: `quiet`, `changed`."""
    with ExitStack() as stack:
        if kept is not None:
            kept.mkdir(parents=True, exist_ok=True)
        at = stack.enter_context(ground(kept))
        os.environ.update({"SYNC_HOME": str(at.home), "SYNC_ALLOW_PRIVATE_HOSTS": "1"})
        plan, whole = at.home / "stores.json", at.home / "filled"
        filled = whole.exists()
        if plan.exists() and not filled:
            raise RuntimeError(f"{at.home} was not filled to its end. Remove it, and run the same command again.")
        if not filled:
            plan.write_text(json.dumps(store_plan(organizations(number, largest), free_port())))
        orgs = planned(plan)
        served = stack.enter_context(stores(at, plan))
        if not filled:
            began = time.monotonic()
            Filler(at, served.url, served.ca_file).fill(orgs)
            whole.touch()
            console.print(f"[dim]filled in {time.monotonic() - began:.0f} s[/]")
        if filled:
            _trust(at, served.ca_file)
        if not which:
            return {}
        partitions = {"org": [one.slug for one in orgs]}
        for provider in ("woocommerce", "odoo"):
            partitions[f"org_{provider}"] = [one.slug for one in orgs if one.kind.provider == provider]
        running = stack.enter_context(daemon(at, partitions, at.home / "dagster.log"))
        found = {}
        for name in which:
            dead = _prepare(name, orgs, served)
            found[name] = _night(at, running, served, orgs, dead)
        served.ask("die", numbers={})
        return found


def _trust(at: Ground, ca_file: str) -> None:
    """The stores have another certificate than when they were connected."""
    at.owner.execute(
        "UPDATE connect.integration_connector SET settings = settings || jsonb_build_object('ca_file', %s::text)",
        [ca_file],
    )


def _prepare(night: str, orgs: Sequence[Org], served: Stores) -> Mapping[str, str]:
    """Change what this night is to find; returns the dead organizations and how they died."""
    if night == "quiet":
        return {}
    served.ask("change", share=_CHANGED)
    small = [one for one in orgs if one.kind.size < SMALL]
    number = min(20, max(1, len(orgs) // 50))
    chosen = small[len(small) // (2 * number) :: max(1, len(small) // number)][:number]
    dead = {one.slug: DEATHS[place % len(DEATHS)] for place, one in enumerate(chosen)}
    served.ask("die", numbers={str(one.number): dead[one.slug] for one in chosen})
    return dead


def _night(
    at: Ground, running: Dagster, served: Stores, orgs: Sequence[Org], dead: Mapping[str, str]
) -> Mapping[str, Any]:
    at.settle()
    served.ask("count")
    spent = Spent({**running.processes, "stores": served.process.pid})
    spent.sample()
    already = dict(spent.seconds)
    time.sleep(_SETTLE_SECONDS)
    before, began, when = figures.counters(at), time.monotonic(), datetime.now(UTC)
    with spent.sampling():
        runs = running.begin(tonight())
        records = running.ended(runs)
    seconds = time.monotonic() - began
    cpu = at.server_cpu() - before.cpu
    time.sleep(_SETTLE_SECONDS)
    after = figures.counters(at)
    for key, used in already.items():
        spent.seconds[key] -= used
    counted = served.ask("count")
    events, event_bytes = figures.events(at, runs)
    of = figures.organizations(at, runs, when)
    failed: dict[str, str] = {}
    for one in records:
        for entry in running.instance.all_logs(one.dagster_run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
            failed |= failed_in(entry.dagster_event) or {}
    return {
        "seconds": seconds,
        "runs": len(runs),
        "run_seconds": [(one.end_time or 0) - (one.start_time or 0) for one in records],
        "began_after": [(one.start_time or 0) - when.timestamp() for one in records],
        "cpu": {
            "runs": spent.total("dagster-code's"),
            "code server": spent.total("dagster-code"),
            "daemon": spent.total("dagster-daemon") + spent.total("dagster-daemon's"),
            "stores": spent.total("stores"),
            "PostgreSQL": cpu,
        },
        "peak_mb": {kind: peak / 1e6 for kind, peak in spent.peak.items()},
        "requests": sum(counted.values()),
        "requests_small": {
            provider: _median([
                counted.get(str(one.number), 0)
                for one in orgs
                if one.kind.size < SMALL and one.slug not in dead and one.kind.provider == provider
            ])
            for provider in ("woocommerce", "odoo")
        },
        "written": {name: rows - before.written.get(name, 0) for name, rows in after.written.items()},
        "grown": after.bytes - before.bytes,
        "dagster_grown": after.dagster_bytes - before.dagster_bytes,
        "wal": after.wal - before.wal,
        "events": events,
        "event_bytes": event_bytes,
        "dead": dict(dead),
        "failed": sorted(failed),
        "told": sorted(_told(at, runs, set(dead))),
        "orgs": {slug: asdict(one) for slug, one in of.items()},
        "sizes": {one.slug: [one.kind.provider, one.kind.size] for one in orgs},
    }  # fmt: skip


def _told(at: Ground, runs: Sequence[str], expected: set[str]) -> set[str]:
    """A sensor writes it a few seconds after the run."""
    deadline = time.monotonic() + 60
    while not (found := figures.told(at, runs)) >= expected and time.monotonic() < deadline:
        time.sleep(1)
    return found


def _median(values: Sequence[int]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None
