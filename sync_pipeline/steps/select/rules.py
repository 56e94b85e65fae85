"""Standing rules: decisions that also cover future records."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Row

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import ConfigurationError, NotFound
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection, Organization
from sync_pipeline.steps.connect.party import Party
from sync_pipeline.steps.preview.entity import keys
from sync_pipeline.steps.select.chosen import CHOOSE
from sync_pipeline.steps.select.service import SQL, waits_for_a_plan

# What each kind covers, and how it decides.
KINDS: Mapping[str, tuple[list[str], str]] = {
    "follow_updates": (["updated", "deleted"], "include"),
    "include_new": (["new"], "include"),
    "ignore_where": (["new", "updated", "deleted"], "ignore"),
}


@dataclass(frozen=True, slots=True)
class StandingRule:
    """A standing rule of one entity. `field` and `value` belong to ignore_where."""

    rule_id: int
    connection_id: int
    entity_type: str
    kind: str
    field: str | None
    value: Any
    created_by: str
    created_at: datetime
    why: str | None


def rule_value(text: str | None) -> Any:
    """The value of a rule as people type it: JSON, or plain text."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _checked(kind: str, field: str | None, value: Any) -> tuple[list[str], str]:
    """The statuses that such a rule covers, and its decision.

    Raises:
        ConfigurationError: unknown kind, or ignore_where without a field and a value.
    """
    if kind not in KINDS:
        raise ConfigurationError(f"Unknown kind of rule “{kind}”. Use one of {', '.join(KINDS)}.")
    if (kind == "ignore_where") != (field is not None and value is not None):
        raise ConfigurationError("ignore_where needs a field and a value; the other kinds take neither.")
    return KINDS[kind]


def count_rule(
    db: Database, connection: Connection, stream: Stream, *, kind: str, field: str | None = None, value: Any = None
) -> int:
    """How many undecided records this rule would decide if it were applied now, before any other rule.

    Raises:
        ConfigurationError: unknown kind, or ignore_where without a field and a value.
    """
    statuses, _ = _checked(kind, field, value)
    with db.org(connection.org_id) as conn:
        return int(
            execute(
                conn,
                SQL["count_rule"],
                **keys(connection, stream),
                statuses=statuses,
                field=field,
                value=None if value is None else json.dumps(value),
            ).scalar_one()
        )


def doubt_field(db: Database, connection: Connection, stream: Stream, field: str) -> str | None:
    """Why a rule about this field would decide nothing: no captured record has it; with the names that are like it.

    None where one has, and where nothing was captured yet.
    """
    with db.org(connection.org_id) as conn:
        known = set(execute(conn, SQL["fields_of"], **keys(connection, stream)).scalars())
        if not known or field in known:
            return None
        if execute(conn, SQL["has_field"], **keys(connection, stream), field=field).scalar_one():
            return None
    like = get_close_matches(field, known, n=3, cutoff=0.8)
    meant = f" Did you mean {' or '.join(like)}?" if like else ""
    return f"No captured record of {stream.name} has the field “{field}”.{meant}"


def add_rule(  # noqa: PLR0913 - the parts of a rule
    db: Database,
    connection: Connection,
    stream: Stream,
    *,
    kind: str,
    field: str | None = None,
    value: Any = None,
    actor: str,
    why: str | None = None,
) -> int:
    """Add a rule, which applies from the next preview on; returns its number, or that of the same rule if there is one.

    Raises:
        ConfigurationError: unknown kind, or ignore_where without a field and a value.
    """
    _checked(kind, field, value)
    rule = {**keys(connection, stream), "kind": kind, "field": field}
    rule["value"] = None if value is None else json.dumps(value)
    with db.org(connection.org_id) as conn:
        execute(conn, SQL["alone_with_rules"], connection_id=connection.connection_id)
        same: int | None = execute(conn, SQL["same_rule"], **rule).scalar_one_or_none()
        if same is not None:
            return same
        rule_id = int(execute(conn, SQL["add_rule"], **rule, actor=actor, why=why).scalar_one())
        journal.record(
            conn,
            "rule.added",
            actor=actor,
            connection_id=connection.connection_id,
            entity_type=stream.entity_type,
            rule=rule_id,
            kind=kind,
        )
    return rule_id


def note_proposed_rule(
    db: Database, connection: Connection, stream: Stream, *, kind: str, actor: str, why: str
) -> None:
    """Write down that somebody proposes a rule, which decides nothing until a person adds it."""
    with db.org(connection.org_id) as conn:
        journal.record(
            conn,
            "rule.proposed",
            actor=actor,
            connection_id=connection.connection_id,
            entity_type=stream.entity_type,
            kind=kind,
            why=why,
        )


def list_rules(db: Database, org: Organization, connection: Connection | None = None) -> Sequence[StandingRule]:
    """The active rules."""
    with db.org(org.org_id) as conn:
        rows = execute(
            conn,
            SQL["standing_rules"],
            connection_id=connection.connection_id if connection else None,
            entity_type=None,
        ).all()
    return [StandingRule(**row._mapping) for row in rows]


def drop_rule(
    db: Database, org: Organization, rule_id: int, *, connection: Connection | None = None, actor: str
) -> None:
    """End a rule, of this connection if one is given; its decisions stay.

    Raises:
        NotFound: no such rule.
    """
    here = connection.connection_id if connection else None
    with db.org(org.org_id) as conn:
        row = execute(conn, SQL["drop_rule"], rule_id=rule_id, connection_id=here).one_or_none()
        if row is None:
            raise NotFound(f"{org.slug} has no rule {rule_id}.")
        journal.record(
            conn,
            "rule.dropped",
            actor=actor,
            connection_id=row.connection_id,
            entity_type=row.entity_type,
            rule=rule_id,
            kind=row.kind,
        )


def ruled_types(db: Database, connection: Connection) -> frozenset[str]:
    """The entity types of this connection that have standing rules."""
    with db.org(connection.org_id) as conn:
        rules = execute(conn, SQL["standing_rules"], connection_id=connection.connection_id, entity_type=None)
        return frozenset(rule.entity_type for rule in rules)


def apply_rules(db: Database, connection: Connection, stream: Stream) -> int:
    """Decide undecided differences by the standing rules, a transaction for each; returns how many were decided."""
    with db.org(connection.org_id) as conn:
        rules = execute(
            conn, SQL["standing_rules"], connection_id=connection.connection_id, entity_type=stream.entity_type
        ).all()
    return sum(_apply_rule(db, connection, stream, rule) for rule in rules)


def _apply_rule(db: Database, connection: Connection, stream: Stream, rule: Row[Any]) -> int:
    here, by = keys(connection, stream), f"rule:{rule.rule_id}"
    statuses, decision = KINDS[rule.kind]
    with db.org(connection.org_id) as conn:
        # What a person decides meanwhile is theirs: it is seen, or comes after.
        execute(conn, CHOOSE["hold_entity"], **here)
        decided = {"decision": decision, "why": rule.why, "draft": waits_for_a_plan(conn, connection)}
        with conn.begin_nested() as savepoint:
            batch_id = execute(
                conn,
                SQL["open_batch"],
                **here,
                **decided,
                **Party(by).columns,
                criteria=json.dumps({"rule": rule.rule_id}),
                actor=by,
            ).scalar_one()
            records = execute(
                conn,
                SQL["apply_rule"],
                **here,
                **decided,
                rule_id=rule.rule_id,
                statuses=statuses,
                field=rule.field,
                value=None if rule.value is None else json.dumps(rule.value),
                batch_id=batch_id,
            ).rowcount
            if records:
                execute(conn, SQL["close_batch"], batch_id=batch_id, records=records)
            else:
                savepoint.rollback()  # the rule matched nothing: keep no empty selection
    return records
