"""The asset graph: the assets, their keys, their dependencies and their descriptions in the UI."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from inspect import getsourcefile, getsourcelines, isclass, unwrap
from typing import Any
from warnings import catch_warnings, simplefilter

import dagster as dg

from sync_pipeline.config import Settings
from sync_pipeline.defs.columns import CAPTURED, DECISION, DIFFERENCE, fields_described, lineage_of, schema_of
from sync_pipeline.defs.links import explorer
from sync_pipeline.entities.core import CoreTable, core_tables, tables_of
from sync_pipeline.sources.base import Source, Stream, Sweep, all_sources
from sync_pipeline.steps import capture, preview, select
from sync_pipeline.steps.connect import Organization

ORG_NAME = "org"
ORG = dg.DynamicPartitionsDefinition(name=ORG_NAME)
RECONCILIATION = dg.AssetKey(["observe", "reconciliation"])
SETTINGS = Settings()
OWNERS = [one.strip() for one in SETTINGS.owners.split(",") if one.strip()]


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

One record: `sync-pipeline record ORG ID --connection C --entity E` names its row. In SQL,
`promote.integration_mapping` has the row's `internal_id` by org_id, connection_id, entity_type and external_id."""
_RAW_TEXT = """**{title}** of the organization's {source} stores, as they are: every record,
every version, nothing lost.

Reads `{path}`: all of it the first time and with `full`, afterwards {what}.
Writes `capture.{provider}_sync` (entity_type = '{entity_type}'), versions, ledger, quarantine.

Promises: expected ids = captured + quarantined + vanished (the ledger closes), or the watermark stays where it was.
An unchanged record costs no write. A run after a killed one continues where that stopped.

One record: `sync-pipeline record ORG ID --connection C --entity {name}`. In SQL: `SELECT sync_data
FROM capture.{provider}_sync WHERE org_id = … AND connection_id = … AND entity_type = '{entity_type}'
AND external_id = '…'`; its history is in `capture.sync_record_version`."""


def key(stage: Stage, provider: str, name: str) -> dg.AssetKey:
    """The key of a provider's asset: raw/woocommerce/products."""
    return dg.AssetKey([stage.value, provider, name])


def orgs_with(provider: str) -> dg.DynamicPartitionsDefinition:
    """The partitions of a provider's assets: the organizations that have a connection of it.

    A partition that is missing in the UI is one that was never pulled, not one that never can be.
    """
    return dg.DynamicPartitionsDefinition(name=f"{ORG_NAME}_{provider}")


def partition_sets(orgs: Iterable[Organization]) -> Mapping[str, set[str]]:
    """Every set of partitions by its name, and the organizations that belong to it."""
    every = list(orgs)
    providers = {f"{ORG_NAME}_{name}": {org.slug for org in every if name in org.providers} for name in all_sources()}
    return {ORG_NAME: {org.slug for org in every}, **providers}


def new_partitions(instance: dg.DagsterInstance, needed: Mapping[str, set[str]]) -> Mapping[str, list[str]]:
    """Of the partitions that are needed, by the name of their set, those that Dagster does not know yet."""
    known = {name: set(instance.get_dynamic_partitions(name)) for name in needed}
    return {name: new for name, slugs in needed.items() if (new := sorted(slugs - known[name]))}


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
            metadata=explorer(SETTINGS),
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
    fed: dict[str, dict[dg.AssetKey, Stream]] = {name: {} for name in core_tables()}
    for source in all_sources().values():
        for stream in source.streams.values():
            for table in fed_by(stream):
                fed[table.name][key(Stage.RAW, source.name, stream.name)] = stream
    return [
        dg.AssetSpec(
            core_key(table.short),
            # The organizations of a provider are some of all: the same one there, where it is one of them.
            deps=[
                dg.AssetDep(key(Stage.SELECTED, *raw.path[1:]), partition_mapping=dg.IdentityPartitionMapping())
                for raw in fed[table.name]
            ],
            partitions_def=ORG,
            group_name=GROUPS[Stage.CORE],
            owners=OWNERS,
            kinds={"postgres", "table"},
            tags={"stage": Stage.CORE.value, "table": table.short},
            description=_CORE_TEXT.format(table=table.short, holds=table.holds),
            metadata={
                "dagster/table_name": table.name,
                "dagster/column_schema": schema_of(table.name),
                "dagster/column_lineage": lineage_of(table, fed[table.name]),
                **_code({"the entity": table.entity}),
                **explorer(SETTINGS),
            },
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

One record: `sync-pipeline record ORG ID --connection C --entity {name}`.""",
}


def _derived(source: Source, stream: Stream, stage: Stage) -> dg.AssetSpec:
    before = {Stage.PREVIEW: Stage.RAW, Stage.SELECTED: Stage.PREVIEW}[stage]
    return _spec(stage, source, stream, [key(before, source.name, stream.name)])


def _metadata(stage: Stage, source: Source, stream: Stream) -> dict[str, Any]:
    """The table behind an asset, its columns, its code, and where people look at it."""
    declared = sys.modules[stream.declared_in]
    table, step = {
        Stage.RAW: (CAPTURED, capture.session),
        Stage.PREVIEW: (DIFFERENCE, preview.recompute),
        Stage.SELECTED: (DECISION, select.apply_rules),
    }[stage]
    code = {"the stream": declared, "the step": step}
    if stage is Stage.RAW and stream.to_entity is not None:
        code["its mapper"] = stream.to_entity
    return {
        "dagster/table_name": f"capture.{source.name}_sync" if stage is Stage.RAW else table,
        "dagster/column_schema": schema_of(table, fields_described(source.name, stream) if stage is Stage.RAW else {}),
        **_code(code),
        **explorer(SETTINGS),
    }


def _code(of: Mapping[str, Any]) -> dict[str, Any]:
    """Code references: the file and line of modules, classes and functions."""
    with catch_warnings():
        simplefilter("ignore", dg.BetaWarning)
        places: list[dg.LocalFileCodeReference | dg.UrlCodeReference] = [
            dg.LocalFileCodeReference(file_path=str(getsourcefile(one)), line_number=_line(one), label=label)
            for label, one in of.items()
        ]
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=places)}


@cache
def _line(one: Any) -> int:
    """Where it begins. A function knows; `inspect` would split its whole file into tokens, at every start of a run."""
    if isclass(one):
        return getsourcelines(one)[1]
    code = getattr(unwrap(one), "__code__", None) if callable(one) else None
    return 1 if code is None else code.co_firstlineno


def _spec(stage: Stage, source: Source, stream: Stream, deps: Sequence[dg.AssetKey], **words: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        key(stage, source.name, stream.name),
        deps=deps,
        partitions_def=orgs_with(source.name),
        group_name=GROUPS[stage],
        owners=OWNERS,
        kinds={source.name, "postgres"},
        tags={"stage": stage.value, "provider": source.name, "entity": stream.name},
        metadata=_metadata(stage, source, stream),
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
