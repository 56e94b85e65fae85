"""What requests and responses have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

T = TypeVar("T")
_LARGEST = 2**63 - 1


class Shape(BaseModel):
    """A request body or a response. Unknown fields are refused, so that a misspelled one is not ignored."""

    model_config = ConfigDict(extra="forbid", str_max_length=10_000)


class Answer(Shape, Generic[T]):
    """One object, or the result of an action."""

    success: Literal[True] = True
    data: T


class Listing(Shape, Generic[T]):
    """A page of a list."""

    data: Sequence[T]
    rowCount: int = Field(description="How many there are in all pages.", examples=[1])  # noqa: N815
    page: int = Field(description="Counts from 1.", examples=[1])
    pageSize: int = Field(examples=[50])  # noqa: N815


def plain(value: Any) -> Any:
    """JSON from the database with ints and floats: counts and ids need no exact decimals."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value


Plain = Annotated[Any, BeforeValidator(plain)]
Page = Annotated[int, Query(ge=1, le=10_000_000, description="Counts from 1.")]
PageSize = Annotated[int, Query(ge=1, le=500, alias="pageSize", description="Rows per page.")]
Number = Annotated[int, Path(ge=1, le=_LARGEST)]
Name = Annotated[str, Path(min_length=1, max_length=63, description="The connection's name.", examples=["shop"])]
Line = Annotated[
    str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]*$")
]  # shown in lists and logs
Why = Annotated[str | None, Field(max_length=2000, description="The reason, for the audit log.", examples=["checked"])]
ConnectionOf = Annotated[
    str | None,
    Field(min_length=1, max_length=63, description="The connection's name; required if there are several."),
]
ConnectionOrAll = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=63,
        description="The connection's name. Without it and without `entities`: all connections. With `entities` it is "
        "required if there are several.",
    ),
]
BatchSize = Annotated[
    int | None, Field(ge=1, le=5000, description="Records per transaction; default: the connection's setting.")
]
BatchDelay = Annotated[
    int | None, Field(ge=0, le=60_000, description="Pause between two batches; default: the connection's setting.")
]
