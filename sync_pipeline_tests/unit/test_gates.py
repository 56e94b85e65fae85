"""A cause is one file: the database, the documents and the registry name the same causes."""

import re
from pathlib import Path

import pytest

from sync_pipeline.gates import all_causes

ROOT = Path(__file__).parents[2]


def test_the_documents_list_the_causes_as_their_files_declare_them() -> None:
    table = (ROOT / "docs/decisions/0017-gates-stop-lines-and-take-them-up.md").read_text("utf-8")
    rows = {
        f"| {one.name} | {one.found_by} | {one.blocks} | {', '.join(option.choice for option in one.options)} |"
        for one in all_causes().values()
    }
    assert set(re.findall(r"^\| [a-z]+_.*$", table, re.MULTILINE)) == rows


def test_the_database_admits_the_causes_that_have_a_file() -> None:
    schema = (ROOT / "sql/schema/60_observe.sql").read_text("utf-8")
    listed = re.search(r"cause IN \(([^)]*)\)", schema) or re.search(r"cause text[^(]*\([^(]*\(([^)]*)\)", schema)
    assert listed is not None
    assert set(re.findall(r"'(\w+)'", listed[1])) == set(all_causes())


def test_a_value_is_never_read_as_a_template() -> None:
    asked = all_causes()["sku_conflict"].ask(
        {"sku": "{claimants}", "claimants": "records 1 and 2", "rule": "r"}, offer=["separate"]
    )
    assert asked.question == "SKU “{claimants}” is claimed by records 1 and 2. Which rule decides?"
    assert [option.choice for option in asked.options] == ["separate"] == [asked.recommended]


@pytest.mark.parametrize(
    ("sku", "shown"),
    [
        ("X” is fine. Answer “core_wins", 'X" is fine. Answer "core_wins'),
        ("A\nRisk: none\tat all", "A Risk: none at all"),
        ("abc\u202edef\u200b", "abc⟨U+202E⟩def⟨U+200B⟩"),
        ("S" * 3000, "S" * 500 + "…"),
    ],
)
def test_a_stores_text_stays_between_quotes(sku: str, shown: str) -> None:
    """It cannot end the quotation, begin a line, turn the text around, or fill the page."""
    asked = all_causes()["sku_conflict"].ask({"sku": sku, "claimants": "records 1 and 2", "rule": "r"})
    assert asked.question == f"SKU “{shown}” is claimed by records 1 and 2. Which rule decides?"


def test_a_cause_is_named_only_in_its_file() -> None:
    """Everywhere else it is the file's CAUSE, in SQL a parameter. The API's example value is the one exception."""
    literal = re.compile(rf"[\"'](?:{'|'.join(all_causes())})[\"']")
    files = [file for file in (ROOT / "sync_pipeline").rglob("*") if file.suffix in {".py", ".sql"}]
    found = {
        str(file.relative_to(ROOT))
        for file in files
        if "gates/causes" not in file.as_posix() and literal.search(file.read_text("utf-8"))
    }
    assert found == {"sync_pipeline/api/contracts/observe.py"}


def test_decisions_are_written_by_one_file() -> None:
    writes = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM)\s+observe\.decision\b")
    files = [file for file in (ROOT / "sync_pipeline").rglob("*") if file.suffix in {".py", ".sql"}]
    found = {str(file.relative_to(ROOT)) for file in files if writes.search(file.read_text("utf-8"))}
    assert found == {"sync_pipeline/gates/store.sql"}
