"""The Dagster definitions: the steps as assets, partitioned by organization.

    raw/<provider>/<stream>  →  preview/…  →  selected/…  →  core/<table>

An asset calls its step and turns the report into metadata. All decisions about data are in the steps.

    graph, columns, provider_assets, promote, reconcile, checks       the assets, their columns and their checks
    run_organization, parallel                                        what a run does for each organization
    events, metadata, charts, story, links                            what it reports: events, log lines, links
    jobs, mixed_job, sensors, requests, deliveries, run_status_sensors
                                                                      what launches runs, and what follows their end
    resources, config                                                 the database, and the options of a run
    instance, storage, servers, wait_for_port                         the instance, its processes
    launch, recorded_runs                                             commands' runs
    orphaned_runs, retention, validate                                runs without a process, old runs, validations
"""

from functools import cache
from warnings import filterwarnings

import dagster as dg

# Dagster passes it itself, when it binds a sensor to its jobs: nobody who reads a log can do anything about it.
filterwarnings("ignore", message="Parameter `owners` of initializer `SensorDefinition", category=dg.BetaWarning)


@cache
def definitions() -> dg.Definitions:
    """Everything Dagster loads. Sources and streams are discovered from their files, not listed here."""
    from sync_pipeline.defs.checks import asset_checks
    from sync_pipeline.defs.graph import stores
    from sync_pipeline.defs.jobs import jobs, schedules
    from sync_pipeline.defs.promote import promote
    from sync_pipeline.defs.provider_assets import provider_assets
    from sync_pipeline.defs.reconcile import reconciliation
    from sync_pipeline.defs.resources import SyncResource
    from sync_pipeline.defs.retention import tidy
    from sync_pipeline.defs.sensors import sensors
    from sync_pipeline.defs.validate import validate

    return dg.Definitions(
        assets=[*provider_assets(), promote, reconciliation, *stores()],
        asset_checks=asset_checks(),
        jobs=[*jobs().values(), tidy, validate],
        schedules=schedules(),
        sensors=sensors(),
        resources={"sync": SyncResource()},
        # One process per run: the work waits for stores and the database, and starting Python takes seconds.
        executor=dg.in_process_executor,
    )
