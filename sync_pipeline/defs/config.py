"""Run configuration: the options of the launchpad."""

import dagster as dg
from pydantic import Field


class RunOptions(dg.Config):
    """Options of every run."""

    orgs: list[str] = Field(
        default=[], description="These organizations, if the run has no partition. Empty: all of them."
    )
    actor: str = Field(default="dagster", description="Who requested the run; recorded in the audit log.")


class CaptureConfig(RunOptions):
    """Options of a run of raw, preview and selected assets."""

    connection: str | None = Field(default=None, description="Only this connection of the organization.")
    entities: list[str] = Field(
        default=[], description="Only these streams, by name (such as products). Empty: all that are selected."
    )
    full: bool = Field(default=False, description="Read everything, not only what changed since the watermark.")
    sweep: bool | None = Field(
        default=None,
        description="Sweep for changes that do not move a record's date. Empty: as sweep_every of the connection says.",
    )
    max_pages: int | None = Field(
        default=None,
        description="Read at most this many pages. The watermark does not move, and no deletions are inferred.",
    )
    deliveries: bool = Field(
        default=False, description="Process the waiting webhook deliveries instead of reading from the store."
    )


class PromoteConfig(RunOptions):
    """Options of a promotion."""

    plan: str | None = Field(
        default=None,
        description="The id of a plan; launching the run approves it. Only with one organization.",
    )
    decision: int | None = Field(
        default=None, description="Resume what this answered decision had stopped. Only with one organization."
    )
