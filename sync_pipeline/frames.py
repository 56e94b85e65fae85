"""Core, reports and captured records as pandas DataFrames, for notebooks and scripts.

    from sync_pipeline import frames

    orders = frames.core("acme", "sales_orders")
    before = frames.core("acme", "products", as_of="2026-03-01")
    for chunk in frames.core_chunks("acme", "sales_order_items", rows=50_000): ...
    days = frames.report("acme", "sales_by_day")
    captured = frames.records("acme", "shop", "products")
    contents = frames.versions("acme", "shop", "products")

What the columns hold: integers Int64 and flags boolean, both nullable; decimals `decimal.Decimal` with all digits;
texts string; times datetime64[us, UTC]; days datetime64[us]; JSON as dict and list, its numbers int and Decimal, or as
text with `json="text"`. docs/core.md says what each column is.

A frame is of one organization, the one that is named. It leaves out `org_id`, which would be the same in every row,
`queue_id`, the promotion that wrote the row last, and what the database makes of another column (`sku_key`,
`email_key`); SQL has them. Every function reads the database that the environment
names (README, Settings), or `database`; what one call answers is one moment of it.

Options of all functions:

    as_of       as it was at this time: a datetime, or text; without a zone it is UTC, a date is its first moment
                    frames.core("acme", "sales_orders", as_of="2026-03-01T12:00:00+01:00")
                Not of reports, which show core as it is now.
    columns     only these, in this order: less is read
                    frames.core("acme", "customers", columns=["id", "email", "lifetime_value"])
    json        "objects" (default): JSON columns as dict and list; "text": as text, which parquet and Arrow take
                    frames.records("acme", "shop", "products", json="text").to_parquet("products.parquet")
    database    one that is open already, for many calls; you close it
                    from sync_pipeline.config import Settings
                    from sync_pipeline.db.open import open_database

                    db = open_database(Settings())
                    frames.core("acme", "products", database=db)
                    db.close()

Options of some:

    rows        of the functions that end with `_chunks`: so many at a time, in constant memory; 5,000 by default
                    for chunk in frames.records_chunks("acme", "shop", "orders", rows=1_000): ...
    deleted     of records: also those that are deleted in the store; `deleted_at` says when that was found
                    frames.records("acme", "shop", "products", deleted=True)

What is not there raises `NotFound` (sync_pipeline.errors), which lists what is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, TypedDict, Unpack

from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect
from sync_pipeline.steps.observe import export
from sync_pipeline.steps.observe.export.frame import Json, chunks

if TYPE_CHECKING:
    import pandas as pd

ROWS = 5_000  # of a chunk


class Options(TypedDict, total=False):
    """What every function takes besides what it reads; the module's help has an example of each.

    `as_of`: as it was at this time; a date is its first moment, UTC. `columns`: only these, in this order. `json`:
    "objects" or "text". `database`: instead of the one that the environment names.
    """

    as_of: str | date | None
    columns: Sequence[str] | None
    json: Json
    database: Database | None


def core(org: str, table: str, **options: Unpack[Options]) -> pd.DataFrame:
    """A core table (`sales_orders`). Rows that are marked deleted are among it: see `deleted_at`.

        frames.core("acme", "sales_orders", as_of="2026-03-01", columns=["number", "total", "currency"])

    Raises:
        NotFound: no such organization, table or column; that time is no longer known, or still to come.
    """
    return _whole(core_chunks(org, table, **options))


def core_chunks(org: str, table: str, *, rows: int = ROWS, **options: Unpack[Options]) -> Iterator[pd.DataFrame]:
    """A core table, `rows` rows at a time: in constant memory, whatever its size. See `core`.

    for chunk in frames.core_chunks("acme", "sales_order_items", rows=50_000): ...
    """
    ask = export.core(table, as_of=export.moment_of(options.get("as_of")))
    return _chunks(org, lambda _org, _db: ask, rows, options)


def report(org: str, view: str, **options: Unpack[Options]) -> pd.DataFrame:
    """A view of reports (`sales_by_day`), as it is now.

        frames.report("acme", "sales_by_day")

    Raises:
        NotFound: no such organization, view or column.
        ConfigurationError: `as_of` is given.
    """
    ask = export.report(view, as_of=export.moment_of(options.get("as_of")))
    return _whole(_chunks(org, lambda _org, _db: ask, ROWS, options))


def records(
    org: str, connection: str, entity: str, *, deleted: bool = False, **options: Unpack[Options]
) -> pd.DataFrame:
    """The captured records of an entity (`products`), their `payload` as the store sent it.

        frames.records("acme", "shop", "products", as_of="2026-03-01", deleted=True)

    `deleted`: those too that are deleted in the store; `deleted_at` says when that was found.

    Raises:
        NotFound: no such organization, connection, entity or column; that time is no longer known, or still to come.
    """
    return _whole(records_chunks(org, connection, entity, deleted=deleted, **options))


def records_chunks(
    org: str, connection: str, entity: str, *, deleted: bool = False, rows: int = ROWS, **options: Unpack[Options]
) -> Iterator[pd.DataFrame]:
    """Captured records, `rows` rows at a time. See `records`.

    for chunk in frames.records_chunks("acme", "shop", "orders", rows=1_000): ...
    """
    when = export.moment_of(options.get("as_of"))

    def ask(of: connect.Organization, db: Database) -> export.Ask:
        one = connect.connection(db, of, connection)
        return export.records(one, one.source.stream(entity), as_of=when, deleted=deleted)

    return _chunks(org, ask, rows, options)


def versions(org: str, connection: str, entity: str, **options: Unpack[Options]) -> pd.DataFrame:
    """Every content that an entity's records had, each time that they had it; with `as_of`, those captured until then.

        frames.versions("acme", "shop", "products", json="text")

    Raises:
        NotFound: no such organization, connection, entity or column; that time is still to come.
    """
    return _whole(versions_chunks(org, connection, entity, **options))


def versions_chunks(
    org: str, connection: str, entity: str, *, rows: int = ROWS, **options: Unpack[Options]
) -> Iterator[pd.DataFrame]:
    """Every content of records, `rows` rows at a time. See `versions`.

    for chunk in frames.versions_chunks("acme", "shop", "products", rows=1_000): ...
    """
    when = export.moment_of(options.get("as_of"))

    def ask(of: connect.Organization, db: Database) -> export.Ask:
        one = connect.connection(db, of, connection)
        return export.versions(one, one.source.stream(entity), as_of=when)

    return _chunks(org, ask, rows, options)


def _chunks(
    org: str, wanted: Callable[[connect.Organization, Database], export.Ask], rows: int, options: Options
) -> Iterator[pd.DataFrame]:
    with _database(options.get("database")) as db:
        of = connect.organization(db, org)
        with export.reading(db, of.org_id, wanted(of, db), columns=options.get("columns")) as reading:
            yield from chunks(reading, rows, json=options.get("json", "objects"))


@contextmanager
def _database(given: Database | None) -> Iterator[Database]:
    if given is not None:
        yield given
        return
    from sync_pipeline.config import Settings
    from sync_pipeline.db.open import open_database

    db = open_database(Settings())
    try:
        yield db
    finally:
        db.close()


def _whole(parts: Iterator[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat(list(parts))
