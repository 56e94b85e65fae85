"""What a proposal may not leave behind, whatever else it does: what would give somebody rights that they did not have.

These are facts about the schema before and after, so it does not matter by which statements it came about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from sync_pipeline.db import schema
from sync_pipeline.db.branch import UNPROTECTED_TABLES
from sync_pipeline.db.owner import APP_ROLE
from sync_pipeline.db.proposed.login import SCHEMAS
from sync_pipeline.db.proposed.report import SchemaChange
from sync_pipeline.db.queries import execute, load

_SQL = load(__package__, "refusals.sql")
_ROUTER = "sync_router"
_SHOWN = 2_000  # characters of a definition
_BY_HAND = "Only a revision that is written by hand may."


@dataclass(frozen=True, slots=True)
class Objects:
    """Everything that the schema is made of: object -> definition, and the kind of what a proposal may not make."""

    definitions: Mapping[str, str]
    kinds: Mapping[str, str]
    loose_views: frozenset[str]
    owner_rights: frozenset[str]
    unprotected: frozenset[str]
    without_org: frozenset[str]
    commit_triggers: frozenset[str]

    @classmethod
    def of(cls, conn: Connection) -> Objects:
        """Those of the database, as they are in this transaction."""
        given = {"schemas": [*SCHEMAS, "connect"]}
        others = execute(conn, _SQL["other_objects"], **given, roles=[APP_ROLE, _ROUTER]).all()
        found = dict(schema.objects(conn)) | {row.object: row.definition or "" for row in others}
        return cls(
            found,
            {row.object: row.kind for row in others if row.kind != "made"},
            frozenset(execute(conn, _SQL["loose_views"], **given).scalars()),
            frozenset(execute(conn, _SQL["owner_rights_functions"], **given).scalars()),
            frozenset(conn.exec_driver_sql(UNPROTECTED_TABLES).scalars()),
            frozenset(execute(conn, _SQL["tables_without_org"], **given).scalars()),
            frozenset(execute(conn, _SQL["commit_triggers"]).scalars()),
        )

    def changed(self, after: Objects) -> dict[str, tuple[str | None, str | None]]:
        """What is another afterwards: object -> its definition before and after."""
        old, new = self.definitions, after.definitions
        names = sorted(old.keys() | new.keys())
        return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}

    def changes(self, after: Objects) -> list[SchemaChange]:
        """The same as it is shown."""
        return [SchemaChange(name, _short(old), _short(new)) for name, (old, new) in self.changed(after).items()]


def refusals(conn: Connection, before: Objects, after: Objects) -> list[str]:
    """Why what is there now may not be, as sentences; nothing if it may."""
    changes = before.changes(after)
    said = [words for change in changes if (words := _refused(change, before, after)) is not None]
    said += [
        f"The table {one} has org_id and no forced policy." for one in sorted(after.unprotected - before.unprotected)
    ]
    said += [
        f"The table {one} has no org_id, so everybody could read what is in it. {_BY_HAND}"
        for one in sorted(after.without_org - before.without_org)
    ]
    said += [
        f"The trigger {one} waits for the commit, when rows are no longer compared. Make it NOT DEFERRABLE."
        for one in sorted(after.commit_triggers - before.commit_triggers)
    ]
    said += [
        f"The view {one} reads with its owner's rights. Make it WITH (security_invoker = true)."
        for one in sorted(after.loose_views - before.loose_views)
    ]
    said += [
        f"The function {one} runs with its owner's rights (SECURITY DEFINER). {_BY_HAND}"
        for one in sorted(after.owner_rights - before.owner_rights)
    ]
    own = [
        change.object.removeprefix("function ")
        for change in changes
        if change.object.startswith("function ") and change.after is not None
    ]
    said += [
        f"It calls a function of its own where whoever reads the table runs it: {one}. {_BY_HAND}"
        for one in execute(conn, _SQL["used_in_expressions"], functions=own).scalars()
    ]
    return said


def _refused(change: SchemaChange, before: Objects, after: Objects) -> str | None:
    name, made = change.object, change.before is None
    kind, _, rest = name.partition(" ")
    if name in after.kinds and made:
        return f"It makes this: {name}. {_BY_HAND}"
    if kind == "table" and change.before and change.after is not None and _unguarded(name, before, after):
        return f"It takes row-level security off the {name}."
    if kind in ("policy", "roles"):
        table = rest.rpartition(" of ")[2]
        if f"table {table}" in before.definitions:
            there = f"table {table}" in after.definitions
            return f"It changes the {name}: row-level security of what exists is not a proposal's." if there else None
        isolation = before.definitions["policy organization of core.products"]
        definition = after.definitions.get(name, isolation)
        if kind == "policy" and definition != isolation and not definition[1:].startswith(" f "):  # f: restrictive
            return f"The {name} is not the one that connect.isolate makes."
    if kind == "right" and made:
        place = rest.rpartition(" on ")[2]
        old = any(f"{what} {on}" in before.definitions for what in ("table", "view") for on in (place, _parent(place)))
        if old or not rest.startswith(f"of {APP_ROLE} "):
            return f"It grants a {name}: rights to what exists, or of others, are not a proposal's."
    return None


def _parent(place: str) -> str:
    """The table of a column."""
    return place.rpartition(".")[0]


def _unguarded(table: str, before: Objects, after: Objects) -> bool:
    old, new = before.definitions[table], after.definitions[table]
    return any(word in old and word not in new for word in ("row security", "forced"))


def _short(definition: str | None) -> str | None:
    if definition is None or len(definition) <= _SHOWN:
        return definition
    return f"{definition[:_SHOWN]}…"
