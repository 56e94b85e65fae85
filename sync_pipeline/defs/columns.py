"""The tables behind the assets, for Dagster: their columns, and which captured fields core's columns come from.

`columns.json` is docs/core.md as data: what the database says of a column, and what a trial of the mappers found.
`make dictionary` writes both, and a test holds them. Of a stream that is not in it, every column comes from all that
its mapper declares to read, or from the whole payload, as of reference data.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg

from sync_pipeline.entities.core import CoreTable
from sync_pipeline.sources.base import Stream

FILE = Path(__file__).with_name("columns.json")
CAPTURED, DIFFERENCE, DECISION = "capture.sync_record", "preview.difference", "selection.sync_selective_config"
_PAYLOAD = "sync_data"
_NAMED = 6  # fields that the description of a column names, of one stream


@cache
def _file() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = json.loads(FILE.read_text("utf-8"))
    return found


def _described(table: str) -> Mapping[str, Mapping[str, Any]]:
    """Column → its type, what it is, and where it comes from. Empty for a table that the file does not have yet."""
    return _file().get(table, {})


def field_column(field: str) -> str:
    """How a field of a captured payload is named among the columns of its asset; the empty name is all of it."""
    return f"{_PAYLOAD}.{field}" if field else _PAYLOAD


def fields_read(provider: str, stream: Stream) -> Sequence[str]:
    """The fields of a stream's payloads that its mapper declares to read, and that the trial found to matter."""
    return sorted({*_declared(stream), *_found().get((provider, stream.name), ())})


def fields_described(provider: str, stream: Stream) -> Mapping[str, str]:
    """The same with the columns that each becomes: what `lineage_of` says, from the other end."""
    becomes = _found().get((provider, stream.name), {})
    return {name: _field(becomes.get(name, ())) for name in fields_read(provider, stream)}


def _field(columns: Sequence[str]) -> str:
    if not columns:
        return "A field of the payload that the mapper reads."
    return f"A field of the payload. {_some(columns)} come from it."


def _some(names: Sequence[str]) -> str:
    return f"{', '.join(names[:_NAMED])}{' …' if len(names) > _NAMED else ''}"


def _declared(stream: Stream) -> tuple[str, ...]:
    return tuple(getattr(stream.to_entity, "reads", ()))


@cache
def _found() -> Mapping[tuple[str, str], Mapping[str, Sequence[str]]]:
    """The columns that each field of a stream's payloads becomes, by provider and stream."""
    found: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for table, columns in _file().items():
        for column, about in columns.items():
            for provider, streams in about.get("from", {}).items():
                for stream, fields in streams.items():
                    for one in fields:
                        found[provider, stream][one].append(f"{table}.{column}")
    return found


def schema_of(table: str, payload: Mapping[str, str] | None = None) -> dg.TableSchema:
    """The columns of a table, and fields of its payloads with what they become (`fields_described`)."""
    columns = [_column(name, about) for name, about in _described(table).items()]
    fields = [dg.TableColumn(field_column(name), "json", description=said) for name, said in (payload or {}).items()]
    return dg.TableSchema([*columns, *fields])


def _column(name: str, about: Mapping[str, Any]) -> dg.TableColumn:
    """What it is, and in words what `lineage_of` says: Dagster's own UI does not draw the lineage of columns."""
    origins = [
        f"{provider}/{stream}: {_some(fields)}"
        for provider, streams in about.get("from", {}).items()
        for stream, fields in streams.items()
    ]
    said = [about.get("about", ""), f"From raw/{'; raw/'.join(origins)}." if origins else ""]
    required = dg.TableColumnConstraints(nullable=not about.get("required", False))
    return dg.TableColumn(name, about["type"], description=" ".join(filter(None, said)), constraints=required)


def lineage_of(table: CoreTable, feeds: Mapping[dg.AssetKey, Stream]) -> dg.TableColumnLineage:
    """The captured fields that each column of a core table comes from. `feeds`: the raw assets it is promoted from."""
    by_column = _described(table.name)
    known = {
        (provider, name)
        for about in by_column.values()
        for provider, streams in about.get("from", {}).items()
        for name in streams
    }
    found: dict[str, list[dg.TableColumnDep]] = {}
    for asset, stream in feeds.items():
        _, provider, name = asset.path
        if (provider, name) in known:
            fields = {c: by_column[c].get("from", {}).get(provider, {}).get(name, ()) for c in by_column}
        else:
            fields = dict.fromkeys(table.all_columns, _declared(stream) or ("",))
        for column, names in fields.items():
            found.setdefault(column, []).extend(dg.TableColumnDep(asset, field_column(one)) for one in names)
    return dg.TableColumnLineage({column: _each_once(deps) for column, deps in found.items() if deps})


def _each_once(deps: Sequence[dg.TableColumnDep]) -> Sequence[dg.TableColumnDep]:
    return list({(one.asset_key, one.column_name): one for one in deps}.values())
