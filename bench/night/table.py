"""The rows of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.night.measure import SMALL
from bench.report import Row

GOAL_SECONDS = 300.0
GOAL_ORGS = 1000


def rows(measured: Mapping[str, Mapping[str, Any]]) -> Sequence[Row]:
    """Of each number of organizations its nights, and what they show."""
    return [row for number, one in measured.items() for row in _of(int(number), one)]


def _of(number: int, measured: Mapping[str, Any]) -> Iterator[Row]:
    for name, night in measured["nights"].items():
        dead = night["dead"]
        what = (
            f"{number:,}, nothing changed" if name == "quiet" else f"{number:,}, 1 % changed, {len(dead)} dead stores"
        )
        goal = name == "quiet" and number == GOAL_ORGS
        cpu = night["cpu"]
        own = sum(seconds for kind, seconds in cpu.items() if kind not in ("PostgreSQL", "stores"))
        yield Row(
            what=what,
            value=night["seconds"],
            processor=(own, cpu["PostgreSQL"]),
            target=f"≤ {GOAL_SECONDS:.0f} s" if goal else "",
            reached=night["seconds"] <= GOAL_SECONDS if goal else None,
            note=f"the largest has {measured['largest']:,} records" if name == "quiet" else "",
            more={
                "runs": f"{night['runs']}",
                "processor: runs, code server, daemon, stores": ", ".join(
                    f"{cpu[kind]:,.0f}" for kind in ("runs", "code server", "daemon", "stores")
                ) + " s",
                "requests": f"{night['requests']:,}",
                "rows written: ours, Dagster's, the catalogue's": ", ".join(f"{one:,}" for one in _written(night)),
                "events": f"{night['events']:,}, {night['event_bytes'] / 1e6:.1f} MB",
                "growth: ours, Dagster's": f"{night['grown'] / 1e6:.1f}, {night['dagster_grown'] / 1e6:.1f} MB",
                "written ahead": f"{night['wal'] / 1e6:,.0f} MB",
                "peak of a run": f"{night['peak_mb'].get(_RUN, 0):,.0f} MB",
            },
        )  # fmt: skip
        yield from _huge(night) if name == "quiet" else _dead(night)


_RUN = "dagster-code's"


def _written(night: Mapping[str, Any]) -> tuple[int, int, int]:
    written = night["written"]
    ours = sum(rows for name, rows in written.items() if name not in ("dagster", "pg_catalog"))
    return ours, written.get("dagster", 0), written.get("pg_catalog", 0)


def _huge(night: Mapping[str, Any]) -> Iterator[Row]:
    """Does the largest keep the small waiting?"""
    ended = {slug: one["ended"] for slug, one in night["orgs"].items()}
    small = [ended[slug] for slug, (_, size) in night["sizes"].items() if size < SMALL and slug in ended]
    largest = max(night["sizes"], key=lambda slug: night["sizes"][slug][1])
    if small and largest in ended:
        took = ended[largest] - night["orgs"][largest]["began"]
        yield Row(what="… the last small store (under 1,000 records) was finished after", value=max(small),
                  note=f"half of them after {sorted(small)[len(small) // 2]:.0f} s; the largest took {took:.0f} s and "
                       f"was finished after {ended[largest]:.0f} s")  # fmt: skip


def _dead(night: Mapping[str, Any]) -> Iterator[Row]:
    """What a dead store costs, and whose failure it is."""
    orgs, dead = night["orgs"], night["dead"]
    took: dict[str, list[float]] = {}
    for slug, death in dead.items():
        if slug in orgs:
            took.setdefault(death, []).append(orgs[slug]["ended"] - orgs[slug]["began"])
    every = [seconds for some in took.values() for seconds in some]
    if every:
        yield Row(what="… a dead store cost, at most", value=max(every),
                  note=", ".join(f"{death}: {max(some):.0f} s" for death, some in took.items()))  # fmt: skip
    hurt = [slug for slug, one in orgs.items() if slug not in dead and one["failed"]]
    absent = [slug for slug in night["sizes"] if slug not in orgs]
    right = set(night["failed"]) == set(dead) == set(night["told"]) and not hurt and not absent
    yield Row(what="… failed, seen as failed, of the dead", value=len(night["failed"]), unit="organizations",
              target=f"the {len(dead)} dead, no other", reached=right,
              note="" if right else f"others failed: {hurt[:5]}, not read: {absent[:5]}, told: {len(night['told'])}",
              )  # fmt: skip
