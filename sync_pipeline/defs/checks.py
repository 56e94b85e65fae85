"""Asset checks: the checks of `steps.observe.checks`, evaluated over all organizations.

They are not partitioned: a check is one line in the UI, and its metadata names the organizations that fail it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from sync_pipeline.defs.graph import RECONCILIATION, Stage, core_key, fed_by, key, store_key
from sync_pipeline.defs.resources import Runtime, SyncResource
from sync_pipeline.entities.core import core_tables
from sync_pipeline.redaction import redact
from sync_pipeline.sources.base import all_sources
from sync_pipeline.steps import connect
from sync_pipeline.steps.observe.checks import CHECKS, About, Check
from sync_pipeline.steps.promote import check_core

_SHOWN = 10


@dataclass
class Violations:
    """The violations of a check: how many, in how many organizations, and a few examples."""

    count: int = 0
    sample: list[str] = field(default_factory=list)
    _slugs: set[str] = field(default_factory=set)

    @property
    def orgs(self) -> int:
        """How many organizations have some."""
        return len(self._slugs)

    @property
    def where(self) -> str:
        """In how many organizations, in words."""
        return "1 organization" if self.orgs == 1 else f"{self.orgs:,} organizations"

    def add(self, org: str, count: int, sample: Sequence[str]) -> None:
        """Add violations of an organization, which may have some in several places."""
        self.count += count
        self._slugs.add(org)
        room = _SHOWN - len(self.sample)
        self.sample += [redact(f"{org}: {one}") for one in sample[:room]]

    @property
    def examples(self) -> dg.MarkdownMetadataValue:
        """The examples as a list."""
        return dg.MetadataValue.md("\n".join(f"- {sample}" for sample in self.sample))


def asset_checks() -> Sequence[dg.AssetChecksDefinition]:
    """One definition per kind of place, so that all its statements run in one pass over the organizations."""
    by_place = [
        _checks_of(f"{about.value}_checks", _assets(about), [one for one in CHECKS if one.about is about])
        for about in About
    ]
    return [*by_place, core_compared]


@dg.asset_check(
    asset=RECONCILIATION,
    name="core_compared",
    description="Every record that was promoted is promoted once more and rolled back: core must not change. "
    "`sync-pipeline check ORG --core --repair` plans the records behind what differs.",
)
def core_compared(sync: SyncResource) -> dg.AssetCheckResult:
    """Compares core with the promoted versions, over all organizations; takes as long as promoting them."""
    return _compare_core(sync.runtime)


def _compare_core(runtime: Runtime) -> dg.AssetCheckResult:
    found, tables = Violations(), Counter[str]()
    records = 0
    for org in connect.organizations(runtime.db):
        one = check_core(runtime.db, org)
        records += one.records
        if not one.ok:
            found.add(org.slug, one.count, [f"{d.table} {d.row} {d.field or 'the row'}" for d in one.differences])
            tables.update(d.table for d in one.differences)
    if not found.count:
        return dg.AssetCheckResult(passed=True, metadata={"records": records, "found": 0})
    kinds = ", ".join(f"{count:,} in {table}" for table, count in tables.most_common())  # of those that are listed
    return dg.AssetCheckResult(
        passed=False,
        description=f"In {found.where} {found.count:,} "
        f"{'field or row is' if found.count == 1 else 'fields or rows are'} not what was promoted, among them {kinds}. "
        "`sync-pipeline check ORG --core` lists them, and with `--repair` plans the records behind them.",
        metadata={
            "records": records,
            "found": found.count,
            "organizations": found.orgs,
            "examples": found.examples,
        },
    )


def _assets(about: About) -> Mapping[str, dg.AssetKey]:
    """The places that checks report, and the asset that shows each of them."""
    if about is About.STORES:
        return {source: store_key(source) for source in all_sources()}
    if about is About.CORE:
        return {table.name: core_key(table.short) for table in core_tables().values()}
    streams = [(source.name, one) for source in all_sources().values() for one in source.streams.values()]
    if about is About.PROMOTED:
        return {f"{name}/{one.entity_type}": core_key(fed_by(one)[0].short) for name, one in streams if fed_by(one)}
    return {f"{name}/{one.entity_type}": key(Stage(about.value), name, one.name) for name, one in streams}


def _checks_of(name: str, places: Mapping[str, dg.AssetKey], checks: Sequence[Check]) -> dg.AssetChecksDefinition:
    shown = {one.name: {place: at for place, at in places.items() if one.covers(place)} for one in checks}
    specs = {
        (one.name, asset): dg.AssetCheckSpec(one.name, asset=asset, description=f"{one.holds} {one.recover}")
        for one in checks
        for asset in shown[one.name].values()
    }

    @dg.multi_asset_check(name=name, specs=list(specs.values()), can_subset=True)
    def evaluate(context: dg.AssetCheckExecutionContext, sync: SyncResource) -> Iterator[dg.AssetCheckResult]:
        asked = context.selected_asset_check_keys
        wanted = [one for one in checks if any(key.name == one.name for key in asked)]
        found = run_checks(sync.runtime, wanted, places)
        for one in wanted:
            for asset in dict.fromkeys(shown[one.name].values()):
                if dg.AssetCheckKey(asset, one.name) in asked:
                    yield _result(one, asset, found.get((one.name, asset), Violations()))

    return evaluate


def run_checks(
    runtime: Runtime, checks: Sequence[Check], places: Mapping[str, dg.AssetKey]
) -> dict[tuple[str, dg.AssetKey], Violations]:
    """The violations of these checks in all organizations: one statement per check and organization."""
    found: dict[tuple[str, dg.AssetKey], Violations] = {}
    for org in connect.organizations(runtime.db):
        with runtime.db.org(org.org_id) as conn:
            for one in checks:
                for row in one.run(conn):
                    if row.place in places:
                        at = found.setdefault((one.name, places[row.place]), Violations())
                        at.add(org.slug, int(row.found), list(row.sample))
    return found


def _result(one: Check, asset: dg.AssetKey, found: Violations) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.WARN if one.severity == "warning" else dg.AssetCheckSeverity.ERROR
    wrong = f"{found.count:,} in {found.where}. {one.recover}"
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=one.name,
        passed=not found.count,
        severity=severity,
        description=wrong if found.count else one.holds,
        metadata={"found": found.count, "organizations": found.orgs, "examples": found.examples} if found.count else {},
    )


def evaluations(context: dg.AssetExecutionContext, runtime: Runtime) -> Iterator[dg.AssetCheckEvaluation]:
    """The checks that are planned of a step's assets, evaluated by the step itself, where Dagster skips theirs.

    Checks are of all organizations: one whose store is away does not keep them from being evaluated. Dagster would
    show them as failed, because they were not.
    """
    planned = context.get_step_execution_context().job_def.asset_layer.asset_graph.asset_check_keys
    asked = {one for one in planned if one.asset_key in context.selected_asset_keys}
    for about in About:
        places = _assets(about)
        checks = [one for one in CHECKS if one.about is about and any(key.name == one.name for key in asked)]
        found = run_checks(runtime, checks, places) if checks else {}
        for one in checks:
            for asset in dict.fromkeys(places.values()):
                if dg.AssetCheckKey(asset, one.name) in asked:
                    yield _evaluation(_result(one, asset, found.get((one.name, asset), Violations())), asset, one.name)
    if core_compared.check_key in asked:
        yield _evaluation(_compare_core(runtime), core_compared.check_key.asset_key, core_compared.check_key.name)


def _evaluation(result: dg.AssetCheckResult, asset: dg.AssetKey, name: str) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=asset,
        check_name=name,
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
    )
