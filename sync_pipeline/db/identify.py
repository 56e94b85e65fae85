"""Ids of plans and queues as people give them: whole, or their beginning, as pages show it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal
from uuid import UUID

from sync_pipeline.errors import ConfigurationError, NotFound

What = Literal["plan", "queue"]
_SHORTEST, _DIGITS = 4, 32
_BEGINNING = re.compile(r"[0-9a-f-]+")


def whole_id(given: str | UUID, what: What) -> UUID:
    """An id that is given whole.

    Raises:
        NotFound: it is none.
    """
    try:
        return given if isinstance(given, UUID) else UUID(given)
    except ValueError:
        raise not_found(given, what) from None


def identify(given: str | UUID, what: What, between: Callable[[UUID, UUID], Sequence[UUID]]) -> UUID:
    """The id that `given` is, or is the beginning of: four digits or more, which no other id begins with.

    `between` answers the ids from one to another, both included; a few are enough.

    Raises:
        NotFound: it is no id, or nothing begins with it.
        ConfigurationError: several do.
    """
    if isinstance(given, UUID):
        return given
    text = given.strip().lower()
    digits = text.replace("-", "")
    if len(digits) >= _DIGITS or len(digits) < _SHORTEST or not _BEGINNING.fullmatch(text):
        return whole_id(text, what)
    first, last = UUID(digits.ljust(_DIGITS, "0")), UUID(digits.ljust(_DIGITS, "f"))
    found = [one for one in between(first, last) if str(one).startswith(text) or one.hex.startswith(text)]
    if not found:
        raise not_found(given, what)
    if len(found) > 1:
        raise ConfigurationError(
            f"Several {what}s begin with “{given}”: {', '.join(map(str, found))}. Give more digits."
        )
    return found[0]


def not_found(given: str | UUID, what: What) -> NotFound:
    """The one sentence for an id that names nothing here."""
    return NotFound(f"There is no {what} “{given}” here. The list of {what}s has those there are.", what)
