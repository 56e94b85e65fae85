"""The flow of the demo for every organization, stage by stage, and what happens in its stores then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sync_pipeline.cli.demo.stages import StageLines

if TYPE_CHECKING:
    from sync_pipeline.cli.children import Child
    from sync_pipeline.cli.context import Context
    from sync_pipeline.cli.demo.stores import DemoStore, OpenStore
    from sync_pipeline.cli.pipeline import RunOutcome
    from sync_pipeline.cli.progress import Listener
    from sync_pipeline.config import Settings
    from sync_pipeline.sources.base import Stream
    from sync_pipeline.steps.connect import Connection, Organization

    Chosen = Sequence[tuple[Connection, Sequence[Stream]]]

COLUMNS = ("entity", "captured", "new", "updated", "deleted", "in_sync", "selected", "promoted")


@dataclass
class Result:
    """The result of the flow for one organization; `connections` has a row for each entity, as shown."""

    org: str
    connections: list[dict[str, Any]] = field(default_factory=list)
    plan: str | None = None
    state: str | None = None
    done: int = 0
    failed: int = 0
    core: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class DemoStores:
    """The open stores with what they are."""

    stores: Sequence[tuple[DemoStore, OpenStore]]

    @property
    def orgs(self) -> list[str]:
        """The organizations, in order."""
        return list(dict.fromkeys(store.org for store, _ in self.stores))

    def of(self, org: str) -> list[tuple[DemoStore, OpenStore]]:
        """The stores of one organization."""
        return [one for one in self.stores if one[0].org == org]

    @property
    def words(self) -> str:
        """How many there are, and whose."""
        providers = dict.fromkeys(store.provider for store, _ in self.stores)
        named = "; ".join(
            f"{provider} {', '.join(f'{s.org}/{s.connection}' for s, _ in self.stores if s.provider == provider)}"
            for provider in providers
        )
        return f"{len(self.stores)} sandbox stores: {named}"


@dataclass
class _Org:
    """An organization on its way through the flow."""

    org: Organization
    chosen: Chosen
    result: Result
    outcome: RunOutcome | None = None
    selected: dict[tuple[str, str], int] = field(default_factory=dict)


def connect_stores(children: list[Child], settings: Settings) -> DemoStores:
    """Open the stores, with everything that was written to them before."""
    from sync_pipeline.cli.demo import story
    from sync_pipeline.cli.demo.stores import STORES, open_stores

    stores = list(zip(STORES, open_stores(children, settings), strict=True))
    story.replay(settings, stores)
    return DemoStores(stores)


def run(context: Context, stores: DemoStores, lines: StageLines) -> list[Result]:
    """The flow of every organization, stage by stage; the first time, then what happens in the stores."""
    from sync_pipeline.cli.demo import story

    orgs = [_connected(context, stores, name) for name in stores.orgs]
    _capture(context, orgs, lines)
    first = not story.told(context.settings)
    if first:
        _promote(context, orgs, lines)
    for one in orgs:
        _count(context, stores, one)
    if first and not any(one.result.problems for one in orgs):
        with lines.stage("change", "things happen in the stores of acme and globex …") as found:
            story.tell(context, stores.stores)
            found.words = _changed(context, orgs)
    return [one.result for one in orgs]


def _connected(context: Context, stores: DemoStores, name: str) -> _Org:
    from sync_pipeline.steps import connect

    mine = stores.of(name)
    org = connect.add_organization(context.db, name, mine[0][0].company)
    for store, opened in mine:
        connect.add_connection(
            context.db, context.settings, org, store.provider, store.connection, opened.given, actor=context.actor
        )
    return _Org(org, context.streams(org, None, None), Result(name))


def _capture(context: Context, orgs: Sequence[_Org], lines: StageLines) -> None:
    from sync_pipeline.cli.pipeline import Stages, flow
    from sync_pipeline.cli.progress import listener

    with lines.stage("capture", "every record of every store …") as found:
        lines.clear()
        with listener() as progress:
            for one in orgs:
                label = f"{one.org.slug}/"
                one.outcome = flow(context, one.org, one.chosen, Stages.PULL, listener=progress, label=label)
                one.result.problems += one.outcome.problems()
        pulls = [report for one in orgs if one.outcome for report in one.outcome.pulls.values()]
        closed = "every ledger is closed" if all(r.closed for r in pulls) else "NOT every ledger is closed"
        read = _sums(pulls, ("new", "changed", "unchanged", "quarantined", "vanished"))
        found.words = f"{read} records in {len(pulls):,} entities; {closed}"
    with lines.stage("preview", "what differs from core …") as found:
        previews = [report for one in orgs if one.outcome for report in one.outcome.previews.values()]
        warned = sum(r.warnings for r in previews)
        differs = _sums(previews, ("new", "updated", "deleted", "in_sync"))
        found.words = f"{differs}; {warned:,} with a warning"


def _promote(context: Context, orgs: Sequence[_Org], lines: StageLines) -> None:
    """select → plan → apply, for each organization."""
    from sync_pipeline.cli.progress import listener
    from sync_pipeline.steps import observe, select

    with lines.stage("select", "everything …") as found:
        plans = []
        for one in orgs:
            _select_everything(context, one)
            plans.append(select.make_plan(context.db, one.org, actor=context.party, origin="demo"))
        records = sum(plan.items for plan in plans if plan)
        found.words = f"everything: {records:,} records in {sum(plan is not None for plan in plans)} plans"
    with lines.stage("promote", "what the plans say …") as found:
        lines.clear()
        with listener() as progress:
            for one, plan in zip(orgs, plans, strict=True):
                if plan is not None:
                    _apply(context, one, str(plan.plan_id), progress)
        core = sum(sum(observe.core_counts(context.db, one.org).values()) for one in orgs)
        done, failed = (sum(getattr(one.result, name) for one in orgs) for name in ("done", "failed"))
        broken = f", {failed:,} failed" if failed else ""
        found.words = f"{done:,} records{broken} → {core:,} rows in core; {_merged(context, orgs)}"


def _select_everything(context: Context, one: _Org) -> None:
    from sync_pipeline.steps import select

    for connection, streams in one.chosen:
        for stream in streams:
            chosen = select.select(
                context.db, connection, stream, everything=True, include=True, actor=context.party,
                why="the demo selects everything", draft=True,
            )  # fmt: skip
            one.selected[connection.name, stream.name] = chosen.records


def _apply(context: Context, one: _Org, plan: str, progress: Listener) -> None:
    from sync_pipeline.cli.pipeline import promote

    report = promote(context, one.org, plan, progress)
    result = one.result
    result.plan, result.state = report.plan, report.state
    result.done, result.failed = report.done, report.failed
    result.problems += [f"{e['connection']} {e['entity']} {e['external_id']}: {e['reason']}" for e in report.errors]


def _merged(context: Context, orgs: Sequence[_Org]) -> str:
    from sync_pipeline.steps import observe

    said = []
    rows: Counter[str] = Counter()
    conflicts = 0
    for one in orgs:
        merged = observe.merged(context.db, one.org)
        rows.update(merged.rows)
        conflicts += sum(merged.conflicts.values())
    shared = [f"{rows[name]:,} {name}" for name in ("customers", "products") if rows[name]]
    if shared:
        said.append(f"{' and '.join(shared)} of both stores of acme are one row each")
    said.append(f"{conflicts:,} conflicts decided")
    return "; ".join(said)


def _sums(reports: Sequence[Any], names: Sequence[str]) -> str:
    """The sums that are not zero; the first one anyhow."""
    sums = {name: sum(getattr(report, name) for report in reports) for name in names}
    said = [f"{number:,} {name.replace('_', ' ')}" for name, number in sums.items() if number]
    return ", ".join(said or [f"0 {names[0]}"])


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _changed(context: Context, orgs: Sequence[_Org]) -> str:
    """What differs now, and what else waits for a person."""
    from sync_pipeline.steps import observe

    entities = [e for one in orgs for store in observe.status(context.db, one.org) for e in store.entities]
    differs = _sums(entities, ("new", "updated", "deleted", "quarantined"))
    waiting = [observe.waiting(context.db, one.org) for one in orgs]
    gates, plans = sum(len(one.decisions) for one in waiting), sum(len(one.plans) for one in waiting)
    waits = " and ".join(_number(count, what) for count, what in ((gates, "gate"), (plans, "plan")) if count)
    return f"then the stores changed: {differs}; {waits or 'nothing'} to decide"


def _count(context: Context, stores: DemoStores, one: _Org) -> None:
    """The counts of every entity, after the flow."""
    from sync_pipeline.steps import observe

    after = {(c.name, e.entity): e for c in observe.status(context.db, one.org) for e in c.entities}
    previews = one.outcome.previews if one.outcome else {}
    for store, opened in stores.of(one.org.slug):
        entities = [
            {
                "entity": entity,
                "captured": after[connection, entity].captured,
                "new": preview.new,
                "updated": preview.updated,
                "deleted": preview.deleted,
                "in_sync": preview.in_sync,
                "selected": one.selected.get((connection, entity), 0),
                "promoted": after[connection, entity].promoted,
            }
            for (connection, entity), preview in previews.items()
            if connection == store.connection
        ]
        one.result.connections.append(
            {"connection": store.connection, "provider": store.provider, "url": opened.url, "entities": entities}
        )
    one.result.core = observe.core_counts(context.db, one.org)
