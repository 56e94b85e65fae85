"""What a person may set when launching a run; the UI draws its form from these."""

import dagster as dg
from pydantic import Field


class FlowConfig(dg.Config):
    """How a run of raw, preview or selected assets works."""

    orgs: list[str] = Field(
        default=[], description="Only for runs without a partition: these organizations. Empty: all of them."
    )
    connection: str | None = Field(default=None, description="Only this connection of the organization.")
    entities: list[str] = Field(default=[], description="Only these streams, by name (products). Empty: all selected.")
    full: bool = Field(default=False, description="Read everything, not only what changed since the watermark.")
    sweep: bool | None = Field(
        default=None,
        description="Look for changes that move no date. Empty: as often as the connection's sweep_every says.",
    )
    max_pages: int | None = Field(
        default=None,
        description="A capped look: at most so many pages; no watermark moves, nothing is thought missing.",
    )
    deliveries: bool = Field(
        default=False, description="Instead of asking the store: see to the webhook deliveries that wait."
    )
    actor: str = Field(default="dagster", description="Who asked for it; written to the audit log.")


class PromoteConfig(dg.Config):
    """Which plans a run promotes."""

    orgs: list[str] = Field(
        default=[], description="Only for runs without a partition: these organizations. Empty: all of them."
    )
    plan: str | None = Field(
        default=None,
        description="This plan (its id), approved by whoever launches the run. Only with one organization.",
    )
    decision: int | None = Field(
        default=None, description="Take up what this answered gate stopped. Only with one organization."
    )
    actor: str = Field(default="dagster", description="Who asked for it; written to the audit log.")


class ReconcileConfig(dg.Config):
    """Which organizations a run reconciles."""

    orgs: list[str] = Field(
        default=[], description="Only for runs without a partition: these organizations. Empty: all of them."
    )
    actor: str = Field(default="dagster", description="Who asked for it; written to the audit log.")
