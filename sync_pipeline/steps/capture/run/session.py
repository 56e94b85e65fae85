"""Pull a stream, full or delta. A pull counts only when its ledger closes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from sync_pipeline import exact_json
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, execute_prepared
from sync_pipeline.errors import (
    DatabaseUnavailable,
    RefusedBySource,
    SourceError,
    SourceUnavailable,
    TransientSourceError,
)
from sync_pipeline.sources.base import Ask, Page, Stream, Sweep
from sync_pipeline.steps.capture.budget import Budget
from sync_pipeline.steps.capture.gc_tuning import gc_tuning
from sync_pipeline.steps.capture.read.elsewhere import fails_elsewhere, nobody_there
from sync_pipeline.steps.capture.read.growth import Growth
from sync_pipeline.steps.capture.read.isolate import fetch_apart
from sync_pipeline.steps.capture.read.walk import cover
from sync_pipeline.steps.capture.run.context import CaptureContext, Opened, PullReport, Report
from sync_pipeline.steps.capture.run.ledger import close, fail, open_run
from sync_pipeline.steps.capture.write.pages import Listed, Run
from sync_pipeline.steps.capture.write.records import SQL
from sync_pipeline.steps.connect import Connection, client_for


class CaptureSession(CaptureContext):
    """Pulls of one connection. Made by `session`."""

    def pull(
        self, stream: Stream, *, full: bool = False, do_sweep: bool | None = None, max_pages: int | None = None
    ) -> PullReport:
        """Capture a stream: everything if `full` or for the first time, else what changed since the watermark.

        `do_sweep` None follows the connection's `sweep_every`. A pull with `max_pages` is capped: it moves no watermark
        and infers no deletions.

        Raises:
            Busy: another process pulls the same stream of this connection.
            DatabaseUnavailable: committed pages are safe; run again.
        """
        with self.alone(stream), gc_tuning():
            opened = open_run(self, stream, full=full, do_sweep=do_sweep, max_pages=max_pages)
            run = self.run(stream, opened)
            try:
                complete = self._read(run, opened, max_pages)
                return close(self, run, opened, complete=complete)
            except SourceUnavailable as error:
                self.budget.open_circuit()
                return fail(self, run, opened, error)
            except RefusedBySource as error:
                if stream.is_absent(error):
                    why = "no right to read it" if error.status == 403 else "not on this store"
                    return close(self, run, opened, complete=False, note=f"{why}: {error}")
                return fail(self, run, opened, error)
            except SourceError as error:
                if (
                    isinstance(error, TransientSourceError)
                    and not self.budget.served
                    and not self._elsewhere(error, stream)
                ):
                    self.budget.open_circuit()  # such as a maintenance page: the other lists would wait for it as long
                return fail(self, run, opened, error)

    def _elsewhere(self, error: TransientSourceError, stream: Stream) -> bool:
        """Is it this list that fails, and not the store?"""
        others = self.connection.source.streams.values()
        return not nobody_there(error) and fails_elsewhere(self.budget, self.client, others, but=stream) is None

    def _read(self, run: Run, opened: Opened, max_pages: int | None) -> bool:
        """True if the ids of all records were listed: a record that is missing from them may be deleted."""
        if run.mode in ("full", "preview"):
            return read_all(run, self.pool, opened, max_pages)
        reads_all = run.stream.sweep is Sweep.READ
        if reads_all and opened.sweeps:
            return read_all(run, self.pool, opened, None)
        if opened.sweeps and not opened.pages and _is_short(run):
            return read_all(run, self.pool, opened, None)  # one request, where signal and sweep would be two
        if run.stream.signal:
            read_changes(run, self.pool, opened)
        elif not opened.sweeps:
            read_new(run)
        if opened.sweeps:
            return sweep(run, self.pool, opened)
        return False


def _is_short(run: Run) -> bool:
    """True if the whole list fits on a page, as far as is known."""
    if run.stream.parent is not None and not run.budget.call(lambda: run.client.lists(run.stream)):
        return False
    with run.transaction() as conn:
        known = execute_prepared(conn, SQL["present_count"], **run.keys, started_at=run.started_at).scalar_one()
    return int(known) < run.client.page_size


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

    If a process found the store dead, one request decides.

    Raises:
        SourceUnavailable: it still does not answer.
    """
    common = connection.common()
    client = client_for(settings, connection)
    most, store = common.max_concurrency, connection.store_url
    budget = Budget(db, connection.org_id, connection.connection_id, store=store, most=most)
    pool = ThreadPoolExecutor(common.max_concurrency, thread_name_prefix="fetch")
    try:
        opened = CaptureSession(db, settings, connection, client, budget, pool, common, actor, orchestrator_run)
        if report is not None:
            opened.report = report
        if since := budget.dead_since():
            _probe(opened, since)
        yield opened
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        client.close()
        with suppress(DatabaseUnavailable):  # the lease expires anyway
            budget.leave()


def _probe(opened: CaptureSession, since: datetime) -> None:
    """One request; a few, where the answer may be that of a single list."""
    error = fails_elsewhere(opened.budget, opened.client, opened.connection.source.streams.values())
    if error is not None:
        raise SourceUnavailable(
            f"The store still does not answer: {error}. It was found dead on "
            f"{since.astimezone(UTC):%Y-%m-%d at %H:%M} UTC, so it was asked once and not for each list. Every pull "
            "asks it again: pull when it is back."
        ) from error
    opened.budget.close_circuit()


# -- which lists are read, and how ------------------------------------------------------------------------------------


def read_all(run: Run, pool: ThreadPoolExecutor, opened: Opened, max_pages: int | None) -> bool:
    """Read every record of the stream, from one list or one list per parent; True if all were listed."""
    complete, before = True, run.progress.pages
    for walk in walks(run):
        left = None if max_pages is None else max_pages - (run.progress.pages - before)
        if left is not None and left <= 0:
            return False
        done, rows = opened.coverage("walk", walk)
        complete &= cover(
            run, pool, Ask(stream=run.stream, walk=walk), run.commit, coverage=done, known_rows=rows, max_pages=left
        )
    return complete


def read_changes(run: Run, pool: ThreadPoolExecutor, opened: Opened) -> None:
    """Read what the store reports as changed since the watermark, minus an overlap; hashes absorb repeated records."""
    if not run.budget.call(lambda: run.client.lists(run.stream)):
        if not opened.sweeps:
            _read_changed_parents(run, pool, opened)
        return
    done, rows = opened.coverage("walk", "")
    cover(run, pool, Ask(stream=run.stream, since=run.since), run.commit, coverage=done, known_rows=rows)


def _read_changed_parents(run: Run, pool: ThreadPoolExecutor, opened: Opened) -> None:
    """One list per parent: read those of the parents that changed since the watermark; sweeps read the others."""
    for walk in walks(run, changed_since=opened.watermark):
        done, rows = opened.coverage("walk", walk)
        cover(run, pool, Ask(stream=run.stream, walk=walk), run.commit, coverage=done, known_rows=rows)


def read_new(run: Run) -> None:
    """A stream without a signal, in a delta without a sweep: read what was added after the last known record."""
    if run.stream.parent is not None or run.stream.paging.value != "offset":
        return
    with run.transaction() as conn:
        known = execute_prepared(conn, SQL["present_count"], **run.keys, started_at=run.started_at).scalar_one()
    offset = max(0, int(known) - 1)
    growth = Growth(run.stream.title, offset)
    while True:
        growth.check(offset)
        page = run.budget.call(lambda: run.client.list(Ask(stream=run.stream, offset=offset)))  # noqa: B023
        if not page.items:
            return
        growth.told(page.total)
        run.commit([Listed(page)])
        offset += max(1, len(page.items) - 1)
        if len(page.items) == 1:
            return


def sweep(run: Run, pool: ThreadPoolExecutor, opened: Opened) -> bool:
    """List ids and sweep fields of every record and fetch those that differ; True if all ids were listed."""
    fetches: list[Future[Listed]] = []
    waiting: dict[str, list[str]] = {}

    def fetch_some(walk: str, at_least: int) -> None:
        ids = waiting.get(walk, [])
        while len(ids) >= max(1, at_least):
            chunk, ids = ids[: run.client.page_size], ids[run.client.page_size :]
            fetches.append(pool.submit(_fetch, run, chunk, walk))
        waiting[walk] = ids
        _collect(run, fetches, keep=2 * run.budget.slots)

    def sink(pages: Sequence[Listed]) -> None:
        for walk in {page.walk for page in pages}:
            differing = run.commit_sweep([page for page in pages if page.walk == walk])
            waiting.setdefault(walk, []).extend(differing)
            fetch_some(walk, run.client.page_size)

    for external_id in opened.unfetched:
        waiting.setdefault("", []).append(external_id)
    complete = True
    for walk in walks(run):
        done, rows = opened.coverage("sweep", walk)
        complete &= cover(
            run,
            pool,
            Ask(stream=run.stream, walk=walk, fields=run.stream.sweep_fields),
            sink,
            coverage=done,
            known_rows=rows,
        )
        fetch_some(walk, 1)
    fetch_some("", 1)
    _collect(run, fetches, keep=0)
    return complete


def _fetch(run: Run, ids: list[str], walk: str) -> Listed:
    try:
        page = run.budget.call(lambda: run.client.fetch(run.stream, ids, walk))
    except TransientSourceError:
        items, unread, gone = fetch_apart(run, ids, walk)
        return Listed(Page(items=items), walk, unread=unread, missing=gone, kind="fetch")
    found = {item.external_id for item in page.items}
    return Listed(page, walk, missing=[i for i in ids if i not in found], kind="fetch")


def _collect(run: Run, fetches: list[Future[Listed]], *, keep: int) -> None:
    while len(fetches) > keep or (fetches and fetches[0].done()):
        run.commit([fetches.pop(0).result()])


def walks(run: Run, *, changed_since: object = None) -> Iterator[str]:
    """The lists of the stream: one with an empty name, or one per captured parent that has any."""
    stream = run.stream
    if stream.parent is None or run.budget.call(lambda: run.client.lists(stream)):
        yield ""
        return
    parent = run.connection.source.stream(stream.parent)
    asked = False
    for external_id in _parents(run, parent, changed_since):
        asked = True
        yield external_id
    if not asked:  # that there is nothing to read is no answer of the store
        run.budget.call(lambda: run.client.list(Ask(stream=parent, limit=1)))


def _parents(run: Run, parent: Stream, changed_since: object) -> Iterator[str]:
    """The captured parents that have a list of the stream."""
    has_list, keys, after = run.stream.parent_where, {**run.keys, "entity_type": parent.entity_type}, ""
    while True:
        with run.transaction() as conn:
            rows = execute(conn, SQL["parents"], **keys, after=after).all()
        for row in rows:
            if changed_since is not None and row.captured_at < changed_since:
                continue
            if has_list is None or has_list(exact_json.loads(row.payload)):
                yield row.external_id
        if len(rows) < 1000:
            return
        after = rows[-1].external_id
