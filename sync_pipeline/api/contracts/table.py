"""Captured records with their status, and selections."""

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
    """A record: its names, how it differs from core, and its payload."""

    external_id: str = Field(examples=["101"])
    status: Status
    display: dict[str, str] = Field(
        description="Those of name, sku, email, order_number … that the record has.",
        examples=[{"name": "T-shirt", "sku": "TS-1"}],
    )
    raw: Any = Field(description="The payload as captured; numbers keep all their digits.", examples=[{"id": 101}])
    warnings: list[Plain] = Field(examples=[[{"code": "duplicate_sku", "message": "…"}]])
    changed_fields: list[str] = Field(examples=[["price"]])
    decision: Literal["include", "ignore"] | None = Field(description="The decision about the captured version.")


class TablePage(Shape):
    """A page of records."""

    data: list[Row]
    rowCount: int = Field(description="How many records match, in all pages.", examples=[1])  # noqa: N815
    page: int = Field(examples=[1])
    pageSize: int = Field(examples=[50])  # noqa: N815
    capped: bool | None = Field(None, description="True: the search stopped at the first 1,000 matches.")
    message: str | None = Field(None, description="A note for people if there is nothing yet.")


class Version(Shape):
    """A version of the record."""

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
    changes: dict[str, Any] = Field(description="Field → its value before (in core) and after (captured).")
    warnings: list[Plain]
    versions: list[Version]
    mapping: dict[str, Any] | None = Field(description="Its core row: table, id, promoted_at.")
    decision: dict[str, Any] | None


class Selection(Shape):
    """A decision about records: those in `ids`, or those that match `status`, `search` or `all`, with exceptions."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"decision": "include", "ids": ["101", "102"], "why": "ours"}}
    )

    decision: Literal["include", "ignore"]
    ids: Ids | None = Field(None, description="These records.")
    status: Status | None = Field(None, description="All records with this status.")
    search: str | None = Field(None, min_length=1, max_length=200, description="All records that this search finds.")
    all: bool = Field(False, description="All records of the entity that differ from core.")
    excluding: list[str] = Field(
        default_factory=list, max_length=10_000, alias="except", description="Except these ids."
    )
    why: Why = None
    draft: bool = Field(False, description="A draft is promoted only by a plan that someone approves.")


class PreviewResult(Shape):
    """The result of `POST …/sync/preview`: the request for a fetch, or the selection."""

    request: RequestInfo | None = None
    preview: Sequence[EntityPreview] | None = Field(
        None, description="The current counts, if the call waited for the fetch."
    )
    batch_id: int | None = Field(None, description="The selection's id.")
    records: int | None = Field(None, description="How many records the selection decided.")
