"""What a command works with: settings, the database, the organization, the connections and entities it names."""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sync_pipeline.config import Settings
    from sync_pipeline.db.engine import Database
    from sync_pipeline.sources.base import Stream
    from sync_pipeline.steps.connect import Connection, Organization


@dataclass
class Context:
    """A command's database and who runs it."""

    settings: Settings
    db: Database

    @cached_property
    def actor(self) -> str:
        """Who is at the keyboard, for the audit log."""
        try:
            return getpass.getuser()
        except (KeyError, OSError):
            return "command"

    def org(self, slug: str) -> Organization:
        """The organization called `slug`."""
        from sync_pipeline.steps import connect

        return connect.organization(self.db, slug)

    def connection(self, org: Organization, name: str) -> Connection:
        """The organization's connection called `name`."""
        from sync_pipeline.steps import connect

        return connect.connection(self.db, org, name)

    def connections(self, org: Organization, name: str | None = None) -> Sequence[Connection]:
        """All connections, or the one called `name`.

        Raises:
            ConfigurationError: there is none yet.
        """
        from sync_pipeline.errors import ConfigurationError
        from sync_pipeline.steps import connect

        if name is not None:
            return [connect.connection(self.db, org, name)]
        found = connect.connections(self.db, org)
        if not found:
            raise ConfigurationError(
                f"{org.slug} has no connection yet. Connect a store: "
                f"`sync-pipeline connect {org.slug} woocommerce --name C --url URL --key K --secret-env VAR`."
            )
        return found

    def streams(
        self, org: Organization, connection: str | None, entities: Sequence[str] | None
    ) -> list[tuple[Connection, Sequence[Stream]]]:
        """The connections asked for and, of each, the entities asked for.

        Raises:
            NotFound: no connection asked for has such an entity; lists those there are.
        """
        from sync_pipeline.errors import NotFound

        asked = self.connections(org, connection)
        known = {name for one in asked for s in one.source.streams.values() for name in (s.name, s.entity_type)}
        for name in entities or ():
            if name not in known:
                asked[0].source.stream(name)  # says which there are
                raise NotFound(f"There is no entity “{name}”.")
        wanted = set(entities or ())
        chosen = [
            (
                one,
                [s for s in one.source.streams.values() if not wanted or s.name in wanted or s.entity_type in wanted],
            )
            for one in asked
        ]
        return [(one, streams) for one, streams in chosen if streams]


@contextmanager
def opened() -> Iterator[Context]:
    """Settings from the environment and the database they name."""
    from sync_pipeline.config import Settings

    settings = Settings()
    db = open_quickly(settings)
    try:
        yield Context(settings, db)
    finally:
        db.close()


def open_quickly(settings: Settings) -> Database:
    """The application's database. Where it is at the newest revision, without loading the migration tool.

    Raises:
        ConfigurationError: it is not migrated; run `sync-pipeline db migrate`.
        DatabaseUnavailable: it does not answer.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from sync_pipeline.db.engine import Database
    from sync_pipeline.db.open import app_url, open_database
    from sync_pipeline.errors import DatabaseUnavailable

    db = Database(app_url(settings))
    try:
        with db.across() as conn:
            revision = conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        if revision == newest_revision():
            return db
    except (SQLAlchemyError, DatabaseUnavailable):
        pass  # no database, no login, no tables: the slow way makes them, or says what is wrong
    db.close()
    try:
        return open_database(settings)
    except SQLAlchemyError as error:
        raise DatabaseUnavailable(
            f"The database does not answer: {str(getattr(error, 'orig', error)).strip()}. Start it "
            "(`sync-pipeline db start` for the embedded one) or correct SYNC_DATABASE_URL, and run the command again."
        ) from error


def newest_revision() -> str | None:
    """The revision in `sql/migrations/versions` that no other one follows, read from the files' first lines."""
    from sync_pipeline.config import PROJECT

    revisions: set[str] = set()
    followed: set[str] = set()
    for file in (PROJECT / "sql" / "migrations" / "versions").glob("*.py"):
        text = file.read_text("utf-8")
        revisions.update(re.findall(r"^revision(?:: \w+)? = [\"'](\w+)[\"']", text, re.MULTILINE))
        followed.update(re.findall(r"^down_revision(?:: [\w |]+)? = [\"'](\w+)[\"']", text, re.MULTILINE))
    heads = revisions - followed
    return heads.pop() if len(heads) == 1 else None
