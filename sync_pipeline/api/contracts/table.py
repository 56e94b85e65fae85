"""Captured records with their status, and selections."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from sync_pipeline.api.contracts.base import Plain, Shape, Why
from sync_pipeline.api.contracts.observe import RequestInfo
from sync_pipeline.steps.preview import EntityPreview

Status = Literal["new", "updated", "deleted", "in_sync"]
Ids = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=200)]],
    Field(min_length=1, max_length=10_000, description="The store's ids.", examples=[["101", "102"]]),
]


class Withdrawn(Shape):
    """The plan that included this version was refused or undone."""

    cause: Literal["refused", "undone"]
    by: str
    at: datetime
    why: str | None


class Row(Shape):
    """A record: its names, how it differs from core, and its payload."""

    external_id: str = Field(examples=["101"])
    version: str = Field(description="What a selection gives back as `seen`.", examples=["9f86d081…"])
    status: Status
    display: dict[str, str] = Field(
        description="Those of name, sku, email, order_number … that the record has.",
        examples=[{"name": "T-shirt", "sku": "TS-1"}],
    )
    raw: Any = Field(
        description="The payload as captured; numbers keep all their digits. null if it was not asked for.",
        examples=[{"id": 101}],
    )
    warnings: list[Plain] = Field(examples=[[{"code": "duplicate_sku", "message": "…"}]])
    changed_fields: list[str] = Field(
        description="The payload's fields that changed; or core's columns, where a record changed that it copies from.",
        examples=[["price"]],
    )
    decision: Literal["include", "ignore"] | None = Field(description="The decision about the captured version.")
    draft: bool = Field(
        False, description="The decision is a draft, an agent's or a person's: it waits for a plan that is approved."
    )
    withdrawn: Withdrawn | None = Field(description="Why a record that was included is undecided again.")


class TablePage(Shape):
    """A page of records."""

    data: list[Row]
    rowCount: int = Field(description="How many records match, in all pages.", examples=[1])  # noqa: N815
    page: int = Field(examples=[1])
    pageSize: int = Field(examples=[50])  # noqa: N815
    as_of: datetime = Field(description="When the list was made: a selection by filter gives it back.")
    capped: bool | None = Field(
        None, description="True: a search among very many records, of which the first 1,000 finds are here."
    )
    message: str | None = Field(None, description="Where there is nothing yet: what a person should know.")


class Version(Shape):
    """A version of the record: a content that came back is one each time."""

    version_no: int
    captured_at: datetime
    run_id: int | None
    is_current: bool
    version: str = Field(description="SHA-256 of the content.")


class Deleted(Shape):
    """A deletion in the store."""

    at: datetime | None = Field(description="When it was found.")
    in_core: bool = Field(description="Is its deletion promoted?")


class RecordInfo(Shape):
    """One record in full."""

    external_id: str
    version: str
    status: Status
    display: dict[str, str]
    raw: Any
    changes: dict[str, Any] = Field(
        description="Field → before (in core) and after (captured). A side without the field has no key. Where a "
        "record changed that core copies from, the column → before, after and `through`: location 8. Lists, objects "
        "and long texts have `paths`: what differs in them, as {path, before, after}; `more` counts those beyond 50."
    )
    warnings: list[Plain]
    versions: list[Version]
    mapping: dict[str, Any] | None = Field(description="Its core row: table, id, promoted_at.")
    decision: dict[str, Any] | None = Field(
        description="decision (include or ignore), draft (it waits for a plan that is approved), by, at, why."
    )
    withdrawn: Withdrawn | None
    deleted: Deleted | None = Field(description="The store deleted it. Without it: it is there.")


class Filter(Shape):
    """All records that match."""

    status: Status | None = Field(None, description="All records with this status.")
    selection: Literal["include", "ignore", "undecided"] | None = Field(
        None, description="All records with this decision."
    )
    search: str | None = Field(None, min_length=1, max_length=200, description="All records that this search finds.")
    all: bool = Field(False, description="All records of the entity that differ from core.")
    excluding: list[str] = Field(
        default_factory=list, max_length=10_000, alias="except", description="Except these ids."
    )


class Selection(Filter):
    """A decision about records: those in `ids`, or those that match a `filter` (or its fields here).

    `seen`, or `as_of` for a filter, says what the caller was shown. With `ids`, `seen` has the version of each of them
    and of no other record; `as_of` is not later than now. What has changed since is not decided and is listed in
    `moved`; what someone else decided since stands and is listed in `replaced_by_others`.
    """

    model_config = ConfigDict(
        json_schema_extra={"example": {"decision": "include", "ids": ["101", "102"], "why": "ours"}}
    )

    decision: Literal["include", "ignore", "undecided"] = Field(description="undecided: take a decision back.")
    ids: Ids | None = Field(None, description="These records.")
    filter: Filter | None = Field(None, description="All records that match.")
    seen: dict[str, str] | None = Field(
        None, max_length=10_000, description="External id → `version`, as the table showed it."
    )
    as_of: AwareDatetime | None = Field(None, description="The list's `as_of`, for a filter.")
    expected: int | None = Field(
        None, ge=0, description="The list's `rowCount`. Where it differs now the answer is 409, and nothing is decided."
    )
    replace: bool = Field(False, description="Decide also what somebody else has decided since.")
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
    moved: list[ChangedSince] = Field(default_factory=list, description="Not decided: they are not what was seen.")
    moved_count: int = Field(0, description="`moved` lists up to 1,000 of them.")
    replaced_by_others: list[DecidedByOther] = Field(
        default_factory=list, description="Not decided: someone else did since, and was not to be replaced."
    )
    replaced_by_others_count: int = Field(0, description="`replaced_by_others` lists up to 1,000 of them.")


class ChangedSince(Shape):
    """A record that is not in the version that was seen."""

    external_id: str
    seen: str | None = Field(description="The version that was seen; null: the caller did not see it.")
    now: str


class DecidedByOther(Shape):
    """A decision of someone else."""

    external_id: str
    who: str
    when: datetime
    decision: Literal["include", "ignore"]


PreviewResult.model_rebuild()
