"""Exports and frames of core: value for value what the database has, in every format, and of one organization."""

from __future__ import annotations

import ast
import csv
import inspect
import io
import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sync_pipeline import exact_json, frames
from sync_pipeline.config import PROJECT
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.entities.core import undo_order
from sync_pipeline.errors import ConfigurationError, NotFound
from sync_pipeline.steps import connect
from sync_pipeline.steps.observe import export
from sync_pipeline.steps.observe.export import workbook
from sync_pipeline_tests.databases import Template
from sync_pipeline_tests.seeded import promoted_stores

TABLES = [name.partition(".")[2] for name in undo_order()]
REPORTS = (
    "customers_by_segment", "sales", "sales_by_customer", "sales_by_day", "sales_by_product", "stock_by_article",
)  # fmt: skip


@pytest.fixture(scope="module")
def template(server: EmbeddedPostgres) -> Iterator[Template]:
    with promoted_stores(server) as made:
        yield made


@pytest.fixture
def acme(database: Database) -> connect.Organization:
    return connect.organization(database, "acme")


def by_sql(database: Database, org: connect.Organization, relation: str, columns: Sequence[str]) -> list[list[Any]]:
    """The rows as psycopg gives them; JSON by the project's own rules."""
    names = ", ".join(columns)
    with database.org(org.org_id) as conn:
        conn.exec_driver_sql("SET LOCAL extra_float_digits = 3")
        result = conn.exec_driver_sql(f"SELECT {names} FROM {relation} ORDER BY {names}")
        return [[exact(value) for value in row] for row in result]


def exact(value: Any) -> Any:
    """A value with its type: 1, Decimal("1.0") and Decimal("1") differ."""
    if isinstance(value, Decimal):
        return ("decimal", str(value))
    if isinstance(value, dict | list):
        return ("json", exact_json.canonical(value))
    return (type(value).__name__, value)


def text_of(table: str) -> str:
    return table if table.startswith("report.") else f"core.{table}"


def as_text(database: Database, org: connect.Organization, relation: str, columns: Sequence[str]) -> list[list[Any]]:
    """Each value as PostgreSQL's own text, whatever reads it."""
    names = ", ".join(columns)
    cells = ", ".join(f"{one}::text" for one in columns)
    with database.org(org.org_id) as conn:
        return [list(row) for row in conn.exec_driver_sql(f"SELECT {cells} FROM {relation} ORDER BY {names}")]


def pg_text(value: Any, dtype: str) -> str | None:
    """A frame's value as PostgreSQL writes it."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if dtype == "boolean":
        return "true" if value else "false"
    if dtype.startswith("datetime64[us, UTC]"):
        said = value.strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".")
        return f"{said}+00"
    return value.strftime("%Y-%m-%d") if dtype.startswith("datetime64") else str(value)


def sorted_by_sql(rows: list[list[Any]]) -> list[list[Any]]:
    return sorted(rows, key=lambda row: [(one is None, one or "") for one in row])


@pytest.mark.parametrize("table", [*TABLES, *(f"report.{one}" for one in REPORTS)])
def test_a_frame_equals_the_table(database: Database, acme: connect.Organization, table: str) -> None:
    short = table.removeprefix("report.")
    frame = (
        frames.report("acme", short, database=database, json="text")
        if table.startswith("report.")
        else frames.core("acme", table, database=database, json="text")
    )
    assert len(frame) > 0
    ours = [
        [pg_text(value, str(frame.dtypes.iloc[at])) for at, value in enumerate(row)]
        for row in frame.astype(object).itertuples(index=False, name=None)
    ]
    theirs = as_text(database, acme, text_of(table), list(frame.columns))
    assert sorted_by_sql(ours) == sorted_by_sql(theirs)


def test_the_columns_are_all_that_people_read(database: Database, acme: connect.Organization) -> None:
    for table in TABLES:
        with database.org(acme.org_id) as conn:
            all_of_them = set(conn.exec_driver_sql(f"SELECT * FROM core.{table} LIMIT 0").keys())
        left_out = all_of_them - set(frames.core("acme", table, database=database).columns)
        assert left_out <= {"org_id", "queue_id", "sku_key", "email_key"}


def test_the_dictionary_has_these_columns_and_names_those_that_are_left_out(database: Database) -> None:
    text = (PROJECT / "docs" / "core.md").read_text("utf-8")
    said = re.search(r"\*\*Columns\.\*\*.*?\n\n", text, re.DOTALL)
    assert said is not None
    named, left_out = set(re.findall(r"`(\w+)`", said[0])), set()
    for table in TABLES:
        section = text.partition(f"### core.{table}\n")[2].partition("\n### ")[0].partition("\n## ")[0]
        described = re.findall(r"^\| (\w+) \|", section, re.MULTILINE)[1:]
        columns = list(frames.core("acme", table, database=database).columns)
        assert [one for one in described if one not in named] == columns, table
        left_out |= set(described) - set(columns)
    assert left_out == named


def _examples(text: str) -> Iterator[tuple[str, list[Any], dict[str, Any]]]:
    """The calls of `frames` that a docstring shows: function, arguments, options."""
    for line in re.findall(r"^ *(.*\bframes\.\w+\(.*)$", text, re.MULTILINE):
        for call in (node for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Call)):
            named = call.func
            if isinstance(named, ast.Attribute) and isinstance(named.value, ast.Name) and named.value.id == "frames":
                given = {str(one.arg): one.value for one in call.keywords if one.arg != "database"}
                yield (
                    named.attr,
                    [ast.literal_eval(one) for one in call.args],
                    {name: ast.literal_eval(value) for name, value in given.items()},
                )


def test_the_help_of_frames_has_an_example_of_every_option_and_each_runs(database: Database) -> None:
    functions = [
        one
        for name, one in vars(frames).items()
        if inspect.isfunction(one) and one.__module__ == "sync_pipeline.frames" and name[0] != "_"
    ]
    texts = [inspect.getdoc(one) or "" for one in (frames, *functions)]
    shown = [example for text in texts for example in _examples(text)]
    for name, arguments, options in shown:
        if "as_of" in options:  # the seeded core is of today
            assert export.moment_of(options["as_of"])
            options["as_of"] = datetime.now(UTC)
        found = getattr(frames, name)(*arguments, **options, database=database)
        assert len(list(found)) > 0, name
    assert {name for name, _, _ in shown} == {one.__name__ for one in functions}
    taken = {name for one in functions for name in inspect.signature(one).parameters if name not in ("org", "options")}
    required = {"table", "view", "connection", "entity"}
    assert {name for _, _, options in shown for name in options} == {
        *frames.Options.__annotations__,
        *taken,
    } - required - {"database"}
    assert "database=db" in texts[0]


def test_dtypes_are_the_same_with_and_without_rows(database: Database) -> None:
    for table in TABLES:
        full = frames.core("acme", table, database=database)
        empty = frames.core("other", table, database=database)
        assert len(empty) == 0
        assert full.dtypes.to_dict() == empty.dtypes.to_dict()
    orders = frames.core("acme", "sales_orders", database=database)
    assert str(orders.dtypes["customer_id"]) == "Int64"
    assert str(orders.dtypes["ordered_at"]) == "datetime64[us, UTC]"
    assert str(orders.dtypes["active"]) == "boolean"
    assert isinstance(orders["total"].iloc[0], Decimal)
    assert isinstance(orders["metadata"].iloc[0], dict)


def test_chunks_are_numbered_through_and_make_the_whole(database: Database) -> None:
    whole = frames.core("acme", "sales_order_items", database=database)
    parts = list(frames.core_chunks("acme", "sales_order_items", rows=7, database=database))
    assert {len(part) for part in parts[:-1]} == {7}
    pd.testing.assert_frame_equal(pd.concat(parts), whole)
    assert list(whole.index) == list(range(len(whole)))


def test_columns_are_those_that_were_asked_for(database: Database) -> None:
    frame = frames.core("acme", "sales_orders", columns=["total", "id"], database=database)
    assert list(frame.columns) == ["total", "id"]
    with pytest.raises(NotFound, match=r"sales_orders has no column “colour”\. It has: id, customer_id"):
        frames.core("acme", "sales_orders", columns=["colour"], database=database)


def test_another_organization_never_appears(database: Database, acme: connect.Organization) -> None:
    for table in TABLES:
        assert len(frames.core("other", table, database=database)) == 0
        assert written(database, "other", export.core(table), "csv").count(b"\n") == 1
    for report in REPORTS:
        assert len(frames.report("other", report, database=database)) == 0
    with pytest.raises(NotFound, match="connection"):
        frames.records("other", "shop", "products", database=database)
    later = datetime.now(UTC)
    for table in TABLES:
        assert len(frames.core("other", table, as_of=later, database=database)) == 0
        assert len(frames.core("acme", table, as_of=later, database=database)) > 0


def test_a_date_is_its_first_moment() -> None:
    """As a text, as a date and as a time: it is the same moment."""
    moment = datetime(2026, 12, 1, tzinfo=UTC)
    assert [export.moment_of(one) for one in ("2026-12-01", date(2026, 12, 1), datetime(2026, 12, 1))] == [moment] * 3  # noqa: DTZ001


def test_what_does_not_exist_is_named(database: Database) -> None:
    with pytest.raises(NotFound, match=r"no core table “orders”\. There are: categories, .*sales_orders"):
        frames.core("acme", "orders", database=database)
    with pytest.raises(NotFound, match=r"no report “nonsense”\. There are: .*sales_by_day"):
        frames.report("acme", "nonsense", database=database)
    with pytest.raises(ConfigurationError, match="“yesterday” is not a time"):
        frames.core("acme", "products", as_of="yesterday", database=database)
    with pytest.raises(ConfigurationError, match="A report shows core as it is now"):
        frames.report("acme", "sales_by_day", as_of="2026-01-01", database=database)


def written(database: Database, slug: str, ask: export.Ask, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    with export.reading(database, connect.organization(database, slug).org_id, ask) as reading:
        export.write(reading, form, out, **options)
    return out.getvalue()


# Values of every type that a column of core can have, the ugly ones among them.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20) | st.sampled_from(
    [
        "",
        " ",
        "=1+1",
        "+49 30",
        "-2",
        "@x",
        "'=x",
        "\t=",
        "a,b",
        'say "x"',
        "line\nbreak",
        "\r\n",
        "_x0041_",
        "NULL",
        "\\N",
    ]
)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=None, min_value=-(10**20), max_value=10**20).map(
    lambda one: Decimal(format(one, "f")) if one.adjusted() > -80 else Decimal(0)
) | st.sampled_from([Decimal("0.00"), Decimal("1.10"), Decimal("1e-10"), Decimal("12345678901234567890.123456789")])
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXTS | DECIMALS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
ROW = st.fixed_dictionaries(
    {
        "number": TEXTS,
        "payment_method": st.none() | TEXTS,
        "total": DECIMALS,
        "tax_total": st.none() | DECIMALS,
        "customer_id": st.none() | st.integers(-(2**63), 2**63 - 1),
        "paid_at": st.none() | TIMES,
        "active": st.booleans(),
        "metadata": JSONS,
    }
)
NAMES = ("number", "payment_method", "total", "tax_total", "customer_id", "paid_at", "active", "metadata")
COLUMNS = [*NAMES, "id"]


def fill(database: Database, rows: list[dict[str, Any]]) -> list[list[Any]]:
    """These rows are all orders of the organization `other`; returns them as they are read back, by id."""
    org = connect.organization(database, "other")
    with database.org(org.org_id) as conn:
        conn.exec_driver_sql("DELETE FROM core.sales_orders WHERE org_id = connect.current_org()")
        for row in rows:
            conn.exec_driver_sql(
                "INSERT INTO core.sales_orders (org_id, status, number, payment_method, total, tax_total, customer_id, "
                "paid_at, active, metadata) VALUES (connect.current_org(), 'completed', %(number)s, "
                "%(payment_method)s, %(total)s, %(tax_total)s, %(customer_id)s, %(paid_at)s, %(active)s, "
                "%(metadata)s::jsonb)",
                {**row, "metadata": exact_json.to_json(row["metadata"])},
            )
        names = ", ".join(f"{one}::text" if one == "metadata" else one for one in COLUMNS)
        return [list(one) for one in conn.exec_driver_sql(f"SELECT {names} FROM core.sales_orders ORDER BY id")]


several = hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


PLAIN = {"number": "", "payment_method": None, "customer_id": None, "paid_at": None, "active": False, "metadata": None}
BESIDE_MANY_DIGITS = [
    {**PLAIN, "total": Decimal(10) ** 12, "tax_total": None},
    {**PLAIN, "total": Decimal("9." + 70 * "9"), "tax_total": Decimal(0)},
]


@several
@given(rows=st.lists(ROW, max_size=4))
@example(rows=BESIDE_MANY_DIGITS)
def test_every_value_comes_back_in_every_format(database: Database, rows: list[dict[str, Any]]) -> None:
    want = [[exact(one) for one in row] for row in fill(database, rows)]
    ask = export.core("sales_orders")

    frame = frames.core("other", "sales_orders", columns=COLUMNS, json="text", database=database)
    assert [[exact(plain(one)) for one in row] for row in frame.astype(object).itertuples(index=False)] == want

    objects = frames.core("other", "sales_orders", columns=["metadata"], database=database)
    assert [canonical(one) for one in objects["metadata"]] == [canonical(exact_json.loads(row[7][1])) for row in want]

    lines = [exact_json.loads(line) for line in written(database, "other", ask, "jsonl").splitlines()]
    assert [canonical([row[name] for name in ("number", "payment_method", "total", "metadata")]) for row in lines] == [
        canonical([row[0][1], row[1][1], Decimal(row[2][1]), exact_json.loads(row[7][1])]) for row in want
    ]

    table = pq.read_table(io.BytesIO(written(database, "other", ask, "parquet")), columns=COLUMNS)
    texts = {name for name in ("total", "tax_total") if pa.types.is_string(table.schema.field(name).type)}
    parquet = [[in_digits(row[name]) if name in texts else row[name] for name in COLUMNS] for row in table.to_pylist()]
    assert [[equal(one) for one in row] for row in parquet] == [
        [equal(exact_value(one)) for one in row] for row in want
    ]

    ours = list(csv.reader(io.StringIO(written(database, "other", ask, "csv").decode(), newline="")))
    places = [ours[0].index(name) for name in ("number", "payment_method", "total", "active")]
    assert [[row[at] for at in places] for row in ours[1:]] == [
        [row[0][1], row[1][1] or "", format(Decimal(row[2][1]), "f"), str(row[6][1]).lower()] for row in want
    ]


def plain(value: Any) -> Any:
    """A frame's value as Python's own."""
    if value is pd.NA or value is pd.NaT:
        return None
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


def canonical(value: Any) -> bytes:
    return exact_json.canonical(value)


def exact_value(value: tuple[str, Any]) -> Any:
    return Decimal(value[1]) if value[0] == "decimal" else value[1]


def equal(value: Any) -> Any:
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


def in_digits(value: str | None) -> Decimal | None:
    """A decimal of a column that has more digits than Parquet's decimals: all of them are in its texts."""
    return None if value is None else Decimal(value)


@several
@given(rows=st.lists(ROW, max_size=4))
def test_every_value_comes_back_from_a_workbook(database: Database, rows: list[dict[str, Any]]) -> None:
    want = fill(database, rows)
    book = openpyxl.load_workbook(io.BytesIO(written(database, "other", export.core("sales_orders"), "xlsx")))
    head, *ours = list(book.worksheets[0].iter_rows())
    places = [[cell.value for cell in head].index(name) for name in NAMES]
    assert len(ours) == len(want)
    for cells, row in zip(ours, want, strict=True):
        assert all(cell.data_type != "f" for cell in cells), "a cell is a formula"
        for at, value in zip(places, row, strict=False):
            cell = cells[at]
            if isinstance(value, str):
                assert unescaped(cell.value) == value.replace("\r\n", "\n").replace("\r", "\n")
            elif isinstance(value, datetime) and value.year >= 1900:
                found = cell.value.replace(tzinfo=UTC)
                assert abs((found - value).total_seconds()) <= 0.001
            elif isinstance(value, Decimal | int) and not isinstance(value, bool):
                assert Decimal(str(cell.value)) == value
            elif value is None or isinstance(value, bool):
                assert cell.value == value


def unescaped(text: str | None) -> str:
    """What XML cannot hold is written as `_x0001_`, which this reader leaves; a line break is one of three."""
    found: str = openpyxl.utils.escape.unescape(text or "")
    return found.replace("\r\n", "\n").replace("\r", "\n")


def test_a_number_of_many_digits_is_a_text_in_a_workbook(database: Database) -> None:
    kept = ["47683715820312.49999999999999500039789893706725627468", "1234567890123456", "123456789012345000", "0.10"]
    base = dict.fromkeys(NAMES) | {"active": True, "metadata": {}, "number": "1"}
    fill(database, [base | {"total": Decimal(one)} for one in kept])
    sheet = openpyxl.load_workbook(
        io.BytesIO(written(database, "other", export.core("sales_orders"), "xlsx"))
    ).worksheets[0]
    at = [cell.value for cell in sheet[1]].index("total")
    cells = [row[at] for row in sheet.iter_rows(min_row=2)]
    assert [cell.data_type for cell in cells] == ["s", "s", "n", "n"]
    assert [Decimal(str(cell.value)) for cell in cells] == [Decimal(one) for one in kept]


def test_a_full_sheet_goes_on_in_another(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "_SHEET", 25)
    book = openpyxl.load_workbook(io.BytesIO(written(database, "acme", export.core("sales_orders"), "xlsx")))
    frame = frames.core("acme", "sales_orders", database=database)
    assert book.sheetnames[:2] == ["sales_orders", "sales_orders 2"]
    ids = [row[0].value for sheet in book.worksheets for row in list(sheet.iter_rows())[1:]]
    assert ids == list(frame["id"])


def test_a_long_text_is_cut_off_and_counted(database: Database) -> None:
    row = dict.fromkeys(NAMES) | {"number": "x" * 40_000, "total": 1, "active": True, "metadata": {}}
    fill(database, [row])
    out = io.BytesIO()
    org = connect.organization(database, "other")
    with export.reading(database, org.org_id, export.core("sales_orders")) as reading:
        done = export.write(reading, "xlsx", out)
    assert (done.rows, done.cut) == (1, 1)
    sheet = openpyxl.load_workbook(out).worksheets[0]
    found = next(cell.value for cell in sheet[2] if isinstance(cell.value, str) and cell.value.startswith("xx"))
    assert found == "x" * 32_766 + "…"


def test_formulas_are_counted_and_escaped_so_that_programs_can_undo_it(database: Database) -> None:
    texts = ["=1+1", "+49", "-x", "@y", "\t=1", "'=z", "''+", "plain", "a=b", "'quoted'", "", "1-1"]
    base = dict.fromkeys(NAMES) | {"total": Decimal("-5.00"), "active": True, "metadata": {}}
    fill(database, [base | {"number": one} for one in texts])
    org = connect.organization(database, "other")
    ask = export.core("sales_orders")
    with export.reading(database, org.org_id, ask) as reading:
        out = io.BytesIO()
        done = export.write(reading, "csv", out)
    assert (done.rows, done.formulas) == (len(texts), 7)
    kept, escaped = (
        list(csv.DictReader(io.StringIO(content.decode(), newline="")))
        for content in (out.getvalue(), written(database, "other", ask, "csv", escape=True))
    )
    assert [row["number"] for row in kept] == texts
    assert [row["number"] for row in escaped][:8] == ["'=1+1", "'+49", "'-x", "'@y", "'\t=1", "''=z", "'''+", "plain"]
    assert {row["total"] for row in escaped} == {"-5.00"}, "a number is no formula"
    undone = [re.sub(r"^'('*[=+@\t\r\n-])", r"\1", row["number"]) for row in escaped]
    assert undone == texts


def test_what_is_null_and_what_is_empty_differ_in_csv(database: Database) -> None:
    base = dict.fromkeys(NAMES) | {"total": 1, "active": True, "metadata": {}, "number": "1"}
    fill(database, [base | {"payment_method": one} for one in (None, "")])
    head, null, empty = written(database, "other", export.core("sales_orders"), "csv").decode().splitlines()
    at = head.split(",").index("payment_method")
    assert (null.split(",")[at], empty.split(",")[at]) == ("", '""')


def test_parquet_has_decimals_as_wide_as_they_need_to_be(database: Database) -> None:
    base = dict.fromkeys(NAMES) | {"active": True, "metadata": {}, "number": "1"}
    types = {}
    for name, value in {"plain": "1.5", "wide": "1" * 38 + ".25", "huge": "1" * 80 + ".125"}.items():
        fill(database, [base | {"total": Decimal(value)}])
        table = pq.read_table(io.BytesIO(written(database, "other", export.core("sales_orders"), "parquet")))
        types[name] = table.schema.field("total").type
        assert Decimal(table["total"][0].as_py()) == Decimal(value)
    assert types == {"plain": pa.decimal128(38, 2), "wide": pa.decimal256(76, 2), "huge": pa.string()}


def test_an_unknown_format_is_named(database: Database) -> None:
    with pytest.raises(ConfigurationError, match=r"Unknown format “ods”\. Use one of: csv, jsonl, parquet, xlsx\."):
        written(database, "other", export.core("products"), "ods")
    with pytest.raises(ConfigurationError, match="Only csv needs"):
        written(database, "other", export.core("products"), "xlsx", escape=True)


def test_a_day_of_a_report_is_a_day_in_every_format(database: Database) -> None:
    ask = export.report("sales_by_day")
    days = [one.date() for one in frames.report("acme", "sales_by_day", database=database)["day"].dropna()]
    assert days
    assert all(isinstance(one, date) for one in days)
    table = pq.read_table(io.BytesIO(written(database, "acme", ask, "parquet")))
    assert sorted(one for one in table["day"].to_pylist() if one) == sorted(days)
    sheet = openpyxl.load_workbook(io.BytesIO(written(database, "acme", ask, "xlsx"))).worksheets[0]
    assert sorted(row[0].value.date() for row in list(sheet.iter_rows())[1:] if row[0].value) == sorted(days)
    lines = [json.loads(one) for one in written(database, "acme", ask, "jsonl").splitlines()]
    assert sorted(one["day"] for one in lines if one["day"]) == sorted(str(day) for day in days)
