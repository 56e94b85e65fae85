"""docs/core.md: what every column of core and of the reports is, made of the database's comments, the descriptions in
`entities/` and a trial of the mappers (origins.py); and the same as data, for Dagster. `make dictionary` writes both; a
test compares.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from sqlalchemy import Connection

from sync_pipeline.config import PROJECT
from sync_pipeline.defs.columns import CAPTURED, DECISION, DIFFERENCE, FILE
from sync_pipeline.entities.core import HOUSEKEEPING, RECORD, core_tables, undo_order
from sync_pipeline.sources.base import all_sources
from sync_pipeline_tests.origins import Origins, origins

PAGE = PROJECT / "docs" / "core.md"
HEAD = PROJECT / "sync_pipeline_tests" / "dictionary.md"
_UNIT = re.compile(r"^(?P<words>.*?)(?: Unit: (?P<unit>.+)\.)?$", re.DOTALL)
_TABLE = re.compile(r"^CREATE TABLE (?P<name>\S+) \((?P<columns>.*?)^\)", re.DOTALL | re.MULTILINE)
_SAID = re.compile(r"^    (\w+) .*?-- (.+)$", re.MULTILINE)
_COLUMNS = """
SELECT c.relname::text AS name, a.attname::text AS column, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull,
       a.attgenerated <> '' AS generated, col_description(c.oid, a.attnum) AS said, obj_description(c.oid) AS table_said
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = %(schema)s::text::regnamespace AND c.relkind IN ('r', 'v') ORDER BY c.relname, a.attnum
"""
# Where a type alone says what is counted.
_UNITS = {"timestamp with time zone": "UTC", "date": "day"}
_NUMBERS = ("numeric", "integer", "bigint")
_SHORT = {"timestamp with time zone": "timestamptz"}
_MANY = 4  # fields of one record that are named one by one
# What promotion gives a column besides its mapper's value, or instead of one.
ADDED: Mapping[tuple[str, str], Mapping[str, str]] = {
    **{
        ("core.sales_orders", name): {"odoo": "sum of its order_lines"}
        for name in ("subtotal", "discount_total", "shipping_total", "fee_total")
    },
    ("core.sales_orders", "refunded_total"): {"woocommerce": "its refunds' own records first"},
    ("core.sales_order_items", "order_id"): {"odoo": "orders: themselves", "woocommerce": "orders: themselves"},
    ("core.reference_data", "kind"): {"odoo": "the entity type", "woocommerce": "the entity type"},
    ("core.inventory_items", "product_id"): {"woocommerce": "the article itself", "odoo": "variants: their product"},
    ("core.inventory_items", "variant_id"): {"woocommerce": "variations: themselves", "odoo": "variants: themselves"},
    **{
        (table, "currency"): {"woocommerce": "without one: the connection's, else the organization's"}
        for table in ("core.products", "core.product_variants")
    },
}


def page(conn: Connection, found: Origins) -> str:
    """The whole document, of the database's comments and the result of the trial."""
    described = columns(conn, "core")
    parts = [HEAD.read_text("utf-8").strip(), "", "## Tables", ""]
    for table in undo_order():
        parts += _table(table, described[table.partition(".")[2]], found)
    parts += ["## Reports", ""]
    for view, rows in columns(conn, "report").items():
        if any(row.said for row in rows):
            parts += _view(f"report.{view}", rows)
    return "\n".join(parts).rstrip() + "\n"


class Described:
    """A column: its type, what it is, and in what its values are counted."""

    def __init__(self, row: object) -> None:
        self.name: str = row.column  # type: ignore[attr-defined]
        self.type: str = row.type  # type: ignore[attr-defined]
        self.required: bool = row.attnotnull  # type: ignore[attr-defined]
        self.generated: bool = row.generated  # type: ignore[attr-defined]
        self.said: str = row.said or ""  # type: ignore[attr-defined]
        self.table_said: str = row.table_said or ""  # type: ignore[attr-defined]
        split = _UNIT.match(self.said)
        assert split is not None
        self.words: str = split["words"]
        self.unit: str = split["unit"] or _UNITS.get(self.type, "")

    @property
    def needs_unit(self) -> bool:
        """A number that is not the key of a row counts something."""
        return self.type in _NUMBERS and self.name != "id" and not self.name.endswith("_id")


def columns(conn: Connection, schema: str) -> Mapping[str, Sequence[Described]]:
    """The columns of every table or view of a schema, by its name without the schema."""
    made: dict[str, list[Described]] = {}
    for row in conn.exec_driver_sql(_COLUMNS, {"schema": schema}):
        made.setdefault(row.name, []).append(Described(row))
    return made


def data(conn: Connection, found: Origins) -> str:
    """`defs/columns.json`: the tables behind the assets, a line a column."""
    captured = columns(conn, "capture")["woocommerce_sync"]  # a partition: those of all providers are alike
    tables = {CAPTURED: captured}
    for table in (DIFFERENCE, DECISION):
        schema, _, name = table.partition(".")
        tables[table] = columns(conn, schema)[name]
    tables |= {table: columns(conn, "core")[table.partition(".")[2]] for table in core_tables()}
    parts = []
    for table, rows in tables.items():
        lines = [f"    {json.dumps(row.name)}: {json.dumps(_data(found, table, row))}" for row in rows]
        parts.append(f"  {json.dumps(table)}: {{\n" + ",\n".join(lines) + "\n  }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _data(found: Origins, table: str, row: Described) -> Mapping[str, object]:
    """One column; of the fields it comes from the first names, as mappers declare them."""
    made: dict[str, object] = {"type": _SHORT.get(row.type, row.type)}
    if row.required:
        made["required"] = True
    if about := row.said or _beside().get(table, {}).get(row.name):
        made["about"] = about
    by = found.get((table, row.name), {}) if table != "core.reference_data" else {}  # that is of the whole payload
    origin = {
        provider: {
            stream: sorted({path.partition(".")[0] for path in paths}) for stream, paths in sorted(streams.items())
        }
        for provider, streams in sorted(by.items())
    }
    return made | ({"from": origin} if origin else {})


@cache
def _beside() -> Mapping[str, Mapping[str, str]]:
    """What the schema's files say beside a column, of tables whose columns have no comments in the database."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted((PROJECT / "sql" / "schema").glob("*.sql")):
        for table in _TABLE.finditer(path.read_text("utf-8")):
            found[table["name"]] = dict(_SAID.findall(table["columns"]))
    return found


def computed(table: str, column: Described) -> str | None:
    """Where a column's values come from that no mapper gives: promotion, the database, captured orders."""
    of = core_tables().get(table)
    if column.generated:
        return f"the database, of {column.name.removesuffix('_key')}"
    if of is not None and column.name in of.figures:
        return "captured orders"
    if column.name == "id" or column.name in HOUSEKEEPING - {"active"} or column.name in RECORD:
        return "promotion"
    if of is None and column.name == "product_id":
        return "promotion"
    return None


def _table(table: str, rows: Sequence[Described], found: Origins) -> Iterator[str]:
    yield from (f"### {table}", "", rows[0].table_said, "")
    titles = [source.title for source in all_sources().values()]
    yield f"| column | type | unit | what it is | {' | '.join(titles)} |"
    yield f"|---|---|---|---|{'---|' * len(titles)}"
    for row in rows:
        own = computed(table, row)
        sources = [_source(found, table, row.name, provider, own) for provider in all_sources()]
        yield f"| {row.name} | {_type(row)} | {row.unit} | {_cell(row.words)} | {' | '.join(sources)} |"
    yield ""


def _view(name: str, rows: Sequence[Described]) -> Iterator[str]:
    yield from (f"### {name}", "", rows[0].table_said, "", "| column | type | unit | what it is |", "|---|---|---|---|")
    for row in rows:
        yield f"| {row.name} | {_type(row)} | {row.unit} | {_cell(row.words)} |"
    yield ""


def _type(row: Described) -> str:
    return f"{_SHORT.get(row.type, row.type)}{', never empty' if row.required else ''}"


def _cell(words: str) -> str:
    return words.replace("|", "\\|")


def _source(found: Origins, table: str, column: str, provider: str, own: str | None) -> str:
    fields = _from(found, table, column, provider)
    if own is None:
        return fields
    return f"{own}; whether there is a row: {fields}" if column == "id" and fields else own


def _from(found: Origins, table: str, column: str, provider: str) -> str:
    """`orders: billing.email; customers: email`; a provider's only stream of a table is not named."""
    streams = found.get((table, column), {}).get(provider, {})
    added = ADDED.get((table, column), {}).get(provider)
    if table == "core.reference_data":
        return added or _paths(set().union(*streams.values()))
    writing = {name for (one, _), by in found.items() if one == table for name in by.get(provider, {})}
    groups: dict[str, list[str]] = {}
    for name, paths in sorted(streams.items()):
        groups.setdefault(_paths(paths), []).append(name)
    said = list(groups) if len(writing) == 1 else [f"{', '.join(names)}: {paths}" for paths, names in groups.items()]
    return "; ".join([*said, *([added] if added else [])])


def _paths(paths: set[str]) -> str:
    """The fields; where parts of one are named it is not, and many parts of one are named together."""
    parts = {one for one in paths if not any(other.startswith(f"{one}.") for other in paths)}
    owners = Counter(one.rpartition(".")[0] for one in parts)
    named = {
        f"{owner}.*" if owner and owners[owner] > _MANY else one for one in parts for owner in [one.rpartition(".")[0]]
    }
    return ", ".join(f"`{one}`" for one in sorted(named))


def main() -> None:
    """Write the document."""
    from sync_pipeline.db.embedded import EmbeddedPostgres
    from sync_pipeline.db.migrate import migrate
    from sync_pipeline.steps import connect
    from sync_pipeline_tests.databases import MIGRATED, cloned, opened_as_the_application
    from sync_pipeline_tests.folders import data_folder
    from sync_pipeline_tests.seeded import promoted_stores

    with data_folder() as home:
        server = EmbeddedPostgres(home)
        server.use()
        migrate(server.url(MIGRATED.name), branch=False)
        with (
            promoted_stores(server) as made,
            cloned(server, made) as url,
            opened_as_the_application(url) as db,
            db.org(connect.organization(db, "acme").org_id) as conn,
        ):
            found = origins(conn)
            PAGE.write_text(page(conn, found), "utf-8")
            FILE.write_text(data(conn, found), "utf-8")
        server.release()
    print(f"{PAGE.relative_to(PROJECT)} and {FILE.relative_to(PROJECT)} are written.")


if __name__ == "__main__":
    main()
