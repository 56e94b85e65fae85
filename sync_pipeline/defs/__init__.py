"""Dagster's door: what the steps do, as assets partitioned by organization.

    raw/<provider>/<stream>  →  preview/…  →  selected/…  →  core/<table>

Nothing here decides anything about data: an asset calls its step and turns the report into metadata.
"""

import dagster as dg

__all__ = ["definitions"]


def definitions() -> dg.Definitions:
    """Everything Dagster shows. Sources and streams are found by their files, so nothing is listed here twice."""
    from sync_pipeline.defs.checks import asset_checks
    from sync_pipeline.defs.graph import stores
    from sync_pipeline.defs.jobs import jobs, schedules
    from sync_pipeline.defs.promote import promote
    from sync_pipeline.defs.provider_assets import provider_assets
    from sync_pipeline.defs.reconcile import reconciliation
    from sync_pipeline.defs.resources import SyncResource
    from sync_pipeline.defs.retention import tidy
    from sync_pipeline.defs.sensors import sensors

    return dg.Definitions(
        assets=[*provider_assets(), promote, reconciliation, *stores()],
        asset_checks=asset_checks(),
        jobs=[*jobs().values(), tidy],
        schedules=schedules(),
        sensors=sensors(),
        resources={"sync": SyncResource()},
        # One process a run: the work waits on stores and the database, and starting Python costs seconds.
        executor=dg.in_process_executor,
    )
