"""Views of a list that people named."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sync_pipeline.api.contracts.base import Line, Shape
from sync_pipeline.steps.preview import LONGEST_NAME


class NewView(Shape):
    """A view to save: at least one filter, a search or an order."""

    entity: str = Field(max_length=60, examples=["products"])
    name: Line = Field(min_length=1, max_length=LONGEST_NAME, examples=["new shoes"])
    status: Literal["new", "updated", "deleted", "in_sync"] | None = None
    choice: Literal["include", "ignore", "undecided"] | None = Field(None, description="The decision.")
    warned: bool = Field(False, description="Only records with warnings.")
    search: str | None = Field(None, max_length=200)
    sort: str | None = Field(None, max_length=40, description="As of the table: `name`, `name:desc`.")


class DeletedView(Shape):
    """A deleted view."""

    view_id: int
    deleted: Literal[True] = True
