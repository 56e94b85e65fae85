"""A matrix as files: JSON, CSV, a page, the statements, the decisions, and a manifest with the SHA-256 of each.

The hash of the manifest names all of it: a sign-off is bound to that.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.steps.observe.decision_log import LoggedDecision
from sync_pipeline.steps.observe.validation.matrix import Matrix, MatrixRow, red_first

MANIFEST = "manifest.json"
COLUMNS = (
    "row", "check", "connection", "entity", "verdict", "expected", "found", "ids", "words", "statement", "snapshot",
    "seconds",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


@dataclass(frozen=True, slots=True)
class ValidationFiles:
    """The files of an export by name, without the manifest; `manifest` is name → SHA-256."""

    files: Mapping[str, bytes]
    manifest: Mapping[str, str]

    @property
    def manifest_bytes(self) -> bytes:
        """The manifest as a file."""
        return _json(self.manifest)

    @property
    def hash(self) -> str:
        """SHA-256 of the manifest."""
        return hashlib.sha256(self.manifest_bytes).hexdigest()

    def write(self, folder: Path) -> None:
        """Write them to a folder, which is made; the manifest last.

        Raises:
            ConfigurationError: it is there and not empty, or cannot be written to.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise ConfigurationError(f"{folder} is not empty. Choose another folder for the export.")
            for name, body in (*self.files.items(), (MANIFEST, self.manifest_bytes)):
                file = folder / name
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(body)
        except OSError as error:
            raise ConfigurationError(f"{folder} cannot be written to: {error.strerror}.") from None


def files_of(matrix: Matrix, decisions: Sequence[LoggedDecision]) -> ValidationFiles:
    """Every file of the export."""
    files = {
        "matrix.json": _json({**_head(matrix), "rows": [asdict(row) for row in matrix.rows]}),
        "matrix.csv": _csv(matrix),
        "matrix.html": _page(matrix).encode(),
        "decisions.json": _json([asdict(one) for one in decisions]),
        # Nothing is added to a statement: a file's name is the SHA-256 of its bytes.
        **{f"evidence/{digest}.sql": text.encode() for digest, text in sorted(matrix.statements.items())},
    }
    return ValidationFiles(files, {name: hashlib.sha256(body).hexdigest() for name, body in sorted(files.items())})


def _head(matrix: Matrix) -> dict[str, Any]:
    return {
        "organization": matrix.org,
        "started_at": matrix.started_at,
        "seconds": matrix.seconds,
        "snapshot": matrix.snapshot,
        "revision": matrix.revision,
        "documents": matrix.documents,
        "counts": matrix.counts,
    }


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n").encode("utf-8", "backslashreplace")


def _csv(matrix: Matrix) -> bytes:
    """A line for each row; what a spreadsheet would take for a formula has an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in matrix.rows:
        writer.writerow([_disarmed(getattr(row, name)) for name in COLUMNS])
    return out.getvalue().encode()


def _disarmed(value: Any) -> Any:
    text = "; ".join(value) if isinstance(value, tuple | list) else value
    return f"'{text}" if isinstance(text, str) and text.startswith(_FORMULA) else text


def _page(matrix: Matrix) -> str:
    """The matrix as a page that needs nothing else: no script, nothing of another host."""
    page = Template(resources.files("sync_pipeline.steps.observe.validation").joinpath("page.html").read_text("utf-8"))
    counted = ", ".join(f"{count:,} {verdict.replace('_', ' ')}" for verdict, count in matrix.counts.items())
    return page.substitute(
        title=escape(f"Validation of {matrix.org}, {matrix.started_at:%Y-%m-%d %H:%M} UTC"),
        facts=escape(
            f"{counted}. Snapshot {matrix.snapshot}, database revision {matrix.revision}, documents "
            f"{matrix.documents[:12]}, {matrix.seconds:,.1f} seconds."
        ),
        rows="\n".join(_line(row) for row in red_first(matrix.rows)),
    )


def _line(row: MatrixRow) -> str:
    cells = (
        row.verdict.replace("_", " "),
        row.check,
        row.connection or "",
        row.entity or "",
        row.expected or "",
        row.found or "",
        "; ".join(row.ids),
        row.words,
        row.statement[:12],
    )
    return f'<tr class="{row.verdict}">' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
