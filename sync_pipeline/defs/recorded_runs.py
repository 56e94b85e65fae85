"""Runs of this process as the workspace's are recorded: with the code location that they are of, and their assets.

Dagster records neither of a run that is executed in the process that asks for it; without them its UI cannot execute
the run again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.snap import snapshot_from_execution_plan

from sync_pipeline.defs.servers import LOCATION

# The location by its name: where it is served, the workspace of whoever executes the run again says.
ORIGIN = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(LOCATION), SINGLETON_REPOSITORY_NAME)


class RecordingInstance(dg.DagsterInstance):
    """The instance for runs that are executed in this process. `instance_class` of Dagster's settings names it."""

    @classmethod
    def config_schema(cls) -> Mapping[str, Any]:
        """It has no settings of its own."""
        return {}

    @classmethod
    def config_defaults(cls, base_dir: str) -> Mapping[str, Any]:
        """Those of every instance."""
        return InstanceRef.config_defaults(base_dir)

    def create_run_for_job(self, job_def: dg.JobDefinition, *_given: Any, **asked: Any) -> dg.DagsterRun:
        """Called by Dagster when it executes a job in this process, with its plan."""
        plan, assets = asked["execution_plan"], job_def.asset_layer.selected_asset_keys
        return self.create_run(
            job_name=job_def.name,
            run_id=asked.get("run_id"),
            run_config=asked.get("run_config"),
            status=None,
            tags=asked.get("tags"),
            root_run_id=None,
            parent_run_id=None,
            step_keys_to_execute=plan.step_keys_to_execute,
            execution_plan_snapshot=snapshot_from_execution_plan(plan, job_def.get_job_snapshot_id()),
            job_snapshot=job_def.get_job_snapshot(),
            parent_job_snapshot=None,
            asset_selection=set(assets),
            asset_check_selection=set(),  # a run of the command line has none
            resolved_op_selection=None,
            op_selection=None,
            remote_job_origin=ORIGIN.get_job_origin(job_def.name),
            job_code_origin=None,
            asset_graph=job_def.asset_layer.asset_graph,
        )
