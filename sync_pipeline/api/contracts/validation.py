"""Validations, sign-offs, the decision log."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from sync_pipeline.api.contracts.base import Line, Shape
from sync_pipeline.steps.observe.validation import MatrixRow, Validation


class AcceptRow(Shape):
    """A red row that is accepted, by its name, and why."""

    row: str = Field(min_length=1, max_length=300, examples=["nothing_in_quarantine/shop/products"])
    why: str = Field(min_length=1, max_length=2000, examples=["The shop corrects it next week."])


class NewSignoff(Shape):
    """What a person signs: the newest matrix, by its hash."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "hash": "5f2b…",
                "milestone": "go-live",
                "note": "Read with the accountant.",
                "accept": [{"row": "nothing_in_quarantine/shop/products", "why": "The shop corrects it next week."}],
            }
        }
    )

    hash: str = Field(min_length=64, max_length=64, pattern="^[0-9a-f]{64}$", description="SHA-256 of its manifest.")
    milestone: Annotated[Line, Field(min_length=1, max_length=100)]
    note: str = Field(min_length=1, max_length=2000)
    accept: list[AcceptRow] = Field(default_factory=list, max_length=1000)


class ValidationInfo(Shape):
    """A validation and a page of its rows, red ones first."""

    validation: Validation
    rows: list[MatrixRow]
    rowCount: int = Field(description="How many rows there are in all pages.")  # noqa: N815
    page: int = Field(description="Counts from 1.")
    pageSize: int  # noqa: N815
