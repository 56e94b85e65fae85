"""Run capture, preview and select for one organization's connections of a provider.

It reports no events of its own: `provider_assets` turns its result into Dagster events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from sync_pipeline.db.engine import is_full
from sync_pipeline.defs.config import CaptureConfig
from sync_pipeline.defs.graph import Stage
from sync_pipeline.defs.resources import Interrupted, Runtime
from sync_pipeline.errors import Busy, DatabaseUnavailable, DiskFull, SyncError
from sync_pipeline.redaction import redact
from sync_pipeline.sources.base import Source, Stream
from sync_pipeline.steps import capture, connect, observe, preview, push, select

Wanted = Mapping[Stage, AbstractSet[str]]  # stage -> names of streams
Place = tuple[Stage, str]  # an asset of the provider: stage and stream


@dataclass
class OrganizationResult:
    """The result of one organization: the reports of each asset (one per connection), the failures, and the rows there
    are now.
    """

    org: str
    reports: dict[Place, list[Any]] = field(default_factory=dict)
    failures: dict[Place, str] = field(default_factory=dict)
    skipped: str | None = None
    connections: Sequence[str] = ()
    rows: dict[str, observe.CapturedRows] = field(default_factory=dict)  # of each stream that was read

    def add(self, place: Place, report: Any) -> None:
        """Keep the report of a step that succeeded."""
        self.reports.setdefault(place, []).append(report)

    @property
    def done(self) -> Mapping[Place, Sequence[Any]]:
        """The assets that succeeded for every connection."""
        return {place: reports for place, reports in self.reports.items() if place not in self.failures}

    @property
    def reason(self) -> str:
        """The distinct reasons of its failures."""
        return "; ".join(dict.fromkeys(self.failures.values()))


@dataclass(frozen=True, slots=True)
class RunContext:
    """The Dagster run: its id, and who asked for it."""

    run_id: str
    actor: str = "dagster"


def run_organization(
    runtime: Runtime, source: Source, slug: str, wanted: Wanted, config: CaptureConfig, *, run: RunContext
) -> OrganizationResult:
    """Run the `wanted` stages and streams of one organization. Never raises: errors are in `failures`."""
    result = OrganizationResult(slug)
    everything = [(stage, name) for stage, names in wanted.items() for name in names]
    try:
        org = connect.organization(runtime.db, slug)
        stores = [
            c for c in connect.connections(runtime.db, org, config.connection or None) if c.provider == source.name
        ]
        if not stores:
            result.skipped = f"no {source.title} connection" + (f" “{config.connection}”" if config.connection else "")
        result.connections = [store.name for store in stores]
        for store in stores:
            _run_connection(runtime, result, store, wanted, config, run)
    except Exception as error:  # noqa: BLE001 - one organization's failure must not stop the others
        reason = describe(error)
        for place in everything:
            result.failures.setdefault(place, reason)
    return result


def describe(error: BaseException) -> str:
    """The error as a message without secrets."""
    if isinstance(error, SyncError):
        return str(error)
    if is_full(error):
        return str(DiskFull())
    return redact(f"{type(error).__name__}: {error}")


def _run_connection(
    runtime: Runtime,
    result: OrganizationResult,
    store: connect.Connection,
    wanted: Wanted,
    config: CaptureConfig,
    run: RunContext,
) -> None:
    streams = list(store.source.streams.values())
    raw = [stream for stream in streams if stream.name in wanted.get(Stage.RAW, ())]
    if raw:
        _capture(runtime, result, store, raw, config, run)
    flow = _Flow(runtime, result, store)
    flow.sum_up([one for one in streams if one.name in wanted.get(Stage.PREVIEW, ()) and not flow.failed(one.name)])
    for stream in streams:
        for stage in (Stage.PREVIEW, Stage.SELECTED):
            if stream.name not in wanted.get(stage, ()):
                continue
            if why := flow.failed(stream.name, of_preview=stage is Stage.SELECTED):
                result.failures[stage, stream.name] = why
            else:
                flow.run(stage, stream)
    for name, rows in observe.captured_rows(runtime.db, store, raw).items() if raw else ():
        result.rows[name] = result.rows.get(name, observe.CapturedRows()) + rows


def _capture(
    runtime: Runtime,
    result: OrganizationResult,
    store: connect.Connection,
    streams: Sequence[Stream],
    config: CaptureConfig,
    run: RunContext,
) -> None:
    """Pull the streams in their declared order in one session. Stops at a store that does not respond."""
    remaining = list(streams)
    try:
        with capture.session(
            runtime.db,
            runtime.settings,
            store,
            actor=run.actor,
            orchestrator_run=run.run_id,
            report=lambda stream, progress: runtime.progress(
                result.org, Stage.RAW, f"{store.name}/{stream.name}", progress
            ),
        ) as session:
            while remaining:
                place = (Stage.RAW, remaining[0].name)
                try:
                    if config.deliveries:
                        report = push.process_deliveries(session, remaining[0])
                    else:
                        report = session.pull(
                            remaining[0], full=config.full, do_sweep=config.do_sweep, max_pages=config.max_pages or None
                        )
                except (DatabaseUnavailable, Interrupted):
                    raise
                except SyncError as error:  # such as Busy or a gate: only this stream fails
                    # While a pull has the stream, its deliveries wait.
                    if not (config.deliveries and isinstance(error, Busy)):
                        result.failures[place] = f"{store.name}: {error}"
                else:
                    runtime.on_report(result.org, Stage.RAW, remaining[0].name, report)
                    if report.closed:
                        result.add(place, report)
                    else:
                        result.failures[place] = f"{store.name}: {report.error}"
                        if session.budget.circuit_open():
                            break
                remaining.pop(0)
        reason = result.failures.get((Stage.RAW, remaining[0].name)) if remaining else None
    except Exception as error:  # noqa: BLE001 - the other connections may work
        reason = f"{store.name}: {describe(error)}"
    for stream in remaining:
        result.failures.setdefault((Stage.RAW, stream.name), reason or "")


@dataclass
class _Flow:
    """What follows the captures of a connection: previews, and the decisions of standing rules."""

    runtime: Runtime
    result: OrganizationResult
    store: connect.Connection
    previews: dict[str, preview.PreviewReport] = field(default_factory=dict)  # by the stream's name
    ruled: AbstractSet[str] | None = None  # entity types with standing rules

    def failed(self, name: str, *, of_preview: bool = False) -> str | None:
        """Why a step before has failed."""
        before = (Stage.RAW, Stage.PREVIEW) if of_preview else (Stage.RAW,)
        return next((self.result.failures[one, name] for one in before if (one, name) in self.result.failures), None)

    def sum_up(self, streams: Sequence[Stream]) -> None:
        """Preview at once what is as it was compared; `run` compares the others, and says what is wrong."""
        if not streams:
            return
        try:
            self.previews = dict(preview.sum_up(self.runtime.db, self.store, streams))
        except (DatabaseUnavailable, Interrupted):
            raise
        except Exception:  # noqa: BLE001 - each stream is compared by itself, and fails by itself
            self.previews = {}

    def run(self, stage: Stage, stream: Stream) -> None:
        """Preview a stream, or apply the rules to what differs."""
        if self.runtime.stopping.is_set():
            raise Interrupted()
        report: Any
        try:
            report = self._preview(stream) if stage is Stage.PREVIEW else self._select(stream)
        except (DatabaseUnavailable, Interrupted):
            raise
        except Exception as error:  # noqa: BLE001 - only this asset fails, not the organization
            self.result.failures[stage, stream.name] = f"{self.store.name}: {describe(error)}"
        else:
            self.runtime.on_report(self.result.org, stage, stream.name, report)
            self.result.add((stage, stream.name), report)

    def _preview(self, stream: Stream) -> preview.PreviewReport:
        if stream.name not in self.previews:
            self.previews[stream.name] = preview.recompute(self.runtime.db, self.store, stream)
        return self.previews[stream.name]

    def _select(self, stream: Stream) -> select.SelectionReport:
        """Without a rule the decisions are those that the preview counted a moment ago."""
        db, store = self.runtime.db, self.store
        if self.ruled is None:
            self.ruled = select.ruled_types(db, store)
        seen = self.previews.get(stream.name)
        if seen is not None and stream.entity_type not in self.ruled:
            return select.SelectionReport(store.name, stream.name, seen.included, seen.ignored, seen.undecided)
        select.apply_rules(db, store, stream)
        return select.summary(db, store, stream)
