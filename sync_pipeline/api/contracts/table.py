"""Captured records with their status, and choosing among them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from sync_pipeline.api.contracts.base import Plain, Shape, Why
from sync_pipeline.api.contracts.observe import RequestInfo
from sync_pipeline.steps.preview import EntityPreview

Status = Literal["new", "updated", "deleted", "in_sync"]
Ids = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=200)]],
    Field(min_length=1, max_length=10_000, description="The store's ids.", examples=[["101", "102"]]),
]


class Row(Shape):
    """A record: what people call it by, how it differs from core, and its payload."""

    external_id: str = Field(examples=["101"])
    status: Status
    display: dict[str, str] = Field(
        description="name, sku, email, order_number … as far as it has them.",
        examples=[{"name": "T-shirt", "sku": "TS-1"}],
    )
    raw: Any = Field(description="The payload as captured, numbers digit for digit.", examples=[{"id": 101}])
    warnings: list[Plain] = Field(examples=[[{"code": "duplicate_sku", "message": "…"}]])
    changed_fields: list[str] = Field(examples=[["price"]])
    decision: Literal["include", "ignore"] | None = Field(description="For the version captured now.")


class TablePage(Shape):
    """A page of records."""

    data: list[Row]
    rowCount: int = Field(description="How many match in all.", examples=[1])  # noqa: N815
    page: int = Field(examples=[1])
    pageSize: int = Field(examples=[50])  # noqa: N815
    capped: bool | None = Field(
        None, description="True: a search among very many records, of which the first 1,000 finds are here."
    )
    message: str | None = Field(None, description="Where there is nothing yet: what a person should know.")


class Version(Shape):
    """One content the record had."""

    version_no: int
    captured_at: datetime
    run_id: int | None
    is_current: bool
    version: str = Field(description="SHA-256 of the content.")


class RecordInfo(Shape):
    """One record in full."""

    external_id: str
    status: Status
    display: dict[str, str]
    raw: Any
    changes: dict[str, Any] = Field(description="Field → before (in core) and after (captured).")
    warnings: list[Plain]
    versions: list[Version]
    mapping: dict[str, Any] | None = Field(description="Its core row: table, id, promoted_at.")
    decision: dict[str, Any] | None


class Selection(Shape):
    """Which records, and what about them. Say `ids`, or a `status`, a `search`, or `all`, with exceptions."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"decision": "include", "ids": ["101", "102"], "why": "ours"}}
    )

    decision: Literal["include", "ignore"]
    ids: Ids | None = Field(None, description="These records.")
    status: Status | None = Field(None, description="All that are new, updated …")
    search: str | None = Field(None, min_length=1, max_length=200, description="All that this finds in the table.")
    all: bool = Field(False, description="All of the entity.")
    excluding: list[str] = Field(
        default_factory=list, max_length=10_000, alias="except", description="But for these ids."
    )
    why: Why = None
    draft: bool = Field(False, description="A draft is promoted only by a plan that somebody approves.")


class PreviewResult(Shape):
    """What `POST …/sync/preview` did: the request of a fetch, or the act of selecting."""

    request: RequestInfo | None = None
    preview: Sequence[EntityPreview] | None = Field(
        None, description="After a fetch that was waited for: the counts now."
    )
    batch_id: int | None = Field(None, description="The act of selecting.")
    records: int | None = Field(None, description="How many records it decided.")
