"""SQL over core tables, written once with {placeholders} that a description of a table fills in.

`python -m sync_pipeline.steps.promote products` prints what they become for a table.
"""

from __future__ import annotations

import re
from functools import cache

from sync_pipeline.entities.core import RECORD, CoreTable, core_tables, undo_order

_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")


@cache
def for_table(statement: str, table: CoreTable, column: str = "") -> str:
    """The statement for a table, and one of its columns where it has a {column}.

    Raises:
        KeyError: a placeholder that no table has.
    """
    columns = (*table.columns, *(relation.column for relation in table.relations))
    part = table.all_columns
    filled = {
        "table": table.name,
        "stage": table.stage,
        "column": column,
        "match": table.match or "",
        "fields": ", ".join(table.columns),
        "columns": ", ".join(columns),
        "changes": ", ".join(_change(table, one) for one in columns),
        "part": ", ".join(part),
        "replaced": ", ".join(f"{one} = excluded.{one}" for one in part if one not in (*RECORD, "external_item_id")),
        "refs": ", ".join(
            f'NULL::text AS {name}_type, NULL::text COLLATE "C" AS {name}_ref'
            for name in (relation.column.removesuffix("_id") for relation in table.relations)
        ),
    }
    return _PLACEHOLDER.sub(lambda found: filled[found[1]], statement)


def _change(table: CoreTable, column: str) -> str:
    """How a row gets what its records say. Its figures stay until they are computed, those in `metadata` too."""
    if column != "metadata" or not table.metadata_figures:
        return f"{column} = s.{column}"
    kept = ", ".join(f"'{key}', t.metadata -> '{key}'" for key in table.metadata_figures)
    return f"metadata = jsonb_strip_nulls(jsonb_build_object({kept})) || s.metadata"


@cache
def for_each_table(statement: str, *, pairs: bool = False) -> str:
    """A query for every core table, those of `pairs` too, as one: {table}, {short}, and {alive}, which is true for
    rows that are not marked deleted.
    """

    def filled(name: str) -> str:
        alive = "deleted_at IS NULL" if name in core_tables() else "true"
        values = {"table": name, "short": name.partition(".")[2], "alive": alive}
        return _PLACEHOLDER.sub(lambda found: values[found[1]], statement)

    return "\nUNION ALL\n".join(map(filled, undo_order() if pairs else core_tables()))
