"""The job that validates an organization on request: every check at every place, kept with its evidence."""

import dagster as dg
from pydantic import Field

from sync_pipeline.defs.config import not_read
from sync_pipeline.defs.jobs import actor_of
from sync_pipeline.defs.resources import SyncResource
from sync_pipeline.steps import connect
from sync_pipeline.steps.observe import validation


class ValidateConfig(dg.Config):
    """Whom to validate."""

    org: str = Field(description="The organization.")
    actor: str | None = not_read()


@dg.op(description="Runs every check at every place in one snapshot, lists the stores, and keeps the matrix.")
def validate_organization(context: dg.OpExecutionContext, config: ValidateConfig, sync: SyncResource) -> None:
    """Red rows do not fail the run: they are its result."""
    runtime = sync.runtime
    org = connect.organization(runtime.db, config.org)
    kept, _, _ = validation.validate(runtime.db, runtime.settings, org, by=actor_of(context.run))
    told: dict[str, int] = {name: int(count) for name, count in kept.counts.items()}
    context.add_output_metadata({"validation": kept.validation_id, "hash": kept.hash, "ok": kept.ok, **told})
    context.log.info(f"{org.slug}: validation {kept.validation_id}, {told}.")


@dg.job(
    description="Validates one organization: the matrix of every check, with its evidence.",
    executor_def=dg.in_process_executor,
)
def validate() -> None:
    """For rows of observe.request; it is on no schedule, because it compares all of core and every store."""
    validate_organization()
