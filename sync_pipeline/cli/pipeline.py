"""Pull, preview and promote by running the Dagster assets in this process, so that the Dagster UI shows the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from sync_pipeline.errors import SyncError

if TYPE_CHECKING:
    from sync_pipeline.cli.context import Context
    from sync_pipeline.cli.progress import Listener
    from sync_pipeline.sources.base import Stream
    from sync_pipeline.steps.capture import PullReport
    from sync_pipeline.steps.connect import Connection, Organization
    from sync_pipeline.steps.preview import PreviewReport
    from sync_pipeline.steps.promote import ApplyReport

Place = tuple[str, str]  # connection and entity


class Stages(Enum):
    """The assets that a command materializes. A pull is followed by the preview and the standing rules."""

    PULL = ("raw", "preview", "selected")
    PREVIEW = ("preview", "selected")


class RunFailed(SyncError):
    """The run failed."""


@dataclass
class RunOutcome:
    """The result of a flow: the reports of each stage by place, and why one is missing.

    The previews count decisions as they are after the standing rules.
    """

    chosen: Sequence[tuple[Connection, Sequence[Stream]]]
    stages: Stages
    pulls: dict[Place, PullReport] = field(default_factory=dict)
    previews: dict[Place, PreviewReport] = field(default_factory=dict)
    failure: str | None = None
    run_ids: list[str] = field(default_factory=list)

    def problem(self, connection: str, entity: str) -> str | None:
        """Why this place failed; None if it did not."""
        if self.stages is Stages.PULL:
            report = self.pulls.get((connection, entity))
            if report is not None and not report.closed:
                return report.error or "its ledger did not close"
            if report is None:
                return self.failure or "it was not pulled"
        if (connection, entity) not in self.previews:
            return self.failure or "it was not compared"
        return None

    def rows(self, reports: Mapping[Place, Any], counts: Sequence[str]) -> list[dict[str, Any]]:
        """A row with these counts for every chosen entity; a failed one also has `error`."""
        rows = []
        for one, streams in self.chosen:
            entities = []
            for stream in streams:
                report = reports.get((one.name, stream.name))
                row = {"entity": stream.name, **{name: getattr(report, name, 0) for name in counts}}
                problem = self.problem(one.name, stream.name)
                entities.append(row if problem is None else {**row, "error": problem})
            rows.append({"name": one.name, "provider": one.provider, "entities": entities})
        return rows

    def problems(self) -> list[str]:
        """One line per failure and connection: an unreachable store fails all its entities for one reason.

        So does one that refuses the credentials; its answers differ in the address that was asked.
        """
        first = {name: self.pulls[name, entity].error or "" for name, entity in reversed(self.refused())}
        return by_reason(
            (one.name, stream.name, first[one.name] if (one.name, stream.name) in self.refused() else why)
            for one, streams in self.chosen
            for stream in streams
            if (why := self.problem(one.name, stream.name)) is not None
        )

    def refused(self) -> list[Place]:
        """Where the store did not accept the credentials."""
        return [place for place, report in self.pulls.items() if report.refused]


def by_reason(problems: Iterable[tuple[str, str, str]]) -> list[str]:
    """(connection, entity, reason) as sentences, one for each connection and reason, naming the entities."""
    places: dict[tuple[str, str], list[str]] = {}
    for connection, entity, why in problems:
        reason = why.removeprefix(f"{connection}: ")
        places.setdefault((connection, reason), []).append(entity)
    return [f"{connection} {', '.join(entities)}: {why}" for (connection, why), entities in places.items()]


def flow(  # noqa: PLR0913 - a command's options
    context: Context,
    org: Organization,
    chosen: Sequence[tuple[Connection, Sequence[Stream]]],
    stages: Stages,
    *,
    listener: Listener,
    label: str = "",
    connection: str | None = None,
    named: bool = False,
    full: bool = False,
    sweep: bool | None = None,
) -> RunOutcome:
    """Materialize the stages of an organization's chosen connections and entities (`named`: not all of them).

    `label` is what the connections' bars begin with.
    """
    from sync_pipeline.defs import launch
    from sync_pipeline.steps.capture import PullReport

    outcome = RunOutcome(chosen, stages)
    bars = {one.name: f"{label}{one.name}" for one, _ in chosen}
    if stages is Stages.PULL:
        for one, streams in chosen:
            listener.begin(bars[one.name], [stream.name for stream in streams])

    def moved(_org: str, stage: str, name: str, what: Any) -> None:
        if str(stage) != "raw":
            return
        if isinstance(what, PullReport):
            listener.end(bars[what.connection], what.entity, ok=what.closed)
        else:
            store, _, entity = name.rpartition("/")
            listener.moved(bars[store], entity, what.done, what.of)

    launched = launch.materialize(
        context.settings,
        context.db,
        launch.LaunchRequest(
            stages=stages.value,
            orgs=[org.slug],
            connection=connection,
            entities=sorted({stream.name for _, streams in chosen for stream in streams}) if named else (),
            full=full,
            sweep=sweep,
            actor=context.actor,
        ),
        progress=moved,
    )
    outcome.run_ids = list(launched.run_ids)
    outcome.failure = launched.failures.get(org.slug)
    outcome.pulls = {(r.connection, r.entity): r for r in launched.reports("raw", org.slug)}
    outcome.previews = {(r.connection, r.entity): r for r in launched.reports("preview", org.slug)}
    for r in launched.reports("selected", org.slug):  # the standing rules have decided since the comparison
        if seen := outcome.previews.get((r.connection, r.entity)):
            decided = replace(seen, included=r.included, ignored=r.ignored, undecided=r.undecided)
            outcome.previews[r.connection, r.entity] = decided
    if stages is Stages.PULL:
        for one, streams in chosen:  # those that failed reported nothing
            for stream in streams:
                ok = (one.name, stream.name) in outcome.pulls
                listener.end(bars[one.name], stream.name, ok=ok)
    return outcome


def promote(context: Context, org: Organization, plan_id: str, listener: Listener) -> ApplyReport:
    """Apply a plan.

    Raises:
        StalePlan: records changed since the plan was made; nothing was changed.
        RunFailed: the run failed; the message says why.
    """
    from sync_pipeline.defs import launch
    from sync_pipeline.steps import promote as promote_step

    label = f"{org.slug}: promote"
    listener.begin(label, [plan_id])

    def moved(_org: str, _stage: str, _name: str, what: Any) -> None:
        if isinstance(what, promote_step.QueueStatus):
            listener.moved(label, plan_id, what.done + what.failed + what.cancelled, what.total)

    launched = launch.materialize(
        context.settings,
        context.db,
        launch.LaunchRequest(stages=["core"], orgs=[org.slug], plan=plan_id, actor=context.actor),
        progress=moved,
    )
    reports: list[ApplyReport] = launched.reports("core", org.slug)
    listener.end(label, plan_id, ok=bool(reports) and not reports[-1].failed)
    for error in launched.errors():
        raise error
    if not reports:
        raise RunFailed(launched.failures.get(org.slug) or "The run failed. See the run in the Dagster UI.")
    return reports[-1]
