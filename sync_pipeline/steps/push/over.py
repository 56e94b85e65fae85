"""What a push makes of a record: the stored payload updated with what was sent, or nothing, and the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sync_pipeline.entities.values import moment
from sync_pipeline.sources.base import Pushed, Unreadable
from sync_pipeline.steps.capture.write.pii import email_hash

# What became of a record of a batch. `superseded`: a later one of the batch, with the same id, was laid over it.
# `quarantined`: PostgreSQL cannot hold it. `skipped`: it is invalid.
Outcome = Literal["new", "changed", "unchanged", "older", "deleted", "superseded", "quarantined", "skipped"]
Finder = Callable[[Mapping[str, Any]], Any]  # the time of a change in a payload
# A clock may be wrong, or a time written as if it were UTC; believed, it would make every later push an older one.
_MOST_AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as it is stored. `whole`: the store's own payload, not only what was pushed."""

    payload: Mapping[str, Any]
    whole: bool
    deleted_at: datetime | None = None  # it was looked for in the store, and was gone


@dataclass(frozen=True, slots=True)
class Laid:
    """The payload to store, None if nothing of it is news; and for each given payload why it was left out, or None."""

    payload: dict[str, Any] | None
    left_out: Sequence[tuple[Outcome, str] | None]


def ahead(at: datetime) -> bool:
    """Is a time of a change so far in the future that it cannot be true?"""
    return at > datetime.now(UTC) + _MOST_AHEAD


def check_time(payload: Mapping[str, Any], changed: Finder) -> None:
    """Check the time of a pushed payload.

    Raises:
        Unreadable: it has one that is no time, or one that is more than a day ahead.
    """
    value = changed(payload)
    at = moment(value)
    if value not in (None, "") and at is None:
        raise Unreadable("the time of its change is not a time, such as 2026-03-01T10:00:00Z")
    if at is not None and ahead(at):
        raise Unreadable(f"the time of its change, {_shown(at)}, is more than a day ahead: check the clock and zone")


def laid_over(pushed: Pushed, changed: Finder, stored: Stored | None, given: Sequence[Mapping[str, Any]]) -> Laid:
    """`given`, in the order of the batch, over what is stored.

    A payload without a time counts as newer and keeps the time that is stored, so that an older one still is older.
    """
    payload: Mapping[str, Any] | None = stored.payload if stored is not None else None
    modified = moment(changed(payload)) if payload is not None else None
    if modified is not None and ahead(modified):
        modified = None
    news, left_out = False, []
    for one in given:
        at = moment(changed(one))
        why = _left_out(at, modified, stored.deleted_at if stored is not None else None)
        left_out.append(why)
        if why is not None:
            continue
        if payload is None:
            payload = one
        else:
            # A field that the store's own payload lacks would appear and vanish with each push and pull.
            whole = stored is not None and stored.whole
            fields = {name: value for name, value in one.items() if not whole or name in payload}
            payload = pushed.combine(payload, _with_known_addresses(payload, fields))
        modified, news = at or modified, True
    return Laid(dict(payload) if news and payload is not None else None, left_out)


def _left_out(
    at: datetime | None, modified: datetime | None, deleted_at: datetime | None
) -> tuple[Outcome, str] | None:
    if deleted_at is not None and not (at and at > deleted_at):
        return "deleted", f"it is deleted in the store; only a change later than {_shown(deleted_at)} restores it"
    if at is not None and modified is not None and at < modified:
        return "older", f"it is older than the stored record, which changed {_shown(modified)}"
    return None


def _shown(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _with_known_addresses(known: Any, given: dict[str, Any]) -> dict[str, Any]:
    """A hash of the stored plain address is no news: the plain address stays."""
    result = dict(given)
    for name, value in given.items():
        before = known.get(name) if isinstance(known, Mapping) else None
        if isinstance(value, dict):
            result[name] = _with_known_addresses(before, value)
        elif isinstance(value, str) and isinstance(before, str) and len(value) == 64 and value == email_hash(before):
            result[name] = before
    return result
