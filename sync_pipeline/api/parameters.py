"""What a call does not know is refused, not ignored: a misspelled filter would answer everything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.redaction import marked

_NAMED, _LONGEST = 5, 60  # how many are named, and how many characters of each


def known_parameters(dependant: Dependant) -> Mapping[str, bool]:
    """The query parameters of a call and its dependencies, by name: may it be repeated?"""
    known = {field.alias: _is_list(field.field_info.annotation) for field in dependant.query_params}
    for one in dependant.dependencies:
        known.update(known_parameters(one))
    return known


def refuse_unknown(request: Request, known: Mapping[str, bool]) -> None:
    """Check the query of a call against its parameters.

    Raises:
        ConfigurationError: it has others, or one twice; names them, and those there are.
    """
    if not request.url.query:
        return
    given = Counter(name for name, _ in request.query_params.multi_items())
    takes = f"It takes {', '.join(sorted(known))}." if known else "It takes none."
    if unknown := [name for name in given if name not in known]:
        raise ConfigurationError(f"This call does not know the query parameter {_quoted(unknown)}. {takes}")
    if repeated := [name for name, times in given.items() if times > 1 and not known[name]]:
        raise ConfigurationError(f"The query parameter {_quoted(repeated)} is given more than once. Give it once.")


async def refuse_body(request: Request) -> None:
    """Check that a call that takes no body has none. An empty object and null, which some clients always send, say
    nothing.

    Raises:
        ConfigurationError: it has one, which would be ignored.
    """
    if request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return
    if (await request.body()).strip() not in (b"", b"{}", b"null"):
        raise ConfigurationError("This call takes no body, and what it says would be ignored. Send none.")


def fields_at(annotation: Any, loc: Sequence[str | int]) -> Collection[str]:
    """The fields of the object at this place in a body; none if there is no object with fields of its own."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = {field.alias or name: field.annotation for name, field in annotation.model_fields.items()}
        if not loc:
            return fields
        return fields_at(fields.get(str(loc[0])), loc[1:])
    if get_origin(annotation) in (list, Sequence) and loc:
        loc = loc[1:]
    return next((found for one in get_args(annotation) if (found := fields_at(one, loc))), ())


def _quoted(names: list[str]) -> str:
    """Names that somebody sent, as text of a sentence."""
    said = ", ".join(f"“{marked(name[:_LONGEST])}”" for name in names[:_NAMED])
    return f"{said} and {len(names) - _NAMED} more" if len(names) > _NAMED else said


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is list or any(_is_list(one) for one in get_args(annotation))
