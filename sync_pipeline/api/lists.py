"""Pages of lists, and the connection that a call concerns."""

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


def visible_connections(db: Database, caller: Caller) -> Sequence[connect.Connection]:
    """The connections that this caller may see."""
    every = connect.connections(db, caller.org)
    return [one for one in every if caller.connection_id in (None, one.connection_id)]


def the_connection(
    db: Database, caller: Caller, name: str | None = None, *, provider: str | None = None
) -> connect.Connection:
    """The connection called `name`, or the only one (of the provider).

    Raises:
        NotFound: the caller sees no such connection.
        ConfigurationError: there are several, and `name` is missing.
    """
    if provider is not None:
        source(provider)  # its error lists the providers
    visible = [one for one in visible_connections(db, caller) if provider in (None, one.provider)]
    found = [one for one in visible if name in (None, one.name)]
    if not found:
        kind = f"{provider} connection" if provider else "connection"
        others = f" There are: {', '.join(one.name for one in visible)}." if visible else ""
        raise NotFound(f"There is no {kind} “{name}”.{others}" if name else f"There is no {kind} yet.")
    if len(found) > 1:
        raise ConfigurationError(
            f"There are several connections: {', '.join(one.name for one in found)}. Name one as `connection`."
        )
    return found[0]
