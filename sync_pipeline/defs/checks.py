"""Asset checks: what must hold now, over all organizations. Exact count, a few examples, and how to recover.

Not partitioned: a check is one line in the UI, and its metadata says which organizations it is about. Each SQL
statement gives (place, found, sample) for one organization; a place is `provider/entity_type` or a core table.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from sync_pipeline.db.queries import execute, load
from sync_pipeline.defs.graph import Stage, core_key, fed_by, key, store_key
from sync_pipeline.defs.resources import Runtime, SyncResource
from sync_pipeline.entities.core import core_tables
from sync_pipeline.errors import redact
from sync_pipeline.sources.base import all_sources

SQL = {**load("sync_pipeline.defs", "checks.sql"), **load("sync_pipeline.steps.observe", "compat.sql")}
_SHOWN = 10
STALE_HOURS = 36.0  # a night and a half: one missed night is seen by noon


@dataclass(frozen=True)
class CheckRule:
    """A check: what it says of itself, what to do where it does not hold, and the assets it is shown on."""

    name: str
    holds: str
    recover: str
    places: Mapping[str, dg.AssetKey]
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR


@dataclass
class Found:
    """Where a rule does not hold: how often, in how many organizations, a few examples."""

    count: int = 0
    orgs: int = 0
    sample: list[str] = field(default_factory=list)

    def add(self, org: str, count: int, sample: Sequence[str]) -> None:
        """One organization's share."""
        self.count += count
        self.orgs += 1
        room = _SHOWN - len(self.sample)
        self.sample += [redact(f"{org}: {one}") for one in sample[:room]]


def asset_checks() -> Sequence[dg.AssetChecksDefinition]:
    """One definition a stage, so that a stage's statements run in one pass over the organizations."""
    return [
        _of("capture_checks", _capture_rules()),
        _of("preview_checks", _preview_rules()),
        _of("select_checks", _select_rules()),
        _of("core_checks", _core_rules()),
        stores_are_fresh,
    ]


def _places(stage: Stage) -> dict[str, dg.AssetKey]:
    return {
        f"{source.name}/{stream.entity_type}": key(stage, source.name, stream.name)
        for source in all_sources().values()
        for stream in source.streams.values()
    }


def _tables() -> dict[str, dg.AssetKey]:
    return {table.name: core_key(table.short) for table in core_tables().values()}


def _capture_rules() -> Sequence[CheckRule]:
    return [
        CheckRule(
            "ledger_closed",
            "Every id that the store listed is captured, in quarantine or gone.",
            "Pull the entity again; it goes on where it stopped. `sync-pipeline doctor ORG` names a store's trouble.",
            _places(Stage.RAW),
        ),
        CheckRule(
            "nothing_in_quarantine",
            "No record is set aside.",
            "Mend the record in the store and pull again; its bytes and the reason are in capture.sync_quarantine.",
            _places(Stage.RAW),
            dg.AssetCheckSeverity.WARN,
        ),
    ]


def _preview_rules() -> Sequence[CheckRule]:
    return [
        CheckRule(
            "compared_since",
            "What was captured was compared with core afterwards: no unexplained drift.",
            "Materialize the preview of these organizations, or `sync-pipeline preview ORG`.",
            _places(Stage.PREVIEW),
        ),
        CheckRule(
            "no_schema_drift",
            "No field appeared, vanished or changed its type.",
            "Look whether the mapping needs the field; promoting the records accepts the new shape.",
            _places(Stage.PREVIEW),
            dg.AssetCheckSeverity.WARN,
        ),
    ]


def _select_rules() -> Sequence[CheckRule]:
    return [
        CheckRule(
            "selections_promoted",
            "Committed selections became plans within ten minutes.",
            "See that the daemon runs and that the sensor committed_selections is on; `sync-pipeline plan ORG` and "
            "`apply` do it by hand.",
            _places(Stage.SELECTED),
        )
    ]


def _core_rules() -> Sequence[CheckRule]:
    streams = [
        (f"{source.name}/{stream.entity_type}", core_key(fed_by(stream)[0].short))
        for source in all_sources().values()
        for stream in source.streams.values()
        if fed_by(stream)
    ]
    return [
        CheckRule(
            "no_orphan_mapping",
            "Every mapping leads to a row.",
            "Rows of core are never removed by this project: find out who did. Promoting it again makes it anew.",
            _tables(),
        ),
        CheckRule(
            "money_adds_up",
            "The items of an order add up to its total, but for differences that the store itself has.",
            "Pull and promote these orders again. A difference in the store is noted in metadata.items_difference.",
            {"core.sales_orders": core_key("sales_orders")},
        ),
        CheckRule(
            "no_line_waits",
            "No record failed in a promotion and waits for a person.",
            "The reason is in promote.sync_queue_line; mend it in the store, pull, select and promote again.",
            dict(streams),
            dg.AssetCheckSeverity.WARN,
        ),
        CheckRule(
            "compat_agrees",
            "The legacy views have the columns of their core tables.",
            "A migration that adds a column to core must make the views in sql/schema/70_compat.sql anew.",
            {place: asset for place, asset in _tables().items() if place != "core.reference_data"},
        ),
    ]


def _of(name: str, rules: Sequence[CheckRule]) -> dg.AssetChecksDefinition:
    specs = {
        (rule.name, asset): dg.AssetCheckSpec(rule.name, asset=asset, description=f"{rule.holds} {rule.recover}")
        for rule in rules
        for asset in rule.places.values()
    }

    @dg.multi_asset_check(name=name, specs=list(specs.values()), can_subset=True)
    def checks(context: dg.AssetCheckExecutionContext, sync: SyncResource) -> Iterator[dg.AssetCheckResult]:
        asked = context.selected_asset_check_keys
        wanted = [rule for rule in rules if any(one.name == rule.name for one in asked)]
        found = look(sync.runtime, wanted)
        for rule in wanted:
            for asset in dict.fromkeys(rule.places.values()):
                if dg.AssetCheckKey(asset, rule.name) in asked:
                    yield _result(rule, asset, found.get((rule.name, asset), Found()))

    return checks


def look(runtime: Runtime, rules: Sequence[CheckRule]) -> dict[tuple[str, dg.AssetKey], Found]:
    """Where these rules do not hold, over all organizations: one statement a rule and organization."""
    from sync_pipeline.steps import connect

    found: dict[tuple[str, dg.AssetKey], Found] = {}
    for org in connect.organizations(runtime.db):
        with runtime.db.org(org.org_id) as conn:
            for rule in rules:
                for row in execute(conn, SQL[rule.name]):
                    if row.place in rule.places:
                        at = found.setdefault((rule.name, rule.places[row.place]), Found())
                        at.add(org.slug, int(row.found), list(row.sample))
    return found


def _result(rule: CheckRule, asset: dg.AssetKey, found: Found) -> dg.AssetCheckResult:
    if not found.count:
        return dg.AssetCheckResult(
            asset_key=asset, check_name=rule.name, passed=True, description=rule.holds, severity=rule.severity
        )
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=rule.name,
        passed=False,
        severity=rule.severity,
        description=f"{found.count} in {found.orgs} organizations. {rule.recover}",
        metadata={
            "found": found.count,
            "organizations": found.orgs,
            "examples": dg.MetadataValue.md("\n".join(f"- {one}" for one in found.sample)),
        },
    )


_FRESH = CheckRule(
    "fresh",
    "Something was pulled from every connected store within a day and a half.",
    "`sync-pipeline doctor ORG` says what is wrong with a store; `sync-pipeline pull ORG` catches up.",
    {source: store_key(source) for source in all_sources()},
)


@dg.multi_asset_check(
    name="stores_are_fresh",
    specs=[
        dg.AssetCheckSpec(_FRESH.name, asset=asset, description=f"{_FRESH.holds} {_FRESH.recover}")
        for asset in _FRESH.places.values()
    ],
    can_subset=True,
)
def stores_are_fresh(context: dg.AssetCheckExecutionContext, sync: SyncResource) -> Iterator[dg.AssetCheckResult]:
    """A store that nobody reads any more is on no other list."""
    from sync_pipeline.steps import observe

    found: dict[str, Found] = {}
    for one in observe.stale_connections(sync.runtime.db, STALE_HOURS):
        since = f"not since {one.last_sync_at:%Y-%m-%d %H:%M} UTC" if one.last_sync_at else "never pulled"
        found.setdefault(one.provider, Found()).add(one.org, 1, [f"{one.connection}: {since}"])
    for provider, asset in _FRESH.places.items():
        if dg.AssetCheckKey(asset, _FRESH.name) in context.selected_asset_check_keys:
            yield _result(_FRESH, asset, found.get(provider, Found()))
