"""The command line as scripts use it: exit codes, JSON on stdout and nothing else, no secret anywhere."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import create_engine

from sandbox.woocommerce import Server, Store, running, seed
from sync_pipeline.db.engine import psycopg_url
from sync_pipeline.sources.woocommerce.settings import WooConfig
from sync_pipeline_tests.commands import COMMAND, Commands, commands

ENTITY_KEYS = {
    "entity", "captured", "new", "updated", "deleted", "in_sync", "mapped_by_older", "included", "ignored",
    "undecided", "promoted", "quarantined", "ledger", "watermark", "last_run",
}  # fmt: skip
PULL_KEYS = {"entity", "new", "changed", "unchanged", "quarantined", "vanished", "requests", "bytes", "seconds"}


@dataclass
class Terminal:
    """A data folder, a shop, and everything any command has said."""

    server: Server
    env: dict[str, str]
    commands: Commands
    said: list[str] = field(default_factory=list)

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        done = self.commands.run(*arguments, env={**self.env, **env})
        self.said.append(done.stdout + done.stderr)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        """One JSON object on stdout, and nothing else there."""
        done = self.run(*arguments, "--json")
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        return json.loads(done.stdout, parse_float=Decimal)

    def entity(self, name: str) -> dict[str, Any]:
        (one,) = self.json("status", "acme")["connections"]
        found: dict[str, Any] = next(e for e in one["entities"] if e["entity"] == name)
        return found

    def included(self, entity: str) -> Any:
        self.json("select", "acme", "--connection", "shop", "--entity", entity, "--all", "--include")
        return self.json("plan", "acme")


@pytest.fixture(scope="module")
def terminal(module_home: Path) -> Iterator[Terminal]:
    """A database kept running, a shop that is connected and pulled once."""
    store = Store()
    store.shuffle_related = False
    seed(store, products=20, variable=3, customers=6, orders=12, random_seed=11)
    env = {**os.environ, "SYNC_HOME": str(module_home), "SYNC_ALLOW_PRIVATE_HOSTS": "1"}
    with running(store) as server, commands() as forked:
        terminal = Terminal(server, {**env, "SHOP_SECRET": server.secret}, forked)
        try:
            assert terminal.json("db", "start")["running"] is True
            assert terminal.json("org", "add", "acme", "--name", "Acme") == {"org": "acme", "name": "Acme"}
            connected = terminal.json(
                "connect", "acme", "woocommerce", "--name", "shop", "--url", server.url, "--key", server.key,
                "--secret-env", "SHOP_SECRET",
            )  # fmt: skip
            assert connected["ok"] is True
            pulled = terminal.json("pull", "acme")
            assert set(pulled) == {"org", "connections"}
            (one,) = pulled["connections"]
            assert set(one) == {"name", "provider", "entities"}
            assert all(set(e) == PULL_KEYS for e in one["entities"])
            assert next(e for e in one["entities"] if e["entity"] == "products")["new"] == 20
            yield terminal
            everything = "\n".join(terminal.said)
            assert server.secret not in everything
            assert server.key not in everything
        finally:
            terminal.run("db", "stop")


# -- what is read --------------------------------------------------------------------------------------------------


def test_status_has_exactly_the_agreed_shape(terminal: Terminal) -> None:
    found = terminal.json("status", "acme")
    assert set(found) == {"org", "connections", "decisions", "failed"}
    assert (found["decisions"], found["failed"]) == ([], [])
    (one,) = found["connections"]
    assert (set(one), one["name"], one["provider"]) == ({"name", "provider", "entities"}, "shop", "woocommerce")
    for e in one["entities"]:
        assert set(e) == ENTITY_KEYS
        assert set(e["ledger"]) == {"expected", "captured", "quarantined", "vanished", "closed"}
        assert e["ledger"]["closed"] is True, e
    orders = terminal.entity("orders")
    assert (orders["captured"], orders["new"], orders["undecided"], orders["in_sync"]) == (12, 12, 12, 0)


def test_status_of_one_connection_says_once_that_all_would_be_created(terminal: Terminal) -> None:
    assert terminal.json("status", "acme", "--connection", "shop") == terminal.json("status", "acme")
    human = terminal.run("status", "acme", "--connection", "shop").stdout
    [said] = [line for line in human.splitlines() if "No local records found" in line]
    assert said.startswith("No local records found. This looks like an initial import: all ")
    none = terminal.run("status", "acme", "--connection", "nope")
    assert (none.returncode, "There are: shop" in none.stderr) == (2, True)


def test_preview_counts_in_the_words_of_a_plan(terminal: Terminal) -> None:
    (one,) = terminal.json("preview", "acme", "--entity", "orders", "--entity", "coupons")["connections"]
    assert [e["entity"] for e in one["entities"]] == ["coupons", "orders"]
    assert {"new", "updated", "deleted", "in_sync", "included", "ignored", "undecided"} <= set(one["entities"][0])
    assert one["entities"][1]["new"] == 12
    human = terminal.run("preview", "acme", "--entity", "orders").stdout
    assert "No local records found. This looks like an initial import: all 12 records" in human


def test_a_table_is_the_apis_page(terminal: Terminal) -> None:
    where = ("table", "acme", "--connection", "shop", "--entity", "products")
    found = terminal.json(*where, "--page-size", "7", "--page", "2")
    assert set(found) == {"data", "rowCount", "page", "pageSize", "as_of"}
    assert (found["rowCount"], found["page"], found["pageSize"], len(found["data"])) == (20, 2, 7, 7)
    assert {"external_id", "status", "display", "raw"} <= set(found["data"][0])
    sku = found["data"][0]["display"]["sku"]
    assert [r["display"]["sku"] for r in terminal.json(*where, "--search", sku)["data"]] == [sku]
    assert terminal.json(*where, "--status", "in_sync")["rowCount"] == 0


def test_an_export_is_one_payload_a_line(terminal: Terminal) -> None:
    done = terminal.run("export", "acme", "--connection", "shop", "--entity", "orders")
    payloads = [json.loads(line) for line in done.stdout.splitlines()]
    assert [p["id"] for p in payloads] == sorted(terminal.server.store.ids("orders"))
    history = terminal.run("export", "acme", "--connection", "shop", "--entity", "orders", "--history")
    assert len(history.stdout.splitlines()) >= 12


def test_core_is_exported_in_every_format(terminal: Terminal, tmp_path: Path) -> None:
    plan = terminal.included("categories")["plan"]
    terminal.json("apply", "acme", plan)
    printed = terminal.run("export", "acme", "--core", "categories")
    rows = list(csv.DictReader(printed.stdout.splitlines()))
    assert rows
    assert all(row["name"] for row in rows)
    for form in ("csv", "jsonl", "parquet", "xlsx"):
        file = tmp_path / f"categories.{form}"
        done = terminal.json("export", "acme", "--core", "categories", "-o", str(file))
        assert done == {"table": "categories", "format": form, "file": str(file), "rows": len(rows)}
        assert file.stat().st_size > 0
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(
        f"categories.{one}" for one in ("csv", "jsonl", "parquet", "xlsx")
    )
    assert (tmp_path / "categories.csv").read_text() == printed.stdout
    assert pd.read_parquet(tmp_path / "categories.parquet")["name"].to_list() == [row["name"] for row in rows]
    before = terminal.run("export", "acme", "--core", "categories", "--as-of", "2026-01-01")
    assert len(before.stdout.splitlines()) == 1
    report = terminal.run("export", "acme", "--report", "stock_by_article", "--format", "jsonl")
    assert (report.returncode, report.stdout) == (0, "")


def test_captured_records_are_exported_as_a_table_too(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "products.parquet"
    named = ("export", "acme", "--connection", "shop", "--entity", "products")
    terminal.json(*named, "-o", str(file))
    payloads = [json.loads(line) for line in terminal.run(*named).stdout.splitlines()]
    assert [json.loads(one) for one in pd.read_parquet(file)["payload"]] == payloads
    assert terminal.run(*named, "--as-of", "2026-01-01").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Name one thing to export"),
        (("--core", "products", "--report", "sales"), "Name one thing to export"),
        (("--entity", "products"), "Name one thing to export"),
        (("--core", "orders"), "There is no core table “orders”"),
        (("--report", "orders"), "There is no report “orders”"),
        (("--core", "products", "--format", "ods"), "Unknown format “ods”"),
        (("--core", "products", "--as-of", "noon"), "“noon” is not a time"),
        (("--core", "products", "--history"), "--as-of TIME"),
        (("--core", "products", "--format", "xlsx", "--escape-formulas"), "Only csv needs"),
        (("--core", "products", "-o", "/nowhere/x.csv"), "There is no folder /nowhere"),
    ],
)
def test_an_export_that_cannot_be_says_why(terminal: Terminal, arguments: tuple[str, ...], said: str) -> None:
    done = terminal.run("export", "acme", *arguments)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert done.stdout == ""


def test_reading_a_closed_pipe_is_no_error(terminal: Terminal) -> None:
    line = f"{COMMAND} export acme --connection shop --entity products | head -1"
    done = subprocess.run(
        ["bash", "-c", line], env=terminal.env, capture_output=True, text=True, timeout=120, check=True
    )
    assert json.loads(done.stdout)["id"]
    assert "Traceback" not in done.stderr
    for form in ("csv", "jsonl", "parquet", "xlsx"):
        line = f"{COMMAND} export acme --connection shop --entity products --format {form} | true"
        done = subprocess.run(
            ["bash", "-c", line], env=terminal.env, capture_output=True, text=True, timeout=120, check=True
        )
        assert done.stderr == "", form


# -- what is done ---------------------------------------------------------------------------------------------------


def test_select_plan_apply_undo(terminal: Terminal) -> None:
    plan = terminal.included("tags")
    assert set(plan) == {"plan", "hash", "counts"}
    assert set(plan["counts"]) == {"create", "update", "delete"}
    tags = terminal.entity("tags")["captured"]
    assert plan["counts"] == {"create": tags, "update": 0, "delete": 0}
    applied = terminal.json("apply", "acme", plan["plan"])
    assert set(applied) == {"plan", "queue", "state", "done", "failed", "stale", "seconds"}
    assert (applied["state"], applied["done"], applied["failed"], applied["stale"]) == ("done", tags, 0, [])
    assert (terminal.entity("tags")["promoted"], terminal.entity("tags")["in_sync"]) == (tags, tags)
    again = terminal.json("apply", "acme", plan["plan"])
    assert (again["queue"], again["state"]) == (applied["queue"], "done")
    assert terminal.json("plan", "acme") == {
        "plan": None, "hash": None, "counts": {"create": 0, "update": 0, "delete": 0},
    }  # fmt: skip
    said = terminal.run("undo", "acme", plan["plan"]).stdout
    assert "is undone" in said
    assert terminal.run("undo", "acme", plan["plan"]).stdout == said.partition(" is undone")[0] + (
        " was undone before: nothing was changed.\n"
    )
    assert terminal.entity("tags")["promoted"] == 0
    listed = terminal.json("queue", "list", "acme")["queues"]
    assert next(one for one in listed if one["plan_id"] == plan["plan"])["undone_at"]
    assert terminal.json("apply", "acme", plan["plan"], code=1)["error"]


def test_a_stale_plan_changes_nothing_and_lists_the_records(terminal: Terminal) -> None:
    plan = terminal.included("coupons")
    moved = min(terminal.server.store.ids("coupons"))
    terminal.server.store.update("coupons", moved, description="changed since")
    terminal.json("pull", "acme", "--entity", "coupons")
    done = terminal.json("apply", "acme", plan["plan"], code=1)
    assert (done["state"], done["done"], done["queue"]) == ("stale", 0, None)
    assert [one["external_id"] for one in done["stale"]] == [str(moved)]
    assert terminal.entity("coupons")["promoted"] == 0
    shown = terminal.json("plans", "acme", plan["plan"])
    assert [(one["external_id"], one["moved"]) for one in shown["stale"]] == [(str(moved), "it changed in the store")]
    assert f"shop coupon {moved}: it changed in the store" in terminal.run("plans", "acme", plan["plan"]).stdout
    refused = terminal.run("approve", "acme", plan["plan"], "--hash", plan["hash"])
    assert (refused.returncode, "It was not approved" in refused.stderr) == (1, True)
    assert f"coupon {moved}: it changed in the store" in refused.stderr


# What an agent does over its server, without one.
_PROPOSE = """
from sync_pipeline.cli.context import opened
from sync_pipeline.steps import connect, select
from sync_pipeline.steps.connect.party import Party

with opened() as context:
    org = context.org("acme")
    shop = connect.connection(context.db, org, "shop")
    select.select(context.db, shop, shop.source.stream("tax_classes"), everything=True, include=True, why="trust me",
                  actor=Party("token:bot", "mcp", "agent", 99))
"""


def test_what_an_agent_proposed_is_counted_and_left_out_of_a_plan(terminal: Terminal) -> None:
    subprocess.run([sys.executable, "-c", _PROPOSE], env=terminal.env, check=True, timeout=120)
    done = terminal.run("plan", "acme", "--entity", "tax_classes")
    assert "Nothing to plan" in done.stderr
    left = re.search(r"(\d+) records that agents proposed are left out: shop tax_classes (\d+)", done.stderr)
    assert left is not None
    assert left[1] == left[2] == str(terminal.entity("tax_classes")["included"])
    assert "--entity tax_classes --choice include" in done.stderr
    where = ("--connection", "shop", "--entity", "tax_classes")
    terminal.json("select", "acme", *where, "--all", "--include")
    plan = terminal.json("plan", "acme", "--entity", "tax_classes")["plan"]
    said = terminal.run("plans", "acme", plan).stdout
    assert f" included {left[1]}" in said
    assert "an agent" not in said


def test_a_queue_is_shown_tried_again_and_closed(terminal: Terminal) -> None:
    store = terminal.server.store
    good, bad = sorted(store.ids("products"))[:2]
    payload = {**store.payload("products", bad), "regular_price": "twelve", "name": "Bed &amp; Bath"}
    store.raw_override("products", bad, json.dumps(payload))
    terminal.json("pull", "acme", "--entity", "products", "--full")
    store.raw_override("products", bad, None)
    terminal.json(
        "select",
        "acme",
        "--connection",
        "shop",
        "--entity",
        "products",
        "--ids",
        str(good),
        "--ids",
        str(bad),
        "--include",
    )
    plan = terminal.json("plan", "acme", "--entity", "products")["plan"]
    assert terminal.run("queue", "show", "acme", plan).returncode == 1, "it was not applied"
    said = terminal.run("plans", "acme", plan).stdout
    assert f"+ shop products {bad}  Bed & Bath" in said
    applied = terminal.json("apply", "acme", plan, code=1)
    assert (applied["done"], applied["failed"]) == (1, 1)
    said = terminal.run("plans", "acme", plan).stdout
    assert f"Plan {plan}, applied, partial" in said
    assert "of these 1 done, 1 failed: " in said
    assert f"{plan[:8]}: 1 record failed: " in terminal.run("plans", "acme").stdout
    assert f"Plan {plan} is applied, but 1 record failed: " in terminal.run("status", "acme").stdout
    said = terminal.run("queue", "show", "acme", plan, "--state", "failed").stdout
    assert "It is partial: 1 done, 1 failed of 2." in said
    assert "regular_price" in said
    assert f"sync-pipeline queue retry acme {plan}" in said
    (line,) = terminal.json("queue", "show", "acme", applied["queue"][:8], "--state", "failed")["lines"]
    assert (line["external_id"], line["state"]) == (str(bad), "failed")
    assert terminal.json("plans", "acme", plan[:8])["plan"] == plan
    for wrong in ("zzzz", plan[:3], f"{plan}0", "00000000-0000-0000-0000-000000000000"):
        for what, command in (("plan", ("plans", "acme", wrong)), ("queue", ("queue", "show", "acme", wrong))):
            assert f"There is no {what} “{wrong}” here. The list of {what}s has those" in terminal.run(*command).stderr
    again = terminal.json("queue", "retry", "acme", plan[:8], code=1)
    assert (again["queue"], again["failed"]) == (applied["queue"], 1)
    assert "No line was open" in terminal.run("queue", "cancel", "acme", plan).stdout
    assert terminal.json("queue", "force-done", "acme", plan)["state"] == "done"
    assert terminal.json("undo", "acme", plan)["state"] == "undone"
    assert terminal.run("queue", "retry", "acme", plan).returncode == 1


def test_a_record_is_shown_with_its_history(terminal: Terminal) -> None:
    one = min(terminal.server.store.ids("customers"))
    where = ("record", "acme", "--connection", "shop", "--entity", "customers", str(one))
    terminal.server.store.update("customers", one, first_name="Zoë")
    terminal.json("pull", "acme", "--entity", "customers")
    found = terminal.json(*where, "--versions", "1..2")
    assert (found["status"], len(found["versions"])) == ("new", 2)
    assert found["between"]["changes"]["first_name"]["after"] == "Zoë"
    assert [event["event"] for event in found["history"]][-2:] == ["captured", "captured"]
    said = terminal.run(*where, "--versions", "1").stdout
    assert ' → "Zoë"' in said
    said = terminal.run(*where).stdout
    assert "status    new" in said
    assert "choice    undecided" in said
    assert "version 2" in said
    assert json.loads(terminal.run(*where, "--raw").stdout)["first_name"] == "Zoë"
    assert terminal.run(*where, "--versions", "1..7").returncode == 2
    listed = terminal.run("table", "acme", "--connection", "shop", "--entity", "customers", COLUMNS="80").stdout
    assert max(map(len, listed.splitlines()[:-1])) <= 80
    assert "warnings" not in listed, "a column without a value"


def test_ignoring_by_id_and_a_rule(terminal: Terminal) -> None:
    ids = [str(i) for i in sorted(terminal.server.store.ids("customers"))[:2]]
    where = ("--connection", "shop", "--entity", "customers")
    done = terminal.json("select", "acme", *where, "--ids", ",".join(ids), "--ignore", "--why", "staff")
    assert (done["decision"], done["records"]) == ("ignore", 2)
    assert terminal.entity("customers")["ignored"] == 2
    back = terminal.json("select", "acme", *where, "--ids", ids[0], "--undecide")
    assert (back["decision"], back["records"], terminal.entity("customers")["ignored"]) == ("undecided", 1, 1)
    terminal.json("select", "acme", *where, "--ids", ids[0], "--ignore")
    rule = terminal.json("rule", "add", "acme", *where, "--kind", "include_new")["rule"]
    assert [r["rule"] for r in terminal.json("rule", "list", "acme")["rules"]] == [rule]
    terminal.json("preview", "acme", "--entity", "customers")
    customers = terminal.entity("customers")
    assert (customers["ignored"], customers["undecided"]) == (2, 0)
    assert terminal.json("rule", "drop", "acme", str(rule))["dropped"] is True
    assert terminal.run("rule", "drop", "acme", str(rule)).returncode == 2


def test_a_preview_counts_what_its_rules_decided_and_select_says_what_it_takes_from_them(terminal: Terminal) -> None:
    where = ("--connection", "shop", "--entity", "attributes")
    number = len(terminal.server.store.ids("attributes"))
    added = terminal.run("rule", "add", "acme", *where, "--kind", "include_new")
    rule = added.stdout.split()[1].rstrip(":")
    assert f"It would decide {number} undecided records now" in added.stdout
    [shop] = terminal.json("preview", "acme", "--entity", "attributes")["connections"]
    [counts] = shop["entities"]
    assert (counts["included"], counts["undecided"]) == (number, 0)
    assert terminal.entity("attributes")["included"] == number
    said = terminal.run("preview", "acme", "--entity", "attributes").stdout
    assert "0 records are undecided. Next: sync-pipeline plan acme" in said
    done = terminal.run("select", "acme", *where, "--status", "new", "--ignore")
    assert f"{number} of them were included by rule {rule}." in done.stderr, done.stderr
    assert "by rule" not in terminal.run("select", "acme", *where, "--all", "--undecide").stderr
    terminal.json("rule", "drop", "acme", rule)


def test_a_rule_of_a_field_that_no_record_has_is_warned_of(terminal: Terminal) -> None:
    adding = ("rule", "add", "acme", "--connection", "shop", "--entity", "products", "--kind", "ignore_where")
    done = terminal.run(*adding, "--field", "statuss", "--value", "draft")
    assert done.returncode == 0
    assert "No captured record of products has the field “statuss”. Did you mean status?" in done.stderr
    assert "It would decide 0 undecided records now" in done.stdout
    rule = done.stdout.split()[1].rstrip(":")
    assert f"sync-pipeline rule drop acme {rule}" in done.stderr
    terminal.json("rule", "drop", "acme", rule)
    known = terminal.run(*adding, "--field", "status", "--value", "none such")
    assert known.stderr == ""
    terminal.json("rule", "drop", "acme", known.stdout.split()[1].rstrip(":"))


def test_reconcile_ends_with_1_where_ids_differ(terminal: Terminal) -> None:
    done = terminal.json("reconcile", "acme", "--entity", "reviews", "--entity", "orders")
    assert done["ok"] is True
    assert {"entity", "store", "captured", "core", "missing", "extra"} <= set(done["entities"][0])
    terminal.server.store.delete("reviews", min(terminal.server.store.ids("reviews")))
    done = terminal.json("reconcile", "acme", "--entity", "reviews", code=1)
    assert (done["ok"], done["entities"][0]["extra"]) == (False, 1)


def test_a_reconciliation_is_written_as_a_report(terminal: Terminal, tmp_path: Path) -> None:
    for name in ("report.html", "report.xlsx"):
        done = terminal.run("reconcile", "acme", "--entity", "products", "--report", str(tmp_path / name))
        assert (done.returncode, (tmp_path / name).stat().st_size > 0) == (0, True), done.stderr
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "<td>shop</td><td>products</td>" in page
    assert "undecided" in page
    assert terminal.run("reconcile", "acme", "--report", "report.pdf").returncode == 2


def test_checks_pass_and_a_failing_one_is_named_with_what_to_do(terminal: Terminal) -> None:
    done = terminal.json("check", "acme")
    assert done["ok"] is True
    assert {"ledger_closed", "money_adds_up", "no_orphan_mapping", "fresh"} <= {one["name"] for one in done["checks"]}
    assert all({"name", "ok", "detail"} <= set(one) for one in done["checks"])
    plan = terminal.included("taxes")
    assert terminal.json("apply", "acme", plan["plan"])["state"] == "done"
    url = terminal.json("db", "url")["url"]
    with create_engine(psycopg_url(url), isolation_level="AUTOCOMMIT").connect() as conn:
        conn.exec_driver_sql("SET session_replication_role = replica")  # as somebody who owns the database
        conn.exec_driver_sql("DELETE FROM core.reference_data WHERE kind = 'tax'")
    done = terminal.json("check", "acme", code=1)
    (wrong,) = [one for one in done["checks"] if not one["ok"] and one["severity"] == "error"]
    assert (done["ok"], wrong["name"]) == (False, "no_orphan_mapping")
    said = terminal.run("check", "acme")
    assert said.returncode == 1
    assert "✗ no_orphan_mapping" in said.stdout
    assert "✓ ledger_closed" in said.stdout
    assert terminal.json("undo", "acme", plan["plan"])["state"] == "undone"


def test_a_validation_ends_with_1_while_the_store_is_away_and_is_signed_by_a_person(
    terminal: Terminal, tmp_path: Path
) -> None:
    terminal.server.faults.down()
    away = terminal.json("validate", "acme", code=1)
    terminal.server.faults.clear()
    assert {row["verdict"] for row in away["rows"] if row["check"] == "store_agrees"} == {"not_run"}
    out = tmp_path / "evidence"
    human = terminal.run("validate", "acme", "--out", str(out))
    assert "The manifest's hash: " in human.stdout
    assert (out / "manifest.json").is_file()
    again = terminal.run("validate", "acme", "--out", str(out))
    assert (again.returncode, "not an empty folder" in again.stderr) == (2, True)

    matrix = human.stdout.partition("The manifest's hash: ")[2].split()[0]
    rows = json.loads((out / "matrix.json").read_text("utf-8"))["rows"]
    red = [row["row"] for row in rows if row["verdict"] in ("fail", "not_run")]
    assert human.returncode == (1 if red else 0)
    found = red + [row["row"] for row in rows if row["verdict"] == "waiting"]
    accept = [part for row in found for part in ("--accept", row, "--why", "known")]
    said = ("--milestone", "go-live", "--note", "read")
    assert terminal.run("signoff", "acme", "--matrix", away["hash"], *said).returncode == 1
    assert terminal.run("signoff", "acme", "--matrix", matrix, "--accept", "x", *said).returncode == 2
    signed = terminal.json("signoff", "acme", "--matrix", matrix, *said, *accept)
    assert (signed["state"], len(signed["accepted"])) == ("valid", len(red))
    assert terminal.json("signoff", "acme")["signoffs"][0]["hash"] == matrix
    assert "go-live" in terminal.run("decisions", "log", "acme", "--kind", "signoff").stdout

    assert terminal.run("uat", "acme", "undo").returncode == 2
    assert terminal.json("uat", "acme", "undo", "--failed", "3")["failed_step"] == 3
    assert "failed at step 3" in terminal.run("uat", "acme").stdout
    assert terminal.run("uat", "acme", "dance", "--passed").returncode == 2


def test_a_pull_with_a_record_that_cannot_be_read_ends_with_1_and_names_it(terminal: Terminal) -> None:
    kind, poisoned = "orders", sorted(terminal.server.store.ids("orders"))[3]
    terminal.server.faults.poison(kind, poisoned)
    try:
        done = terminal.run("pull", "acme", "--entity", kind, "--full", "--json")
        assert done.returncode == 1
        (row,) = json.loads(done.stdout)["connections"][0]["entities"]
        assert row["quarantined"] == 1
        assert f"shop {kind}: 1 in quarantine ({poisoned})" in done.stderr
        (kept,) = terminal.json("quarantine", "acme")["quarantine"]
        assert (kept["entity"], kept["external_id"]) == (kind, str(poisoned))
    finally:
        terminal.server.faults.clear()
    assert terminal.run("pull", "acme", "--entity", kind, "--full").returncode == 0


def test_a_dead_store_fails_the_pull_and_says_so_once(terminal: Terminal) -> None:
    terminal.server.faults.down()
    try:
        done = terminal.run("pull", "acme", "--entity", "tags", "--entity", "taxes", "--json")
    finally:
        terminal.server.faults.clear()
    assert done.returncode == 1
    rows = json.loads(done.stdout)["connections"][0]["entities"]
    assert all("does not answer" in row["error"] for row in rows)
    assert done.stderr.count("FAILED") == 1
    assert terminal.run("pull", "acme", "--entity", "tags").returncode == 0


def test_keys_are_rotated_and_the_store_is_still_reached(terminal: Terminal) -> None:
    assert terminal.json("keys", "rotate") == {"rewritten": 1, "new_key": True}
    assert terminal.json("doctor", "acme")["ok"] is True


def test_settings_are_shown_and_changed(terminal: Terminal) -> None:
    changed = terminal.json("settings", "acme", "shop", "sweep_every=3", "promote_on_select=false")["settings"]
    assert (changed["sweep_every"], changed["promote_on_select"]) == (3, False)
    assert terminal.run("settings", "acme", "shop", "colour=red").returncode == 2
    terminal.json("settings", "acme", "shop", "sweep_every=1", "promote_on_select=true")


def test_settings_show_the_providers_own_with_their_defaults(terminal: Terminal) -> None:
    shown = terminal.json("settings", "acme", "shop")["settings"]
    assert set(shown) == set(WooConfig.model_fields) - {"store_url", *WooConfig.secret_fields()}
    assert shown["auth"] == "auto"


def test_a_mistyped_address_is_corrected_before_anything_is_captured(terminal: Terminal) -> None:
    terminal.json("org", "add", "typo")
    keys = ("--key", terminal.server.key, "--secret-env", "SHOP_SECRET")
    where = ("connect", "typo", "woocommerce", "--name", "shop", *keys)
    assert terminal.json(*where, "--url", "http://127.0.0.1:9", code=1)["saved"] is True
    assert terminal.json(*where, "--url", terminal.server.url)["ok"] is True


def test_who_connects_with_wrong_credentials_is_told_to_connect_again(terminal: Terminal) -> None:
    terminal.json("org", "add", "wrong")
    shop = ("--name", "shop", "--url", terminal.server.url, "--key", terminal.server.key, "--secret-env", "SHOP_SECRET")
    done = terminal.run("connect", "wrong", "woocommerce", *shop, SHOP_SECRET="cs_" + "0" * 40)
    assert done.returncode == 1
    assert "connect it again under the same name: sync-pipeline connect wrong woocommerce --name shop" in done.stderr
    assert terminal.json("connect", "wrong", "woocommerce", *shop)["ok"] is True


def test_a_variable_that_is_no_setting_is_warned_of(terminal: Terminal) -> None:
    done = terminal.run("doctor", "acme", "--json", SYNC_KEEP_PLAN_DAYS="40")
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (0, True)
    assert done.stderr == (
        "Warning: SYNC_KEEP_PLAN_DAYS is no setting, and is ignored. Did you mean SYNC_KEEP_PLANS_DAYS?\n"
    )


def test_a_connection_gets_another_address_only_when_it_is_said(terminal: Terminal) -> None:
    where = (
        "connect",
        "acme",
        "woocommerce",
        "--name",
        "shop",
        "--key",
        terminal.server.key,
        "--secret-env",
        "SHOP_SECRET",
    )
    refused = terminal.run(*where, "--url", "http://127.0.0.1:9")
    assert refused.returncode == 2
    assert f"to {terminal.server.url}." in refused.stderr
    assert "--replace" in refused.stderr
    (before,) = terminal.json("connections", "acme")["connections"]
    assert before["store_url"] == terminal.server.url
    assert terminal.json(*where, "--url", terminal.server.url)["ok"] is True
    kept = terminal.json(*where, "--url", "http://127.0.0.1:9", "--replace", code=1)
    assert (kept["ok"], kept["saved"], kept["connection"]["store_url"]) == (False, False, terminal.server.url)
    moved = terminal.json(*where, "--url", "http://127.0.0.1:9", "--replace", "--untested", code=1)
    assert moved["connection"]["store_url"] == "http://127.0.0.1:9"
    assert terminal.json(*where, "--url", terminal.server.url, "--replace")["ok"] is True


def test_credentials_in_use_are_kept_if_the_new_ones_fail_their_test(terminal: Terminal) -> None:
    where = ("connect", "acme", "woocommerce", "--url", terminal.server.url, "--key", terminal.server.key)
    wrong, right = {"SHOP_SECRET": "cs_" + "0" * 40}, ("--secret-env", "SHOP_SECRET", "--name", "shop")
    refused = terminal.run(*where, *right, **wrong)
    assert (refused.returncode, "is saved" in refused.stdout) == (1, False)
    assert "ERROR" in refused.stdout
    assert refused.stderr == (
        "Nothing was changed: the test with the new credentials failed. The old ones stay in use. To save the new ones "
        "even if the test fails: --untested\n"
    )
    assert terminal.json("doctor", "acme", "--connection", "shop")["ok"] is True
    assert terminal.run("pull", "acme", "--entity", "tags").returncode == 0
    assert terminal.json("connections", "acme")["connections"][0]["health"] == "healthy"
    forced = terminal.run(*where, *right, "--untested", **wrong)
    assert (forced.returncode, "shop is saved" in forced.stdout) == (1, True)
    pulled = terminal.run("pull", "acme", "--entity", "products", "--entity", "orders")
    assert pulled.returncode == 1
    failed, what_to_do = pulled.stderr.splitlines()[-2:]
    assert failed.startswith(("FAILED shop orders, products: ", "FAILED shop products, orders: "))
    assert "answered 401" in failed
    assert pulled.stderr.count("FAILED") == 1
    assert what_to_do == ("The credentials of shop were refused. Why, and what to do: sync-pipeline doctor acme")
    assert terminal.json(*where, *right)["ok"] is True

    first = (*where, "--secret-env", "WRONG_SECRET", "--name", "first", "--json")
    saved = terminal.run(*first, WRONG_SECRET=wrong["SHOP_SECRET"])
    assert (saved.returncode, json.loads(saved.stdout)["saved"]) == (1, True), "so that a person can correct it"
    assert terminal.json("disconnect", "acme", "first")["disconnected"] is True


def test_the_applications_login_sees_one_organization_by_its_number(terminal: Terminal) -> None:
    acme = terminal.json("org", "list")["organizations"][0]
    assert (acme["org"], str(acme["number"]) in terminal.run("org", "list").stdout.split()) == ("acme", True)
    login = psycopg_url(terminal.json("db", "url", "--application")["url"])
    owner = psycopg_url(terminal.json("db", "url")["url"])
    count = "SELECT count(*) FROM capture.sync_record"
    engine = create_engine(login)
    try:
        with engine.connect() as conn:
            assert conn.exec_driver_sql(count).scalar_one() == 0
            conn.exec_driver_sql("SELECT set_config('sync.org_id', %(org)s, false)", {"org": str(acme["number"])})
            assert conn.exec_driver_sql(count).scalar_one() > 0
            assert conn.exec_driver_sql("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").scalar() is False
    finally:
        engine.dispose()
    assert login.username != owner.username


def test_a_policy_is_shown_and_changed(terminal: Terminal) -> None:
    usual = {
        "org": "acme",
        "sku_policy": "source_wins",
        "provider_priority": ["woocommerce", "odoo"],
        "four_eyes": False,
    }
    assert terminal.json("org", "policy", "acme") == usual
    changed = terminal.json("org", "policy", "acme", "--priority", "odoo, woocommerce")
    assert changed == {**usual, "provider_priority": ["odoo", "woocommerce"]}
    assert terminal.json("org", "policy", "acme", "--sku", "halt") == {**changed, "sku_policy": "halt"}
    assert terminal.run("org", "policy", "acme", "--priority", "odoo,odoo").returncode == 2
    assert "There are: " in terminal.run("org", "policy", "acme", "--priority", "odoo,sap").stderr
    assert terminal.json("org", "policy", "acme", "--sku", "source_wins", "--priority", "woocommerce,odoo") == usual


def test_a_token_is_printed_once(terminal: Terminal) -> None:
    made = terminal.json("token", "add", "acme", "--role", "viewer")
    assert made["role"] == "viewer"
    assert len(made["token"]) > 40
    assert made["token"] not in terminal.run("activity", "acme", "--json").stdout


def test_a_user_is_changed(terminal: Terminal) -> None:
    password = {"BO_PASSWORD": "a long one of bo's"}
    adding = ("user", "add", "acme", "bo@acme.test", "--role", "viewer", "--password-env", "BO_PASSWORD", "--json")
    user = str(json.loads(terminal.run(*adding, **password).stdout)["user"])
    assert terminal.json("user", "change", "acme", user, "--role", "operator")["role"] == "operator"
    assert terminal.json("user", "disable", "acme", user)["disabled_at"]
    changed = terminal.run(
        "user", "change", "acme", user, "--enable", "--password-env", "BO_PASSWORD", BO_PASSWORD="another one of bo's"
    )
    assert changed.stdout == "bo@acme.test is changed and can log in to acme as operator.\n"
    assert terminal.run("user", "change", "acme", user).returncode == 2
    assert "another one" not in terminal.run("activity", "acme", "--json").stdout


# -- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["status", "nobody"], "org add nobody"),
        (["status", "nobody"], "There are: acme"),
        (["record", "acme", "--connection", "shop", "--entity", "products", "999999"], "999999"),
        (["queue", "show", "acme", "gibberish"], "gibberish"),
        (["pull", "acme", "--connection", "nope"], "There are: shop"),
        (["pull", "acme", "--entity", "prodcts"], "products"),
        (["table", "acme", "--connection", "shop", "--entity", "nope"], "products"),
        (["table", "acme", "--connection", "shop", "--entity", "products", "--status", "old"], "in_sync"),
        (["table", "acme"], "--connection"),
        (["select", "acme", "--connection", "shop", "--entity", "products", "--all"], "--include"),
        (["select", "acme", "--connection", "shop", "--entity", "products", "--include"], "--ids"),
        (["select", "acme", "--connection", "shop", "--entity", "products", "--ids", "999999", "--include"], "999999"),
        (["apply", "acme", "00000000-0000-0000-0000-000000000001"], "sync-pipeline plans ORG"),
        (["apply", "acme", "gibberish"], "gibberish"),
        (["connect", "acme", "woocommerce", "--name", "x", "--url", "https://shop.test", "--key", "k",
          "--secret-env", "NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE"),
        (["connect", "acme", "shopify", "--name", "x", "--url", "https://shop.test", "--secret-env", "SHOP_SECRET"],
         "woocommerce"),
        (["connect", "acme", "woocommerce", "--name", "x", "--url", "https://shop.test", "--secret-env", "SHOP_SECRET"],
         "--key"),
        (["org", "add", "No Such Slug"], "lower-case"),
        (["decisions", "answer", "12345", "--choose", "keep", "--why", "w"], "decisions list"),
        (["token", "add", "acme", "--role", "king"], "operator"),
        (["frobnicate"], "frobnicate"),
    ],
)  # fmt: skip
def test_wrong_usage_ends_with_2_and_says_what_to_do(terminal: Terminal, arguments: list[str], says: str) -> None:
    done = terminal.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


def test_an_error_is_json_too_where_json_is_asked_for(terminal: Terminal) -> None:
    done = terminal.run("status", "nobody", "--json")
    assert done.returncode == 2
    assert "nobody" in json.loads(done.stdout)["error"]
    assert "nobody" in done.stderr


def test_private_addresses_are_refused_unless_allowed(terminal: Terminal) -> None:
    done = terminal.run(
        "connect", "acme", "woocommerce", "--name", "inside", "--url", terminal.server.url, "--key", "k",
        "--secret-env", "SHOP_SECRET", SYNC_ALLOW_PRIVATE_HOSTS="0",
    )  # fmt: skip
    assert done.returncode == 2
    assert "inside" not in terminal.run("connections", "acme").stdout


@pytest.mark.parametrize("command", [("status", "acme"), ("db", "migrate"), ("db", "status")])
def test_a_database_that_does_not_answer_is_said_in_a_sentence(terminal: Terminal, command: tuple[str, ...]) -> None:
    done = terminal.run(*command, SYNC_DATABASE_URL="postgresql://me:s3cretpw@127.0.0.1:9/none")
    assert done.returncode == 1
    assert "does not answer" in done.stderr + done.stdout
    assert "s3cretpw" not in done.stderr + done.stdout


def test_the_embedded_server_is_not_asked_for_where_another_is_named(terminal: Terminal) -> None:
    done = terminal.run("db", "start", SYNC_DATABASE_URL="postgresql://127.0.0.1:9/none")
    assert done.returncode == 2
    assert "SYNC_DATABASE_URL" in done.stderr


def test_commands_that_need_no_dagster_do_not_load_it(terminal: Terminal) -> None:
    code = """
import sys
from sync_pipeline.cli.main import main
for command in ("status acme", "plan acme", "org list", "decisions list"):
    sys.argv[1:] = command.split()
    assert main() == 0
    loaded = [m for m in ("dagster", "alembic", "pandas", "matplotlib") if m in sys.modules]
    assert not loaded, (command, loaded)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=terminal.env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


_FULL_DISK = (
    "CREATE FUNCTION public.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
    "'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$"
)


@pytest.mark.parametrize(
    ("table", "command"),
    [
        ("capture.sync_page", ("pull", "acme", "--full")),
        ("preview.summary", ("preview", "acme")),
        ("selection.sync_plan", ("plan", "acme", "--remap")),
        ("promote.sync_queue_line", ("apply", "acme", "PLAN")),
        ("promote.core_change", ("apply", "acme", "PLAN")),
        ("dagster:event_logs", ("pull", "acme")),
    ],
    ids=lambda one: one if isinstance(one, str) else one[0],
)
def test_a_full_disk_is_said_by_every_long_command(terminal: Terminal, table: str, command: tuple[str, ...]) -> None:
    url = terminal.json("db", "url")["url"]
    dagster, _, name = table.rpartition(":")
    engine = create_engine(psycopg_url(url).set(database="sync_dagster" if dagster else "sync"))
    if "PLAN" in command:
        plan = terminal.included("customers")["plan"]
        command = tuple(plan if word == "PLAN" else word for word in command)
    try:
        with engine.begin() as conn:
            conn.exec_driver_sql(_FULL_DISK)
            conn.exec_driver_sql(
                f"CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {name} EXECUTE FUNCTION public.full_disk()"
            )
        done = terminal.run(*command)
        assert done.returncode != 0
        assert "full. What was committed is safe" in done.stdout + done.stderr
    finally:
        with engine.begin() as conn:
            conn.exec_driver_sql("DROP FUNCTION IF EXISTS public.full_disk() CASCADE")
        engine.dispose()
