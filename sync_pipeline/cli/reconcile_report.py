"""The report of a reconciliation, for people who keep it or pass it on: one HTML file, or a workbook.

The page needs nothing else: no script, nothing of another host. What stores wrote is shown as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sync_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from sync_pipeline.steps.connect import Organization
    from sync_pipeline.steps.observe import EntityReconciliation, Reconciliation

FORMATS = (".html", ".xlsx")
_HEAD = (
    "connection", "entity", "store", "captured", "core", "missing", "extra", "orphans", "quarantined", "verdict",
    "differences", "captured and not in core",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReportLine:
    """An entity: its figures, what is wrong, and why captured records are not in core."""

    of: EntityReconciliation
    verdict: str
    differences: str
    outside: str

    @property
    def cells(self) -> Sequence[Any]:
        """In the order of the head."""
        e = self.of
        figures = (e.store, e.captured, e.core, e.missing, e.extra, e.orphans, e.quarantined)
        return (e.connection, e.entity, *figures, self.verdict, self.differences, self.outside)


def check(file: Path) -> None:
    """Is this a file that can be written?

    Raises:
        ConfigurationError: neither HTML nor a workbook, or in no folder.
    """
    if file.suffix.lower() not in FORMATS:
        raise ConfigurationError(f"A report is {' or '.join(FORMATS)}, not “{file.name}”.")
    if not file.parent.is_dir():
        raise ConfigurationError(f"There is no folder {file.parent}. Make it, or choose another file.")


def write(file: Path, org: Organization, found: Reconciliation) -> None:
    """Write the report to `file`, which is there only once it is whole."""
    lines = [ReportLine(e, verdict(e), e.words, e.outside_words) for e in found.entities]
    made = datetime.now(UTC)
    part = file.with_name(f".{file.name}.part")
    try:
        if file.suffix.lower() == ".html":
            part.write_text(html(org, lines, made), "utf-8")
        else:
            _workbook(part, org, lines, made)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def html(org: Organization, lines: Sequence[ReportLine], made: datetime) -> str:
    """The report as a page."""
    from jinja2 import Environment

    from sync_pipeline.explorer.text import visible

    page = Environment(autoescape=True, finalize=visible).from_string(
        resources.files("sync_pipeline.cli").joinpath("reconcile_report.html").read_text("utf-8")
    )
    wrong = [line for line in lines if not line.of.ok]
    return page.render(org=org, lines=lines, head=_HEAD, made=made, wrong=wrong, examples=_examples(lines))


def verdict(e: EntityReconciliation) -> str:
    """Its result in a word or two."""
    if e.error:
        return "could not be listed"
    return "ok" if e.ok else "DIFFERENT"


def _examples(lines: Sequence[ReportLine]) -> Sequence[tuple[str, str, str, str]]:
    """(connection, entity, what is wrong, id): the records that are named."""
    from sync_pipeline.steps.observe import DIFFERENCES

    return [
        (line.of.connection, line.of.entity, words, external_id)
        for line in lines
        for name, words in DIFFERENCES.items()
        for external_id in line.of.examples.get(name, ())
    ]


def _workbook(file: Path, org: Organization, lines: Sequence[ReportLine], made: datetime) -> None:
    """Two sheets: the figures of each entity, and the records that are named."""
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(file), options) as book:
        bold = book.add_format({"bold": True})
        book.set_properties({"title": f"Reconciliation of {org.slug}, {made:%Y-%m-%d %H:%M} UTC"})
        named = ("connection", "entity", "what", "id")
        for name, head, rows in (
            ("entities", _HEAD, [line.cells for line in lines]),
            ("records", named, _examples(lines)),
        ):
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            sheet.write_row(0, 0, head, bold)
            for place, row in enumerate(rows, 1):
                for at, value in enumerate(row):
                    if isinstance(value, str):
                        sheet.write_string(place, at, value)
                    elif value is not None:
                        sheet.write_number(place, at, value)
            sheet.autofit()
