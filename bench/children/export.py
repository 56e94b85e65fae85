"""Reads a core table of an organization in one way, in a process of its own: `chunks`, or a format of files."""

from __future__ import annotations

import sys
import tempfile
from datetime import datetime
from typing import Any

from bench.children.measure import report
from sync_pipeline import frames
from sync_pipeline.config import Settings
from sync_pipeline.db.open import open_database
from sync_pipeline.steps import connect
from sync_pipeline.steps.observe import export


def main() -> None:
    """ORG TABLE WAY [TIME]."""
    org, table, way, *rest = sys.argv[1:]
    as_of = datetime.fromisoformat(rest[0]) if rest else None
    db = open_database(Settings())
    of = connect.organization(db, org)

    def work() -> dict[str, Any]:
        if way == "chunks":
            parts = frames.core_chunks(org, table, as_of=as_of, database=db)
            return {"rows": sum(len(part) for part in parts), "bytes": 0}
        with (
            tempfile.TemporaryFile() as out,
            export.reading(db, of.org_id, export.core(table, as_of=as_of)) as reading,
        ):
            rows = export.write(reading, way, out).rows
            return {"rows": rows, "bytes": out.tell()}

    report(work)


if __name__ == "__main__":
    main()
