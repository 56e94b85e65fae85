"""The audit log, decisions, requests and status."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import Field

from sync_pipeline.api.contracts.base import Plain, Shape
from sync_pipeline.api.contracts.connections import WorkInfo
from sync_pipeline.steps.observe.checks import CheckResult
from sync_pipeline.steps.observe.compat import Divergence
from sync_pipeline.steps.observe.status import ConnectionStatus


class ActivityRow(Shape):
    """One line of the audit log."""

    activity_id: int
    occurred_at: datetime
    event: str = Field(examples=["capture.closed"])
    actor: str = Field(examples=["ann@example.com"])
    connection: str | None = Field(examples=["shop"])
    entity_type: str | None = Field(examples=["product"])
    detail: Plain = Field(description="Counts and ids; never a payload.", examples=[{"new": 12}])


class ActivityPage(Shape):
    """The audit log, newest first. It has these two fields alone, which plugins rely on."""

    data: list[ActivityRow]
    rowCount: int = Field(description="How many lines there are in all pages.")  # noqa: N815


class OptionInfo(Shape):
    """One possible answer."""

    choice: str
    effect: str
    risk: str


class DecisionInfo(Shape):
    """A gate: the question, its possible answers, and the answer once it is given."""

    decision_id: int
    connection: str | None
    entity_type: str | None
    cause: str = Field(examples=["mass_deletion"])
    question: str
    detail: Plain = Field(description="The constraint, the rules affected, the risks, the records.")
    options: list[OptionInfo]
    recommended: str = Field(description="The safest option.")
    owner: str | None
    opened_at: datetime
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None
    why: str | None
    outcome: str | None = Field(description="What happened because of the answer.")
    blocks: list[str] = Field(description="The entity types of this connection that are not promoted until then.")
    resumed_at: datetime | None = Field(description="When the stopped work was resumed.")


class GivenAnswer(Shape):
    """A person's answer to a gate."""

    choose: str = Field(max_length=100, description="One of the options.", examples=["keep"])
    why: str = Field(min_length=1, max_length=2000, examples=["The store was being moved."])


class RequestInfo(Shape):
    """A request to Dagster. It is kept until it is done, even while Dagster is down."""

    request_id: int
    kind: str = Field(examples=["pull"])
    state: Literal["waiting", "launched", "done", "failed"]
    run_id: str | None = Field(description="The Dagster run, once there is one.")
    parameters: Plain
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
    error: str | None


class RequestProgress(RequestInfo):
    """A request, and how far its work is."""

    progress: list[WorkInfo] = Field(
        description="What is at work for it: the request, and each entity that its run pulls. Empty once it ended."
    )


class StatusInfo(Shape):
    """The status of the organization."""

    org: str
    connections: Sequence[ConnectionStatus]


class ChecksInfo(Shape):
    """The results of the business checks. `ok`: none failed; there may be warnings."""

    ok: bool
    checks: Sequence[CheckResult]


class CompatInfo(Shape):
    """The legacy views, compared with their core tables."""

    ok: bool
    views: int = Field(description="How many legacy views there are.")
    divergences: Sequence[Divergence]
