"""Policies: approvals that a person grants in advance, for what one token proposes and within limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

from pydantic import Field
from sqlalchemy import Connection as Transaction

from sync_pipeline import journal
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, load
from sync_pipeline.errors import ConfigurationError, Forbidden, NotFound
from sync_pipeline.steps.connect import Organization, connection
from sync_pipeline.steps.connect.party import Actor, Party, party

SQL = load("sync_pipeline.steps.approve", "policies.sql")
LONGEST = timedelta(days=90)
Action = Literal["create", "update", "delete"]
Risk = Literal["money", "warnings", "conflicts", "first"]
ACTIONS: tuple[Action, ...] = get_args(Action)

# What a policy forbids unless it names it, in words.
RISKS: Mapping[Risk, str] = {
    "money": "values that are money change",
    "warnings": "records that a warning is about",
    "conflicts": "records whose SKU or e-mail another one has",
    "first": "the first promotion of an entity",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a policy lets through. `window`: every day from … to … in a zone, over midnight if from is later."""

    connections: Sequence[str]
    entities: Sequence[str]
    actions: Sequence[Action] = ("update",)
    max_plan: int
    max_day: int
    max_share: Decimal
    allows: Sequence[Risk] = ()
    window: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class ApprovalPolicy:
    """A policy, and what became of it. `rows_today`: records of the plans it let through in the last 24 hours.

    It is open while it can let a plan through; paused by itself; ended with its token, or with the access of whoever
    granted it.
    """

    policy_id: int
    token_id: int
    token: Annotated[str, Field(description="The token's name, or its number.")]
    connections: list[str]
    connection_ids: list[int]
    entity_types: list[str]
    actions: list[str]
    max_plan: Annotated[int, Field(description="Records of a plan, at most.")]
    max_day: Annotated[int, Field(description="Records of all its plans in 24 hours, at most.")]
    max_share: Annotated[Decimal, Field(description="Share of an entity's captured records, at most.")]
    allows: list[str]
    window_from: str | None
    window_to: str | None
    zone: str | None
    granted_by: str
    granted_at: datetime
    expires_at: datetime
    why: str | None
    state: Literal["open", "paused", "expired", "revoked", "ended"]
    revoked_at: datetime | None
    revoked_by: str | None
    paused_at: datetime | None
    paused_why: str | None
    rows_today: int
    in_window: bool


def add_policy(
    db: Database,
    org: Organization,
    token_id: int,
    limits: Limits,
    *,
    holds: timedelta,
    by: Actor,
    why: str | None = None,
) -> ApprovalPolicy:
    """Grant a policy.

    Raises:
        Forbidden: no person grants it.
        ConfigurationError: a limit is wrong, or it would hold for more than 90 days.
        NotFound: no such token, connection or entity.
    """
    who = party(by)
    _only_a_person(org, who)
    columns = {**_checked(db, org, limits, holds), "token_id": token_id, "granted_by": who.name, "why": why}
    with db.org(org.org_id) as conn:
        token = execute(conn, SQL["policy_token"], token_id=token_id).one_or_none()
        if token is None or token.revoked_at is not None:
            raise NotFound(f"{org.slug} has no token {token_id} that is valid and nobody's session.")
        zone = columns["zone"]
        if zone is not None and not execute(conn, SQL["known_zone"], zone=zone).scalar_one():
            raise ConfigurationError(f"Unknown time zone “{zone}”. Use a name such as Europe/Vienna.")
        policy_id = int(execute(conn, SQL["add_policy"], **columns, seconds=holds.total_seconds()).scalar_one())
        journal.record(conn, "policy.granted", actor=who.name, policy=policy_id, token=token_id, why=why)
    return policies(db, org, policy_id=policy_id)[0]


def _only_a_person(org: Organization, who: Party) -> None:
    if not who.is_person:
        raise Forbidden(
            "A person grants a policy, logged in with a password: a token without a person does not. Open "
            f"/ui/{org.slug}/policies there, or run `sync-pipeline policy add {org.slug} …` on the machine."
        )


def _checked(db: Database, org: Organization, limits: Limits, holds: timedelta) -> dict[str, Any]:
    if not timedelta(0) < holds <= LONGEST:
        raise ConfigurationError(f"A policy holds for {LONGEST.days} days at most.")
    if not (limits.connections and limits.entities and limits.actions):
        raise ConfigurationError("A policy names its connections, entities and actions.")
    if not (limits.max_plan > 0 and limits.max_day > 0 and 0 < limits.max_share <= 1):
        raise ConfigurationError("A policy lets at least one record through; a share is more than 0 and at most 1.")
    unknown = [one for one in limits.actions if one not in ACTIONS] + [one for one in limits.allows if one not in RISKS]
    if unknown:
        known = ", ".join((*ACTIONS, *RISKS))
        raise ConfigurationError(f"Unknown: {', '.join(unknown)}. Actions and what a policy can allow are: {known}.")
    stores = [connection(db, org, name) for name in limits.connections]
    types = set()
    for name in limits.entities:
        found = {
            stream.entity_type
            for one in stores
            for stream in one.source.streams.values()
            if name in (stream.name, stream.entity_type)
        }
        if not found:
            stores[0].source.stream(name)  # its error lists those that there are
            raise NotFound(f"None of these connections has an entity “{name}”.")
        types |= found
    opens, closes, zone = limits.window or (None, None, None)
    return {
        "connections": [one.connection_id for one in stores],
        "entity_types": sorted(types),
        "actions": list(dict.fromkeys(limits.actions)),
        "max_plan": limits.max_plan,
        "max_day": limits.max_day,
        "max_share": limits.max_share,
        "allows": list(dict.fromkeys(limits.allows)),
        "window_from": opens,
        "window_to": closes,
        "zone": zone,
    }


def policies(
    db: Database, org: Organization, *, policy_id: int | None = None, only_open: bool = False
) -> Sequence[ApprovalPolicy]:
    """The organization's policies, newest first; only those that were not revoked and hold, if asked."""
    with db.org(org.org_id) as conn:
        return read_policies(conn, policy_id=policy_id, only_open=only_open)


def read_policies(
    conn: Transaction, *, policy_id: int | None = None, token_id: int | None = None, only_open: bool = False
) -> list[ApprovalPolicy]:
    """`policies`, in the caller's transaction."""
    rows = execute(conn, SQL["policies"], policy=policy_id, token_id=token_id, open=only_open)
    return [ApprovalPolicy(**row._mapping) for row in rows]


def revoke_policy(db: Database, org: Organization, policy_id: int, *, by: Actor) -> ApprovalPolicy:
    """End a policy now. What it let through stays. Revoking it twice changes nothing.

    Raises:
        NotFound: no such policy.
    """
    return _changed(db, org, policy_id, "revoke_policy", "policy.revoked", party(by))


def resume_policy(db: Database, org: Organization, policy_id: int, *, by: Actor) -> ApprovalPolicy:
    """Let a policy that has paused itself go on.

    Raises:
        NotFound: no such policy.
        Forbidden: no person asks for it.
    """
    who = party(by)
    if any(one.state == "paused" for one in policies(db, org, policy_id=policy_id)):
        _only_a_person(org, who)
    return _changed(db, org, policy_id, "resume_policy", "policy.resumed", who)


def _changed(db: Database, org: Organization, policy_id: int, how: str, event: str, who: Party) -> ApprovalPolicy:
    values = {"policy": policy_id, "actor": who.name} if how == "revoke_policy" else {"policy": policy_id}
    with db.org(org.org_id) as conn:
        if execute(conn, SQL[how], **values).one_or_none() is not None:
            journal.record(conn, event, actor=who.name, policy=policy_id)
    found = policies(db, org, policy_id=policy_id)
    if not found:
        raise NotFound(f"{org.slug} has no policy {policy_id}.")
    return found[0]


def pause_policies(conn: Transaction) -> None:
    """Pause the policies that let through what was undone or failed, in the caller's transaction."""
    for row in execute(conn, SQL["pause_policies"]).all():
        journal.record(conn, "policy.paused", actor=f"policy:{row.policy_id}", policy=row.policy_id, why=row.paused_why)
