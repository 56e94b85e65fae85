"""Views of a list that people named. Everybody in the organization finds them, and sees who made them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError, Conflict, Forbidden, NotFound
from sync_pipeline.exact_json import to_json
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.connect.party import Actor, party
from sync_pipeline.steps.preview.browse import RecordView
from sync_pipeline.steps.preview.matching import known, order_of

_SQL = load(__package__, "saved_views.sql")
MOST_VIEWS = 50  # of an entity
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class SavedView:
    """A named view: its filters, its search and its order."""

    view_id: int
    name: str
    status: str | None
    choice: str | None
    warned: bool
    search: str | None
    sort: str | None
    made_by: str
    made_at: datetime

    def shows(self, view: RecordView) -> bool:
        """Is it what `view` shows, on whatever page?"""
        mine = (self.status, self.choice, self.warned, self.search, self.sort)
        return mine == (view.status, view.choice, view.warned, view.search, view.sort)


def saved_views(db: Database, connection: Connection, stream: Stream) -> Sequence[SavedView]:
    """The views of an entity, by name."""
    with db.org(connection.org_id) as conn:
        rows = execute(
            conn,
            _SQL["saved_views"],
            connection_id=connection.connection_id,
            entity_type=stream.entity_type,
            most=MOST_VIEWS,
        ).all()
    return [
        SavedView(
            row.view_id,
            row.name,
            row.shown.get("status"),
            row.shown.get("choice"),
            bool(row.shown.get("warned")),
            row.shown.get("search"),
            row.shown.get("sort"),
            row.made_by,
            row.made_at,
        )
        for row in rows
    ]


def save_view(
    db: Database, connection: Connection, stream: Stream, name: str, view: RecordView, *, actor: Actor
) -> SavedView:
    """Give a name to what `view` shows; its page is not kept.

    Raises:
        ConfigurationError: an unknown filter or order, none at all, or a name that is too long.
        Conflict: the name is taken, or the entity has 50 views already.
    """
    known(view.status, view.choice)
    order_of(view.sort)
    called = " ".join(name.split())
    if not 1 <= len(called) <= LONGEST_NAME or not called.isprintable():
        raise ConfigurationError(f"The name of a view has 1 to {LONGEST_NAME} characters.")
    parts = {"status": view.status, "choice": view.choice, "search": view.search, "sort": view.sort}
    shown = {**{part: value for part, value in parts.items() if value}, **({"warned": True} if view.warned else {})}
    if not shown:
        raise ConfigurationError("This view shows everything. Choose a filter, a search or an order first.")
    here, by = {"connection_id": connection.connection_id, "entity_type": stream.entity_type}, party(actor)
    with db.org(connection.org_id) as conn:
        view_id = execute(
            conn, _SQL["save_view"], **here, name=called, shown=to_json(shown), actor=by.name, token_id=by.token_id
        ).scalar_one_or_none()
        if view_id is None:
            raise Conflict(f"There is a view “{called}” already. Delete it first, or choose another name.")
        if execute(conn, _SQL["count_views"], **here).scalar_one() > MOST_VIEWS:
            raise Conflict(f"{stream.title} has {MOST_VIEWS} views already. Delete one first.")
        journal.record(
            conn,
            "view.saved",
            actor=by.name,
            connection_id=connection.connection_id,
            entity_type=stream.entity_type,
            view=view_id,
            name=called,
        )
    return next(one for one in saved_views(db, connection, stream) if one.view_id == view_id)


def delete_view(db: Database, connection: Connection, view_id: int, *, any_of: bool, actor: Actor) -> str:
    """Delete a view of one's own, or with `any_of` anybody's; returns its entity type.

    Raises:
        NotFound: the connection has no such view.
        Forbidden: somebody else made it.
    """
    by = party(actor)
    with db.org(connection.org_id) as conn:
        found = execute(conn, _SQL["find_view"], connection_id=connection.connection_id, view_id=view_id).one_or_none()
        if found is None:
            raise NotFound(f"There is no view {view_id}.")
        own = found.made_by == by.name and by.own_token in (None, found.token_id)
        if not any_of and not own:
            raise Forbidden(f"{found.made_by} made this view. Ask them or an admin.")
        execute(conn, _SQL["delete_view"], view_id=view_id)
        journal.record(
            conn,
            "view.deleted",
            actor=by.name,
            connection_id=connection.connection_id,
            entity_type=found.entity_type,
            view=view_id,
            name=found.name,
        )
    return str(found.entity_type)
