"""An asset job over several providers.

Each provider's assets are partitioned by the organizations that have it, and Dagster allows a named job one set of
partitions only; its own job of all assets has as many as there are. These jobs are like that one. A
run of one organization has it as its partition, by a tag (`jobs.partition_tag`); one of several names them in its
configuration.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.assets.job.asset_job import build_asset_job, get_asset_graph_for_job
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


class MixedJob(UnresolvedAssetJobDefinition):
    """Like `dg.define_asset_job`, for assets of any partitions."""

    def resolve(
        self,
        asset_graph: AssetGraph,
        default_executor_def: dg.ExecutorDefinition | None = None,
        resource_defs: Mapping[str, dg.ResourceDefinition] | None = None,
    ) -> dg.JobDefinition:
        """Called by Dagster with all assets."""
        selected = get_asset_graph_for_job(asset_graph, self.selection, allow_different_partitions_defs=True)
        return build_asset_job(
            self.name,
            asset_graph=selected,
            allow_different_partitions_defs=True,
            description=self.description,
            tags=self.tags,
            run_tags=self.run_tags,
            executor_def=default_executor_def,
            resource_defs=resource_defs,
        )
