"""Values that every store writes in the same way."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def when(payload: Mapping[str, Any], field: str, warnings: list[str]) -> datetime | None:
    """The moment in `field`, UTC; a date without a zone is UTC. Anything else becomes None, with a warning."""
    value = payload.get(field)
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        warnings.append(f"{field} is {str(value)[:40]!r}, which is not a date; left empty.")
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
