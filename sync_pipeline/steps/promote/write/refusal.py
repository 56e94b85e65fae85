"""Why the database refused a write, and whether the same write may succeed the next time."""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import DBAPIError

# A lock conflict, or the server lacked a resource: the same batch may succeed the next time.
_TRANSIENT = ("40001", "40P01", "55P03", "57014", "53")


def is_transient(error: DBAPIError) -> bool:
    """True if the same statement may succeed the next time."""
    return str(getattr(error.orig, "sqlstate", "") or "").startswith(_TRANSIENT)


def is_refusal(error: DBAPIError) -> bool:
    """True if what was written breaks a rule of the database: neither is the error transient, nor the server gone."""
    return not is_transient(error) and not _lost(error)


def reason(error: DBAPIError) -> str:
    """Why the database refused it, for people."""
    diagnosis: Any = getattr(error.orig, "diag", None)
    message = getattr(diagnosis, "message_primary", None) or str(error.orig)
    detail = getattr(diagnosis, "message_detail", None)
    return f"The database refused it: {message}" + (f" ({detail})" if detail else "")


def _lost(error: DBAPIError) -> bool:
    return not (state := getattr(error.orig, "sqlstate", None)) or str(state).startswith(("57P", "08"))
