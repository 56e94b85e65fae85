"""Lists, paged; and the connection a call is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from sync_pipeline.api.auth import Caller
from sync_pipeline.api.contracts.base import Listing
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import ConfigurationError, NotFound
from sync_pipeline.sources.base import source
from sync_pipeline.steps import connect

T = TypeVar("T")


def part(rows: Sequence[T], page: int, page_size: int) -> Listing[T]:
    """A page of a list that is short enough to be read whole."""
    begin = (page - 1) * page_size
    return Listing(data=rows[begin : begin + page_size], rowCount=len(rows), page=page, pageSize=page_size)


def seen(db: Database, caller: Caller) -> Sequence[connect.Connection]:
    """The connections this caller may know of."""
    every = connect.connections(db, caller.org)
    return [one for one in every if caller.connection_id in (None, one.connection_id)]


def the_connection(
    db: Database, caller: Caller, name: str | None = None, *, provider: str | None = None
) -> connect.Connection:
    """The connection called `name`, or the only one there is (of the provider).

    Raises:
        NotFound: there is none for this caller, whoever else may have one.
        ConfigurationError: there are several and none was named.
    """
    if provider is not None:
        source(provider)  # says which there are
    found = [one for one in seen(db, caller) if name in (None, one.name) and provider in (None, one.provider)]
    if not found:
        kind = f"{provider} connection" if provider else "connection"
        raise NotFound(f"There is no {kind} “{name}”." if name else f"There is no {kind} yet.")
    if len(found) > 1:
        raise ConfigurationError(
            f"There are several connections: {', '.join(one.name for one in found)}. Say which: connection=…"
        )
    return found[0]
