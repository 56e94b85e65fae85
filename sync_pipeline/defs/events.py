"""The Dagster events of a run over many organizations: materializations, failures, and how they are stored."""

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

# A run of up to this many organizations reports each result at once and draws charts; a larger one reports in batches.
SMALL_RUN = 20
_BATCH = 100

Event = dg.AssetMaterialization | dg.MaterializeResult[Any] | dg.AssetCheckEvaluation


class Reporter:
    """Turns results into events of the run that `context` belongs to.

    One materialization per asset and organization. A MaterializeResult costs twice as much and counts for all
    partitions of its run. It is yielded only where something else in the run waits for it, a downstream asset or a
    check, which Dagster would skip without it; and of a range only when all its organizations succeeded.
    """

    def __init__(self, context: dg.AssetExecutionContext, orgs: Sequence[str]) -> None:
        self._context = context
        self._partition = context.partition_key if context.has_partition_key else None
        self._batched = len(orgs) > SMALL_RUN
        self._buffer: dict[dg.AssetKey, list[dg.AssetMaterialization]] = {}
        layer = context.get_step_execution_context().job_def.asset_layer
        waiting = bool(
            set(layer.selected_asset_keys) - context.selected_asset_keys or layer.asset_graph.asset_check_keys
        )
        self._whole = set(orgs) if waiting and not self._batched and context.has_partition_key_range else set()
        self._result = waiting and self._partition is not None
        # No result is yielded for them to wait for.
        self.skips_checks = bool(layer.asset_graph.asset_check_keys) and not (self._result or self._whole)

    def done(self, key: dg.AssetKey, org: str, metadata: Mapping[str, Any]) -> Iterator[Event]:
        """Report the asset as materialized for this organization."""
        if self._result:
            yield dg.MaterializeResult(asset_key=key, metadata=metadata)
            return
        event = dg.AssetMaterialization(asset_key=key, partition=org, metadata=metadata)
        if not self._batched and not self._whole:
            yield event
            return
        buffer = self._buffer.setdefault(key, [])
        buffer.append(event)
        if self._batched and len(buffer) >= _BATCH:
            self._write(self._buffer.pop(key))

    def failed(self, key: dg.AssetKey, org: str) -> None:
        """Report the asset as failed for this organization: the UI shows its partition as failed when the run ends.

        Dagster counts a partition as failed if a failed run planned it and did not materialize it. It plans the
        partitions of a range itself. A run that names its organizations in its configuration plans only those that
        failed: planning all of them would take 17 ms per asset and organization.
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

    def flush(self) -> Iterator[Event]:
        """Report what is still in the buffer."""
        while self._buffer:
            key, events = next(iter(self._buffer.items()))
            del self._buffer[key]
            if self._whole and self._whole == {event.partition for event in events}:
                for event in events:
                    self._context.add_asset_metadata(event.metadata, key, event.partition)
                yield dg.MaterializeResult(asset_key=key)
            elif self._whole:
                yield from events
            else:
                self._write(events)

    def _write(self, events: list[dg.AssetMaterialization]) -> None:
        """Store the materializations of one asset in one statement, at a tenth of the cost of single ones.

        Dagster stores what an op yields one by one, regardless of DAGSTER_EVENT_BATCH_SIZE; it batches only events
        with batch metadata. A batch must be of one asset, because only its last event updates the asset's row.
        """
        batch = uuid4().hex
        step = self._context.get_step_execution_context()
        for number, event in enumerate(events, start=1):
            DagsterEvent.asset_materialization(step, event, DagsterEventBatchMetadata(batch, number == len(events)))


def orgs_of(context: dg.AssetExecutionContext, named: Sequence[str], everyone: Sequence[str]) -> Sequence[str]:
    """The organizations of a run: its partition or range, else those named in its configuration, else all.

    Raises:
        Failure: its configuration names others than its partition: they would be passed over.
    """
    if not context.has_partition_key and not context.has_partition_key_range:
        return list(named) or list(everyone)
    partitions = [context.partition_key] if context.has_partition_key else list(context.partition_keys)
    if others := sorted(set(named) - set(partitions)):
        raise dg.Failure(
            f"`orgs` names {', '.join(others)}, which is no partition of this run. Choose organizations as partitions, "
            "or launch a job without a partition and name them in `orgs`.",
            allow_retries=False,
        )
    return partitions


def failure(what: str, failures: Mapping[str, str], of: int, **facts: dg.MetadataValue[Any]) -> dg.Failure:
    """The failure of a run in which organizations failed: it names them, and Dagster does not retry it.

    `facts`: further metadata.
    """
    shown = [f"{org}: {why}" for org, why in list(failures.items())[:SMALL_RUN]]
    others = "; the others succeeded" if len(failures) < of else ""
    more = f" … and {len(failures) - len(shown)} more" if len(failures) > len(shown) else ""
    all_of = f"{len(failures):,} of {of:,} organizations" if of > 1 else "its organization"
    return dg.Failure(
        description=f"{what} failed for {all_of}{others}. " + " | ".join(shown) + more,
        metadata={
            **facts,
            "failed": dg.MetadataValue.json({org: why[:300] for org, why in list(failures.items())[:1000]}),
        },
        allow_retries=False,
    )


def failed_in(event: DagsterEvent | None) -> dict[str, str] | None:
    """Read the organizations that `failure` named from a step's event; None if the step failed for another reason."""
    data = event.step_failure_data if event is not None and event.is_step_failure else None
    failed = data.user_failure_data.metadata.get("failed") if data and data.user_failure_data else None
    if not isinstance(failed, dg.JsonMetadataValue) or not isinstance(failed.value, Mapping):
        return None
    return {str(org): str(why) for org, why in failed.value.items()}
