"""The asset graph: the assets, their keys, their dependencies and their descriptions in the UI."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cache

import dagster as dg

from sync_pipeline.entities.core import CoreTable, core_tables, tables_of
from sync_pipeline.sources.base import Source, Stream, Sweep, all_sources

ORG_NAME = "org"
ORG = dg.DynamicPartitionsDefinition(name=ORG_NAME)
OWNERS = ["team:data"]


class Stage(StrEnum):
    """The stages that are assets; also the first part of their keys."""

    RAW = "raw"
    PREVIEW = "preview"
    SELECTED = "selected"
    CORE = "core"


GROUPS = {Stage.RAW: "capture", Stage.PREVIEW: "preview", Stage.SELECTED: "select", Stage.CORE: "core"}

_CORE_TEXT = """core.{table}: {holds}.

Reads the approved plans (`selection.sync_plan`) and exactly the record versions they name; writes `core.{table}`,
`promote.integration_mapping` and the queue's lines. Runs only for a committed selection, a standing rule or an
approved plan, never because records were captured.

Promises: applying a plan twice changes nothing; a stale plan is refused and changes nothing; a record that fails does
not affect the others; `sync-pipeline undo ORG PLAN` takes it back.

One record: `SELECT * FROM promote.integration_mapping WHERE external_id = '…'` gives the row's `internal_id`."""
_RAW_TEXT = """**{title}** of the organization's {source} stores, as they are: every record,
every version, nothing lost.

Reads `{path}`: all of it the first time and with `full`, afterwards {what}.
Writes `capture.{provider}_sync` (entity_type = '{entity_type}'), versions, ledger, quarantine.

Promises: expected ids = captured + quarantined + vanished (the ledger closes), or the watermark stays where it was.
An unchanged record costs no write. A run after a killed one continues where that stopped.

One record: `SELECT sync_data FROM capture.{provider}_sync WHERE entity_type = '{entity_type}' AND
external_id = '…'`; its history is in `capture.sync_record_version`."""


def key(stage: Stage, provider: str, name: str) -> dg.AssetKey:
    """The key of a provider's asset: raw/woocommerce/products."""
    return dg.AssetKey([stage.value, provider, name])


def core_key(table: str) -> dg.AssetKey:
    """The key of a core table's asset: core/products."""
    return dg.AssetKey([Stage.CORE.value, table])


def store_key(provider: str) -> dg.AssetKey:
    """The key of a provider's stores, which are external assets."""
    return dg.AssetKey(["store", provider])


def fed_by(stream: Stream) -> Sequence[CoreTable]:
    """The core tables that a stream's records are promoted to."""
    return () if stream.to_entity is None else tables_of(stream.entity)


def stores() -> Iterator[dg.AssetSpec]:
    """The stores, as external assets: lineage begins here."""
    for source in all_sources().values():
        yield dg.AssetSpec(
            store_key(source.name),
            description=f"The {source.title} stores of all organizations. They belong to others and are only read. "
            "Their addresses are in connect.integration_connector; `sync-pipeline doctor ORG` tests one.",
            group_name="connect",
            kinds={source.name, "api"},
            owners=OWNERS,
        )


@cache
def provider_specs(provider: str) -> Sequence[dg.AssetSpec]:
    """raw, preview and selected of every stream of a provider."""
    source = all_sources()[provider]
    return [
        spec
        for stream in source.streams.values()
        for spec in (
            _raw(source, stream),
            _derived(source, stream, Stage.PREVIEW),
            _derived(source, stream, Stage.SELECTED),
        )
    ]


@cache
def core_specs() -> Sequence[dg.AssetSpec]:
    """The core tables; each depends on the selected assets that feed it."""
    fed: dict[str, list[dg.AssetKey]] = {name: [] for name in core_tables()}
    for source in all_sources().values():
        for stream in source.streams.values():
            for table in fed_by(stream):
                fed[table.name].append(key(Stage.SELECTED, source.name, stream.name))
    return [
        dg.AssetSpec(
            core_key(table.short),
            deps=fed[table.name],
            partitions_def=ORG,
            group_name=GROUPS[Stage.CORE],
            owners=OWNERS,
            kinds={"postgres", "table"},
            tags={"stage": Stage.CORE.value, "table": table.short},
            description=_CORE_TEXT.format(table=table.short, holds=table.holds),
        )
        for table in core_tables().values()
    ]


def _raw(source: Source, stream: Stream) -> dg.AssetSpec:
    found = "ids and sweep fields of every record" if stream.sweep is Sweep.COMPARE else "a full read"
    signal = "what changed since the watermark, and " if stream.signal else ""
    deps = [store_key(source.name)]
    if stream.parent:
        deps.append(key(Stage.RAW, source.name, stream.parent))
    return _spec(Stage.RAW, source, stream, deps, what=signal + found)


_TEXTS = {
    Stage.RAW: _RAW_TEXT,
    Stage.PREVIEW: """What would change if {title} were promoted: new, updated, deleted, in_sync; with warnings
(missing parent, duplicate SKU, foreign currency, values that do not parse, schema drift).

Reads `capture.{provider}_sync` and `promote.integration_mapping`; writes `preview.difference` and `preview.summary`.
It changes nothing else.

One record: `sync-pipeline table ORG --connection C --entity {name} --search …`.""",
    Stage.SELECTED: """What people decided about {title}: included, ignored, undecided. A decision is bound to the
version that was seen; when the content changes, the record is undecided again unless a standing rule covers it.

Reads `preview.difference`; applies `selection.standing_rule` and writes `selection.sync_selective_config`. Promotes
nothing: a committed selection does, through the sensor `committed_selections`.

One record: `SELECT * FROM selection.sync_selective_config WHERE entity_type = '{entity_type}' AND
external_id = '…'`.""",
}


def _derived(source: Source, stream: Stream, stage: Stage) -> dg.AssetSpec:
    before = {Stage.PREVIEW: Stage.RAW, Stage.SELECTED: Stage.PREVIEW}[stage]
    return _spec(stage, source, stream, [key(before, source.name, stream.name)])


def _spec(stage: Stage, source: Source, stream: Stream, deps: Sequence[dg.AssetKey], **words: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        key(stage, source.name, stream.name),
        deps=deps,
        partitions_def=ORG,
        group_name=GROUPS[stage],
        owners=OWNERS,
        kinds={source.name, "postgres"},
        tags={"stage": stage.value, "provider": source.name, "entity": stream.name},
        description=_TEXTS[stage].format(
            title=stream.title,
            source=source.title,
            provider=source.name,
            name=stream.name,
            path=stream.path,
            entity_type=stream.entity_type,
            **words,
        ),
    )
