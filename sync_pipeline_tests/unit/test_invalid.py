"""What is wrong with a value that somebody sent, in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from fastapi.routing import APIRoute
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from sync_pipeline import invalid
from sync_pipeline.api.application import build
from sync_pipeline.api.parameters import fields_at
from sync_pipeline.config import Settings
from sync_pipeline.mcp.tools import TOOLS
from sync_pipeline.sources.base import all_sources

BAD: tuple[Any, ...] = (
    None, True, -1, 0, 10**40, 0.5, float("nan"), "", "x", "x" * 5000, "\u200f", "2026-01-01", "-3", "\ud800",
    [], [1], ["x"] * 20_000, {}, {"x": 1}, b"x",
)  # fmt: skip


class Colour(Enum):
    RED = "red"


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ids: list[str] | None = Field(None, max_length=2)
    decision: Literal["include", "ignore"] = "include"
    password: SecretStr = Field(SecretStr("x" * 12), min_length=12, max_length=20)
    sort: str = Field("name", pattern="^(name|modified)(:(asc|desc))?$")
    selection: str = Field("maybe", pattern="^(include|ignore)$")
    share: Decimal = Field(Decimal(1), gt=0, le=1)
    size: int = Field(1, ge=1, alias="pageSize")
    at: AwareDatetime | None = None
    day: date | None = None
    plan: UUID | None = None
    colour: Colour = Colour.RED
    inside: Annotated[Asked | None, Field(None)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "the body is not an object"),
        ({"ids": [1]}, "ids.0 is not a text"),
        ({"ids": ["1", "2", "3"]}, "ids has more than 2 elements"),
        ({"decision": "maybe"}, "decision is not one of include or ignore"),
        ({"password": "short"}, "password has fewer than 12 characters"),
        ({"sort": "price"}, "sort is not one of name, modified, each perhaps with :asc or :desc"),
        ({"selection": "maybe"}, "selection is not one of include, ignore"),
        ({"share": 0}, "share is not more than 0"),
        ({"share": 2}, "share is more than 1"),
        ({"pageSize": "many"}, "pageSize is not a whole number"),
        ({"pageSize": 0}, "pageSize is less than 1"),
        ({"at": "2026-01-01T00:00:00"}, "at is a time without a zone: end it with Z, or with an offset such as +01:00"),
        ({"day": "yesterday"}, "day is not a date such as 2026-03-01"),
        ({"plan": "17"}, "plan is not a UUID"),
        ({"colour": "blue"}, "colour is not one of red"),
        (
            {"colour": "red", "shade\u202e": 1},
            "shade⟨U+202E⟩ is not known here; there are at, colour, day, decision, ids, inside, pageSize, password, "
            "plan, selection, share, sort",
        ),
        ({"inside": {"ids": 3}}, "inside.ids is not a list"),
    ],
)
def test_each_says_what_is_wrong_and_where(given: Any, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Asked.model_validate(given)
    [error] = caught.value.errors()
    assert invalid.sentence(dict(error), "the body", fields_at(Asked, error["loc"][:-1])) == said


def every_model() -> Iterator[Any]:
    """What each call, tool and connection of ours takes."""
    for route in build(Settings()).routes:
        if isinstance(route, APIRoute):
            if route.body_field is not None:
                yield route.body_field.field_info.annotation
            for one in (*route.dependant.query_params, *route.dependant.path_params):
                yield Annotated[one.field_info.annotation, one.field_info]
    yield from (tool.arguments for tool in TOOLS.values())
    yield from (one.settings for one in all_sources().values())


def parts(model: Any) -> Iterator[Any]:
    """A model, and what is in it, as types to be filled in wrong."""
    yield model
    if isinstance(model, type) and issubclass(model, BaseModel):
        yield from (Annotated[one.annotation, one] for one in model.model_fields.values())


def test_no_value_that_a_caller_sends_wrong_is_answered_in_words_of_pydantic() -> None:
    unsaid, said = {}, set()
    for model in every_model():
        for part in parts(model):
            for value in BAD:
                try:
                    TypeAdapter(part).validate_python(value)
                except ValidationError as wrong:
                    for error in wrong.errors():
                        said.add(error["type"])
                        if not invalid.is_said(error["type"]):
                            unsaid[error["type"]] = (str(part), error["msg"])
                        invalid.sentence(dict(error), "the body")
    assert unsaid == {}
    assert len(said) > 12
