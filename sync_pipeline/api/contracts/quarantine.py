"""What could not be captured, and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from sync_pipeline.api.contracts.base import Shape


class QuarantineRow(Shape):
    """A record or page in quarantine."""

    quarantine_id: int
    entity: str = Field(examples=["products"])
    external_id: str = Field(examples=["101"])
    reason: str
    remedy: str = Field(description="What a person can do.")
    status: int | None = Field(description="The HTTP status of the store's answer.")
    request: str | None = Field(description="What the store was asked.")
    first_seen_at: datetime
    last_seen_at: datetime
    seen: int = Field(description="How often it was tried.")
    raw_bytes: int = Field(description="The size of what is kept of the store's answer.")


class QuarantinePage(Shape):
    """Those in quarantine, in the order in which they came there."""

    data: Sequence[QuarantineRow]
    rowCount: int = Field(description="How many there are in all pages.")  # noqa: N815
    next: int | None = Field(description="Send it as `after` to get the next ones; None: there are no more.")


class QuarantineDetail(QuarantineRow):
    """One of them, with the store's answer; also after it was captured."""

    resolved_at: datetime | None
    captured: bool = Field(description="True: an earlier content of the record is captured.")
    raw: str = Field(description="The store's answer as text: the first 200,000 bytes; what is not UTF-8 as \\xNN.")
