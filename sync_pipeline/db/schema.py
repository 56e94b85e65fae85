"""The schema check of a migration: the database has every object that the revisions make, as they make it.

What somebody added, an index of their own for instance, is no fault.
"""

from collections.abc import Mapping

from sqlalchemy import Connection

from sync_pipeline.db.owner import APP_ROLE
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError

_SQL = load(__package__, "schema.sql")
_SCHEMAS = ("connect", "capture", "preview", "selection", "promote", "core", "observe", "compat", "report")
_NAMED = 10  # objects a message names


def objects(conn: Connection) -> Mapping[str, str]:
    """Every object of the schema and its definition."""
    rows = execute(conn, _SQL["schema_objects"], schemas=list(_SCHEMAS), roles=[APP_ROLE, "sync_router"])
    return {row.object: row.definition for row in rows}


def compare(conn: Connection, expected: Mapping[str, str]) -> None:
    """Compare the schema with `expected`.

    Raises:
        ConfigurationError: objects are missing or different.
    """
    here = objects(conn)
    wrong = [
        f"{name} {'is different' if name in here else 'is missing'}"
        for name, definition in sorted(expected.items())
        if here.get(name) != definition
    ]
    if wrong:
        more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        raise ConfigurationError(
            f"The migrated schema is not the one that the revisions make, and nothing was changed: "
            f"{'; '.join(wrong[:_NAMED])}{more}. Somebody changed this database by hand. Make these objects as they "
            "are in sql/schema, then run `sync-pipeline db migrate` again."
        )
