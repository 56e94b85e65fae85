"""The checks of the matrix, in the order of the flow. Those of `checks` are among them, described there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from sync_pipeline.db.core_sql import for_table
from sync_pipeline.db.queries import execute
from sync_pipeline.entities.core import core_tables
from sync_pipeline.entities.customer import TABLE as CUSTOMERS
from sync_pipeline.sources.base import types_of
from sync_pipeline.steps.observe.checks import CHECKS, About, Check
from sync_pipeline.steps.observe.validation import compared, probes
from sync_pipeline.steps.observe.validation.compared import Explained
from sync_pipeline.steps.observe.validation.copied import as_captured
from sync_pipeline.steps.observe.validation.matrix import Verdict
from sync_pipeline.steps.observe.validation.sight import NOTHING_CAPTURED, NOTHING_PROMOTED, SQL, Cell, Place, Sight
from sync_pipeline.steps.promote import check_core
from sync_pipeline.steps.promote.write.child_rows import with_refunded

Looks = Callable[[Sight], Iterator[Cell]]
_ORDERS, _ITEMS = "core.sales_orders", "core.sales_order_items"
AMOUNTS: Mapping[str, str] = {"core.products": "price", "core.product_variants": "price", _ORDERS: "total"}
_ONE_IN = 100  # records of an entity, of which one may wait
_MAP_AGAIN = "`sync-pipeline check ORG --core --repair` plans the records behind it; then apply the plan."


@dataclass(frozen=True, slots=True)
class Criterion:
    """A check of the matrix: what must hold, what to do if it does not, and how it is found out.

    `explains`: the columns of core whose difference it reports, so that the comparison of core need not say it again.
    """

    name: str
    subject: str
    holds: str
    recover: str
    look: Looks
    explains: Mapping[str, frozenset[str]] = field(default_factory=dict)


def _ledger(sight: Sight) -> Iterator[Cell]:
    """The ledger's sum; an entity that was never pulled was not run."""
    statement = SQL["ledger_adds_up"]
    for cell in sight.at_entities(statement, execute(sight.conn, statement), ""):
        if cell.verdict == "not_applicable":
            yield Cell(cell.place, "not_run", statement, why="No pull of it has ended well. Pull it.")
        else:
            yield cell


def _checked(check: Check, sight: Sight) -> Iterator[Cell]:
    """A check of `checks`, place by place."""
    found = {(row.place, getattr(row, "connection", None)): row for row in check.run(sight.conn)}
    for key, place, why in _places(check, sight):
        row = found.pop(key, None)
        if row is not None:
            verdict: Verdict = "waiting" if _waits(check, place, row.found, sight) else "fail"
            yield Cell(place, verdict, check.statement, 0, row.found, tuple(row.sample))
        elif why is not None:
            yield Cell(place, "not_applicable", check.statement, why=why)
        else:
            yield Cell(place, "pass", check.statement, 0, 0)
    for (name, connection), row in found.items():  # of an entity that this version does not know: red all the same
        yield Cell((connection, name), "fail", check.statement, 0, row.found, tuple(row.sample))


def _waits(check: Check, place: Place, found: int, sight: Sight) -> bool:
    """Is it set aside, named, and somebody's to decide? Many of an entity are no exception: something broke."""
    if check.severity != "warning":
        return False
    if not check.of_records:
        return True
    return found <= max(1, sight.records[place] // _ONE_IN)


def _decisions(sight: Sight) -> Iterator[Cell]:
    """Gates without an answer wait, of a connection or of the organization; the rest of the work goes on."""
    statement = SQL["decisions_waiting"]
    known = {one.connection_id: one.name for one in sight.connections}
    waiting: dict[str | None, list[str]] = {None: [], **{name: [] for name in known.values()}}
    for row in execute(sight.conn, statement):  # of a connection that is gone: the organization's
        waiting[known.get(row.connection_id)].append(str(row.decision_id))
    for name, ids in waiting.items():
        yield Cell((name, None), "waiting" if ids else "pass", statement, 0, len(ids), ids)


def _places(check: Check, sight: Sight) -> Iterator[tuple[tuple[str, str | None], Place, str | None]]:
    """What the statement calls each place, what the matrix calls it, and why it does not apply there."""
    if check.about is About.STORES:
        yield from (((one.provider, one.name), (one.name, None), None) for one in sight.connections)
    elif check.about is About.CORE:
        for table in core_tables().values():
            why = None if check.covers(table.name) else "It does not concern this table."
            yield (table.name, None), (None, table.short), why
    else:
        for one, stream in sight.places:
            known = (one.connection_id, stream.entity_type) in sight.captured
            place = (one.name, stream.name)
            yield (f"{one.provider}/{stream.entity_type}", one.name), place, None if known else NOTHING_CAPTURED


def _mapped(sight: Sight) -> Iterator[Cell]:
    statement = SQL["promoted_is_mapped"]
    yield from sight.at_entities(statement, execute(sight.conn, statement), NOTHING_PROMOTED)


def _rows_of_people(sight: Sight) -> Iterator[Cell]:
    """Rows without a record wait, however many: whoever signs accepts their number, or somebody deletes them."""
    for table in core_tables().values():
        place, statement = (None, table.short), for_table(SQL["rows_have_records"], table)
        if table.row is not None:
            why = "Its rows name their record; core_is_a_function reports those whose record is not in core."
            yield Cell(place, "not_applicable", statement, why=why)
            continue
        row = execute(sight.conn, statement).one()
        yield Cell(place, "waiting" if row.found else "pass", statement, 0, row.found, tuple(row.ids or ()))


def _identities(sight: Sight) -> Iterator[Cell]:
    for table in core_tables().values():
        place = (None, table.short)
        if table.match is None:
            yield Cell(place, "not_applicable", SQL["one_identity_one_row"], why="Its rows have no such identity.")
            continue
        statement = for_table(SQL["one_identity_one_row"], table)
        row = execute(sight.conn, statement).one()
        yield Cell(place, "fail" if row.found else "pass", statement, 0, row.found, tuple(row.ids or ()))


def _currencies(sight: Sight) -> Iterator[Cell]:
    """The currency of the payload; and no amount without one."""
    missing: dict[Place, Cell] = {}
    for name, amount in AMOUNTS.items():
        statement = currency_statement(name, amount)
        for cell in sight.at_entities(statement, execute(sight.conn, statement), NOTHING_PROMOTED):
            known = missing.get(cell.place)
            if cell.verdict != "not_applicable" and (known is None or known.verdict != "fail"):
                missing[cell.place] = cell
    for cell in as_captured(("currency",), sight):
        known = missing.get(cell.place)
        yield known if known is not None and (cell.verdict, known.verdict) != ("fail", "pass") else cell


def currency_statement(table: str, amount: str) -> str:
    """The statement that finds amounts without a currency in one of `AMOUNTS`."""
    return SQL["amounts_without_currency"].replace("{table}", table).replace("{amount}", amount)


def _refunds(sight: Sight) -> Iterator[Cell]:
    statement = with_refunded(SQL["refunds_add_up"])
    rows = execute(sight.conn, statement, refunds=types_of("refund"))
    yield from sight.at_entities(statement, rows, "Its records are no orders, or none is in core.")


def _core(sight: Sight) -> Iterator[Cell]:
    explained = tuple(Explained(one.name, one.explains) for one in CRITERIA if one.explains)
    yield from compared.core(check_core(sight.db, sight.org), explained, sight)


def _existing(name: str, subject: str, **explains: Sequence[str]) -> Criterion:
    """A check of `checks` as a row of the matrix."""
    check = next(one for one in CHECKS if one.name == name)
    return Criterion(name, subject, check.holds, check.recover, partial(_checked, check), _columns(explains))


def _columns(given: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    """{table without its schema: columns} as the comparison of core names them."""
    names = {table.short: table.name for table in core_tables().values()}
    names |= {"mapping": "promote.integration_mapping", "any": "*"}
    return {names[short]: frozenset(columns) for short, columns in given.items()}


def _copied(name: str, subject: str, holds: str, columns: Sequence[str], **explains: Sequence[str]) -> Criterion:
    recover = f"{_MAP_AGAIN} If it comes again, the mapper of the entity is wrong."
    return Criterion(name, subject, holds, recover, partial(as_captured, tuple(columns)), _columns(explains))


_SUMS = ("total", "tax_total", "subtotal", "discount_total", "shipping_total", "fee_total", "metadata.items_difference")
CRITERIA: Sequence[Criterion] = (
    _existing("fresh", "freshness"),
    _existing("ledger_closed", "ledger"),
    Criterion(
        "ledger_adds_up",
        "ledger",
        "In the newest closed pull, expected = captured + quarantined + vanished.",
        "`sync-pipeline pull ORG --full --entity E` makes a new ledger. Report the old one: it cannot come about.",
        _ledger,
    ),
    Criterion(
        "store_agrees",
        "counts",
        "The ids that the store lists now are those that are captured.",
        "`sync-pipeline pull ORG` catches up; then validate again.",
        compared.stores,
    ),
    _existing("nothing_in_quarantine", "ledger"),
    _existing("compared_since", "freshness"),
    _existing("no_schema_drift", "schema"),
    _existing("selections_promoted", "queues"),
    _existing("no_line_waits", "queues"),
    Criterion(
        "no_decision_waits",
        "decisions",
        "No gate waits for an answer.",
        "`sync-pipeline decisions list ORG` shows the questions, `decisions answer` answers one; `ids` are their "
        "numbers.",
        _decisions,
    ),
    _existing("no_orphan_mapping", "mappings", any=("",), mapping=("", "internal_id")),
    Criterion(
        "promoted_is_mapped",
        "mappings",
        "Every record that was promoted, and not undone, has its mapping.",
        "This project never deletes mappings: find out who did. Promote the record again.",
        _mapped,
        _columns({"mapping": ("",)}),
    ),
    Criterion(
        "rows_have_records",
        "mappings",
        "Every row of core comes from a record of a store.",
        "People made these rows, which is allowed (docs/mapping.md): accept their number in the sign-off, or delete "
        "them; `ids` are theirs.",
        _rows_of_people,
    ),
    Criterion(
        "one_identity_one_row",
        "identity",
        "An e-mail or SKU belongs to one live row of core.",
        "Correct the row that people made, or promote its records again; `ids` are the rows that share one.",
        _identities,
        _columns({"mapping": ("internal_id",), "customers": (*CUSTOMERS.figures, "metadata.completed_orders")}),
    ),
    _existing("money_adds_up", "totals", sales_order_items=("total",), sales_orders=_SUMS),
    _copied(
        "totals_as_captured",
        "totals",
        "Totals in core are those of the captured orders.",
        ("total", "tax_total"),
        sales_orders=_SUMS,
        sales_order_items=("total",),
    ),
    Criterion(
        "refunds_add_up",
        "refunds",
        "What was refunded of an order is what its refunds say.",
        _MAP_AGAIN,
        _refunds,
        _columns({"sales_orders": ("refunded_total",)}),
    ),
    _copied(
        "stock_as_captured",
        "stock",
        "Quantities in core, of stock and of order lines, are the store's.",
        ("quantity",),
        inventory_items=("quantity",),
        sales_order_items=("quantity",),
    ),
    _copied(
        "times_in_utc",
        "time zones",
        "Times of orders in core are the payload's, in UTC.",
        ("ordered_at", "paid_at", "completed_at"),
        sales_orders=("ordered_at", "paid_at", "completed_at"),
    ),
    Criterion(
        "currencies_as_captured",
        "currencies",
        "Every amount names its currency, and an order's is the payload's.",
        _MAP_AGAIN,
        _currencies,
        _columns({"sales_orders": ("currency",), "products": ("currency",), "product_variants": ("currency",)}),
    ),
    _copied(
        "units_as_captured",
        "units",
        "The unit of an order line is the one that the line names.",
        ("metadata.unit",),
        sales_order_items=("metadata.unit",),
    ),
    _copied(
        "companies_as_captured",
        "companies",
        "The company of a row is the payload's, and one of the connection's.",
        ("metadata.company_id",),
        sales_orders=("metadata.company_id",),
        inventory_items=("metadata.company_id",),
    ),
    Criterion(
        "core_is_a_function",
        "core = function",
        "Promoting every record again would change nothing.",
        _MAP_AGAIN,
        _core,
    ),
    Criterion(
        "others_see_nothing",
        "isolation",
        "No row of the organization is visible in a transaction of another one, in a table or through a view.",
        "Somebody changed these: as the owner, now, `CALL connect.isolate('TABLE')` for a table, `ALTER VIEW … SET "
        "(security_invoker = true)` for a view.",
        probes.isolation,
    ),
    Criterion(
        "addresses_are_hashed",
        "personal data",
        "Where e-mail addresses are kept as hashes only, no plain one is stored.",
        "Push or pull these records again: they are hashed on the way. Find out what wrote them.",
        probes.plain_addresses,
    ),
    Criterion(
        "no_secret_is_stored",
        "secrets",
        "No credential or token stands in events, quarantine, logs or settings.",
        "Replace the credential (`sync-pipeline connect` again under the same name); then delete these rows as the "
        "owner.",
        probes.stored_secrets,
    ),
    _existing("compat_agrees", "compat"),
    Criterion(
        "revision_is_current",
        "revision",
        "The database is at the revision of this program.",
        "`sync-pipeline db migrate`.",
        probes.revision,
    ),
    Criterion(
        "scripts_passed",
        "acceptance",
        "The acceptance scripts that were carried out here have passed.",
        "Carry out the script again (docs/uat), and record it: `sync-pipeline uat ORG SCRIPT --passed`.",
        probes.acceptance,
    ),
)


def recovery(check: str) -> str | None:
    """What to do where a check is red; None if this version has no such check."""
    return next((one.recover for one in CRITERIA if one.name == check), None)
