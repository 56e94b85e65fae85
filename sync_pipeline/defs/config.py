"""Run configuration: the options of the launchpad.

Each has a default that is a value: the launchpad leaves out of its scaffold what is null by default.
"""

from enum import StrEnum
from typing import Any

import dagster as dg
from pydantic import Field, ValidationInfo, field_validator


class SweepOption(StrEnum):
    """When to sweep. Dagster names a default by its name, so names and values are alike."""

    due = "due"
    always = "always"
    never = "never"


def sweep_of(wanted: bool | None) -> SweepOption:
    """The option `sweep` of somebody who asks for a sweep, for none, or (None) for neither."""
    return {None: SweepOption.due, True: SweepOption.always, False: SweepOption.never}[wanted]


def not_read() -> Any:
    """The option `actor` of runs that earlier versions recorded: it is accepted, so that they can be executed again."""
    return Field(default=None, description="Not read. Earlier versions recorded here who asked for a run.")


class RunOptions(dg.Config):
    """Options of every run."""

    orgs: list[str] = Field(
        default=[], description="These organizations, if the run has no partition. Empty: all of them."
    )
    actor: str | None = not_read()

    @field_validator("*", mode="before")
    @classmethod
    def _null_is_the_default(cls, value: Any, info: ValidationInfo) -> Any:
        """Requests leave out what they do not ask for, and earlier versions recorded it as null."""
        return cls.model_fields[str(info.field_name)].default if value is None else value


class CaptureConfig(RunOptions):
    """Options of a run of raw, preview and selected assets."""

    connection: str = Field(default="", description="Only this connection of the organization. Empty: all of them.")
    entities: list[str] = Field(
        default=[], description="Only these streams, by name (such as products). Empty: all that are selected."
    )
    full: bool = Field(default=False, description="Read everything, not only what changed since the watermark.")
    sweep: SweepOption = Field(
        default=SweepOption.due,
        description="Sweep for changes that do not move a record's date: always, never, or when it is due, as "
        "sweep_every of the connection says.",
    )
    max_pages: int = Field(
        default=0,
        description="Read at most this many pages. The watermark does not move, and no deletions are inferred. 0: all.",
    )
    deliveries: bool = Field(
        default=False, description="Process the waiting webhook deliveries instead of reading from the store."
    )

    @property
    def do_sweep(self) -> bool | None:
        """Whether to sweep; None as the connection says."""
        return {SweepOption.always: True, SweepOption.never: False}.get(self.sweep)


class PromoteConfig(RunOptions):
    """Options of a promotion."""

    plan: str = Field(
        default="",
        description="The id of a plan; launching the run approves it. Only with one organization. "
        "Empty: the approved plans.",
    )
    decision: int = Field(
        default=0, description="Resume what this answered decision had stopped. Only with one organization. 0: none."
    )
