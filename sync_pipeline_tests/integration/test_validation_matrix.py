"""The matrix: sound data is green with evidence, and whatever is broken turns exactly its own row red."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

import pytest

from sync_pipeline.config import Settings
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect
from sync_pipeline.steps.observe import validation
from sync_pipeline.steps.observe.validation import CRITERIA, Matrix, probes, run
from sync_pipeline_tests.validated import Validated, ValidatedStores, validated_stores


@pytest.fixture(scope="module")
def template(server: EmbeddedPostgres) -> Iterator[ValidatedStores]:
    with validated_stores(server) as made:
        yield made


@pytest.fixture
def stores(template: ValidatedStores, owner_url: str, database: Database, settings: Settings) -> Validated:
    org = connect.organization(database, "acme")
    return Validated(owner_url, database, settings, org, template.reconciled)


@dataclass(frozen=True)
class Damage:
    """What is broken, by SQL; and the row that says so."""

    row: str
    sql: Sequence[str]


_ONE = "(SELECT connection_id FROM connect.integration_connector WHERE name = '{}')"
SHOP, ERP, PLUGIN = _ONE.format("shop"), _ONE.format("erp"), _ONE.format("plugin")
ORG = "(SELECT org_id FROM connect.organization WHERE slug = 'acme')"


def mapped(connection: str, entity_type: str, more: str = "true") -> str:
    """The core id of the first record of a type that alone is behind its row."""
    return (
        "(SELECT min(m.internal_id) FROM promote.integration_mapping AS m WHERE "
        f"m.connection_id = {connection} AND m.entity_type = '{entity_type}' AND {more} AND NOT EXISTS (SELECT FROM "
        "promote.integration_mapping AS o WHERE o.core_table = m.core_table AND o.internal_id = m.internal_id AND "
        "(o.connection_id, o.entity_type, o.external_id) <> (m.connection_id, m.entity_type, m.external_id)))"
    )


WOO_ORDER, ODOO_ORDER = mapped(SHOP, "order"), mapped(ERP, "order")
DAMAGES: Mapping[str, Damage] = {
    "fresh": Damage(
        "fresh/shop",
        ["UPDATE connect.integration_connector SET last_sync_at = now() - interval '3 days' WHERE name = 'shop'"],
    ),
    "ledger_closed": Damage(
        "ledger_closed/shop/tags",
        [
            "INSERT INTO capture.sync_ledger (org_id, connection_id, entity_type, mode, state, error) "
            f"VALUES ({ORG}, {SHOP}, 'tag', 'delta', 'failed', 'a list that does not end')"
        ],
    ),
    "ledger_adds_up": Damage(
        "ledger_adds_up/erp/products",
        [
            f"UPDATE capture.sync_ledger SET captured = captured - 1 WHERE connection_id = {ERP} "
            "AND entity_type = 'product'"
        ],
    ),
    "nothing_in_quarantine": Damage(
        "nothing_in_quarantine/shop/orders",
        [
            "INSERT INTO capture.sync_quarantine (org_id, connection_id, entity_type, external_id, reason) "
            f"VALUES ({ORG}, {SHOP}, 'order', '4711', 'not JSON')"
        ],
    ),
    "compared_since": Damage(
        "compared_since/shop/coupons",
        [
            f"UPDATE capture.sync_cursor SET changed_at = now() - interval '1 hour' WHERE connection_id = {SHOP} "
            "AND entity_type = 'coupon'",
        ],
    ),
    "rows_have_records": Damage(
        "rows_have_records/customers",
        [f"INSERT INTO core.customers (org_id, email) VALUES ({ORG}, 'ghost@example.test')"],
    ),
    "no_schema_drift": Damage(
        "no_schema_drift/erp/units",
        [
            'UPDATE preview.summary SET drift = \'[{"field": "factor", "change": "gone"}]\' '
            f"WHERE connection_id = {ERP} AND entity_type = 'unit'"
        ],
    ),
    "selections_promoted": Damage(
        "selections_promoted/shop/customers",
        [
            "INSERT INTO selection.selection_batch (org_id, connection_id, entity_type, decision, criteria, records, "
            f"decided_by, decided_at) VALUES ({ORG}, {SHOP}, 'customer', 'include', '{{}}', 3, 'ann', "
            "now() - interval '1 hour')"
        ],
    ),
    "no_line_waits": Damage(
        "no_line_waits/shop/products",
        [
            "INSERT INTO promote.sync_queue (org_id, queue_id, plan_id, idempotency_key, state, total, failed, "
            "created_by) "
            f"VALUES ({ORG}, '00000000-0000-4000-8000-000000000001', gen_random_uuid(), 'x', 'failed', 1, 1, 'ann')",
            "INSERT INTO promote.sync_queue_line (org_id, queue_id, line_no, stage, connection_id, entity_type, "
            "external_id, action, content_hash, state, finished_at, reason) "
            f"VALUES ({ORG}, '00000000-0000-4000-8000-000000000001', 1, 1, {SHOP}, 'product', '4711', 'create', 'x', "
            "'failed', now(), 'a price that is none')",
        ],
    ),
    "no_decision_waits": Damage(
        "no_decision_waits/erp",
        [
            "INSERT INTO observe.decision (org_id, connection_id, cause, subject, question, options, recommended) "
            f"VALUES ({ORG}, {ERP}, 'currency_conflict', 'x', 'Which currency?', '[]', 'hold')"
        ],
    ),
    "no_orphan_mapping": Damage(
        "no_orphan_mapping/reference_data",
        [f"DELETE FROM core.reference_data WHERE id = {mapped(SHOP, 'coupon')}"],
    ),
    "promoted_is_mapped": Damage(
        "promoted_is_mapped/shop/tags",
        [f"DELETE FROM promote.integration_mapping WHERE connection_id = {SHOP} AND entity_type = 'tag'"],
    ),
    "one_identity_one_row": Damage(
        "one_identity_one_row/customers",
        [
            "INSERT INTO core.customers (org_id, name, email) SELECT org_id, 'The same person', email "
            f"FROM core.customers WHERE id = {mapped(SHOP, 'customer', 'm.claim IS NOT NULL')}"
        ],
    ),
    "money_adds_up": Damage(
        "money_adds_up/sales_orders",
        [
            "UPDATE core.sales_order_items SET total = total + 1 WHERE id = (SELECT min(i.id) FROM "
            "core.sales_order_items AS i WHERE i.item_type = 'line' AND i.entity_type = 'order')"
        ],
    ),
    "totals_as_captured": Damage(
        "totals_as_captured/shop/orders",
        [
            "UPDATE core.sales_orders SET total = total + 1, metadata = metadata || jsonb_build_object("
            "'items_difference', coalesce((metadata ->> 'items_difference')::numeric, 0) + 1) "
            f"WHERE id = {WOO_ORDER}"
        ],
    ),
    "refunds_add_up": Damage(
        "refunds_add_up/erp/orders",
        [f"UPDATE core.sales_orders SET refunded_total = refunded_total + 1 WHERE id = {ODOO_ORDER}"],
    ),
    "stock_as_captured": Damage(
        "stock_as_captured/erp/stock",
        [
            "UPDATE core.inventory_items SET quantity = quantity + 1 WHERE id = (SELECT min(id) FROM "
            f"core.inventory_items WHERE connection_id = {ERP} AND manage_stock)"
        ],
    ),
    "times_in_utc": Damage(
        "times_in_utc/shop/orders",
        [f"UPDATE core.sales_orders SET ordered_at = ordered_at + interval '2 hours' WHERE id = {WOO_ORDER}"],
    ),
    "currencies_as_captured": Damage(
        "currencies_as_captured/erp/orders",
        [f"UPDATE core.sales_orders SET currency = 'XXX' WHERE id = {ODOO_ORDER}"],
    ),
    "units_as_captured": Damage(
        "units_as_captured/erp/order_lines",
        [
            'UPDATE core.sales_order_items SET metadata = metadata || \'{"unit": "Furlong"}\' WHERE id = '
            "(SELECT min(id) FROM core.sales_order_items WHERE metadata ? 'unit')"
        ],
    ),
    "companies_as_captured": Damage(
        "companies_as_captured/erp/orders",
        [f"UPDATE core.sales_orders SET metadata = metadata || '{{\"company_id\": 99}}' WHERE id = {ODOO_ORDER}"],
    ),
    "core_is_a_function": Damage(
        "core_is_a_function/shop/products",
        [f"UPDATE core.products SET name = 'Something else' WHERE id = {mapped(SHOP, 'product')}"],
    ),
    "others_see_nothing": Damage(
        "others_see_nothing/core", ["ALTER TABLE core.reference_data DISABLE ROW LEVEL SECURITY"]
    ),
    "addresses_are_hashed": Damage(
        "addresses_are_hashed/plugin/customers",
        [
            'UPDATE capture.sync_record SET sync_data = sync_data || \'{"note": "ask ann@example.com"}\' '
            f"WHERE connection_id = {PLUGIN} AND entity_type = 'customer'"
        ],
    ),
    "no_secret_is_stored": Damage(
        "no_secret_is_stored/observe.sync_activity",
        [
            "INSERT INTO observe.sync_activity (org_id, event, actor, detail) "
            f"VALUES ({ORG}, 'x', 'ann', '{{\"called\": \"SECRET\"}}')"
        ],
    ),
    "compat_agrees": Damage("compat_agrees/customers", ["ALTER TABLE core.customers ADD COLUMN shoe_size integer"]),
    "revision_is_current": Damage("revision_is_current", ["UPDATE alembic_version SET version_num = '0001'"]),
    "scripts_passed": Damage(
        "scripts_passed/undo",
        [
            "INSERT INTO observe.acceptance (org_id, script, script_hash, failed_step, done_by) "
            f"VALUES ({ORG}, 'undo', '{validation.documents_version().scripts['undo']}', 3, 'ann')"
        ],
    ),
}


# What these find is set aside for a person.
WAITING = ("nothing_in_quarantine", "rows_have_records", "no_schema_drift", "no_line_waits", "no_decision_waits")


def found(matrix: Matrix) -> dict[str, str]:
    """The rows that are red or wait."""
    return {row.row: row.verdict for row in matrix.rows if row.open}


def expected(*names: str) -> dict[str, str]:
    rows = {DAMAGES[name].row: "waiting" if name in WAITING else "fail" for name in names}
    # A second row of a person is one that nobody's record stands behind: it waits for whoever signs.
    return rows | ({"rows_have_records/customers": "waiting"} if "one_identity_one_row" in names else {})


def broken(stores: Validated, damage: Damage) -> None:
    shop = connect.connection(stores.db, stores.org, "shop")
    secret = connect.secret(stores.settings, shop, "consumer_secret") or ""
    stores.damage(*(one.replace("SECRET", secret).replace("%", "%%") for one in damage.sql))


def test_sound_data_is_green_with_evidence(stores: Validated) -> None:
    matrix = stores.look()
    assert {row.row: (row.expected, row.found, row.ids, row.words) for row in matrix.rows if row.open} == {}
    assert matrix.ok
    passed = {row.check for row in matrix.rows if row.verdict == "pass"}
    assert passed == {one.name for one in CRITERIA} - {"scripts_passed"}, (
        "nothing is green because it was not looked at"
    )
    assert len({row.row for row in matrix.rows}) == len(matrix.rows)
    for row in matrix.rows:
        assert validation.matrix.statement_hash(matrix.statements[row.statement]) == row.statement
        assert row.words
        assert row.snapshot in (matrix.snapshot, None)
    without = {row.check for row in matrix.rows if row.snapshot is None}
    assert without == {"store_agrees", "core_is_a_function"}, "the others are read in one snapshot"
    [total] = [row for row in matrix.rows if row.row == "totals_as_captured/shop/orders"]
    assert total.expected == total.found
    assert float(total.expected or 0) > 0
    assert matrix.documents == validation.documents_version().version


def test_every_check_of_the_matrix_is_broken_here() -> None:
    assert set(DAMAGES) | {"store_agrees"} == {one.name for one in CRITERIA}


def test_whatever_is_broken_is_red_and_nothing_else(stores: Validated) -> None:
    """All at once: each row names its own damage, and no other row is red by it."""
    for damage in DAMAGES.values():
        broken(stores, damage)
    matrix = stores.look()
    assert found(matrix) == expected(*DAMAGES)
    assert {row.row for row in matrix.rows if row.red} == {DAMAGES[one].row for one in DAMAGES if one not in WAITING}
    assert not matrix.ok
    shop = connect.connection(stores.db, stores.org, "shop")
    secret = connect.secret(stores.settings, shop, "consumer_secret") or ""
    assert secret not in str(matrix), "the evidence does not repeat what it found"
    assert "ann@example.com" not in str(matrix)


@pytest.mark.torture
@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_broken_turns_exactly_its_row_red(stores: Validated, name: str) -> None:
    broken(stores, DAMAGES[name])
    matrix = stores.look()
    assert found(matrix) == expected(name)
    assert matrix.ok == (name in WAITING)
    [row] = [row for row in matrix.rows if row.row == DAMAGES[name].row]
    assert row.expected != row.found
    assert row.words == validation.recovery(name)
    assert len(row.ids) <= 20


def test_records_that_the_store_has_otherwise_and_a_store_that_is_away(stores: Validated) -> None:
    seen = []
    for one in stores.reconciled:
        if (one.connection, one.entity) == ("shop", "products"):
            seen.append(replace(one, missing=2, examples={"missing": ["71", "72"]}))
        elif one.connection == "erp":
            seen.append(replace(one, store=None, error="The store does not answer."))
        else:
            seen.append(one)
    rows = {row.row: row for row in replace(stores, reconciled=seen).look().rows}
    assert rows["store_agrees/shop/products"].verdict == "fail"
    assert rows["store_agrees/shop/products"].ids == ("missing 71", "missing 72")
    away = {row.verdict for row in rows.values() if row.check == "store_agrees" and row.connection == "erp"}
    assert away == {"not_run"}
    assert "does not answer" in rows["store_agrees/erp/orders"].words
    assert rows["core_is_a_function/erp/orders"].verdict == "pass", "what needs no store is looked at all the same"


def test_a_check_that_cannot_run_says_so_and_the_others_go_on(stores: Validated) -> None:
    stores.damage("ALTER TABLE promote.sync_queue_line RENAME COLUMN reason TO reason_of_old")
    rows = {row.row: row for row in stores.look().rows}
    assert rows["no_line_waits"].verdict == "not_run"
    assert "The check could not run" in rows["no_line_waits"].words
    assert rows["totals_as_captured/shop/orders"].verdict == "pass"
    assert rows["revision_is_current"].verdict == "pass"


def test_what_an_older_mapper_mapped_was_not_compared(stores: Validated) -> None:
    stores.damage(
        f"UPDATE promote.integration_mapping SET mapper = 1 WHERE connection_id = {SHOP} AND entity_type = 'tag'"
    )
    rows = {row.row: row for row in stores.look().rows if row.red}
    assert {row: one.verdict for row, one in rows.items()} == {"core_is_a_function/shop/tags": "not_run"}
    assert "--remap" in rows["core_is_a_function/shop/tags"].words


def test_nothing_red_is_left_out_or_passed_over(stores: Validated) -> None:
    """Unknown entities, or of which nothing was captured; one entity in two tables; a few units in a large total."""
    variant = mapped(SHOP, "variation")
    stores.damage(
        "INSERT INTO capture.sync_quarantine (org_id, connection_id, entity_type, external_id, reason) "
        f"VALUES ({ORG}, {SHOP}, 'hologram', '1', 'sent by Ann <ann@example.com>, =1')",
        f"DELETE FROM capture.sync_ledger WHERE connection_id = {SHOP} AND entity_type = 'coupon'",
        f"DELETE FROM capture.sync_cursor WHERE connection_id = {SHOP} AND entity_type = 'coupon'",
        "INSERT INTO capture.sync_quarantine (org_id, connection_id, entity_type, external_id, reason) "
        f"VALUES ({ORG}, {SHOP}, 'coupon', '1', 'x')",
        "INSERT INTO promote.sync_queue (org_id, queue_id, plan_id, idempotency_key, state, total, failed, created_by) "
        f"VALUES ({ORG}, '00000000-0000-4000-8000-000000000001', gen_random_uuid(), 'x', 'done', 1, 0, 'ann')",
        "INSERT INTO promote.sync_queue_line (org_id, queue_id, line_no, stage, connection_id, entity_type, "
        "external_id, action, content_hash, state, finished_at) "
        f"VALUES ({ORG}, '00000000-0000-4000-8000-000000000001', 1, 1, {SHOP}, 'hologram', '1', 'create', 'x', 'done', "
        "now())",
        f"UPDATE core.products SET currency = NULL WHERE id = {mapped(SHOP, 'product')}",
        f"UPDATE promote.integration_mapping SET entity_type = 'product' WHERE internal_id = {variant} "
        "AND entity_type = 'variation'",
        f"UPDATE core.sales_orders SET total = 1000000005 WHERE id = {WOO_ORDER}",
        'UPDATE capture.sync_record SET sync_data = sync_data || \'{"total": "1000000000"}\' WHERE connection_id = '
        f"{SHOP} AND entity_type = 'order' AND external_id = (SELECT external_id FROM promote.integration_mapping "
        f"WHERE core_table = 'core.sales_orders' AND internal_id = {WOO_ORDER})",
    )
    rows = {row.row: row for row in stores.look().rows}
    unknown = rows["nothing_in_quarantine/shop/woocommerce/hologram"]
    assert unknown.verdict == "fail"
    assert "ann@example.com" not in str(rows)
    assert rows["nothing_in_quarantine/shop/coupons"].verdict == "waiting"
    assert rows["promoted_is_mapped/shop/hologram"].verdict == "fail"
    assert rows["currencies_as_captured/shop/products"].verdict == "fail"
    assert rows["totals_as_captured/shop/orders"].verdict == "fail"


def test_many_records_that_are_set_aside_are_no_exception(stores: Validated) -> None:
    """One waits, or one in a hundred: more of an entity, and something is broken."""
    aside = (
        "INSERT INTO capture.sync_quarantine (org_id, connection_id, entity_type, external_id, reason) "
        f"SELECT {ORG}, {SHOP}, 'order', 'q' || n, 'not JSON' FROM generate_series(1, {{}}) AS n"
    )
    stores.damage(aside.format(1))
    assert found(stores.look()) == {"nothing_in_quarantine/shop/orders": "waiting"}
    stores.damage("DELETE FROM capture.sync_quarantine", aside.format(2))
    assert found(stores.look()) == {"nothing_in_quarantine/shop/orders": "fail"}
    more = (
        "INSERT INTO capture.sync_record (org_id, connection_id, provider, entity_type, external_id, sync_data, "
        f"content_hash, raw_hash) SELECT {ORG}, {SHOP}, 'woocommerce', 'order', 'm' || n, '{{}}', 'x', 'x' "
        "FROM generate_series(1, 300) AS n"
    )
    stores.damage(more)
    rows = {row.row: row.verdict for row in stores.look().rows}
    assert rows["nothing_in_quarantine/shop/orders"] == "waiting"


ISOLATED = "others_see_nothing"
LEAKS: Mapping[str, tuple[str, Sequence[str], str]] = {
    "a report that reads with its owner's rights": (
        f"{ISOLATED}/report",
        ["ALTER VIEW report.sold_order SET (security_invoker = false)"],
        "report.sold_order: rows are visible",
    ),
    "one that names no organization": (
        f"{ISOLATED}/report",
        [
            "CREATE VIEW report.turnover AS SELECT currency, sum(total) AS total FROM core.sales_orders GROUP BY 1",
            "GRANT SELECT ON report.turnover TO sync_app",
        ],
        "report.turnover: it reads with its owner's rights",
    ),
    "one over another view": (
        f"{ISOLATED}/report",
        [
            "CREATE VIEW report.days WITH (security_invoker = false) AS SELECT day FROM report.sales_by_day",
            "GRANT SELECT ON report.days TO PUBLIC",
        ],
        "report.days: it reads with its owner's rights",
    ),
    "one that keeps what it read": (
        f"{ISOLATED}/report",
        [
            "CREATE MATERIALIZED VIEW report.kept AS SELECT org_id, total FROM core.sales_orders",
            "GRANT SELECT ON report.kept TO sync_app",
        ],
        "report.kept: rows are visible",
    ),
    "a view of another schema": (
        f"{ISOLATED}/selection",
        ["ALTER VIEW selection.plan_now SET (security_invoker = false)"],
        "selection.plan_now: rows are visible",
    ),
    "a legacy view": (
        f"{ISOLATED}/compat",
        ["ALTER VIEW compat.orders RESET (security_invoker)"],
        "compat.orders: rows are visible",
    ),
    "a view of what a function looks up everywhere": (
        f"{ISOLATED}/observe",
        [
            "CREATE VIEW observe.all_gates WITH (security_invoker = true) AS SELECT org_id, slug "
            "FROM connect.list_organizations()",
            "GRANT SELECT ON observe.all_gates TO sync_app",
        ],
        "observe.all_gates: rows are visible",
    ),
}


def test_whatever_shows_rows_to_others_is_named(stores: Validated) -> None:
    """All at once: each is among the ids of its schema's row."""
    for _, statements, _ in LEAKS.values():
        stores.damage(*statements)
    rows = {row.row: row for row in stores.look().rows if row.red}
    assert {row: one.verdict for row, one in rows.items()} == {row: "fail" for row, _, _ in LEAKS.values()}
    for row, _, said in LEAKS.values():
        assert said in rows[row].ids


@pytest.mark.torture
@pytest.mark.parametrize("name", LEAKS)
def test_what_shows_rows_to_others_is_red_in_its_schema(stores: Validated, name: str) -> None:
    row, statements, said = LEAKS[name]
    stores.damage(*statements)
    matrix = stores.look()
    assert found(matrix) == {row: "fail"}
    [red] = [one for one in matrix.rows if one.red]
    assert said in red.ids
    assert "security_invoker" in red.words


def test_what_shows_no_rows_of_organizations_to_others_is_green(stores: Validated) -> None:
    stores.damage(
        "CREATE VIEW report.calendar AS SELECT generate_series(1, 31) AS day",  # of nobody
        "GRANT SELECT ON report.calendar TO sync_app",
        "CREATE VIEW report.for_the_owner AS SELECT org_id, total FROM core.sales_orders",
        "REVOKE ALL ON report.for_the_owner FROM sync_app",
        "CREATE VIEW report.orders WITH (security_invoker = true) AS SELECT count(*) AS orders FROM core.sales_orders",
    )
    assert found(stores.look()) == {}
    looked_at = {row.entity for row in stores.look().rows if row.check == ISOLATED}
    assert looked_at == {*probes.SCHEMAS}


def test_a_secret_is_found_however_it_is_spelled(stores: Validated, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = 'q"u\\o te é'
    monkeypatch.setattr(probes, "opened", lambda *_: {"password": secret})
    stores.damage(
        f"INSERT INTO observe.sync_activity (org_id, event, actor, detail) SELECT {ORG}, 'x', 'ann', "
        f"jsonb_build_object('called', convert_from('\\x{secret.encode().hex()}', 'UTF8'))",
        f"INSERT INTO observe.request (org_id, kind, requested_by, error) VALUES ({ORG}, 'pull', 'ann', "
        f"'https://shop.example?key={quote(secret)}')".replace("%", "%%"),
        "INSERT INTO capture.sync_quarantine (org_id, connection_id, entity_type, external_id, reason, raw) "
        f"VALUES ({ORG}, {SHOP}, 'order', '4711', 'not JSON', '\\x{secret.encode().hex()}')",
    )
    places = {row.row for row in stores.look().rows if row.check == "no_secret_is_stored" and row.red}
    tables = ("observe.sync_activity", "observe.request", "capture.sync_quarantine")
    assert places == {f"no_secret_is_stored/{table}" for table in tables}


def test_what_postgresql_quotes_is_no_evidence() -> None:
    said = run._without_values('invalid input syntax for type numeric: "ann lee"')
    assert said.startswith("invalid input syntax for type numeric")
    assert "ann" not in said
    assert run._without_values('column "reason" does not exist') == 'column "reason" does not exist'
