"""The report of a reconciliation: complete, and harmless whatever a store wrote."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from sync_pipeline.cli.reconcile_report import check, write
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.steps.connect import Organization
from sync_pipeline.steps.observe import EntityReconciliation, Reconciliation

ORG = Organization(1, "acme", "Acme <b>& Sons</b>", "USD", None, ())
FINE = EntityReconciliation("products", "shop", 10, 10, 8, 0, 0)
EVIL = (
    "<script>alert(1)</script>",
    '=HYPERLINK("http://x.test")',
    "a\u202eb",
    "&amp;",
    "x' onclick='y",
    "\x00\x1b[31m",
    "😀",
    "x" * 300,
)
WRONG = replace(
    FINE, entity="orders", missing=30, extra=1, orphans=1,
    examples={"missing": list(EVIL), "extra": ["7"], "orphans": ["9"]}, quarantined=2,
)  # fmt: skip
FAILED = replace(FINE, entity="coupons", store=None, error="shop: <img src=x onerror=alert(1)> answered 500")


class Seen(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_shows_the_stores_text_as_text_and_asks_nobody(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    write(file, ORG, Reconciliation((FINE, WRONG, FAILED)))
    source = file.read_text("utf-8")
    page = Seen(source)
    assert {tag for tag, _ in page.tags} <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    assert not [attrs for _, attrs in page.tags if attrs.keys() & {"src", "href", "onclick", "onerror", "style"}]
    assert "url(" not in source
    assert "@import" not in source
    assert "<script>alert(1)</script>" in page.text
    assert "a⟨U+202E⟩b" in page.text
    assert "Reconciliation of Acme <b>& Sons</b> (acme)" in page.text
    assert any("2 of 3 entities differ" in one for one in page.text)
    assert any("30 in the store and not captured" in one and one.endswith("9)") for one in page.text)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_the_workbook_has_the_same_and_no_formula(tmp_path: Path) -> None:
    file = tmp_path / "report.xlsx"
    write(file, ORG, Reconciliation((FINE, WRONG, FAILED)))
    book = openpyxl.load_workbook(file)
    cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
    assert all(cell.data_type != "f" and cell.hyperlink is None for cell in cells)
    entities, records = book.worksheets
    rows = list(entities.iter_rows(values_only=True))
    assert rows[1][:10] == ("shop", "products", 10, 10, 8, 0, 0, 0, 0, "ok")
    assert rows[2][2:10] == (10, 10, 8, 30, 1, 1, 2, "DIFFERENT")
    assert rows[3][2] is None
    assert rows[3][9:11] == ("could not be listed", FAILED.error)
    named = [row[2:] for row in records.iter_rows(min_row=2, values_only=True)]
    assert ("in the store and not captured", '=HYPERLINK("http://x.test")') in named
    assert ("promoted and not in core", "9") in named
    assert len(named) == len(EVIL) + 2


def test_a_report_without_a_difference_says_so(tmp_path: Path) -> None:
    write(tmp_path / "r.html", ORG, Reconciliation((FINE,)))
    text = (tmp_path / "r.html").read_text("utf-8")
    assert "The store and capture have the same ids" in text
    assert "Records that differ" not in text


def test_what_cannot_be_written_is_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"\.html or \.xlsx, not “report.pdf”"):
        check(tmp_path / "report.pdf")
    with pytest.raises(ConfigurationError, match="There is no folder"):
        check(tmp_path / "nowhere" / "report.html")
