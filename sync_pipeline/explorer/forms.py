"""What a page's form sends, as a model. A form that is not filled in right is refused in words that name the field."""

from __future__ import annotations

from typing import TypeVar, get_args, get_origin
from urllib.parse import parse_qs

from fastapi import Request
from pydantic import BaseModel, SecretStr, ValidationError
from starlette.responses import RedirectResponse

from sync_pipeline import invalid
from sync_pipeline.errors import ConfigurationError

T = TypeVar("T", bound=BaseModel)
_MOST_FIELDS = 2_000


async def fields(request: Request) -> dict[str, list[str]]:
    """The fields of the form, each with its values in order; an empty one has one empty value.

    Raises:
        ConfigurationError: there are too many.
    """
    body = (await request.body()).decode("utf-8", "replace")
    try:
        return parse_qs(body, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise ConfigurationError(f"The form has more than {_MOST_FIELDS:,} fields.") from None


async def form(request: Request, model: type[T]) -> T:
    """The form as `model`: a list takes every value of its field, anything else the last; empty means not given.

    Spaces around a value are left out, but those of a secret.

    Raises:
        ConfigurationError: a value is missing, invalid or unknown. The message does not quote it.
    """
    given: dict[str, object] = {}
    for name, values in (await fields(request)).items():
        field = model.model_fields.get(name)
        secret = field is not None and SecretStr in (field.annotation, *get_args(field.annotation))
        filled = [value if secret else value.strip() for value in values if value.strip()]
        if field is not None and get_origin(field.annotation) is list:
            given[name] = filled
        elif filled:
            given[name] = filled[-1]
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise ConfigurationError(invalid.sentences(error.errors(), "the form")) from None


def then(address: str) -> RedirectResponse:
    """Go on with a page after a form was accepted."""
    return RedirectResponse(address, 303)
