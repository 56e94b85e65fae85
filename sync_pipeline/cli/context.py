"""The context of a command: settings, database, and the organization, connections and entities it names."""

from __future__ import annotations

import gc
import getpass
import os
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
    from sync_pipeline.steps.connect.party import Party


@dataclass
class Context:
    """The settings and database of a command, and who runs it."""

    settings: Settings
    db: Database

    @cached_property
    def actor(self) -> str:
        """The system user who runs the command, for the audit log."""
        return system_user()

    @cached_property
    def party(self) -> Party:
        """The same as somebody who works on the machine: a person."""
        from sync_pipeline.steps.connect.party import Party

        return Party(self.actor, "command")

    def org(self, slug: str) -> Organization:
        """The organization called `slug`.

        Raises:
            NotFound: there is none; the message lists those there are, which only the command line may tell.
        """
        from sync_pipeline.errors import NotFound
        from sync_pipeline.steps import connect

        try:
            return connect.organization(self.db, slug)
        except NotFound as error:
            there = ", ".join(org.slug for org in connect.organizations(self.db)) or "none yet"
            raise NotFound(f"{error} There are: {there}.") from None

    def connection(self, org: Organization, name: str) -> Connection:
        """The organization's connection called `name`."""
        from sync_pipeline.steps import connect

        return connect.connection(self.db, org, name)

    def connections(self, org: Organization, name: str | None = None) -> Sequence[Connection]:
        """All connections, or the one called `name`.

        Raises:
            ConfigurationError: the organization has no connection.
        """
        from sync_pipeline.cli.options import CONNECT
        from sync_pipeline.errors import ConfigurationError
        from sync_pipeline.steps import connect

        if name is not None:
            return [connect.connection(self.db, org, name)]
        found = connect.connections(self.db, org)
        if not found:
            raise ConfigurationError(
                f"{org.slug} has no connection yet. Connect a store: {CONNECT.format(org=org.slug)}."
            )
        return found

    def streams(
        self, org: Organization, connection: str | None, entities: Sequence[str] | None
    ) -> list[tuple[Connection, Sequence[Stream]]]:
        """The requested connections, each with its requested entities.

        Raises:
            NotFound: none of these connections has such an entity; the message lists those it has.
        """
        from sync_pipeline.errors import NotFound

        asked = self.connections(org, connection)
        known = {name for one in asked for s in one.source.streams.values() for name in (s.name, s.entity_type)}
        for name in entities or ():
            if name not in known:
                asked[0].source.stream(name)  # its error lists the entities there are
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


def system_user() -> str:
    """Who works on the machine, as its system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "command"


_COLLECTED = gc.get_threshold()


def start_quickly() -> None:
    """Collect garbage rarely while modules are loaded: they make hundreds of thousands of objects, and all stay."""
    gc.set_threshold(200_000, 20, 20)


def begin_work() -> None:
    """What is loaded stays: collect the rest as usual."""
    gc.freeze()
    gc.set_threshold(*_COLLECTED)


def warn_of_variables() -> None:
    """Say on stderr which environment variables look like settings and are none: a misspelt one would be ignored."""
    from sync_pipeline.cli.output import note
    from sync_pipeline.config import unknown_variables

    for sentence in unknown_variables(os.environ):
        note(f"Warning: {sentence}")


@contextmanager
def opened() -> Iterator[Context]:
    """Read the settings from the environment and open the database they name."""
    from sync_pipeline.config import Settings
    from sync_pipeline.db.open import open_database

    settings = Settings()
    db = open_database(settings)
    begin_work()
    try:
        yield Context(settings, db)
    finally:
        db.close()
