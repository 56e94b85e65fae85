"""Runs launched from the command line: they execute in this process and are recorded in the shared instance."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.defs import definitions
from sync_pipeline.defs.config import sweep_of
from sync_pipeline.defs.events import failed_in
from sync_pipeline.defs.graph import Stage, core_specs, key, new_partitions, partition_sets
from sync_pipeline.defs.instance import open_instance
from sync_pipeline.defs.jobs import ORG_TAG, asked_by, describe_orgs, partition_tag
from sync_pipeline.defs.orphaned_runs import fail_orphaned_runs, process_tags
from sync_pipeline.defs.resources import OnProgress, Runtime, use_runtime
from sync_pipeline.errors import SyncError
from sync_pipeline.redaction import redact
from sync_pipeline.sources.base import all_sources
from sync_pipeline.steps import connect


@dataclass(frozen=True, slots=True)
class Report:
    """What a step returned (PullReport, PreviewReport, SelectionReport, ApplyReport), or the error it raised."""

    org: str
    stage: Stage
    name: str
    report: Any


@dataclass(slots=True)
class Launched:
    """The result of a launch. `failures` has the reason for each failed organization; its other reports are valid."""

    run_ids: list[str] = field(default_factory=list)
    received: list[Report] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True if no organization failed."""
        return not self.failures

    def reports(self, stage: str, org: str | None = None) -> list[Any]:
        """The reports of one stage in the order they arrived, without errors."""
        return [
            one.report
            for one in self.received
            if one.stage == stage and org in (None, one.org) and not isinstance(one.report, BaseException)
        ]

    def errors(self) -> list[SyncError]:
        """The errors that steps raised, such as a stale plan."""
        return [one.report for one in self.received if isinstance(one.report, SyncError)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """What to materialize: stages ("raw", "preview", "selected", "core") of organizations, with options."""

    stages: Sequence[str]
    orgs: Sequence[str]
    connection: str | None = None
    entities: Sequence[str] = ()
    full: bool = False
    sweep: bool | None = None
    plan: str | None = None
    actor: str = "command"


def materialize(
    settings: Settings,
    db: Database,
    asked: LaunchRequest,
    *,
    progress: OnProgress | None = None,
) -> Launched:
    """Materialize what was requested, in this process.

    `progress(org, stage, name, what)` is called from worker threads: with capture's `Progress` while a stream is
    pulled, with a queue's `QueueStatus` while a plan is applied, and with what each step returns. An organization's
    failure is returned in `failures`, not raised.

    Raises:
        DatabaseUnavailable: Dagster's storage does not respond.
        KeyboardInterrupt: the run was stopped at its next page; run it again to continue.
    """
    wanted = [Stage(stage) for stage in asked.stages]
    launched = Launched()

    def receive(org: str, stage: Stage, name: str, what: Any) -> None:
        launched.received.append(Report(org, stage, name, what))
        if progress is not None:
            progress(org, stage, name, what)

    runtime = Runtime(settings, db, on_report=receive)
    if progress is not None:
        runtime.on_progress = progress
    config = {
        "connection": asked.connection,
        "full": asked.full,
        "sweep": sweep_of(asked.sweep).value,
    }
    with open_instance(settings) as instance:
        fail_orphaned_runs(instance)
        here = [org for org in connect.organizations(db) if org.slug in asked.orgs]
        for name, new in new_partitions(instance, partition_sets(here)).items():
            instance.add_dynamic_partitions(name, new)
        launch = _Launch(instance, runtime, launched, list(asked.orgs), asked.actor)
        flow = [stage for stage in wanted if stage is not Stage.CORE]
        if flow:
            launch.flow(flow, list(asked.entities), config)
        if Stage.CORE in wanted and not launched.failures:
            launch.core({"plan": asked.plan})
    return launched


class _Launch:
    """The runs of one launch."""

    def __init__(
        self, instance: dg.DagsterInstance, runtime: Runtime, launched: Launched, orgs: list[str], actor: str
    ) -> None:
        self.instance, self.runtime, self.launched, self.orgs, self.actor = instance, runtime, launched, orgs, actor

    def flow(self, stages: Sequence[Stage], entities: list[str], config: dict[str, Any]) -> None:
        known = {org.slug: org for org in connect.organizations(self.runtime.db)}
        used = {name for org in self.orgs if org in known for name in known[org].providers}
        sources = [s for s in all_sources().values() if s.name in used]
        keys = [
            key(stage, source.name, name)
            for source in sources
            for stage in stages
            for name in source.streams
            if not entities or name in entities
        ]
        if keys:
            # Of each provider those that it has: another's would be refused.
            named = {s.name: [name for name in entities if name in s.streams] for s in sources}
            self._run("pull", keys, {s.name: {**config, "entities": named[s.name]} for s in sources})

    def core(self, config: dict[str, Any]) -> None:
        self._run("promote", [spec.key for spec in core_specs()], {"apply_plans": config})

    def _run(self, job: str, keys: list[dg.AssetKey], configs: dict[str, dict[str, Any]]) -> None:
        alone = self.orgs[0] if len(self.orgs) == 1 else None
        more = {} if alone else {"orgs": self.orgs}
        chosen = {asset.path[1] for asset in keys}
        ops = {op: {"config": {**config, **more}} for op, config in configs.items() if job != "pull" or op in chosen}
        logging.getLogger("dagster").setLevel(logging.CRITICAL)
        with use_runtime(self.runtime):
            result = (
                definitions()
                .resolve_job_def(job)
                # Without a selection of checks, those of its assets would be planned, and skipped.
                .get_subset(asset_selection=set(keys), asset_check_selection=set())
                .execute_in_process(
                    run_config={"ops": ops, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                    instance=self.instance,
                    tags={
                        **asked_by(self.actor),
                        ORG_TAG: describe_orgs(self.orgs),
                        **process_tags(),
                        **(partition_tag(alone) if alone else {}),
                    },
                    raise_on_error=False,
                )
            )
        self.launched.run_ids.append(result.run_id)
        if not result.success:
            self._note_failures(result)

    def _note_failures(self, result: dg.ExecuteInProcessResult) -> None:
        for event in result.all_events:
            if (failed := failed_in(event)) is not None:
                self.launched.failures.update(failed)
            elif event.is_step_failure and (error := event.step_failure_data.error):
                if error.cls_name in ("DagsterExecutionInterruptedError", "KeyboardInterrupt"):
                    raise KeyboardInterrupt  # Dagster reports Ctrl-C as a failure of the step
                reason = redact(error.message.strip().splitlines()[0])
                self.launched.failures.update(dict.fromkeys(self.orgs, reason))
        if not self.launched.failures:
            self.launched.failures.update(dict.fromkeys(self.orgs, "The run failed. See its log in the Dagster UI."))
