"""Disconnecting a store: it is asked no more and may send no more; what came from it stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sync_pipeline import gates, journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import Conflict
from sync_pipeline.sources.base import source
from sync_pipeline.steps.connect.connections import Connection
from sync_pipeline.steps.connect.organizations import Organization

_SQL = load(__package__, "disconnect.sql")


@dataclass(frozen=True, slots=True)
class FormerConnection:
    """A store that was disconnected. Its name is kept for it."""

    name: str
    provider: str
    store_url: str
    disconnected_at: datetime

    @property
    def title(self) -> str:
        """What its provider is called."""
        return source(self.provider).title


def disconnect(db: Database, conn: Connection, *, actor: str, why: str | None = None) -> None:
    """Stop using a connection. What was captured and promoted stays.

    Its credentials are erased, its tokens revoked, requests that wait cancelled, gates that are open withdrawn. The
    same store, connected again under the same name, goes on where it was.

    Raises:
        Conflict: a plan that is not done has records of it.
    """
    here = {"connection_id": conn.connection_id}
    with db.org(conn.org_id) as tx:
        execute(tx, _SQL["disconnect"], **here)
        held = execute(tx, _SQL["plans_that_hold"], **here).scalars().all()
        if held:
            raise Conflict(
                f"Plans that are not done have records of {conn.name}: {', '.join(one[:8] for one in held)}. Apply or "
                "refuse them first."
            )
        execute(tx, _SQL["revoke_its_tokens"], **here)
        execute(tx, _SQL["cancel_its_requests"], name=conn.name, error=f"{actor} disconnected {conn.name}.")
        gates.withdraw_all(tx, **here, outcome=f"{conn.name} was disconnected", actor=actor)
        journal.record(
            tx, "connect.disconnected", actor=actor, connection_id=conn.connection_id, name=conn.name, why=why
        )


def former_connections(db: Database, org: Organization, name: str | None = None) -> Sequence[FormerConnection]:
    """The stores that were disconnected, the last first; only the one called `name` if given."""
    with db.org(org.org_id) as tx:
        return [FormerConnection(**row._mapping) for row in execute(tx, _SQL["former_connections"], name=name)]
