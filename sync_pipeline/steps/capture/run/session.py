"""Pull a stream: full or delta, from the same code. Nothing counts until the ledger closes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import RefusedBySource, SourceError, SourceUnavailable, TransientSourceError
from sync_pipeline.sources.base import Stream, Sweep
from sync_pipeline.steps.capture.budget import Budget
from sync_pipeline.steps.capture.run.context import CaptureContext, Opened, PullReport, Report
from sync_pipeline.steps.capture.run.ledger import close, fail, open_run
from sync_pipeline.steps.capture.run.lists import read_all, read_changes, read_new, sweep
from sync_pipeline.steps.capture.write.pages import Run
from sync_pipeline.steps.connect import Connection, client_for


class CaptureSession(CaptureContext):
    """Pulls of one connection. Made by `session`."""

    def pull(
        self,
        stream: Stream,
        *,
        full: bool = False,
        do_sweep: bool | None = None,
        max_pages: int | None = None,
    ) -> PullReport:
        """Capture a stream: everything if `full` or for the first time, else what changed since the watermark.

        `do_sweep` None follows the connection's `sweep_every`. With `max_pages` it is a capped look: no watermark moves
        and nothing is thought missing.

        Raises:
            Busy: another process pulls the same stream of this connection.
            DatabaseUnavailable: what was committed is safe; run again.
        """
        with self.alone(stream):
            opened = open_run(self, stream, full=full, do_sweep=do_sweep, max_pages=max_pages)
            run = self.run(stream, opened)
            try:
                complete = self._read(run, opened, max_pages)
                return close(self, run, opened, complete=complete)
            except SourceUnavailable as error:
                self.budget.open_circuit()
                return fail(self, run, opened, error)
            except RefusedBySource as error:
                if stream.optional and error.status in stream.absent:
                    return close(self, run, opened, complete=False, note=f"not on this store: {error}")
                return fail(self, run, opened, error)
            except SourceError as error:
                return fail(self, run, opened, error)

    def _read(self, run: Run, opened: Opened, max_pages: int | None) -> bool:
        """True when the ids of all records were listed, so that what is missing is missing."""
        if run.mode in ("full", "preview"):
            return read_all(run, self.pool, opened, max_pages)
        reads_all = run.stream.sweep is Sweep.READ
        if reads_all and opened.sweeps:
            return read_all(run, self.pool, opened, None)
        if run.stream.signal:
            read_changes(run, self.pool, opened)
        elif not opened.sweeps:
            read_new(run)
        if opened.sweeps:
            return sweep(run, self.pool, opened)
        return False


@contextmanager
def session(
    db: Database,
    settings: Settings,
    connection: Connection,
    *,
    actor: str = "pull",
    orchestrator_run: str | None = None,
    report: Report | None = None,
) -> Iterator[CaptureSession]:
    """A client, a budget and threads for one connection.

    If somebody found the store dead a moment ago, one look decides.

    Raises:
        SourceUnavailable: it still does not answer.
    """
    common = connection.common()
    client = client_for(settings, connection)
    budget = Budget(db, connection.org_id, connection.connection_id, most=common.max_concurrency)
    pool = ThreadPoolExecutor(common.max_concurrency, thread_name_prefix="fetch")
    try:
        opened = CaptureSession(db, settings, connection, client, budget, pool, common, actor, orchestrator_run)
        if report is not None:
            opened.report = report
        if budget.circuit_open():
            _probe(opened)
        yield opened
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        client.close()
        _leave(budget)


def _probe(opened: CaptureSession) -> None:
    from sync_pipeline.sources.base import Ask

    stream = next(iter(opened.connection.source.streams.values()))
    try:
        opened.budget.call(lambda: opened.client.list(Ask(stream=stream, limit=1)), tries=2)
    except RefusedBySource:
        pass
    except (TransientSourceError, SourceUnavailable) as error:
        raise SourceUnavailable(f"{opened.connection.name} still does not answer: {error}") from error
    opened.budget.close_circuit()


def _leave(budget: Budget) -> None:
    from sync_pipeline.errors import DatabaseUnavailable

    with suppress(DatabaseUnavailable):  # then the lease lapses by itself
        budget.leave()
