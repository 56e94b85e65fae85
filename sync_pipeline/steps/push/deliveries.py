"""Webhooks, the quick half: check the signature, store a row, answer. `process_deliveries` handles the rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute
from sync_pipeline.errors import NotFound, Unauthenticated
from sync_pipeline.sources.base import Delivery, Unreadable, source
from sync_pipeline.steps.capture.write.pii import hash_emails, hash_text
from sync_pipeline.steps.connect import Connection, Organization, connections, webhook_secrets
from sync_pipeline.steps.push.service import SQL


class NotGenuine(Unauthenticated):
    """The signature is not valid for this address. Set the same webhook secret here and in the store."""


def receive(
    db: Database, settings: Settings, provider: str, connection_id: int, headers: Mapping[str, str], body: bytes
) -> str:
    """Store a delivery; returns what it was: stored, known, ping, or nothing (it is not about a captured record).

    A genuine delivery that cannot be read is accepted too: stores disable a webhook after a few errors.

    `headers` have lower-case names; `body` is as it came over the wire, which is what is signed.

    Raises:
        NotFound: no such provider, or it sends no webhooks.
        NotGenuine: unknown connection, no secret set, or a wrong signature; the error does not say which.
    """
    hooks = source(provider).webhooks
    if hooks is None:
        raise NotFound(f"{source(provider).title} stores send no webhooks here.")
    if hooks.ping(headers, body):
        return "ping"
    # The same steps in every case, so that the time does not tell whether the connection exists.
    target = _target(db, provider, connection_id)
    known = webhook_secrets(settings, target)
    genuine = any(hooks.genuine(headers, body, one) for one in known or ("no secret",))
    if target is None or not known or not genuine:
        raise NotGenuine()
    try:
        delivery = hooks.read(headers, body)
    except Unreadable:
        delivery = Delivery(delivery_id="", topic="unreadable", stream=None)
    return _store(db, target, delivery, body)


def _target(db: Database, provider: str, connection_id: int) -> Connection | None:
    if not 0 < connection_id < 2**63:
        return None
    with db.unscoped() as conn:
        row = execute(conn, SQL["webhook_connection"], connection_id=connection_id).one_or_none()
    whose = Organization(0, "", "", None, None) if row is None else Organization(row.org_id, row.slug, "", None, None)
    found = connections(db, whose, "" if row is None else row.name)
    return next((one for one in found if one.provider == provider), None)


def _store(db: Database, target: Connection, delivery: Delivery, body: bytes) -> str:
    stream = target.source.stream(delivery.stream) if delivery.stream else None
    raw, topic = delivery.raw, delivery.topic
    if target.common().pii_policy == "hash":
        raw, topic = hash_emails(raw) if raw is not None else None, hash_text(topic)
    key = hashlib.sha256(f"{delivery.delivery_id}\n{delivery.topic}\n".encode() + body).digest()
    with db.org(target.org_id) as conn:
        number = execute(
            conn,
            SQL["store_delivery"],
            connection_id=target.connection_id,
            key=key,
            topic=topic[:200],
            entity_type=stream.entity_type if stream else None,
            external_id=delivery.external_id,
            parent_id=delivery.parent_id,
            payload=raw.decode() if raw is not None else None,
            modified=delivery.modified,
            state="waiting" if stream else "done",
            outcome=None if stream else "names no record",
        ).scalar_one_or_none()
    if number is None:
        return "known"
    return "stored" if stream else "nothing"
