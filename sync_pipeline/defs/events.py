"""How a run tells Dagster what each organization's turn did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

import dagster as dg
from dagster._core.events import (
    AssetMaterializationPlannedData,
    DagsterEvent,
    DagsterEventBatchMetadata,
)

from sync_pipeline.defs.instance import keep_connections

# Up to so many organizations a run tells each result at once and draws charts; above, results wait for their batch.
SMALL_RUN = 20
_BATCH = 100

Event = dg.AssetMaterialization | dg.MaterializeResult[Any]


class Reporter:
    """Turns results into events of the run that `context` belongs to.

    One materialization an asset and organization. Only where something downstream is in the same run (which Dagster
    skips if there is no result) and the run is of one organization (a result counts for all partitions of its run),
    results are yielded instead; they cost twice as much.
    """

    def __init__(self, context: dg.AssetExecutionContext, orgs: Sequence[str]) -> None:
        self._context = context
        keep_connections(context.instance)
        self._partition = context.partition_key if context.has_partition_key else None
        step = context.get_step_execution_context()
        here = context.selected_asset_keys
        self._has_downstream = bool(set(step.job_def.asset_layer.selected_asset_keys) - here)
        self._batched = len(orgs) > SMALL_RUN
        self._buffer: dict[dg.AssetKey, list[dg.AssetMaterialization]] = {}

    def done(self, key: dg.AssetKey, org: str, metadata: Mapping[str, Any]) -> Iterator[Event]:
        """This asset of this organization is done."""
        if self._partition == org and self._has_downstream:
            yield dg.MaterializeResult(asset_key=key, metadata=metadata)
            return
        event = dg.AssetMaterialization(asset_key=key, partition=org, metadata=metadata)
        if not self._batched:
            yield event
            return
        buffer = self._buffer.setdefault(key, [])
        buffer.append(event)
        if len(buffer) >= _BATCH:
            self._write(self._buffer.pop(key))

    def failed(self, key: dg.AssetKey, org: str) -> None:
        """This asset of this organization failed: the UI shows its partition as failed when the run ends.

        Dagster counts a partition as failed when a failed run planned it and did not materialize it. It plans the
        partitions of a range by itself; in a run that names its organizations only in its configuration, planning
        each of them beforehand would cost 17 ms an asset and organization, so only those that failed are.
        """
        if self._context.has_partition_key_range or self._partition is not None:
            return
        self._context.instance.report_dagster_event(
            DagsterEvent.build_asset_materialization_planned_event(
                self._context.job_name,
                self._context.get_step_execution_context().step.key,
                AssetMaterializationPlannedData(key, partition=org, partitions_subset=None),
            ),
            self._context.run.run_id,
        )

    def flush(self) -> None:
        """Write what still waits."""
        while self._buffer:
            self._write(self._buffer.popitem()[1])

    def _write(self, events: list[dg.AssetMaterialization]) -> None:
        """One statement for the materializations of one asset: a tenth of their cost one by one.

        What an op yields is stored one by one, whatever DAGSTER_EVENT_BATCH_SIZE says; only events with batch metadata
        are gathered, and a batch must be of one asset (the last event alone updates the asset's row).
        """
        batch = uuid4().hex
        step = self._context.get_step_execution_context()
        for number, event in enumerate(events, start=1):
            DagsterEvent.asset_materialization(step, event, DagsterEventBatchMetadata(batch, number == len(events)))


def orgs_of(context: dg.AssetExecutionContext, named: Sequence[str], everyone: Sequence[str]) -> Sequence[str]:
    """The organizations of a run: its partition or range; without one, those its configuration names, or all."""
    if context.has_partition_key:
        return [context.partition_key]
    if context.has_partition_key_range:
        return list(context.partition_keys)
    return list(named) or list(everyone)


def failure(what: str, failures: Mapping[str, str], of: int) -> dg.Failure:
    """The end of a run in which organizations failed: it names them, and Dagster does not try again by itself."""
    shown = [f"{org}: {why}" for org, why in list(failures.items())[:SMALL_RUN]]
    more = f" … and {len(failures) - len(shown)} more" if len(failures) > len(shown) else ""
    return dg.Failure(
        description=f"{what} failed for {len(failures)} of {of} organizations; the others are done. "
        + " | ".join(shown)
        + more,
        metadata={"failed": dg.MetadataValue.json({org: why[:300] for org, why in list(failures.items())[:1000]})},
        allow_retries=False,
    )


def failed_in(event: DagsterEvent | None) -> dict[str, str] | None:
    """What `failure` said, read back from the event of a failed step; None where the step failed in another way."""
    data = event.step_failure_data if event is not None and event.is_step_failure else None
    failed = data.user_failure_data.metadata.get("failed") if data and data.user_failure_data else None
    if not isinstance(failed, dg.JsonMetadataValue) or not isinstance(failed.value, Mapping):
        return None
    return {str(org): str(why) for org, why in failed.value.items()}
