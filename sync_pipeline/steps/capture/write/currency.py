"""A store whose currency is not the organization's: prices without a currency would be read in the wrong one.

Orders name their currency and are promoted. Entities whose prices name none wait at a gate.
"""

from __future__ import annotations

from sqlalchemy import Connection as Transaction

from sync_pipeline import gates
from sync_pipeline.db.queries import execute, load
from sync_pipeline.gates.causes.currency_conflict import CAUSE
from sync_pipeline.steps.connect import Connection

SQL = load("sync_pipeline.steps.capture")


def judge_currency(conn: Transaction, connection: Connection, currency: str) -> None:
    """Set the organization's currency to the store's if it has none; open a gate if they differ."""
    execute(conn, SQL["set_currency"], currency=currency)
    row = execute(conn, SQL["currencies"], connection_id=connection.connection_id).one()
    subject = f"{currency} against {row.ours}"
    agree = row.ours is None or currency in (row.ours, row.own)
    gates.end_gates(
        conn,
        CAUSE,
        connection_id=connection.connection_id,
        entity_type=None,
        keep=[] if agree else [subject],
        outcome=f"the store's currency is {currency}, and its prices are read in it"
        if agree
        else "the currency changed",
        actor="capture",
    )
    if agree or gates.latest_answer(
        conn, CAUSE, subject=subject, connection_id=connection.connection_id, entity_type=None, include_settled=True
    ):
        return
    priced = [
        stream.entity_type
        for stream in connection.source.streams.values()
        if stream.money and stream.entity and not stream.currency and stream.refers_to != "order"
    ]
    gates.open_gate(
        conn,
        CAUSE,
        subject=subject,
        values={"store": connection.name, "theirs": currency, "organization": row.name, "ours": row.ours},
        blocks=priced,
        store_currency=currency,
        organization_currency=row.ours,
        connection_id=connection.connection_id,
        entity_type=None,
    )
