"""What a run's log tells: a line for each list that was read and each entity that differs, with its counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sync_pipeline.config import Settings
from sync_pipeline.defs.graph import Stage
from sync_pipeline.defs.links import address
from sync_pipeline.defs.run_organization import OrganizationResult
from sync_pipeline.steps.observe import PlanResult
from sync_pipeline.steps.promote import WrittenRows

_FOUND = ("new", "changed", "deleted", "quarantined", "vanished")
_DIFFERS = ("new", "updated", "deleted")
_WRITTEN = ("created", "updated", "removed", "unchanged")


def lines(settings: Settings, result: OrganizationResult, *, brief: bool) -> Iterator[str]:
    """The lines of one organization. `brief`: one for all that was read, because the run has many organizations."""
    if result.skipped:
        yield f"{result.org}: {result.skipped}, nothing to do"
    read = [one for (stage, _), reports in result.reports.items() if stage is Stage.RAW for one in reports]
    if brief and read:
        yield f"{result.org}: {len(read)} entities, {_read(read)}"
    elif not brief:
        yield from (f"{result.org}, {one.connection}: {one.entity} {_read([one])}" for one in read)
        for (stage, _), reports in result.reports.items():
            if stage is Stage.PREVIEW:
                yield from (f"{result.org}, {one.connection}: {one.entity} {_differs(one)}" for one in reports)
        for connection in result.connections:
            if page := address(settings, result.org, connection):
                yield f"{result.org}, {connection}: {page}"


def promoted(
    org: str, reports: Iterable[Any], results: Mapping[UUID, PlanResult], written: Mapping[str, WrittenRows]
) -> Iterator[str]:
    """A line for each applied plan, with why records of it failed, and one for each core table that was written to."""
    for report in reports:
        counts = f"{report.done:,} done, {report.failed:,} failed"
        result = results.get(UUID(report.queue))
        why = f": {result.why}" if result and result.failed else ""
        yield f"{org}: plan {report.plan} {report.state}: {counts}, {report.seconds:.1f} s{why}"
    for table, rows in written.items():
        if said := _counted(asdict(rows), _WRITTEN):
            yield f"{org}: core.{table} {', '.join(said)}"


def _read(reports: Iterable[Any]) -> str:
    """121 read, 1 new, 1 changed, 3 requests, 0.4 s; of a run that goes on after an attempt that failed: …, resumed."""
    every = list(reports)
    counts = {name: sum(getattr(one, name) for one in every) for name in (*_FOUND, "expected")}
    requests, resumed = sum(one.requests for one in every), sum(one.resumed > 0 for one in every)
    parts = [f"{counts['expected']:,} read", *_counted(counts, _FOUND), f"{requests:,} request{'s' * (requests != 1)}"]
    parts.append(f"{sum(one.seconds for one in every):.1f} s")
    if resumed:
        parts.append("resumed" if len(every) == 1 else f"{resumed:,} resumed")
    return ", ".join(parts)


def _differs(report: Any) -> str:
    """3 new, 1 updated: 4 undecided"""
    found = _counted({name: getattr(report, name) for name in _DIFFERS}, _DIFFERS)
    return f"{', '.join(found)}: {report.undecided:,} undecided" if found else "as in core"


def _counted(counts: dict[str, int], names: Iterable[str]) -> list[str]:
    return [f"{counts[name]:,} {name}" for name in names if counts[name]]
