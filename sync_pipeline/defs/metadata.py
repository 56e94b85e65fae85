"""Asset metadata from the reports of steps: counts, a small table, a chart. Never a payload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from sync_pipeline.defs.graph import Stage
from sync_pipeline.entities.base import names
from sync_pipeline.redaction import redact
from sync_pipeline.steps.observe import CapturedRows

_SHOWN_IDS = 20
_SUMS = {
    Stage.RAW: names(
        "expected captured quarantined vanished new changed unchanged deleted swept requests bytes throttled resumed"
    ),
    Stage.PREVIEW: names("new updated deleted in_sync mapped_by_older included ignored undecided warnings"),
    Stage.SELECTED: names("included ignored undecided"),
}
# Those that a run of many organizations reports only where they are not 0: an event is mostly its metadata.
_RARE = frozenset(
    (
        *names("quarantined vanished deleted swept throttled resumed"),
        *names("mapped_by_older included ignored undecided warnings"),
    )
)
# The counts that add up to the row count that Dagster charts: rows of the table that the asset names. Those of raw
# assets are counted (`of_rows`), because a delta reads some of the records.
_ROWS = {Stage.PREVIEW: ("new", "updated", "deleted"), Stage.SELECTED: ("included", "ignored")}


def of_reports(stage: Stage, reports: Sequence[Any], *, brief: bool = False) -> dict[str, Any]:
    """The metadata of one asset for one organization. `reports` has one report per connection.

    `brief`: of a run of many organizations. Without what is 0 in most, and without the table of a single connection.
    """
    sums = {name: sum(getattr(report, name, 0) for report in reports) for name in _SUMS[stage]}
    metadata: dict[str, Any] = {name: n for name, n in sums.items() if n or not brief or name not in _RARE}
    if stage in _ROWS:
        metadata["dagster/row_count"] = sum(sums[name] for name in _ROWS[stage])
    metadata["seconds"] = round(sum(getattr(report, "seconds", 0.0) for report in reports), 3)
    if stage is Stage.RAW:
        metadata.update(_capture(reports, sums))
    elif stage is Stage.PREVIEW:
        messages = [report.message for report in reports if report.message]
        if messages:
            metadata["message"] = redact(" ".join(messages))
        drift = [dict(change) for report in reports for change in report.drift]
        if drift:
            metadata["drift"] = dg.MetadataValue.json(drift[:_SHOWN_IDS])
    if brief and len(reports) == 1:
        return metadata
    metadata["connections"] = table([_row(stage, report) for report in reports])
    return metadata


def of_rows(rows: CapturedRows, *, brief: bool = False) -> dict[str, int]:
    """The rows of a raw asset: records that are there, and beside them those that are not counted as such."""
    others = {"deleted_rows": rows.deleted, "quarantined_records": rows.quarantined}
    return {"dagster/row_count": rows.live, **{name: n for name, n in others.items() if n or not brief}}


def _capture(reports: Sequence[Any], sums: Mapping[str, int]) -> dict[str, Any]:
    seconds = sum(report.seconds for report in reports)
    found: dict[str, Any] = {
        "closed": all(report.closed for report in reports),
        "mode": ", ".join(dict.fromkeys(report.mode for report in reports)),
        "records_per_second": round(sums["expected"] / seconds, 1) if seconds else 0.0,
        "ledger_runs": ", ".join(str(report.run_id) for report in reports if report.run_id is not None),
    }
    marks = [report.watermark for report in reports if report.watermark]
    if marks:
        found["watermark"] = min(marks)
    ids = [one for report in reports for one in report.quarantine]
    if ids:
        found["quarantined_ids"] = ", ".join(ids[:_SHOWN_IDS]) + (" …" if len(ids) > _SHOWN_IDS else "")
    gates = [report.gate for report in reports if report.gate is not None]
    if gates:
        found["waits_for_decision"] = ", ".join(map(str, gates))
    missing = [f"{report.connection}: {', '.join(report.missing)}" for report in reports if report.missing]
    if missing:
        found["not_offered_to_this_user"] = "; ".join(missing)
    notes = [*dict.fromkeys(f"{report.connection}: {report.clock}" for report in reports if report.clock)]
    notes += [report.error for report in reports if report.error]
    if notes:
        found["note"] = redact("; ".join(notes))
    return found


def _row(stage: Stage, report: Any) -> dict[str, str | int | float | bool]:
    row: dict[str, str | int | float | bool] = {"connection": str(getattr(report, "connection", ""))}
    row.update({name: int(getattr(report, name, 0)) for name in _SUMS[stage]})
    row["seconds"] = round(float(getattr(report, "seconds", 0.0)), 3)
    return row


def table(rows: Sequence[Mapping[str, str | int | float | bool]]) -> dg.TableMetadataValue:
    """A table that the UI displays."""
    return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows])
